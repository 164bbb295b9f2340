#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several invocations at once, as on managed instances: by threads, and by event loops that have
# several calls of next under way. Each call is its own invocation's child, or nobody's.
. "$(dirname "$0")/lambda/lib.sh"
origin
program lambda_threads

# many CLAIM CALLS ROOTS option... -- BOOTSTRAP: 200 invocations, 8 at once
many() {
	local claim=$1 calls=$2 roots=$3
	shift 3
	run_function traced "$library" --concurrency 8 --invocations 200 --timeout 30 "$@" &&
		[ "$(cat "$dir/traced/status")" = 0 ] &&
		/usr/bin/python3 "$here/programs/lambda_numbers.py" "$dir/traced/json" 200 $((200 * calls)) "$roots"
	tell "$claim" $?
}

many "threads" 3 0 -- "$program"
many "threads, OTLP" 3 0 --otlp -- "$program"
# without timers a loop's reads tell whose each call is; asyncio makes it a turn later, see README
many "an event loop: asyncio" 3 100 -- "$here/programs/lambda_loop.py"
many "an event loop: asyncio, with timers" 3 100 -- "$here/programs/lambda_loop.py" timers
if command -v node >/dev/null; then
	node="node --no-warnings $here/programs/lambda_loop.js"
	many "an event loop: node" 3 20 -- $node
	many "node, connections that are kept" 3 20 -- $node kept
	many "node, with timers" 3 100 -- $node timers
fi
