// SPDX-License-Identifier: Apache-2.0
// http2_node.js serve|ask PORT [FOLDER]: HTTP/2 by node, in the clear, or inside TLS with what is in
// FOLDER. /echo, /deny (503), /reset, /cut.
const fs = require('fs');
const http2 = require('http2');
const [how, port, folder] = process.argv.slice(2);
const cert = folder && fs.readFileSync(`${folder}/cert.pem`);

function serve() {
	const server = folder ?
		http2.createSecureServer({ cert, key: fs.readFileSync(`${folder}/key.pem`) }) :
		http2.createServer();

	server.on('stream', (stream, fields) => {
		const path = fields[':path'];
		let len = 0;

		stream.on('error', () => {});
		if (path === '/reset')
			return stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR);
		if (path === '/cut')
			return stream.session.destroy();
		stream.on('data', (part) => { len += part.length; });
		stream.on('end', () => {
			stream.respond({ ':status': path === '/deny' ? 503 : 200 });
			stream.end(`${fields[':method']} ${len}\n`);
		});
	});
	server.listen(port, '127.0.0.1');
	process.on('SIGTERM', () => process.exit(0));
}

async function ask() {
	const session = http2.connect(`${folder ? 'https' : 'http'}://127.0.0.1:${port}`, { ca: cert });
	const one = (path, body) => new Promise((resolve) => {
		const stream = session.request({ ':path': path, ':method': body ? 'POST' : 'GET' });
		let text = '';

		stream.setEncoding('utf8');
		stream.on('response', (fields) => { text += fields[':status'] + ' '; });
		stream.on('data', (part) => { text += part; });
		stream.on('error', (error) => { text += error.code + '\n'; });
		stream.on('close', () => resolve(text));
		stream.end(body);
	});
	const say = (text) => process.stdout.write(text);

	say(await one('/echo'));
	say(await one('/echo', 'x'.repeat(200000)));
	say(await one('/deny'));
	say((await Promise.all([1, 2, 3].map((i) => one(`/echo?${i}`)))).join(''));
	say(await one('/reset'));
	session.on('error', () => {});
	say(await one('/cut'));
	session.close();
}

(how === 'serve' ? serve : ask)();
