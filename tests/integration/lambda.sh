#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions for which the library alone makes the spans: invocations, their parents, what they call.
. "$(dirname "$0")/lib.sh"
need curl
origin
attributes="faas.trigger faas.coldstart http.route http.response.status_code aws.operation rpc.method aws.dynamodb.table_names aws.table_name error.type"

# says CLAIM EVENT options -- bootstrap: the spans are those of standard input
says() {
	local claim=$1 event=$2
	shift 2
	printf '%s' "$event" >"$dir/event"
	cat >"$dir/want"
	rm -f "$dir/json"
	timeout 60 "$AUTOTRACE_BUILD/autotrace" lambda --event "$dir/event" --env "DOWN=$url" --json "$dir/json" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null
	/usr/bin/python3 "$here/programs/lambda_spans.py" "$dir/json" $attributes >"$dir/got" 2>&1
	same "the spans" "$dir/want" "$dir/got"
	tell "$claim" $?
}

handler=$here/programs/lambda_handler.py
rest='{"resource":"/pets/{id}","path":"/pets/7","httpMethod":"GET","headers":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},"requestContext":{"stage":"prod"}}'

says "two invocations, X-Ray: the service's segment is the parent, the caller is linked" "$rest" --invocations 2 -- "$handler" <<'END'
*init faas.coldstart=True
*/pets/id links=1 faas.trigger=http faas.coldstart=True http.route=/pets/{id} http.response.status_code=200
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.dynamodb.table_names=pets aws.table_name=pets
  127.0.0.1 http.response.status_code=200
*/pets/id links=1 faas.trigger=http faas.coldstart=False http.route=/pets/{id} http.response.status_code=200
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.dynamodb.table_names=pets aws.table_name=pets
  127.0.0.1 http.response.status_code=200
END
check "the header that goes on is the invocation's, beside the caller's own form" \
	grep -aqi "^x-amzn-trace-id: Root=1-[0-9a-f]*-[0-9a-f]*;Parent=[0-9a-f]*;Sampled=1" -r "$dir/origin/captured"

says "OTLP: the caller is the parent" "$rest" --otlp -- "$handler" <<'END'
^init faas.coldstart=True
^/pets/{id} links=1 faas.trigger=http faas.coldstart=True http.route=/pets/{id} http.response.status_code=200
  DynamoDB.GetItem http.response.status_code=200 rpc.method=GetItem aws.dynamodb.table_names=pets
  GET http.response.status_code=200
END
check "in the caller's trace" grep -q 0af7651916cd43dd8448eb211c80319c "$dir/json"

says "a function that fails" '{"fail": true}' -- "$handler" <<'END'
*init faas.coldstart=True
*function ERROR faas.trigger=other faas.coldstart=True error.type=KeyError
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.dynamodb.table_names=pets aws.table_name=pets
END

says "a function that answers 503" '{"version":"2.0","routeKey":"$default","rawPath":"/a","status":503,"requestContext":{"domainName":"x.lambda-url.eu-west-1.on.aws","http":{"method":"POST","path":"/a","protocol":"HTTP/1.1"}}}' \
	-- "$handler" <<'END'
*init faas.coldstart=True
*function ERROR faas.trigger=http faas.coldstart=True http.response.status_code=503 error.type=503
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.dynamodb.table_names=pets aws.table_name=pets
  127.0.0.1 http.response.status_code=200
END

says "messages of a queue are links" '{"Records":[{"messageId":"a","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","attributes":{"AWSTraceHeader":"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}},{"messageId":"b","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","attributes":{"AWSTraceHeader":"Root=1-5759e988-bd862e3fe1be46a994272794;Parent=53995c3f42cd8ad9;Sampled=1"}}]}' \
	-- "$handler" <<'END'
*init faas.coldstart=True
*function links=2 faas.trigger=pubsub faas.coldstart=True
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.dynamodb.table_names=pets aws.table_name=pets
  127.0.0.1 http.response.status_code=200
END

says "a function in shell, of a process for each call" "$rest" --invocations 2 -- "$here/programs/lambda_handler_sh" <<'END'
*init faas.coldstart=True
*/pets/id links=1 faas.trigger=http faas.coldstart=True http.route=/pets/{id}
  127.0.0.1 http.response.status_code=200
*/pets/id links=1 faas.trigger=http faas.coldstart=False http.route=/pets/{id}
  127.0.0.1 http.response.status_code=200
END

says "not sampled, X-Ray: nothing" "$rest" --sampled 0 -- "$handler" </dev/null
says "not sampled, OTLP: what Lambda says of its own segment is not followed" '{}' --sampled 0 --otlp -- "$handler" <<'END'
init faas.coldstart=True
function faas.trigger=other faas.coldstart=True
  DynamoDB.GetItem http.response.status_code=200 rpc.method=GetItem aws.dynamodb.table_names=pets
  GET http.response.status_code=200
END

says "an event that is no JSON" 'hello' -- "$here/programs/lambda_handler_sh" <<'END'
*init faas.coldstart=True
*function faas.trigger=other faas.coldstart=True
  127.0.0.1 http.response.status_code=200
END

program lambda_c -D_GNU_SOURCE
says "frozen between invocations, and one that crashes in the middle" '{}' --freeze=50 -- "$program" crashes <<'END'
*init faas.coldstart=True
*function ERROR faas.trigger=other faas.coldstart=True error.type=process_ended
END
