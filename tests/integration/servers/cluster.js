// SPDX-License-Identifier: Apache-2.0
// node cluster.js PORT: node's cluster, whose first process accepts, and whose others answer.
const cluster = require('cluster'), http = require('http');

if (cluster.isPrimary) {
	for (let i = 0; i < 2; i++)
		cluster.fork();
} else {
	http.createServer((request, response) => response.end('ok')).listen(+process.argv[2], '127.0.0.1');
}
