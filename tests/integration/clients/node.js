// SPDX-License-Identifier: Apache-2.0
// node.js agent|noagent|fetch|parallel|many URL
'use strict';
const http = require('http');
const [how, url] = process.argv.slice(2);

function ask(agent, path, method, body) {
	return new Promise((done) => {
		const request = http.request(url + path, { agent, method }, (response) => {
			let text = '';
			response.on('data', (data) => text += data);
			response.on('end', () => done(response.statusCode + ' ' + text));
		});
		request.on('error', (error) => done(error.code));
		request.end(body);
	});
}

async function byHttp(agent) {
	for (const path of ['/ok', '/chunked', '/redirect', '/status/404', '/hang-up'])
		console.log(await ask(agent, path, 'GET'));
	console.log(await ask(agent, '/echo', 'POST', 'body'));
}

async function byFetch() {
	for (const path of ['/ok', '/chunked', '/redirect', '/status/404'])
		console.log(await (await fetch(url + path)).text());
	console.log(await (await fetch(url + '/echo', { method: 'POST', body: 'body' })).text());
}

async function inParallel() {
	const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
	const all = [0, 1, 2, 3, 4, 5].map((n) => ask(agent, '/ok?' + n, 'GET'));
	console.log((await Promise.all(all)).join(''));
	agent.destroy();
}

async function manyFetches() {
	const all = Array.from({ length: 200 }, (_, n) => fetch(url + '/ok?' + n).then((r) => r.text()));
	console.log((await Promise.all(all)).join(''));
}

({
	many: manyFetches,
	agent: async () => {
		const agent = new http.Agent({ keepAlive: true });
		await byHttp(agent);
		agent.destroy();
	},
	noagent: () => byHttp(false),
	fetch: byFetch,
	parallel: inParallel,
})[how]();
