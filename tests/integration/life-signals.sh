#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Handlers that interrupt calls: that make calls themselves, jump out of them, or only return.
. "$(dirname "$0")/lib.sh"
origin

# The same output, exit code and bytes; which of the spans are missing is chance.
does_the_same() { # CLAIM command...
	local claim=$1 good=0
	shift
	fresh_spans
	run_client plain "$@"
	run_client traced "$@"
	same "standard output" "$dir"/{plain,traced}/out || good=1
	same "standard error" "$dir"/{plain,traced}/err || good=1
	same "exit code" "$dir"/{plain,traced}/status || good=1
	tell "$claim" $good
}

program signals_eintr
sends "calls that a handler ends: EINTR, or a part" "$program" "$port" <<'END'
CLIENT GET [unknown_service:signals_eintr] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:signals_eintr] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:signals_eintr] UNSET url.full=http://h/slow
END

program loading_slow_lookup -shared -fPIC
also=$program
program signals_jump
sends "a jump out of a name lookup" "$program" "$port" lookup \
	< <(times 3 "CLIENT GET [unknown_service:signals_jump] UNSET http.response.status_code=200 url.full=http://h/ok?after")
also=
follows() { # CLAIM
	check "$1: what comes after the jumps is traced" test "$(tree | grep -c '200.*after')" = 3
}
does_the_same "jumps out of any call, thousands a second" "$program" "$port" calls
follows "any call"
does_the_same "the same on a signal's own stack" "$program" "$port" alt
follows "a signal's own stack"

program signals_handler
does_the_same "requests by a handler, amid requests" "$program" "$port"
check "most of them are traced" test "$(tree | grep -c 200)" -gt 100
