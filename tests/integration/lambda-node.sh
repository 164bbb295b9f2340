#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Lambda's own runtime for node, whose addon has its libcurl in it: it asks for events on a thread
# of node's pool, and the handler's requests are made by the event loop.
. "$(dirname "$0")/lambda/lib.sh"
need node
ric=$top/build/deps/ric/node_modules/aws-lambda-ric
[ -e "$ric/dist/rapid-client.node" ] || skip "aws-lambda-ric is not there (make deps)"
origin --apart
attributes="faas.coldstart url.full error.type"
own='s/^[0-9T:.-]+Z\t[0-9a-f-]{36}\t/TIME ID /'
run=(-- env -C "$here/programs" node --no-warnings "$ric/bin/index.mjs")

event '{"n": 1}'
event '{"n": 2}'
invokes "a handler that uses fetch and http" --timeout 20 "${run[@]}" lambda_ric.handler <<'END'
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?fetch
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?http
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?a
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?b
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?late
*function faas.coldstart=False
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?fetch
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?http
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?a
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?b
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?late
END

event '{"fail": true}'
event '{}'
invokes "one that fails, frozen before the next" --timeout 20 --freeze=50 "${run[@]}" lambda_ric.handler <<'END'
*init faas.coldstart=True
*function ERROR faas.coldstart=True error.type=TypeError
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?fetch
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?http
*function faas.coldstart=False
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?fetch
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?http
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?a
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?b
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?late
END

event '{}'
invokes "a streamed response" --timeout 20 "${run[@]}" lambda_ric.streamed <<'END'
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 url.full=http://127.0.0.1:PORT/ok?between
END
