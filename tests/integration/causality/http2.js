// SPDX-License-Identifier: Apache-2.0
// http2.js: HTTP/2 in the clear by node.
//   http2.js load PORT FIRST COUNT AT_ONCE    asks as load.py does, over two sessions
//   http2.js front PORT ORIGIN                two calls a request, one after the other, over one session
//   http2.js fanout PORT ORIGIN               both at once, one after some thought
//   http2.js back PORT                        answers after up to 2 ms, so that answers overtake each other
const http2 = require('http2');
const sleep = require('timers/promises').setTimeout;
const [how, port, ...rest] = process.argv.slice(2);

function ask(session, path, fields) {
	return new Promise((resolve, reject) => {
		const stream = session.request({ ':path': path, ...fields });
		let text = '';

		stream.setEncoding('utf8');
		stream.on('data', (part) => { text += part; });
		stream.on('end', () => resolve(text));
		stream.on('error', reject);
		stream.end();
	});
}

async function load(first, count, atOnce) {
	const sessions = [0, 1].map(() => http2.connect(`http://127.0.0.1:${port}`));
	let next = first;

	async function one(session) {
		while (next < first + count) {
			const n = next++;
			const id = (digits) => 'ca' + n.toString(16).padStart(digits - 2, '0');
			const answer = await ask(session, `/hop?n=${n}`,
				n % 2 ? { traceparent: `00-${id(32)}-${id(16)}-01` } : {});

			if (answer !== `n=${n}\n`)
				throw new Error(`asked for ${n}, answered ${answer}`);
		}
	}
	await Promise.all(Array.from({ length: atOnce }, (_, i) => one(sessions[i % 2])));
	sessions.forEach((s) => s.close());
}

function serve(handle) {
	const server = http2.createServer();

	server.on('stream', async (stream, fields) => {
		const n = new URL(fields[':path'], 'http://x').searchParams.get('n');

		await handle(n);
		stream.respond({ ':status': 200 });
		stream.end(`n=${n}\n`);
	});
	server.listen(port, '127.0.0.1');
}

function front(both) {
	const session = http2.connect(`http://127.0.0.1:${rest[0]}`);
	const call = (n, c) => ask(session, `/hop?n=${n}&c=${c}`, {});

	serve(async (n) => {
		if (both)
			return Promise.all([call(n, 0), sleep(Math.random() * 8).then(() => call(n, 1))]);
		await call(n, 0);
		await call(n, 1);
	});
}

if (how === 'load')
	load(...rest.map(Number)).catch((error) => { console.error(error); process.exit(1); });
else if (how === 'back')
	serve(() => sleep(Math.random() * 2));
else
	front(how === 'fanout');
