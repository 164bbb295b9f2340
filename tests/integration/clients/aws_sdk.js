// SPDX-License-Identifier: Apache-2.0
// aws_sdk.js MODULES WHAT URL: calls to one of AWS's services by node's SDK, and one that is refused.
'use strict';
const [modules, what, endpoint] = process.argv.slice(2);
const options = { endpoint, region: 'eu-west-1', maxAttempts: 1, forcePathStyle: true,
	credentials: { accessKeyId: 'S3RVER', secretAccessKey: 'S3RVER' } };
const sdk = require(`${modules}/@aws-sdk/client-${what}`);

const calls = {
	async dynamodb(client) {
		await client.send(new sdk.PutItemCommand({ TableName: 'pets', Item: { id: { S: '7' } } }));
		await client.send(new sdk.GetItemCommand({ TableName: 'missing', Key: { id: { S: '7' } } }));
	},
	async sqs(client) {
		const QueueUrl = `${endpoint}/123456789012/orders`;
		await client.send(new sdk.SendMessageCommand({ QueueUrl, MessageBody: 'hello' }));
		await client.send(new sdk.ReceiveMessageCommand({ QueueUrl: `${endpoint}/123456789012/missing` }));
	},
	async s3(client) {
		await client.send(new sdk.GetObjectCommand({ Bucket: 'shop', Key: 'a' })).then((r) => r.Body.transformToString());
		await client.send(new sdk.GetObjectCommand({ Bucket: 'shop', Key: 'missing' }));
	},
};

calls[what](new sdk[{ dynamodb: 'DynamoDBClient', sqs: 'SQSClient', s3: 'S3Client' }[what]](options))
	.catch((e) => console.log(e.name));
