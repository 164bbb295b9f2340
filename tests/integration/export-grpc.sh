#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OTLP over gRPC, to gRPC's own server for node: in the clear and over TLS, packed, on one connection; what is
# tried again, when, and what is not.
. "$(dirname "$0")/lib.sh"
need curl node openssl protoc
export NODE_PATH=$top/build/deps/npm-grpc/node_modules
[ -d "$NODE_PATH/@grpc/grpc-js" ] || skip "no @grpc/grpc-js (make deps)"
[ -f "$build/libautotrace-tls.so" ] || skip "libautotrace-tls.so is not built"
origin
certificate

collector=
collector() { # ANSWERS [option...]
	[ -z "$collector" ] || stop "$collector"
	rm -rf "$dir/got"
	mkdir "$dir/got"
	node "$here/servers/otlp_grpc.js" "$dir/got" "$@" &
	collector=$!
	running="$running $collector"
	wait_for 20 test -e "$dir/got/port" || skip "the server does not start"
	at=$(cat "$dir/got/port")
}

# asked N variable...: a program that makes N requests, each in a batch of its own, and lives until all is settled
cat >"$dir/asks.py" <<'END'
import sys, time, urllib.request
for i in range(int(sys.argv[2])):
    try:
        urllib.request.urlopen(sys.argv[1] + "/ok").read()
    except OSError as e:
        print(e)
    time.sleep(float(sys.argv[3]))
END
asked() {
	local n=$1
	shift
	: >"$dir/log"
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_PROTOCOL=grpc AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true \
		OTEL_BSP_SCHEDULE_DELAY=10 AUTOTRACE_EXIT_FLUSH_MS=20000 ${endpoint:-OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$at} \
		"$@" /usr/bin/python3 "$dir/asks.py" "$url" "$n" "${pause:-0.1}" >"$dir/out" 2>"$dir/err"
	[ ! -s "$dir/err" ] && [ ! -s "$dir/out" ] || { cat "$dir/out" "$dir/err"; return 1; }
}
says() { # LINE...: of the counters
	local line
	for line; do grep -qF "$line" "$dir/log" || { echo "  no '$line' in:"; cat "$dir/log"; return 1; }; done
}
requests() { [ "$(ls "$dir"/got/*.body 2>/dev/null | wc -l)" = "$1" ] || { ls "$dir/got"; return 1; }; }
connections() { [ "$(wc -l <"$dir/got/connections")" = "$1" ] || { cat "$dir/got/connections"; return 1; }; }

collector ok
check "in the clear" asked 3 OTEL_EXPORTER_OTLP_HEADERS=Api-Key=a%20b
check "all are accepted" says "spans accepted by the backend: 3"
check "on one connection" connections 1
check "the header that was asked for, in lower case" grep -qx "api-key: a b" "$dir/got/000.head"
check "protoc reads the message" sh -c "protoc --decode_raw <'$dir/got/000.body' | grep -q '5: \"GET\"'"
check "its name and its length of time" sh -c "grep -q '^user-agent: OTel-OTLP-Exporter-C' '$dir/got/000.head'"

collector ok
check "packed" asked 1 OTEL_EXPORTER_OTLP_COMPRESSION=gzip
check "packed: it is what was sent" sh -c "protoc --decode_raw <'$dir/got/000.body' | grep -q '5: \"GET\"'"

collector ok
endpoint=OTEL_EXPORTER_OTLP_ENDPOINT=127.0.0.1:$at
check "without a scheme, insecure" asked 1 OTEL_EXPORTER_OTLP_INSECURE=true
check "without a scheme: accepted" says "spans accepted by the backend: 1"
endpoint=

collector ok "$dir/tls/cert.pem" "$dir/tls/key.pem"
endpoint=OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:$at
check "over TLS" asked 3 OTEL_EXPORTER_OTLP_CERTIFICATE="$dir/tls/cert.pem"
check "over TLS: all accepted" says "spans accepted by the backend: 3"
check "over TLS: one connection" connections 1
endpoint=OTEL_EXPORTER_OTLP_ENDPOINT=localhost:$at
check "without a scheme it is TLS" asked 1 OTEL_EXPORTER_OTLP_CERTIFICATE="$dir/tls/cert.pem"
check "without a scheme: accepted over TLS" says "spans accepted by the backend: 1"
collector ok "$dir/tls/cert.pem" "$dir/tls/key.pem" "$dir/tls/cert.pem"
endpoint=OTEL_EXPORTER_OTLP_ENDPOINT=https://localhost:$at
check "a client's certificate" asked 1 OTEL_EXPORTER_OTLP_CERTIFICATE="$dir/tls/cert.pem" \
	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="$dir/tls/cert.pem" OTEL_EXPORTER_OTLP_CLIENT_KEY="$dir/tls/key.pem"
check "a client's certificate: accepted" says "spans accepted by the backend: 1"
endpoint=

pause=4
collector 14,ok
check "UNAVAILABLE" asked 1
check "UNAVAILABLE: tried again" says "exports retried: 1" "spans accepted by the backend: 1"
check "UNAVAILABLE: with the same" cmp "$dir/got/000.body" "$dir/got/001.body"
collector 8:1.5,ok
check "RESOURCE_EXHAUSTED with RetryInfo" asked 1
check "RESOURCE_EXHAUSTED with RetryInfo: tried again" says "exports retried: 1" "spans accepted by the backend: 1"
pause=1
collector 8
check "RESOURCE_EXHAUSTED alone" asked 1
check "RESOURCE_EXHAUSTED alone: not tried again" says "rejected by the backend: 1" "gRPC status 8"
check "RESOURCE_EXHAUSTED alone: one request" requests 1
collector 3
check "INVALID_ARGUMENT" asked 1
check "INVALID_ARGUMENT: not tried again" requests 1
collector partial
check "partial success" asked 1
check "partial success: told, and counted" says "the backend said: no, " "rejected by the backend: 1"
check "partial success: not tried again" requests 1
pause=4
collector reset,ok
check "a connection that breaks" asked 1
check "a connection that breaks: another" says "spans accepted by the backend: 1"
pause=0.5
collector nothing
check "no answer" asked 1 OTEL_EXPORTER_OTLP_TIMEOUT=300 OTEL_BSP_EXPORT_TIMEOUT=400
check "no answer: counted" says "backend not reached: 1"
# those that do not speak gRPC
for how in 200 garbage hang-up; do
	mkdir "$dir/$how"
	/usr/bin/python3 "$here/collector.py" "$dir/$how" --answers $how &
	running="$running $!"
	wait_for 10 test -e "$dir/$how/port" || skip "the collector does not start"
	endpoint=OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$(cat "$dir/$how/port")
	check "a server of HTTP/1 ($how)" asked 1 OTEL_BSP_EXPORT_TIMEOUT=300
	check "a server of HTTP/1 ($how): counted" says "backend not reached: 1"
done
