#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Headers of every format that are there already: those of a program that traces itself stay as they are, and
# beside those of a format that is not in use ours are put; what a proxy passes on has its own span in it. And
# several formats at once, in order, none twice; a long tracestate, whole.
. "$(dirname "$0")/lib.sh"
need curl
origin

t=0af7651916cd43dd8448eb211c80319c
s=b7ad6b7169203331
decimal=$((0x$s))
[ "$decimal" -lt 0 ] && decimal=$(printf %u "0x$s")
# format, and its header (of several, that which makes a request a traced one)
formats="tracecontext b3 b3multi jaeger xray ottrace gcp"
header_of() {
	case $1 in
	tracecontext) echo "traceparent: 00-$t-$s-01" ;;
	b3) echo "b3: $t-$s-1" ;;
	b3multi) printf '%s\n' "X-B3-TraceId: $t" "X-B3-SpanId: $s" "X-B3-Sampled: 1" ;;
	jaeger) echo "uber-trace-id: $t:$s:0:1" ;;
	xray) echo "X-Amzn-Trace-Id: Root=1-${t:0:8}-${t:8};Parent=$s;Sampled=1" ;;
	ottrace) printf '%s\n' "ot-tracer-traceid: ${t:16}" "ot-tracer-spanid: $s" "ot-tracer-sampled: true" ;;
	gcp) echo "X-Cloud-Trace-Context: $t/$decimal;o=1" ;;
	esac
}
all_names='traceparent|tracestate|b3|x-b3-[a-z]*|uber-trace-id|x-amzn-trace-id|ot-tracer-[a-z]*|x-cloud-trace-context'
sent() { # what the origin got of such headers
	wait_for 5 all_captured
	cat "$dir/origin/captured/"* | tr -d '\r' | grep -iE "^($all_names):"
}
nr_spans() { grep -o '"spanId"' "$spans" 2>/dev/null | wc -l; }
fresh() { rm -f "$dir/origin/captured/"* "$spans"; }

cat >"$dir/asks.py" <<'END'
import http.client, sys
connection = http.client.HTTPConnection(sys.argv[1])
connection.putrequest("GET", "/ok")
for line in sys.argv[2:]:
    connection.putheader(*line.split(": ", 1))
connection.endheaders()
connection.getresponse().read()
END
asks() { # curl or python, PROPAGATORS, FORMAT: a request that has that format's header
	local lines line given=()
	fresh
	mapfile -t lines < <(header_of "$3")
	under traced ""
	if [ "$1" = curl ]; then
		for line in "${lines[@]}"; do given+=(-H "$line"); done
		"${env[@]}" OTEL_PROPAGATORS="$2" curl -sS -o /dev/null "${given[@]}" "$url/ok"
	else
		"${env[@]}" OTEL_PROPAGATORS="$2" /usr/bin/python3 "$dir/asks.py" "127.0.0.1:$port" "${lines[@]}"
	fi
	sent >"$dir/sent"
}
stays() { # the header, as it was, and no other; no span
	asks "$1" "$2" "$3" && [ "$(nr_spans)" = 0 ] && cmp -s "$dir/sent" <(header_of "$3") && return
	sed 's/^/  /' "$dir/sent"
	echo "  $(nr_spans) spans"
	return 1
}
is_beside() { # as it was, and ours of another format beside it
	local other=tracecontext name=traceparent
	[ "$2" != tracecontext ] || other=b3 name=b3
	asks "$1" $other "$2" && [ "$(nr_spans)" = 1 ] && [ "$(grep -vic "^$name:" "$dir/sent")" = "$(header_of "$2" | wc -l)" ] &&
		[ "$(grep -ic "^$name:" "$dir/sent")" = 1 ] && [ -z "$(header_of "$2" | grep -vxFf "$dir/sent")" ] && return
	sed 's/^/  /' "$dir/sent"
	return 1
}
for format in $formats; do
	for program in curl python; do
		check "$program, $format of its own: it stays" stays $program $format $format
		check "$program, $format of its own, and all in use: it stays" stays $program "${formats// /,}" $format
		check "$program, $format, which is not in use: ours is beside it" is_beside $program $format
	done
