#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A function that invokes another through an HTTP hop, as by a function URL: one trace, and the second
# one's segment below the call that the first one made.
. "$(dirname "$0")/lambda/lib.sh"
pkg-config --exists libcurl || skip "libcurl-dev is not installed"
program lambda_curl -lcurl
origin

# One trace: everything below a parent that is there, but the first.
one_trace() {
	cat "$dir/traced/json" "$dir"/front/*.json >"$dir/both" &&
		"$autotrace" show --tree --attributes faas.coldstart,http.response.status_code "$dir/both" |
		sed -E 's/127.0.0.1:[0-9]+/HOST/' >"$dir/got"
	same_tree
}

chain() { # CLAIM option...: the tree is that of standard input
	local claim=$1 good=0
	shift
	cat >"$dir/want"
	rm -rf "$dir/front" "$dir/port"
	mkdir "$dir/front"
	AUTOTRACE_LIBRARY=$library /usr/bin/python3 "$here/programs/lambda_front.py" "$dir/port" "$dir/front" \
		"$autotrace" lambda --name second "$@" --env "DOWN=$url" -- "$here/programs/lambda_urllib.py" &
	local front=$!
	running="$running $front"
	wait_for 10 test -e "$dir/port" || good=1
	event '{"n": 1}'
	run_function traced "$library" --name first --timeout 30 --env "DOWN=http://127.0.0.1:$(cat "$dir/port")" "$@" -- "$program"
	[ "$(cat "$dir/traced/status")" = 0 ] || good=1
	events=()
	stop "$front"
	one_trace || { cat "$dir"/front/*.err; good=1; }
	tell "$claim" $good
}

chain "X-Ray" <<'END'
SERVER first [first] UNSET
  INTERNAL Initialization [first] UNSET
  INTERNAL Invocation [first] UNSET
  INTERNAL Overhead [first] UNSET
  INTERNAL first [first] UNSET faas.coldstart=true
    CLIENT 127.0.0.1 [first] UNSET http.response.status_code=200
      SERVER second [second] UNSET
        INTERNAL Initialization [second] UNSET
        INTERNAL Invocation [second] UNSET
        INTERNAL Overhead [second] UNSET
        INTERNAL init [second] UNSET faas.coldstart=true
        INTERNAL second [second] UNSET faas.coldstart=true http.response.status_code=201
          CLIENT 127.0.0.1 [second] UNSET http.response.status_code=200
          CLIENT 127.0.0.1 [second] UNSET http.response.status_code=200
  INTERNAL init [first] UNSET faas.coldstart=true
END

chain "OTLP, below Lambda's segments" --otlp --env OTEL_PROPAGATORS=xray-lambda,tracecontext <<'END'
SERVER first [first] UNSET
  INTERNAL Initialization [first] UNSET
  INTERNAL Invocation [first] UNSET
  INTERNAL Overhead [first] UNSET
  SERVER first [first] UNSET faas.coldstart=true
    CLIENT GET [first] UNSET http.response.status_code=200
      SERVER second [second] UNSET
        INTERNAL Initialization [second] UNSET
        INTERNAL Invocation [second] UNSET
        INTERNAL Overhead [second] UNSET
        INTERNAL init [second] UNSET faas.coldstart=true
        SERVER second [second] UNSET faas.coldstart=true http.response.status_code=201
          CLIENT GET [second] UNSET http.response.status_code=200
          CLIENT POST [second] UNSET http.response.status_code=200
  INTERNAL init [first] UNSET faas.coldstart=true
END

chain "OTLP, without them" --otlp <<'END'
SERVER first [first] UNSET
  INTERNAL Initialization [first] UNSET
  INTERNAL Invocation [first] UNSET
  INTERNAL Overhead [first] UNSET
SERVER first [first] UNSET faas.coldstart=true
  CLIENT GET [first] UNSET http.response.status_code=200
    INTERNAL init [second] UNSET faas.coldstart=true
    SERVER second [second] UNSET
      INTERNAL Initialization [second] UNSET
      INTERNAL Invocation [second] UNSET
      INTERNAL Overhead [second] UNSET
    SERVER second [second] UNSET faas.coldstart=true http.response.status_code=201
      CLIENT GET [second] UNSET http.response.status_code=200
      CLIENT POST [second] UNSET http.response.status_code=200
INTERNAL init [first] UNSET faas.coldstart=true
END
