#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What else is exported when asked for: metrics of our own (OTEL_METRICS_EXPORTER=otlp), and the lines that
# carry ids as log records (AUTOTRACE_LOGS=otlp); each by both encodings and by gRPC, read by others' decoders.
. "$(dirname "$0")/lib.sh"
need curl node
export NODE_PATH=$top/build/deps/npm-sdk/node_modules:$top/build/deps/npm-grpc/node_modules
[ -d "$top/build/deps/npm-sdk/node_modules/@opentelemetry/otlp-transformer" ] || skip "no @opentelemetry/otlp-transformer (make deps)"
[ -d "$top/build/deps/npm-grpc/node_modules/protobufjs" ] || skip "no protobufjs (make deps)"

cat >"$dir/server.py" <<'END_OF_IT'
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        os.write(1, b"serving %s\n" % self.path.encode())
        os.write(2, json.dumps({"msg": 'so "it" is', "level": "Warn", "in": {"level": "error"}}).encode() + b"\r\n")
        os.write(1, b"in two "), os.write(1, b"parts\n")
        os.write(1, b'{"level": 30, "x": "\xff\\u0041"}\n')
        self.send_response(500 if self.path == "/bad" else 200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
    def log_message(self, *args):
        pass
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
for i in range(int(sys.argv[2])):
    server.handle_request()
END_OF_IT

collector=
collector() { # [option...]
	[ -z "$collector" ] || stop "$collector"
	rm -rf "$dir/got"
	mkdir "$dir/got"
	/usr/bin/python3 "$here/collector.py" "$dir/got" "$@" &
	collector=$!
	running="$running $collector"
	wait_for 10 test -e "$dir/got/port" || skip "the collector does not start"
	at=$(cat "$dir/got/port")
}

# served N variable...: a server that is asked N times, and ends
served() {
	local n=$1 pid i
	shift
	port=$(free_port)
	: >"$dir/log"
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$at" OTEL_SERVICE_NAME=shop \
		AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true AUTOTRACE_EXIT_FLUSH_MS=20000 "$@" \
		/usr/bin/python3 "$dir/server.py" "$port" "$n" >"$dir/out" 2>"$dir/err" &
	pid=$!
	running="$running $pid"
	ready "$port" "$pid"
	for ((i = 0; i < n; i++)); do
		curl -s -o /dev/null -H "Connection: close" "http://127.0.0.1:$port/${path:-ok}"
	done
	wait_for 30 is_gone "$pid"
	stop "$pid"
}

says() { # LINE...: of the counters
	local line
	for line; do grep -qF "$line" "$dir/log" || { echo "  no '$line' in:"; cat "$dir/log"; return 1; }; done
}
posted() { grep -l "^POST $1 " "$dir"/got/*.head 2>/dev/null; }
body_of() { local name; name=$(posted "$1" | tail -n 1); echo "${name%.head}.body"; }
decoded() { # SIGNAL
	node "$here/programs/otlp_signals.js" "$1" "$(body_of "/v1/$1")" >"$dir/decoded" 2>&1
	sed -E "s/(server.port=)$at/\1PORT/; s/^[0-9a-f]{32} [0-9a-f]{16} /TRACE SPAN /" "$dir/decoded" >"$dir/shown"
}

metrics_expected() { # TYPE
	cat <<END_OF_IT
service.name=shop libautotrace
otel.sdk.span.started {span} counter 2 3 otel.span.parent.origin=none otel.span.sampling_result=RECORD_AND_SAMPLE
otel.sdk.span.live {span} updown 2 0 otel.span.sampling_result=DROP
otel.sdk.span.live {span} updown 2 0 otel.span.sampling_result=RECORD_AND_SAMPLE
otel.sdk.processor.span.queue.size {span} updown 2 0 otel.component.name=batching_span_processor/0 otel.component.type=batching_span_processor
otel.sdk.processor.span.queue.capacity {span} updown 2 2048 otel.component.name=batching_span_processor/0 otel.component.type=batching_span_processor
otel.sdk.processor.span.processed {span} counter 2 3 otel.component.name=batching_span_processor/0 otel.component.type=batching_span_processor
otel.sdk.exporter.span.inflight {span} updown 2 0 otel.component.name=$1/0 otel.component.type=$1 server.address=127.0.0.1 server.port=PORT
otel.sdk.exporter.span.exported {span} counter 2 3 otel.component.name=$1/0 otel.component.type=$1 server.address=127.0.0.1 server.port=PORT
otel.sdk.exporter.operation.duration s histogram 2 1 http.response.status_code=200 otel.component.name=$1/0 otel.component.type=$1 server.address=127.0.0.1 server.port=PORT
END_OF_IT
}

collector
for protocol in http/protobuf http/json; do
	served 3 OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=$protocol
	check "metrics, $protocol: accepted" says "exports of metrics accepted: 1"
	decoded metrics
	metrics_expected "otlp_http_$([ $protocol = http/json ] && echo json_)span_exporter" >"$dir/want"
	check "metrics, $protocol: what they are" same "the metrics" "$dir/want" "$dir/shown"
done
check "metrics: none was sent before the end" test "$(posted /v1/metrics | wc -l)" = 2

collector
served 2 OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf
check "metrics are not exported unasked" test -z "$(posted /v1/metrics)"
served 2 OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="http://127.0.0.1:$at/my/metrics" \
	OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/json OTEL_EXPORTER_OTLP_METRICS_HEADERS=api-key=m \
	OTEL_EXPORTER_OTLP_METRICS_COMPRESSION=gzip
check "metrics: their own endpoint" test -n "$(posted /my/metrics)"
check "metrics: their own headers" grep -qi "^api-key: m" "$(posted /my/metrics)"
check "metrics: their own protocol" grep -qi "^content-type: application/json" "$(posted /my/metrics)"
check "metrics: packed" grep -qi "^content-encoding: gzip" "$(posted /my/metrics)"

collector --answers 400,200
path=ok served 1 OTEL_METRICS_EXPORTER=otlp
decoded metrics
check "metrics: spans that were refused" grep -q "exporter.span.exported {span} counter 2 1 error.type=rejected" "$dir/shown"
check "metrics: the request that was" grep -q "duration s histogram 2 1 error.type=400 http.response.status_code=400" "$dir/shown"
collector --answers partial,200
served 2 OTEL_METRICS_EXPORTER=otlp
decoded metrics
check "metrics: spans that were rejected of some" grep -q "exporter.span.exported {span} counter 2 1 error.type=rejected" "$dir/shown"
check "metrics: and those that were not" grep -q "exporter.span.exported {span} counter 2 1 otel.component" "$dir/shown"
check "metrics: it was no success" grep -q "duration s histogram 2 1 error.type=rejected http.response.status_code=200" "$dir/shown"
collector
served 2 OTEL_METRICS_EXPORTER=otlp OTEL_TRACES_SAMPLER=always_off
check "metrics: nothing recorded, nothing sent" test -z "$(ls "$dir"/got/*.head 2>/dev/null)"

collector
served 2 OTEL_METRICS_EXPORTER=otlp OTEL_TRACES_EXPORTER=none
decoded metrics
check "metrics without spans: nothing else is sent" test -z "$(posted /v1/traces)"
check "metrics without spans: what began" grep -q "^otel.sdk.span.started {span} counter 2 2 " "$dir/shown"
check "metrics without spans: spans are discarded" says "spans discarded: no exporter is configured: 2"
collector
served 1 AUTOTRACE_LOGS=otlp OTEL_TRACES_EXPORTER=none
check "log records without spans" says "log lines accepted by the backend: 3"
check "log records without spans: nothing else is sent" test -z "$(posted /v1/traces)"

# told every 200 ms: each time what came since the last, and all of it together is all
for kind in delta lowmemory cumulative; do
	collector
	served 6 OTEL_METRICS_EXPORTER=otlp OTEL_METRIC_EXPORT_INTERVAL=1 OTEL_BSP_SCHEDULE_DELAY=1 \
		OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=$kind
	for body in $(posted /v1/metrics | sort); do
		node "$here/programs/otlp_signals.js" metrics "${body%.head}.body"
	done >"$dir/all"
	sum=$(awk '$1 == "otel.sdk.exporter.span.exported" { n = '"$([ $kind = cumulative ] && echo 0 || echo n)"' + $5 } END { print n }' "$dir/all")
	check "metrics, $kind: all spans are told, none twice" test "$sum" = 6
	check "metrics, $kind: in more than one part" test "$(posted /v1/metrics | wc -l)" -gt 1
	temporality=$([ $kind = cumulative ] && echo 2 || echo 1)
	check "metrics, $kind: what grows is so" sh -c "! grep -E ' (counter|histogram) ' '$dir/all' | grep -vE ' (counter|histogram) $temporality '"
	check "metrics, $kind: what goes up and down is as it stands" sh -c "! grep ' updown ' '$dir/all' | grep -v ' updown 2 '"
done

cat >"$dir/want" <<'END_OF_IT'
service.name=shop libautotrace
TRACE SPAN 1 - - log.iostream=stdout serving /ok
TRACE SPAN 1 13 Warn log.iostream=stderr {"msg": "so \"it\" is", "level": "Warn", "in": {"level": "error"}}
TRACE SPAN 1 - - log.iostream=stdout {"level": 30, "x": "�\u0041"}
TRACE SPAN 1 - - log.iostream=stdout serving /ok
TRACE SPAN 1 13 Warn log.iostream=stderr {"msg": "so \"it\" is", "level": "Warn", "in": {"level": "error"}}
TRACE SPAN 1 - - log.iostream=stdout {"level": 30, "x": "�\u0041"}
END_OF_IT
for protocol in http/protobuf http/json; do
	served 2 AUTOTRACE_LOGS=otlp OTEL_EXPORTER_OTLP_PROTOCOL=$protocol OTEL_BLRP_SCHEDULE_DELAY=60000
	check "log records, $protocol: accepted" says "log lines to be exported: 6" "log lines accepted by the backend: 6"
	decoded logs
	check "log records, $protocol: what they are" same "the records" "$dir/want" "$dir/shown"
	sed -nE 's/.*trace_id=([0-9a-f]+) span_id=([0-9a-f]+)/\1 \2/p' "$dir/out" | sort >"$dir/named"
	awk '/serving/ { print $1, $2 }' "$dir/decoded" | sort >"$dir/exported"
	check "log records, $protocol: by the ids that the lines carry" cmp "$dir/named" "$dir/exported"
done
served 2 AUTOTRACE_LOGS=inject
check "log records: not where lines are only to carry ids" sh -c "! grep -q 'log lines' '$dir/log'"
collector --answers 400
served 1 AUTOTRACE_LOGS=otlp
check "log records: those refused are counted" says "log lines lost: rejected by the backend: 3"
stop "$collector"
collector=
served 1 AUTOTRACE_LOGS=otlp OTEL_METRICS_EXPORTER=otlp AUTOTRACE_EXIT_FLUSH_MS=200
check "nobody listens: all are counted" says "log lines to be exported: 3" "log lines lost: " "exports of metrics failed: 1"

if [ -d "$top/build/deps/npm-grpc/node_modules/@grpc/grpc-js" ]; then
	rm -rf "$dir/got"
	mkdir "$dir/got"
	node "$here/servers/otlp_grpc.js" "$dir/got" ok &
	running="$running $!"
	wait_for 20 test -e "$dir/got/port" || skip "the server does not start"
	at=$(cat "$dir/got/port")
	served 2 AUTOTRACE_LOGS=otlp OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=grpc
	check "by gRPC, each to its own service" says "log lines accepted by the backend: 6" \
		"spans accepted by the backend: 2" "exports of metrics accepted: 1"
fi

# without a collector: autotrace run takes them, and draws the lines under their span
shown_by_run() {
	port=$(free_port)
	env OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=http://127.0.0.1:1 AUTOTRACE_LOGS=otlp OTEL_METRICS_EXPORTER=otlp COLUMNS=100 \
		"$autotrace" run --html "$dir/page.html" -- /usr/bin/python3 "$dir/server.py" "$port" 1 >"$dir/out" 2>"$dir/err" &
	local pid=$!
	running="$running $pid"
	ready "$port" "$pid"
	curl -s -o /dev/null -H "Connection: close" "http://127.0.0.1:$port/ok"
	wait_for 30 is_gone "$pid"
}
shown_by_run
check "autotrace run: lines below their span, in their order" sh -c "grep -A3 -E '^ *GET' '$dir/err' | tr '\n' ' ' |
	grep -qE 'GET.* \| serving /ok +\| .\"msg\": .* +\| .\"level\": 30'"
check "autotrace run: the page has them, too" grep -q "<dd>serving /ok</dd>" "$dir/page.html"
check "autotrace run: metrics are taken" grep -q "1 exports of metrics were taken" "$dir/err"
check "autotrace run: nothing is refused" sh -c "! grep -q 'could not be read' '$dir/err'"
