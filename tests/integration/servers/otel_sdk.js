// SPDX-License-Identifier: Apache-2.0
// otel_sdk.js PORTFILE SPANS IN OUT [NEXT]: a service that OpenTelemetry's own SDK for node traces. Of what
// comes it reads the format IN alone, and writes OUT alone; it asks NEXT, where there is one. Each of its spans
// is a line of SPANS: name of the service, kind, trace id, span id, parent's id. W3C's baggage goes along:
// who asks NEXT gives it some, the last one answers with what has come.
'use strict'
const fs = require('fs')
const { context, propagation } = require('@opentelemetry/api')
const { CompositePropagator, W3CBaggagePropagator, W3CTraceContextPropagator } = require('@opentelemetry/core')
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')
const { SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-base')
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { HttpInstrumentation } = require('@opentelemetry/instrumentation-http')
const { B3Propagator, B3InjectEncoding } = require('@opentelemetry/propagator-b3')
const { JaegerPropagator } = require('@opentelemetry/propagator-jaeger')
const { AWSXRayPropagator } = require('@opentelemetry/propagator-aws-xray')
const { AWSXRayLambdaPropagator } = require('@opentelemetry/propagator-aws-xray-lambda')
const { OTTracePropagator } = require('@opentelemetry/propagator-ot-trace')
const { CloudPropagator } = require('@google-cloud/opentelemetry-cloud-trace-propagator')
process.removeAllListeners('warning') // Google's says that it is deprecated
const [portFile, spans, from, to, next] = process.argv.slice(2)

const formats = {
  tracecontext: () => new W3CTraceContextPropagator(),
  b3: () => new B3Propagator({ injectEncoding: B3InjectEncoding.SINGLE_HEADER }),
  b3multi: () => new B3Propagator({ injectEncoding: B3InjectEncoding.MULTI_HEADER }),
  jaeger: () => new JaegerPropagator(),
  xray: () => new AWSXRayPropagator(),
  'xray-lambda': () => new AWSXRayLambdaPropagator(),
  ottrace: () => new OTTracePropagator(),
  gcp: () => new CloudPropagator(),
}
const withBaggage = (name) =>
  new CompositePropagator({ propagators: [formats[name](), new W3CBaggagePropagator()] })
const reads = withBaggage(from)
const writes = withBaggage(to)
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

const http = require('http')
const server = http.createServer((request, response) => {
  const come = propagation.getActiveBaggage()?.getAllEntries() ?? []
  if (!next) return response.end(`the end, with ${come.map(([name, { value }]) => name + '=' + value)}\n`)
  const given = propagation.createBaggage({ user: { value: 'ann b' }, shop: { value: '1' } })
  context.with(propagation.setBaggage(context.active(), given), () =>
    http.get(next, (answer) => answer.pipe(response)).on('error', (e) => response.writeHead(502).end(String(e))))
})
server.listen(0, '127.0.0.1', () => {
  fs.writeFileSync(portFile + '.new', String(server.address().port))
  fs.renameSync(portFile + '.new', portFile)
})
process.on('SIGTERM', () => process.exit(0))
