#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// A function that trusts its environment for the trace, as AWS's SDKs do, and sends that on.
'use strict';
const http = require('http');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const agent = new http.Agent({ keepAlive: true });

function ask(options, body) {
	return new Promise((resolve, reject) => {
		const request = http.request({ agent, ...options }, (answer) => {
			let text = '';
			answer.on('data', (part) => { text += part; });
			answer.on('end', () => resolve({ answer, text }));
		});
		request.on('error', reject);
		request.end(body);
	});
}

async function serve() {
	const held = [];
	for (;;) {
		const { answer } = await ask({ host, port, path: '/2018-06-01/runtime/invocation/next' });
		const given = answer.headers['lambda-runtime-trace-id'];
		const found = process.env._X_AMZN_TRACE_ID;
		held.push(found);
		console.log(found === undefined ? 'no variable' : found === given ? 'the header' : `other: ${found}`,
			new Set(held).size === held.length ? 'each its own' : 'as before');
		const [down, at] = process.env.DOWN.split(':');
		await ask({ host: down, port: at, path: '/ok', agent: undefined,
			headers: found ? { 'X-Amzn-Trace-Id': found } : {} });
		const id = answer.headers['lambda-runtime-aws-request-id'];
		await ask({ host, port, method: 'POST', path: `/2018-06-01/runtime/invocation/${id}/response` }, '{}');
	}
}

serve();
