// SPDX-License-Identifier: Apache-2.0
// stock: a node service that takes a moment to answer.
const http = require('http');

http.createServer((request, response) => {
	setTimeout(() => response.end('{"in stock": 3}\n'), 15);
}).listen(Number(process.argv[2]), '127.0.0.1');