done

# ---- a proxy ------------------------------------------------------------------------------------

# The headers that arrived have the trace's id, and as the parent the client span's.
is_passed_on() {
	/usr/bin/python3 - "$spans" "$dir/sent" "$t" "$s" <<'END'
import json, re, sys
spans = [s for line in open(sys.argv[1]) for r in json.loads(line)["resourceSpans"] for s in r["scopeSpans"][0]["spans"]]
server, = [s for s in spans if s["kind"] == 2]
client, = [s for s in spans if s["kind"] == 3]
assert server["parentSpanId"] == sys.argv[4], server
assert client["parentSpanId"] == server["spanId"], client
text = open(sys.argv[2]).read()
assert sys.argv[4] not in text and str(int(sys.argv[4], 16)) not in text, text
assert client["spanId"] in text or str(int(client["spanId"], 16)) in text, text
assert sys.argv[3][16:] in text.replace("-", ""), text
names = [line.split(":")[0].lower() for line in text.splitlines()]
assert len(names) == len(set(names)), text
END
}
passes() { # FORMAT
	local lines line given=()
	fresh
	mapfile -t lines < <(header_of "$1")
	for line in "${lines[@]}"; do given+=(-H "$line"); done
	under traced proxy
	"${env[@]}" OTEL_PROPAGATORS="$1" nginx -c "$dir/nginx.conf" 2>"$dir/err" &
	local pid=$!
	running="$running $pid"
	ready "$at" "$pid" && curl -sS -o /dev/null "${given[@]}" "http://127.0.0.1:$at/ok"
	stop "$pid"
	sent >"$dir/sent"
	is_passed_on 2>&1 | tail -1 | cut -c1-600 | sed 's/^/  /'
	[ "${PIPESTATUS[0]}" = 0 ]
}
if command -v nginx >/dev/null; then
	at=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$at; location / { proxy_pass $url; } }"
	for format in tracecontext b3 b3multi jaeger xray ottrace; do
		check "nginx passes $format on" passes $format
	done
	# Google's is decimal, and ours may have more digits; a B3 parent's parent would be a wrong one
	left_as_it_is() {
		! passes "$1" >/dev/null && cmp -s "$dir/sent" <(header_of "$1") && [ "$(nr_spans)" = 1 ] && return
		sed 's/^/  /' "$dir/sent"
		return 1
	}
	check "nginx passes gcp on as it is" left_as_it_is gcp
	header_of() { printf '%s\n' "X-B3-TraceId: $t" "X-B3-SpanId: $s" "X-B3-Sampled: 1" "X-B3-ParentSpanId: $s"; }
	check "nginx passes b3multi with a parent on as it is" left_as_it_is b3multi
fi

# ---- several at once ----------------------------------------------------------------------------

writes() { # PROPAGATORS NAMES: in their order, each once
	fresh
	under traced ""
	"${env[@]}" OTEL_PROPAGATORS="$1" "${@:3}" curl -sS -o /dev/null "$url/ok"
	sent | cut -d: -f1 | tr 'A-Z\n' 'a-z ' >"$dir/names"
	[ "$(xargs <"$dir/names")" = "$2" ] || { echo "  $(cat "$dir/names")"; return 1; }
}
check "several, in their order, none twice" writes "b3,tracecontext,jaeger,b3,TraceContext,xray" \
	"b3 traceparent uber-trace-id x-amzn-trace-id"
check "the other way round" writes "xray,jaeger,tracecontext,b3" "x-amzn-trace-id uber-trace-id traceparent b3"
check "two that have one header" writes "xray-lambda,xray" "x-amzn-trace-id"
check "one that is not known, and none" writes "pigeon,none,b3," "b3"

long=$(for i in $(seq 31); do printf 'key%d=%s,' "$i" "$(printf '%060d' "$i")"; done)last=1
whole() {
	writes tracecontext "traceparent tracestate" TRACEPARENT=00-$t-$s-01 TRACESTATE="$long" &&
		sent | grep -qx "tracestate: $long"
}
check "a tracestate of ${#long} characters, whole" whole
