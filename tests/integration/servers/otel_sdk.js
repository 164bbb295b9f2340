// SPDX-License-Identifier: Apache-2.0
// otel_sdk.js PORTFILE SPANS IN OUT [NEXT]: a service that OpenTelemetry's own SDK for node traces. Of what
// comes it reads the format IN alone, and writes OUT alone; it asks NEXT, where there is one. Each of its spans
// is a line of SPANS: name of the service, kind, trace id, span id, parent's id.
'use strict'
const fs = require('fs')
const { propagation } = require('@opentelemetry/api')
const { W3CTraceContextPropagator } = require('@opentelemetry/core')
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
const { B3Propagator, B3InjectEncoding } = require('@opentelemetry/propagator-b3')
const { JaegerPropagator } = require('@opentelemetry/propagator-jaeger')
const { AWSXRayPropagator } = require('@opentelemetry/propagator-aws-xray')
const { OTTracePropagator } = require('@opentelemetry/propagator-ot-trace')
const [portFile, spans, from, to, next] = process.argv.slice(2)

const formats = {
  tracecontext: () => new W3CTraceContextPropagator(),
  b3: () => new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
  b3multi: () => new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: () => new JaegerPropagator(),
  xray: () => new AWSXRayPropagator(),
  ottrace: () => new OTTracePropagator(),
}
const reads = formats[from]()
const writes = formats[to]()
const exporter = {
  export(list, done) {
    for (const s of list) {
      const { traceId, spanId } = s.spanContext()
      const parent = s.parentSpanContext ? s.parentSpanContext.spanId : s.parentSpanId || '-'
      fs.appendFileSync(spans, `sdk ${s.kind === 1 ? 'SERVER' : 'CLIENT'} ${traceId} ${spanId} ${parent}\n`)
    }
    done({ code: 0 })
  },
  shutdown: () => Promise.resolve(),
}
const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
provider.register({
  propagator: {
    inject: (context, carrier, setter) => writes.inject(context, carrier, setter),
    extract: (context, carrier, getter) => reads.extract(context, carrier, getter),
    fields: () => [...reads.fields(), ...writes.fields()],
  },
})
registerInstrumentations({ instrumentations: [new HttpInstrumentation()] })
if (!propagation) throw new Error('no propagation')

const http = require('http')
const server = http.createServer((request, response) => {
  if (!next) return response.end('the end\n')
  http.get(next, (answer) => answer.pipe(response)).on('error', (e) => response.writeHead(502).end(String(e)))
})
server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(portFile + '.new', String(server.address().port))
  fs.renameSync(portFile + '.new', portFile)
})
process.on('SIGTERM', () => process.exit(0))
