#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# _X_AMZN_TRACE_ID as a program sees it: with the probe that of the invocation, without it nothing.
. "$(dirname "$0")/lib.sh"
need node
origin

# sees CLAIM options...: what the function said, and the headers that it sent on
sees() {
	local claim=$1
	shift
	cat >"$dir/want"
	echo '{}' >"$dir/event"
	rm -f "$dir/origin/captured"/*
	timeout 60 "$autotrace" lambda --event "$dir/event" --env "DOWN=127.0.0.1:$port" --invocations 3 "$@" \
		-- "$here/programs/lambda_env.js" >"$dir/out" 2>&1 </dev/null
	wait_for 10 all_captured
	grep -oE '(no variable|the header|other: [^ ]*) (each its own|as before)' "$dir/out" >"$dir/got"
	cat "$dir/origin/captured"/* | tr -d '\r' | grep -ciE '^x-amzn-trace-id: Root=.*;Parent=.*;Sampled=1' >>"$dir/got"
	same "what it saw" "$dir/want" "$dir/got"
	tell "$claim" $?
}

sees "not asked for" <<'END'
no variable each its own
no variable as before
no variable as before
3
END
sees "every probe but this" --probes all <<'END'
no variable each its own
no variable as before
no variable as before
3
END
sees "asked for: one header in each request" --probes http,xray_env <<'END'
the header each its own
the header each its own
the header each its own
3
END

# a program without a function around it keeps its own
for probes in http http,xray_env; do
	said=$(_X_AMZN_TRACE_ID=mine LD_PRELOAD=$library AUTOTRACE_PROBES=$probes OTEL_TRACES_EXPORTER=none \
		node -p 'process.env._X_AMZN_TRACE_ID + process.env.HOME + process.env.NONE')
	check "outside of Lambda the environment is what it is: $probes" test "$said" = "mine${HOME}undefined"
done
