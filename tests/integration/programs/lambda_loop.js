// SPDX-License-Identifier: Apache-2.0
// A function on one event loop, with $AWS_LAMBDA_MAX_CONCURRENCY invocations at once. Each asks
// $DOWN for /ok?<its request id> three times: one after the other, or ("timers") once, and twice at the
// same time after a timer; over connections that are kept ("kept") or not.
'use strict';
const http = require('http');
const api = 'http://' + process.env.AWS_LAMBDA_RUNTIME_API + '/2018-06-01/runtime/invocation/';
const agent = new http.Agent({ keepAlive: process.argv.includes('kept'), maxSockets: 100 });
const timers = process.argv.includes('timers');
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function ask(url, method, body) {
	return new Promise((done, failed) => {
		const request = http.request(url, { agent, method }, (response) => {
			response.resume();
			response.on('end', () => done(response.headers));
		});
		request.on('error', failed);
		request.end(body);
	});
}

async function work(n) {
	for (;;) {
		const id = (await ask(api + 'next', 'GET'))['lambda-runtime-aws-request-id'];
		const url = process.env.DOWN + '/ok?' + id;
		await ask(url, 'GET');
		if (timers) {
			await pause(n % 5);
			await Promise.all([ask(url, 'GET'), ask(url, 'GET')]);
		} else {
			await ask(url, 'GET');
			await ask(url, 'GET');
		}
		await ask(api + id + '/response', 'POST', '{}');
	}
}

for (let n = 0; n < +process.env.AWS_LAMBDA_MAX_CONCURRENCY; n++)
	work(n).catch(() => process.exit(1));
