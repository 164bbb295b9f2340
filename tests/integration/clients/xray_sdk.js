// SPDX-License-Identifier: Apache-2.0
// xray_sdk.js MODULES URL [DAEMON]: some requests, and by the X-Ray SDK itself where a daemon is named.
'use strict';
const http = require('http');
const [modules, url, daemon] = process.argv.slice(2);
const { DynamoDBClient, GetItemCommand } = require(`${modules}/@aws-sdk/client-dynamodb`);
let client = new DynamoDBClient({ endpoint: url, region: 'eu-west-1', maxAttempts: 1,
	credentials: { accessKeyId: 'AK', secretAccessKey: 'SK' } });

const get = (path) => new Promise((resolve, reject) => {
	http.get(url + path, (answer) => answer.resume().on('end', resolve)).on('error', reject);
});

async function ask() {
	for (const status of [200, 404, 429, 503]) await get(`/status/${status}?a=b`);
	for (const TableName of ['pets', 'missing'])
		await client.send(new GetItemCommand({ TableName, Key: { id: { S: '7' } } })).catch(() => {});
}

if (!daemon) {
	ask();
} else {
	const xray = require(`${modules}/aws-xray-sdk-core`);

	xray.setDaemonAddress(daemon);
	xray.middleware.disableCentralizedSampling();
	xray.captureHTTPsGlobal(http);
	client = xray.captureAWSv3Client(client);
	const segment = new xray.Segment('shop');
	xray.getNamespace().run(async () => {
		xray.setSegment(segment);
		await ask();
		segment.close();
	});
}
