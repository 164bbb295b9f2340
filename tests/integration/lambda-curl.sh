#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A function in C on libcurl: it answers, fails, streams, hangs, crashes, ends, and fails in its Init.
. "$(dirname "$0")/lambda/lib.sh"
pkg-config --exists libcurl || skip "libcurl-dev is not installed"
program lambda_curl -lcurl
ours=--anywhere
origin
attributes="faas.coldstart http.response.status_code aws.operation aws.table_name url.path error.type autotrace.incomplete"
run=(--env "DOWN_AWS=$url/ok" -- "$program")

event '{"n": 1, "do": "item"}'
event '{"n": 2}'
invokes "it answers, and calls a service and one of AWS's" --invocations 3 "${run[@]}" <<'END'
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.table_name=pets
*function faas.coldstart=False
  127.0.0.1 http.response.status_code=200
*function faas.coldstart=False
  127.0.0.1 http.response.status_code=200
  DynamoDB http.response.status_code=200 aws.operation=GetItem aws.table_name=pets
END

event '{"do": "fail"}'
event '{}'
invokes "one that fails, and goes on" "${run[@]}" <<'END'
*init faas.coldstart=True
*function ERROR faas.coldstart=True error.type=OutOfTea
  127.0.0.1 http.response.status_code=200
*function faas.coldstart=False
  127.0.0.1 http.response.status_code=200
END

event '{"do": "stream"}'
event '{"do": "stream, break"}'
event '{}'
invokes "streamed responses; one breaks off" "${run[@]}" <<'END'
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
*function ERROR faas.coldstart=False error.type=Broke
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
*function faas.coldstart=False
  127.0.0.1 http.response.status_code=200
END

event '{}'
event '{"do": "hang"}'
event '{}'
invokes "one that takes too long" --timeout 1 "${run[@]}" <<'END'
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
*function ERROR faas.coldstart=False error.type=timeout autotrace.incomplete=True
  127.0.0.1 http.response.status_code=200
  127.0.0.1 autotrace.incomplete=True
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
END

event '{"do": "hang"}'
invokes "the same by OTLP" --timeout 1 --otlp "${run[@]}" <<'END'
init faas.coldstart=True
function ERROR links=1 faas.coldstart=True error.type=timeout autotrace.incomplete=True
  GET http.response.status_code=200
  GET autotrace.incomplete=True
END

event '{"do": "crash"}'
event '{"do": "crash in call"}'
event '{}'
invokes "one that crashes" "${run[@]}" <<'END'
*init faas.coldstart=True
*function ERROR faas.coldstart=True error.type=process_ended
  127.0.0.1 http.response.status_code=200
*init faas.coldstart=True
*function ERROR faas.coldstart=True error.type=process_ended
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
END

event '{"do": "exit"}'
event '{}'
invokes "one that ends without an answer" "${run[@]}" <<'END'
*init faas.coldstart=True
*function ERROR faas.coldstart=True error.type=process_ended
  127.0.0.1 http.response.status_code=200
*init faas.coldstart=True
*function faas.coldstart=True
  127.0.0.1 http.response.status_code=200
END

invokes "one whose Init fails" "${run[@]}" init <<'END'
init ERROR faas.coldstart=True error.type=NoConfig
127.0.0.1 http.response.status_code=200
init ERROR faas.coldstart=True error.type=NoConfig
127.0.0.1 http.response.status_code=200
END
