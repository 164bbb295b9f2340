#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Frozen between invocations, with spans by OTLP: connections that died meanwhile, exports in the middle of
# which it stood still, nobody who answers. Nothing is lost, and the function is not held up.
. "$(dirname "$0")/lambda/lib.sh"
pkg-config --exists libcurl || skip "libcurl-dev is not installed"
program lambda_curl -lcurl
origin
attributes=faas.coldstart

collector() { # HOW
	[ -z "$collector_pid" ] || stop "$collector_pid"
	rm -f "$dir/sent"
	life_collector "$1" "$dir/sent"
}

first_three() {
	cat <<'END'
init faas.coldstart=True
function links=1 faas.coldstart=True
  GET
function links=1 faas.coldstart=False
  GET
function links=1 faas.coldstart=False
  GET
END
}

# keeps CLAIM HOW option...: four invocations; what the first three had to tell has come, each once
keeps() {
	local claim=$1 how=$2 good=0
	shift 2
	collector "$how"
	run_function traced "$library" --otlp --invocations 4 --env OTEL_EXPORTER_OTLP_PROTOCOL=http/json \
		--env "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat "$dir/collector")" "$@" -- "$program"
	[ "$(cat "$dir/traced/status")" = 0 ] || { cat "$dir/traced/err"; good=1; }
	first_three >"$dir/want"
	/usr/bin/python3 "$here/programs/lambda_spans.py" "$dir/sent" $attributes 2>&1 | head -n 7 >"$dir/got"
	same_tree || good=1
	tell "$claim" $good
}

keeps "all has left before it stands still" 0 --freeze=50
keeps "connections that died meanwhile" idle --freeze=300
keeps "exports in the middle of which it stood still" 0.3 --freeze=500 --env AUTOTRACE_EXIT_FLUSH_MS=50
keeps "and longer than an export may take" 0.3 --freeze=1500 --env AUTOTRACE_EXIT_FLUSH_MS=50 \
	--env OTEL_BSP_EXPORT_TIMEOUT=900 --env OTEL_EXPORTER_OTLP_TIMEOUT=800
# a second goes by before another try, at most
keeps "the same, and its connection died" once --freeze=2000 --env AUTOTRACE_EXIT_FLUSH_MS=50 \
	--env OTEL_BSP_EXPORT_TIMEOUT=1500 --env OTEL_EXPORTER_OTLP_TIMEOUT=800

not_held_up() { # HOW: less than 5 s for ten invocations, of which the first waits for half a second
	collector "$1"
	run_function traced "$library" --otlp --invocations 10 --freeze=20 \
		--env "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:${2:-$(cat "$dir/collector")}" -- "$program"
	[ "$(cat "$dir/traced/status")" = 0 ] && [ "$(wc -l <"$dir/traced/responses")" = 10 ] || return
	grep -o 'Duration: [0-9.]* ms.Billed' "$dir/times" | awk '{ sum += $2 } END { print "  ms in all:", sum; exit sum > 5000 }'
}
not_past_the_deadline() {
	collector silent
	event '{"do": "doze"}'
	run_function traced "$library" --otlp --invocations 2 --timeout 1.2 --env AUTOTRACE_EXIT_FLUSH_MS=60000 \
		--env "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat "$dir/collector")" -- "$program"
	events=()
	[ "$(cat "$dir/traced/status")" = 0 ] || { cat "$dir/traced/err"; return 1; }
}
check "the deadline comes before the limit" not_past_the_deadline
check "a collector that does not answer" not_held_up silent
check "nobody there" not_held_up 0 9
