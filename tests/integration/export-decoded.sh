#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What is sent as OTLP, decoded by protoc, which knows nothing of it but the wire format.
. "$(dirname "$0")/lib.sh"
need curl protoc
origin --apart

# exported PROTOCOL: the bodies that a curl exports, in $dir/body
exported() {
	rm -f "$dir/origin/captured/"*
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="$url/empty" \
		OTEL_EXPORTER_OTLP_PROTOCOL="$1" OTEL_EXPORTER_OTLP_HEADERS="api-key=a%20b,x=y" \
		OTEL_SERVICE_NAME=asking AUTOTRACE_EXIT_FLUSH_MS=5000 curl -sS "$url/ok" >/dev/null
	wait_for 5 all_captured
	grep -la "^POST" "$dir/origin/captured/"* | head -n 1 >"$dir/name"
	sed '/^\r$/q' "$(cat "$dir/name")" >"$dir/head"
	tail -c +$(($(wc -c <"$dir/head") + 1)) "$(cat "$dir/name")" >"$dir/body"
}

has_header() {
	grep -qixF "$1"$'\r' "$dir/head" || { echo "  no header $1 in:"; cat "$dir/head"; return 1; }
}

exported http/protobuf
check "protobuf: its type" has_header "Content-Type: application/x-protobuf"
check "protobuf: the headers that were asked for" has_header "api-key: a b"
check "protobuf: its length" has_header "Content-Length: $(wc -c <"$dir/body")"
check "protobuf: it carries no trace of its own" test "$(grep -ci traceparent "$dir/head")" = 0
protoc --decode_raw <"$dir/body" >"$dir/decoded" 2>&1
check "protobuf: protoc reads it" test -s "$dir/decoded"
# ResourceSpans > Resource > KeyValue, ScopeSpans > Span: name and kind
sed -E -n '/^ {4}2 \{/,/^ {4}\}/ { s/^ {6}//; /^(5|6|16): /p }' "$dir/decoded" | sort >"$dir/span"
printf '16: 0x00000103\n5: "GET"\n6: 3\n' >"$dir/want"
check "protobuf: name, kind and flags of the span" same "the fields" "$dir/want" "$dir/span"

exported http/json
check "JSON: its type" has_header "Content-Type: application/json"
check "JSON: names, kinds and numbers as OTLP has them" /usr/bin/python3 - "$dir/body" <<'END'
import json, re, sys
request = json.load(open(sys.argv[1]))
resource, = request["resourceSpans"]
scope, = resource["scopeSpans"]
span, = scope["spans"]
of = {a["key"]: a["value"] for a in span["attributes"]}
assert {"key": "service.name", "value": {"stringValue": "asking"}} in resource["resource"]["attributes"]
assert re.fullmatch("[0-9a-f]{32}", span["traceId"]) and re.fullmatch("[0-9a-f]{16}", span["spanId"])
assert "parentSpanId" not in span or span["parentSpanId"] == ""
assert (span["name"], span["kind"], span["flags"]) == ("GET", 3, 0x103)
assert of["http.response.status_code"] == {"intValue": "200"}
assert isinstance(span["startTimeUnixNano"], str) and int(span["startTimeUnixNano"]) <= int(span["endTimeUnixNano"])
END
