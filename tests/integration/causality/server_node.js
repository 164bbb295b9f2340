// SPDX-License-Identifier: Apache-2.0
// server_node.js HOW PORT ORIGIN: node's http server; calls by
//   agent      http.get over kept connections
//   noagent    http.get, a connection a call
//   limited    http.get over two connections at most, a call a request
//   fetch      the global fetch
//   fanout     http.get over kept connections, both calls at once, one after some thought
//   timers     a call that is under way throughout, one beside it, and one more after that by a timer that
//              is set and runs in the turn that reads its answer, which holds up the loop
//   immediates the same, but put off to the end of that turn
const http = require('http');
const sleep = require('timers/promises').setTimeout;
const [how, port, origin] = process.argv.slice(2);

const agent = how === 'noagent' ? false
	: new http.Agent({ keepAlive: true, maxSockets: how === 'limited' ? 2 : Infinity });

function get(path) {
	return new Promise((resolve, reject) => {
		http.get({ host: '127.0.0.1', port: origin, path, agent }, (r) => {
			r.resume();
			r.on('end', resolve);
		}).on('error', reject);
	});
}

async function call(n, c, ms = 0) {
	const path = `/hop?n=${n}&c=${c}` + (ms ? `&ms=${ms}` : '');

	if (how === 'fetch')
		await (await fetch(`http://127.0.0.1:${origin}${path}`)).text();
	else
		await get(path);
}

async function inOneTurn(n) {
	const throughout = call(n, 0, 150);
	await call(n, 1, 20);
	await new Promise((done) => {
		if (how === 'timers')
			setTimeout(done, 1);
		else
			setImmediate(done);
		for (const until = performance.now() + 4; performance.now() < until;);
	});
	await call(n, 2);
	await throughout;
}

http.createServer(async (request, response) => {
	const n = new URL(request.url, 'http://x').searchParams.get('n');

	if (how === 'timers' || how === 'immediates')
		await inOneTurn(n);
	else if (how === 'fanout')
		await Promise.all([call(n, 0), sleep(Math.random() * 8).then(() => call(n, 1))]);
	else
		for (let c = 0; c < (how === 'limited' ? 1 : 2); c++)
			await call(n, c);
	response.end(`n=${n}\n`);
}).listen(port, '127.0.0.1');
