#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every document that X-Ray is sent is one that it takes: its own schema says so.
. "$(dirname "$0")/lib.sh"
. "$here/xray/lib.sh"
need curl
/usr/bin/python3 -c 'import jsonschema' 2>/dev/null || skip "no python3-jsonschema here"
origin
daemon

# the encoder alone, with whatever a span can have
rooms=("$build/rooms.a" "$build/obj/cjson/arena.o")
[ -f "${rooms[0]}" ] && [ -f "${rooms[1]}" ] || skip "the rooms are not built"
program xray_documents -I"$top" "${rooms[@]}"
"$program" 3000 >"$documents"
AUTOTRACE_XRAY_ANNOTATIONS=error.type,url.path,http.response.status_code,server.port "$program" 1000 >>"$documents"
check_documents "4000 spans of any kind"

# programs
fresh_daemon
long=$(printf '%01500d' 7)
documented 'shop {1}' curl -s -A "$long" "$url"/{ok,status/302,status/404,status/429,status/503,empty,big,cut,reset} \
	"$url/ok?$long" "$url/ok?caf%C3%A9" http://127.0.0.1:1/ >/dev/null 2>&1
documented shop curl -s -H 'X-Amzn-Trace-Id: Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1' "$url/ok" >/dev/null
serving=$(free_port)
under_documented 'front "end"'
"${env[@]}" AUTOTRACE_XRAY_ANNOTATIONS=http.response.status_code,url.path \
	/usr/bin/python3 "$here/servers/python_http.py" "$serving" "$dir" >/dev/null 2>&1 &
server=$!
running="$running $server"
ready "$serving" "$server"
curl -s "http://127.0.0.1:$serving/ok?$long" "http://127.0.0.1:$serving/none" -H 'X-Forwarded-For: 203.0.113.7' >/dev/null
stop "$server"
check "they have all come" documents_are 14
check_documents "of curl and a server"
check "a refused connection has a cause" grep -q '"cause": {"exceptions": \[{"id": "[0-9a-f]*", "type": "CURLE_COULDNT_CONNECT"' "$documents"

# a function
fresh_daemon
function_runs() {
	printf '%s' "$1" >"$dir/event"
	timeout 60 "$autotrace" lambda --event "$dir/event" --env "DOWN=$url" --env "AWS_XRAY_DAEMON_ADDRESS=$daemon" \
		--invocations 2 -- "$here/programs/lambda_handler.py" >/dev/null 2>&1 </dev/null
}
function_runs '{"resource":"/pets/{id}","path":"/pets/7","httpMethod":"GET","headers":{"x-forwarded-for":"203.0.113.7"},"requestContext":{"stage":"prod"}}'
function_runs '{"fail": true}'
function_runs '{"Records":[{"messageId":"a","eventSource":"aws:sqs","eventSourceARN":"arn:aws:sqs:eu-west-1:1:q","attributes":{"AWSTraceHeader":"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"}}]}'
check "they have all come" documents_are 19
check_documents "of a function"
check "a failed one has its cause" grep -q '"type": "KeyError", "message": "no such pet", "stack": \[{"label": "handler:12"}\]' "$documents"
check "cold start and service are annotations" grep -q '"annotations": {"ColdStart": true, "Service": ' "$documents"
check "links keep the message" grep -q '"links": .*"attributes": {"messaging.message.id": "a"}' "$documents"
