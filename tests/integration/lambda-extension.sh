#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An extension without events, where asked for: the end of a sandbox is told by SIGTERM. It costs
# an invocation nothing, makes no span, and a function without it is as it was.
. "$(dirname "$0")/lib.sh"
echo '{}' >"$dir/event"
# What whoever started the test left open would be counted too.
for number in /proc/self/fd/*; do
	number=${number##*/}
	if [ "$number" -gt 2 ] && [ "$number" -lt 100 ]; then eval "exec $number>&-"; fi
done

# ends CLAIM options...: what the function said, and its spans
ends() {
	local claim=$1
	shift
	cat >"$dir/want"
	rm -f "$dir/json"
	timeout 60 "$autotrace" lambda --event "$dir/event" --invocations 2 --json "$dir/json" "$@" \
		-- "$here/programs/lambda_term.py" >"$dir/out" 2>"$dir/err" </dev/null
	grep -ohE 'SIGTERM|low descriptors: [0-9]+' "$dir/out" "$dir/err" >"$dir/got"
	/usr/bin/python3 "$here/programs/lambda_spans.py" "$dir/json" >>"$dir/got" 2>&1
	same "what it said" "$dir/want" "$dir/got"
	tell "$claim" $?
}

ends "not asked for: the end is not told" <<'END'
low descriptors: 5
low descriptors: 5
*init
*function
*function
END
ends "asked for" --env AUTOTRACE_LAMBDA_EXTENSION=true <<'END'
low descriptors: 5
low descriptors: 5
SIGTERM
*init
*function
*function
END
ends "frozen between invocations" --env AUTOTRACE_LAMBDA_EXTENSION=true --freeze=50 <<'END'
low descriptors: 5
low descriptors: 5
SIGTERM
*init
*function
*function
END
