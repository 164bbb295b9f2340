// SPDX-License-Identifier: Apache-2.0
// Handlers for Lambda's own runtime for node.
'use strict';
const http = require('http');
const down = process.env.DOWN;
const agent = new http.Agent({ keepAlive: true });

function get(path) {
	return new Promise((done, failed) => {
		http.get(down + path, { agent }, (response) => {
			response.resume();
			response.on('end', () => done(response.statusCode));
		}).on('error', failed);
	});
}

// One after the other by fetch and http, then two at once; or an error.
exports.handler = async (event, context) => {
	console.log('got', JSON.stringify(event));
	const answers = [(await fetch(down + '/ok?fetch')).status, await get('/ok?http')];
	if (event.fail)
		throw new TypeError('no good');
	answers.push(...await Promise.all([get('/ok?a'), get('/ok?b')]));
	await new Promise((done) => setTimeout(done, 20));
	answers.push(await get('/ok?late'));
	return { statusCode: 200, answers };
};

exports.streamed = awslambda.streamifyResponse(async (event, stream) => {
	stream.write('one ');
	await get('/ok?between');
	stream.write('two');
	stream.end();
	await stream.finished?.();
});
