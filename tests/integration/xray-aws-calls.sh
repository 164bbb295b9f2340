#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls to services of AWS, as the AWS SDK conventions have them: made by boto3, by the AWS
# command and by node's SDK, to services that answer as the real ones do.
. "$(dirname "$0")/lib.sh"
. "$here/xray/lib.sh"
/usr/bin/python3 -c 'import boto3' 2>/dev/null || skip "no python3-boto3 here"
modules=$top/build/deps/npm-aws/node_modules
aws_environment

aws_services
boto() {
	calls "boto3: $1" /usr/bin/python3 "$here/clients/aws_boto3.py" "$url" "$1"
}
boto dynamodb <<'END'
CLIENT DynamoDB.GetItem 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON db.system.name=aws.dynamodb db.operation.name=GetItem aws.dynamodb.table_names=missing

CLIENT DynamoDB.PutItem 200 aws.request_id=RID-JSON db.system.name=aws.dynamodb db.operation.name=PutItem aws.dynamodb.table_names=pets
END
boto sqs <<'END'
CLIENT SQS.DeleteMessage 400 autotrace.aws.error.code=NotFound aws.request_id=RID-QUERY messaging.destination.name=missing messaging.operation.type=settle aws.sqs.queue.url=http://127.0.0.1:PORT/123456789012/missing

CLIENT SQS.ReceiveMessage 200 aws.request_id=RID-QUERY messaging.destination.name=orders messaging.operation.type=receive aws.sqs.queue.url=http://127.0.0.1:PORT/123456789012/orders

CLIENT SQS.SendMessage 200 aws.request_id=RID-QUERY messaging.destination.name=orders messaging.operation.type=send aws.sqs.queue.url=http://127.0.0.1:PORT/123456789012/orders
END
boto sns <<'END'
CLIENT SNS.Publish 400 autotrace.aws.error.code=NotFound aws.request_id=RID-QUERY messaging.destination.name=missing messaging.operation.type=send aws.sns.topic.arn=arn:aws:sns:eu-west-1:123456789012:missing

CLIENT SNS.Publish 200 aws.request_id=RID-QUERY messaging.destination.name=orders messaging.operation.type=send aws.sns.topic.arn=arn:aws:sns:eu-west-1:123456789012:orders
END
boto s3 <<'END'
CLIENT S3.CopyObject 200 aws.request_id=RID-S3 aws.extended_request_id=ID2 aws.s3.bucket=shop aws.s3.key=copy aws.s3.copy_source=shop/a

CLIENT S3.GetObject 404 autotrace.aws.error.code=NoSuchKey aws.request_id=RID-S3 aws.extended_request_id=ID2 aws.s3.bucket=shop aws.s3.key=missing

CLIENT S3.HeadObject 200 aws.request_id=RID-S3 aws.extended_request_id=ID2 aws.s3.bucket=shop aws.s3.key=copy

CLIENT S3.ListObjectsV2 200 aws.request_id=RID-S3 aws.extended_request_id=ID2 aws.s3.bucket=shop

CLIENT S3.PutObject 200 aws.request_id=RID-S3 aws.extended_request_id=ID2 aws.s3.bucket=shop aws.s3.key="a b/ü"
END
boto lambda_ <<'END'
CLIENT Lambda.Invoke 404 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-REST faas.invoked_name=missing faas.invoked_region=eu-west-1

CLIENT Lambda.Invoke 200 aws.request_id=RID-REST faas.invoked_name=pay faas.invoked_region=eu-west-1

CLIENT Lambda.Invoke 200 aws.request_id=RID-REST faas.invoked_name=pay faas.invoked_region=eu-west-1
END
boto kinesis <<'END'
CLIENT Kinesis.PutRecord 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON aws.kinesis.stream_name=missing

CLIENT Kinesis.PutRecord 200 aws.request_id=RID-JSON aws.kinesis.stream_name=clicks
END
boto stepfunctions <<'END'
CLIENT SFN.StartExecution 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON aws.step_functions.state_machine.arn=arn:aws:states:eu-west-1:123456789012:stateMachine:missing

CLIENT SFN.StartExecution 200 aws.request_id=RID-JSON aws.step_functions.state_machine.arn=arn:aws:states:eu-west-1:123456789012:stateMachine:order
END
boto events <<'END'
CLIENT EventBridge.PutEvents 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON

CLIENT EventBridge.PutEvents 200 aws.request_id=RID-JSON
END
boto secretsmanager <<'END'
CLIENT Secrets Manager.GetSecretValue 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON

CLIENT Secrets Manager.GetSecretValue 200 aws.request_id=RID-JSON aws.secretsmanager.secret.arn=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf
END
boto sts <<'END'
CLIENT STS.AssumeRole 400 autotrace.aws.error.code=NotFound aws.request_id=RID-QUERY

CLIENT STS.GetCallerIdentity 200 aws.request_id=RID-QUERY
END

services() {
	calls "node's SDK: $1" node "$here/clients/aws_sdk.js" "$modules" "$1" "$url"
}
command -v node >/dev/null && [ -d "$modules/@aws-sdk" ] || exit
services dynamodb <<'END'
CLIENT DynamoDB.GetItem 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON db.system.name=aws.dynamodb db.operation.name=GetItem aws.dynamodb.table_names=missing

CLIENT DynamoDB.PutItem 200 aws.request_id=RID-JSON db.system.name=aws.dynamodb db.operation.name=PutItem aws.dynamodb.table_names=pets
END
services sqs <<'END'
CLIENT SQS.ReceiveMessage 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id=RID-JSON messaging.destination.name=missing messaging.operation.type=receive aws.sqs.queue.url=http://127.0.0.1:PORT/123456789012/missing

CLIENT SQS.SendMessage 200 aws.request_id=RID-JSON messaging.destination.name=orders messaging.operation.type=send aws.sqs.queue.url=http://127.0.0.1:PORT/123456789012/orders
END
