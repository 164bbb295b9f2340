// SPDX-License-Identifier: Apache-2.0
// echo_grpc.js serve|call PORT [TLS]: the same as echo_grpc.py, by @grpc/grpc-js.
const fs = require('fs');
const grpc = require('@grpc/grpc-js');
const [how, port, tls] = process.argv.slice(2);
const pem = (name) => fs.readFileSync(`${tls}/${name}.pem`);
const text = { serialize: (s) => Buffer.from(s), deserialize: (b) => b.toString() };

const method = (name, requestStream, responseStream) => ({
	path: `/demo.Echo/${name}`, requestStream, responseStream,
	requestSerialize: text.serialize, requestDeserialize: text.deserialize,
	responseSerialize: text.serialize, responseDeserialize: text.deserialize,
});
const Echo = {
	Unary: method('Unary', false, false), Fail: method('Fail', false, false),
	Many: method('Many', false, true), Collect: method('Collect', true, false),
	Chat: method('Chat', true, true),
};

function serve() {
	const server = new grpc.Server();

	server.addService(Echo, {
		Unary: (call, done) => done(null, call.request.toUpperCase()),
		Fail: (call, done) => done({ code: grpc.status.NOT_FOUND, details: 'no such' }),
		Many: (call) => {
			for (let i = 0; i < Number(call.request); i++)
				call.write(String(i));
			call.end();
		},
		Collect: (call, done) => {
			const parts = [];

			call.on('data', (part) => parts.push(part));
			call.on('end', () => done(null, parts.join('+')));
		},
		Chat: (call) => {
			call.on('data', (part) => call.write(part.toUpperCase()));
			call.on('end', () => call.end());
		},
	});
	const credentials = tls ?
		grpc.ServerCredentials.createSsl(null, [{ private_key: pem('key'), cert_chain: pem('cert') }]) :
		grpc.ServerCredentials.createInsecure();

	server.bindAsync(`127.0.0.1:${port}`, credentials, (error) => {
		if (error)
			throw error;
	});
	process.on('SIGTERM', () => server.tryShutdown(() => process.exit(0)));
}

async function call() {
	const client = new (grpc.makeGenericClientConstructor(Echo, 'Echo'))(`127.0.0.1:${port}`,
		tls ? grpc.credentials.createSsl(pem('cert')) : grpc.credentials.createInsecure());
	const words = ['one', 'two', 'three'];
	const all = (stream) => new Promise((resolve, reject) => {
		const parts = [];

		stream.on('data', (part) => parts.push(part));
		stream.on('end', () => resolve(parts));
		stream.on('error', reject);
	});
	const one = (start) => new Promise((resolve) => {
		start((error, answer) => resolve(error ? `${error.code} ${error.details}` : answer));
	});
	const say = (stream) => {
		words.forEach((word) => stream.write(word));
		stream.end();
		return stream;
	};

	console.log(await one((done) => client.Unary('hello', done)));
	console.log(await one((done) => client.Fail('x', done)));
	console.log(await all(client.Many('3')));
	console.log(await one((done) => say(client.Collect(done))));
	console.log(await all(say(client.Chat())));
	client.close();
}

(how === 'serve' ? serve : call)();
