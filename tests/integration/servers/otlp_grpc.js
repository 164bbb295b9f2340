// SPDX-License-Identifier: Apache-2.0
// otlp_grpc.js DIR ANSWERS [CERT KEY [CLIENT-CA]]: OTLP over gRPC by @grpc/grpc-js, without the .proto files. Its
// port goes to DIR/port; each request's message to DIR/NNN.body, its metadata to DIR/NNN.head. Answers, by commas,
// the last one to all that follow: ok, partial, a status code (14), 8:2.5 (with RetryInfo of so many
// seconds), reset (the connection is closed), nothing.
'use strict'
const fs = require('fs')
const grpc = require('@grpc/grpc-js')
const [dir, list, cert, key, ca] = process.argv.slice(2)
const answers = list.split(',')
let nr = 0

function varint(n) {
  const out = []
  for (; n > 127; n = Math.floor(n / 128)) out.push((n % 128) | 128)
  return [...out, n]
}
function field(number, bytes) {
  return [(number << 3) | 2, ...varint(bytes.length), ...bytes]
}
function retryInfo(seconds) {
  const duration = [8, ...varint(Math.floor(seconds)), 16, ...varint(Math.round((seconds % 1) * 1e9))]
  const any = [...field(1, Buffer.from('type.googleapis.com/google.rpc.RetryInfo')), ...field(2, field(1, duration))]
  return Buffer.from([8, 8, ...field(3, any)])
}

function called(call, done) {
  const name = `${dir}/${String(nr++).padStart(3, '0')}`
  fs.writeFileSync(`${name}.head`, Object.entries(call.metadata.getMap()).map(([k, v]) => `${k}: ${v}\n`).join(''))
  fs.writeFileSync(`${name}.new`, call.request)
  fs.renameSync(`${name}.new`, `${name}.body`)
  const how = answers.length > 1 ? answers.shift() : answers[0]
  if (how === 'nothing') return
  if (how === 'reset') {
    for (const session of sessions) session.destroy()
    return
  }
  if (how === 'ok') return done(null, Buffer.alloc(0))
  if (how === 'partial') return done(null, Buffer.from(field(1, [8, 1, ...field(2, Buffer.from('no, '))])))
  const [code, after] = how.split(':')
  const metadata = new grpc.Metadata()
  if (after) metadata.set('grpc-status-details-bin', retryInfo(Number(after)))
  done({ code: Number(code), details: 'not, now: 100%', metadata })
}

const sessions = new Set()
require('http2') // of which grpc-js makes its servers
for (const make of ['createServer', 'createSecureServer']) {
  const http2 = require('http2')
  const real = http2[make]
  http2[make] = (...args) => {
    const server = real(...args)
    server.on('session', (session) => {
      fs.appendFileSync(`${dir}/connections`, 'connection\n')
      sessions.add(session)
      session.on('close', () => sessions.delete(session))
    })
    return server
  }
}
const server = new grpc.Server({ 'grpc.max_receive_message_length': 64 << 20 })
for (const service of ['trace.v1.TraceService', 'metrics.v1.MetricsService', 'logs.v1.LogsService']) {
  server.addService({
    Export: {
      path: `/opentelemetry.proto.collector.${service}/Export`,
      requestStream: false,
      responseStream: false,
      requestDeserialize: (bytes) => bytes,
      responseSerialize: (bytes) => bytes,
    },
  }, { Export: called })
}
const credentials = cert
  ? grpc.ServerCredentials.createSsl(ca ? fs.readFileSync(ca) : null,
    [{ cert_chain: fs.readFileSync(cert), private_key: fs.readFileSync(key) }], Boolean(ca))
  : grpc.ServerCredentials.createInsecure()
server.bindAsync('127.0.0.1:0', credentials, (error, port) => {
  if (error) throw error
  fs.writeFileSync(`${dir}/port.new`, String(port))
  fs.renameSync(`${dir}/port.new`, `${dir}/port`)
})
