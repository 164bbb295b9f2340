#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One trace through four programs with a format between each two: a curl and a Python service that we trace, and
# two of node's that OpenTelemetry's own SDK traces, which read one format and write another. Baggage comes along
# from the first of these to the last.
#
#	curl  -- first -->  node's SDK  -- second -->  Python  -- third -->  node's SDK
. "$(dirname "$0")/lib.sh"
need curl node
export NODE_PATH=$top/build/deps/npm-sdk/node_modules
for package in sdk-trace-node instrumentation-http propagator-{b3,jaeger,aws-xray,aws-xray-lambda,ot-trace}; do
	[ -d "$NODE_PATH/@opentelemetry/$package" ] || skip "@opentelemetry/$package is not installed (make deps)"
done
google=@google-cloud/opentelemetry-cloud-trace-propagator
[ -d "$NODE_PATH/$google" ] || skip "$google is not installed (make deps)"

cat >"$dir/middle.py" <<'END_OF_IT'
import http.server, sys, urllib.request
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = urllib.request.urlopen(sys.argv[2]).read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *args):
        pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
END_OF_IT

sdk() { # NAME IN OUT [NEXT]: its port in $at, its process in $pid
	local name=$1
	shift
	rm -f "$dir/$name.port"
	node "$here/servers/otel_sdk.js" "$dir/$name.port" "$dir/sdk.spans" "$@" &
	pid=$!
	running="$running $pid"
	wait_for 30 test -e "$dir/$name.port" || skip "node's service does not start"
	at=$(cat "$dir/$name.port")
}

# What the four have told, in the order of parents: one line, and one trace.
chain() { # WIDTH: digits of the trace's id that all formats carry
	/usr/bin/python3 - "$spans" "$dir/sdk.spans" "$1" <<'END_OF_IT'
import json, sys
spans = {}
for line in open(sys.argv[1]):
    for r in json.loads(line)["resourceSpans"]:
        name = [a["value"]["stringValue"] for a in r["resource"]["attributes"] if a["key"] == "service.name"][0]
        for s in r["scopeSpans"][0]["spans"]:
            spans[s["spanId"]] = (name, {2: "SERVER", 3: "CLIENT"}[s["kind"]], s["traceId"], s.get("parentSpanId") or "-")
for line in open(sys.argv[2]):
    name, kind, trace, span, parent = line.split()
    spans[span] = (name, kind, trace, parent)
children = {}
for span, s in spans.items():
    children.setdefault(s[3], []).append(span)
at, out = [span for span, s in spans.items() if s[3] not in spans], []
while len(at) == 1:
    out.append(" ".join(spans[at[0]][:2]))
    at = children.get(at[0], [])
print(" > ".join(out), "| spans:", len(spans), "| traces:", len({s[2][-int(sys.argv[3]):] for s in spans.values()}))
END_OF_IT
}
is_one_trace() {
	[ -s "$spans" ] && [ -s "$dir/sdk.spans" ] || return 1
	chain "$1" >"$dir/got" 2>&1
	cmp -s "$dir/want" "$dir/got"
}

echo "curl CLIENT > sdk SERVER > sdk CLIENT > middle SERVER > middle CLIENT > sdk SERVER | spans: 6 | traces: 1" >"$dir/want"
through() { # FIRST SECOND THIRD
	local width=32 ours last first
	[[ "$*" != *ottrace* ]] || width=16 # that one has 64 bits of the trace's id
	fresh_spans
	: >"$dir/sdk.spans"
	sdk last "$3" "$3"
	last=$pid
	port=$(free_port)
	under traced middle
	"${env[@]}" OTEL_PROPAGATORS="$2,$3,baggage" /usr/bin/python3 "$dir/middle.py" "$port" "http://127.0.0.1:$at/last" &
	ours=$!
	running="$running $ours"
	ready "$port" "$ours" || fail
	sdk first "$1" "$2" "http://127.0.0.1:$port/middle"
	first=$pid
	under traced curl
	"${env[@]}" OTEL_PROPAGATORS="$1" curl -sS "http://127.0.0.1:$at/first" >"$dir/out" 2>&1
	wait_for 15 is_one_trace $width
	stop "$first" "$ours" "$last"
	grep -qx "the end, with user=ann b,shop=1" "$dir/out" || { cat "$dir/out"; echo "baggage lost" >>"$dir/got"; }
	same "the chain" "$dir/want" "$dir/got"
	tell "$1, then $2, then $3" $?
}

through tracecontext tracecontext tracecontext
through b3 tracecontext jaeger
through tracecontext b3multi xray
through jaeger xray b3
through xray ottrace tracecontext
through b3multi jaeger ottrace
through ottrace b3 b3multi
through gcp tracecontext b3
through tracecontext gcp jaeger
through b3 xray gcp
through gcp ottrace gcp
through xray-lambda tracecontext xray-lambda
through gcp xray-lambda tracecontext
