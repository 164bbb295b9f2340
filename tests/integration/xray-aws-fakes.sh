#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The AWS command and node's SDK against programs of others that stand for DynamoDB, Kinesis and S3.
. "$(dirname "$0")/lib.sh"
. "$here/xray/lib.sh"
need aws node
modules=$top/build/deps/npm-aws/node_modules
[ -d "$modules/dynalite" ] && [ -d "$modules/s3rver" ] || skip "no dynalite, kinesalite and s3rver here"
aws_environment
tree_mask="$tree_mask;s/request_id=[^ ]*/request_id/g"
export AWS_ACCESS_KEY_ID=S3RVER AWS_SECRET_ACCESS_KEY=S3RVER

# fake command...: one that listens on PORT; its address is in $url
fake() {
	port=$(free_port)
	url=http://127.0.0.1:$port
	"${@//PORT/$port}" >"$dir/fake" 2>&1 &
	running="$running $!"
	ready "$port" "$!" || skip "$1 does not start"
}

in_shop() {
	aws --endpoint-url "$url" "$@" >/dev/null || echo "failed: $*"
}

fake node "$modules/dynalite/cli.js" --port PORT --createTableMs 0
in_shop dynamodb create-table --table-name pets --attribute-definitions AttributeName=id,AttributeType=S \
	--key-schema AttributeName=id,KeyType=HASH --billing-mode PAY_PER_REQUEST
calls "dynalite: the command" aws --endpoint-url "$url" dynamodb scan --table-name pets <<'END'
CLIENT DynamoDB.Scan 200 aws.request_id db.system.name=aws.dynamodb db.operation.name=Scan aws.dynamodb.table_names=pets
END
calls "dynalite: a table that is not there" aws --endpoint-url "$url" dynamodb describe-table --table-name none <<'END'
CLIENT DynamoDB.DescribeTable 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id db.system.name=aws.dynamodb db.operation.name=DescribeTable aws.dynamodb.table_names=none
END
calls "dynalite: node's SDK" node "$here/clients/aws_sdk.js" "$modules" dynamodb "$url" <<'END'
CLIENT DynamoDB.GetItem 400 autotrace.aws.error.code=ResourceNotFoundException aws.request_id db.system.name=aws.dynamodb db.operation.name=GetItem aws.dynamodb.table_names=missing

CLIENT DynamoDB.PutItem 200 aws.request_id db.system.name=aws.dynamodb db.operation.name=PutItem aws.dynamodb.table_names=pets
END

fake node "$modules/kinesalite/cli.js" --port PORT --createStreamMs 0
in_shop kinesis create-stream --stream-name clicks --shard-count 1
calls "kinesalite" aws --endpoint-url "$url" kinesis describe-stream --stream-name clicks --query StreamDescription.StreamName <<'END'
CLIENT Kinesis.DescribeStream 200 aws.request_id aws.extended_request_id aws.kinesis.stream_name=clicks
END

mkdir "$dir/s3"
fake node "$modules/s3rver/bin/s3rver.js" -d "$dir/s3" -p PORT -a 127.0.0.1
in_shop s3 mb s3://shop
echo hello >"$dir/a"
calls "s3rver: a file is put" aws --endpoint-url "$url" s3 cp --no-progress "$dir/a" s3://shop/a <<'END'
CLIENT S3.PutObject 200 aws.s3.bucket=shop aws.s3.key=a
END
calls "s3rver: and listed" aws --endpoint-url "$url" s3api list-objects-v2 --bucket shop --query 'Contents[].Key' <<'END'
CLIENT S3.ListObjectsV2 200 aws.s3.bucket=shop
END
calls "s3rver: node's SDK" node "$here/clients/aws_sdk.js" "$modules" s3 "$url" <<'END'
CLIENT S3.GetObject 404 autotrace.aws.error.code=NoSuchKey aws.s3.bucket=shop aws.s3.key=missing

CLIENT S3.GetObject 200 aws.s3.bucket=shop aws.s3.key=a
END
