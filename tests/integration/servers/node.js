// SPDX-License-Identifier: Apache-2.0
// node.js PORT FOLDER
'use strict';
const fs = require('fs');
const http = require('http');
const [port, folder] = process.argv.slice(2);

const server = http.createServer((request, response) => {
	const name = folder + new URL(request.url, 'http://h').pathname;
	let body = '';
	request.on('data', (data) => body += data);
	request.on('end', () => {
		if (request.method === 'POST')
			response.end(body);
		else if (!fs.existsSync(name))
			response.writeHead(404).end('none\n');
		else
			fs.createReadStream(name).pipe(response);
	});
});
server.listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
