#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a collector may answer, and what is done: OTLP's rules of trying again, of throttling and of partial success;
# and answers that are none. Over TCP and a Unix socket.
. "$(dirname "$0")/lib.sh"
origin

collector=
collector() { # option...
	[ -z "$collector" ] || stop "$collector"
	rm -rf "$dir/got"
	mkdir "$dir/got"
	/usr/bin/python3 "$here/collector.py" "$dir/got" "$@" &
	collector=$!
	running="$running $collector"
	wait_for 10 test -e "$dir/got/port" || skip "the collector does not start"
	endpoint=http://127.0.0.1:$(cat "$dir/got/port")
}

# asked N variable...: a program that makes N requests, each in a batch of its own, and lives $pause after each
cat >"$dir/asks.py" <<'END'
import sys, time, urllib.request
for i in range(int(sys.argv[2])):
    urllib.request.urlopen(sys.argv[1] + "/ok").read()
    time.sleep(float(sys.argv[3]))
END
asked() {
	local n=$1
	shift
	: >"$dir/log"
	env LD_PRELOAD="$library" AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true OTEL_BSP_SCHEDULE_DELAY=10 \
		AUTOTRACE_EXIT_FLUSH_MS=20000 OTEL_EXPORTER_OTLP_ENDPOINT="$endpoint" "$@" \
		/usr/bin/python3 "$dir/asks.py" "$url" "$n" "$pause" >"$dir/out" 2>"$dir/err"
	[ ! -s "$dir/err" ] && [ ! -s "$dir/out" ] || { cat "$dir/out" "$dir/err"; return 1; }
}
says() { # LINE...
	local line
	for line; do grep -qF "$line" "$dir/log" || { echo "  no '$line' in:"; cat "$dir/log"; return 1; }; done
}
requests() { [ "$(ls "$dir"/got/*.body 2>/dev/null | wc -l)" = "$1" ] || { ls "$dir/got"; return 1; }; }
# happens LINE NR_REQUESTS: a request is made, and this is counted of it
happens() {
	asked 1 && says "$1" && requests "$2"
}

pause=3
for code in 429 502 503 504; do
	collector --answers $code,200
	check "$code: tried again, and accepted" happens "spans accepted by the backend: 1" 2
	check "$code: the same bytes" cmp "$dir/got/000.body" "$dir/got/001.body"
done
# the README says that they are not used: neither may what they name be asked
command -v curl >/dev/null && {
	collector
	asks_past_a_proxy() {
		env LD_PRELOAD="$library" AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true AUTOTRACE_EXIT_FLUSH_MS=20000 \
			OTEL_EXPORTER_OTLP_ENDPOINT="$endpoint" {http,HTTP,https,HTTPS,all,ALL}_{proxy,PROXY}=http://127.0.0.1:1 \
			curl -sS --noproxy '*' -o /dev/null "$url/ok" && says "spans accepted by the backend: 1"
	}
	check "variables for proxies: not for the exporter" asks_past_a_proxy
}
collector --answers 503:2,200
pause=4
check "503 with Retry-After" happens "spans accepted by the backend: 1" 2
check "503 with Retry-After: not before" /usr/bin/python3 -c '
import os, sys
a, b = (os.stat(sys.argv[1] + "/got/00%d.body" % i).st_mtime for i in (0, 1))
assert b - a >= 1.9, b - a' "$dir"
pause=0.5
collector --answers 429:3600
check "a Retry-After beyond the time of a batch: given up" happens "backend not reached: 1" 1
for code in 400 401 404 408 413 500 501; do
	collector --answers $code
	check "$code: not tried again" happens "rejected by the backend: 1" 1
done
for protocol in protobuf json; do
	collector --answers partial
	check "partial success, $protocol" asked 3 OTEL_EXPORTER_OTLP_PROTOCOL=http/$protocol
	check "partial success, $protocol: counted" says "spans lost: rejected by the backend: 3"
	check "partial success, $protocol: not tried again" requests 3
	check "partial success, $protocol: told once" test "$(grep -c "the backend said: no, " "$dir/log")" = 1
done
collector --answers garbage
check "garbage" happens "rejected by the backend: 1" 1
pause=3
collector --answers hang-up,200
check "no answer but the connection's end" happens "spans accepted by the backend: 1" 2
collector --answers half,200
check "half an answer" happens "spans accepted by the backend: 1" 2
pause=0.3
collector --answers nothing
check "no answer at all" asked 1 OTEL_EXPORTER_OTLP_TIMEOUT=300 OTEL_BSP_EXPORT_TIMEOUT=400
check "no answer at all: counted" says "backend not reached: 1"

pause=0.1
collector
check "one after the other" asked 5
check "on one connection" test "$(wc -l <"$dir/got/connections")" = 1
collector --unix
endpoint=unix:$dir/got/socket
check "by a Unix socket" asked 3
check "by a Unix socket: accepted" says "spans accepted by the backend: 3"
check "by a Unix socket: on one connection" test "$(wc -l <"$dir/got/connections")" = 1
