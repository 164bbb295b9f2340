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
//   all        http.get over kept connections, all calls at once
//   queued     the same over six connections at most: calls of others wait for theirs
//   named      the same to a host whose name is looked up, a connection a call
//   files      the same, each when a file was read
//   waves      a call, and when it is answered two at once
//   allfetch   the global fetch, all calls at once
const http = require('http');
const { readFile } = require('fs/promises');
const sleep = require('timers/promises').setTimeout;
const [how, port, origin] = process.argv.slice(2);

const most = { limited: 2, queued: 6 };
const agent = how === 'noagent' || how === 'named' ? false
	: new http.Agent({ keepAlive: true, maxSockets: most[how] || Infinity });
const host = how === 'named' ? 'localhost' : '127.0.0.1';

function get(path) {
	return new Promise((resolve, reject) => {
		http.get({ host, port: origin, path, agent }, (r) => {
			r.resume();
			r.on('end', resolve);
		}).on('error', reject);
	});
}

async function call(n, c, ms = 0) {
	const path = `/hop?n=${n}&c=${c}` + (ms ? `&ms=${ms}` : '');

	if (how.endsWith('fetch'))
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
	else if (how === 'waves')
		await call(n, 0).then(() => Promise.all([call(n, 1), call(n, 2)]));
	else if (how === 'files')
		await Promise.all([call(n, 0), ...[1, 2].map((c) => readFile(__filename).then(() => call(n, c)))]);
	else if (['all', 'queued', 'named', 'allfetch'].includes(how))
		await Promise.all([0, 1, 2].map((c) => call(n, c)));
	else
		for (let c = 0; c < (how === 'limited' ? 1 : 2); c++)
			await call(n, c);
	response.end(`n=${n}\n`);
}).listen(port, '127.0.0.1');
