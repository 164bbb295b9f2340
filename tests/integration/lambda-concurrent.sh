#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several invocations at once, as on managed instances: by threads, and by event loops that have
# several calls of next under way. Each call is its own invocation's child, or nobody's.
. "$(dirname "$0")/lambda/lib.sh"
origin
program lambda_hops
hops=$program
program lambda_threads

at_once=8

# many CLAIM CALLS ROOTS option... -- BOOTSTRAP: 200 invocations, 8 at once
many() {
	local claim=$1 calls=$2 roots=$3
	shift 3
	run_function traced "$library" --concurrency $at_once --invocations 200 --timeout 30 "$@" &&
		[ "$(cat "$dir/traced/status")" = 0 ] &&
		/usr/bin/python3 "$here/programs/lambda_numbers.py" "$dir/traced/json" 200 $((200 * calls)) "$roots"
	tell "$claim" $?
}

# it must have shown that they stay with their events
many "threads" 3 25 -- "$program"
many "threads, OTLP" 3 25 --otlp -- "$program"
# nothing tells them apart but that there is only one
many "tasks that hop threads" 3 100 -- "$hops"
at_once=1
many "one task that hops threads" 3 0 -- "$hops"
at_once=8

# without timers a loop's reads tell whose each call is; asyncio makes it a turn later, see README
many "an event loop: asyncio" 3 100 -- "$here/programs/lambda_loop.py"
many "an event loop: asyncio, with timers" 3 100 -- "$here/programs/lambda_loop.py" timers
if command -v node >/dev/null; then
	node="node --no-warnings $here/programs/lambda_loop.js"
	many "an event loop: node" 3 20 -- $node
	many "node, connections that are kept" 3 20 -- $node kept
	many "node, with timers" 3 100 -- $node timers
fi
