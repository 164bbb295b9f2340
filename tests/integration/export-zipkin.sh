#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What Zipkin is sent is what its own API description takes; and several exporters at once get the same spans.
. "$(dirname "$0")/lib.sh"
need curl
/usr/bin/python3 -c 'import jsonschema, yaml' 2>/dev/null || skip "no python3-jsonschema and python3-yaml here"
origin

collector() { # DIR option...
	local folder=$1
	shift
	mkdir -p "$folder"
	/usr/bin/python3 "$here/collector.py" "$folder" "$@" &
	running="$running $!"
	wait_for 10 test -e "$folder/port" || skip "the collector does not start"
}

collector "$dir/zipkin" --answers 503,202
collector "$dir/otlp"
long=$(printf '%01500d' 7)
served=$(free_port)
# exporting SERVICE: the words before a command, in $env; a function would be a process in between
exporting() {
	env=(env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER=zipkin,otlp,otlp/file OTEL_SERVICE_NAME="$1"
		OTEL_EXPORTER_ZIPKIN_ENDPOINT="http://127.0.0.1:$(cat "$dir/zipkin/port")/api/v2/spans"
		OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$(cat "$dir/otlp/port")"
		OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_EXPORTER_OTLP_HEADERS=api-key=secret
		AUTOTRACE_FILE="$spans" AUTOTRACE_PROBES=all AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true
		AUTOTRACE_EXIT_FLUSH_MS=20000 OTEL_RESOURCE_ATTRIBUTES=service.namespace=mall)
}
exporting server
"${env[@]}" OTEL_BSP_SCHEDULE_DELAY=200 /usr/bin/python3 "$here/servers/python_http.py" "$served" "$dir" >/dev/null 2>&1 &
server=$!
running="$running $server"
ready "$served" "$server"
curl -s "http://127.0.0.1:$served/ok" "http://127.0.0.1:$served/none" \
	-H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' >/dev/null
wait_for 20 test -e "$dir/zipkin/001.body" # not at its end, where nothing is tried twice
stop "$server"
exporting 'shop "1"'
"${env[@]}" curl -s "$url"/{ok,status/302,status/404,status/503,empty,big,cut,reset} "$url/ok?$long" \
	"$url/ok?caf%C3%A9" http://127.0.0.1:1/ >/dev/null

check "the path and the type are Zipkin's" grep -q '^POST /api/v2/spans HTTP/1.1' "$dir/zipkin/000.head"
check "a header for OTLP's does not go there" sh -c "grep -q api-key '$dir/otlp/000.head' && ! grep api-key '$dir'/zipkin/*.head"
check "503: the same once more" cmp "$dir/zipkin/000.body" "$dir/zipkin/001.body"
rm -f "$dir/zipkin/000.body"
check "its schema takes every request" /usr/bin/python3 - "$top/tests/data/zipkin/zipkin2-api.yaml" "$dir"/zipkin/*.body <<'END'
import json, jsonschema, sys, yaml
api = yaml.safe_load(open(sys.argv[1]))
schema = {"$ref": "#/definitions/ListOfSpans", "definitions": api["definitions"]}
spans = []
for path in sys.argv[2:]:
    jsonschema.Draft4Validator(schema).validate(json.load(open(path)))
    spans += json.load(open(path))
kinds = {s.get("kind") for s in spans}
assert {"CLIENT", "SERVER"} <= kinds, kinds
assert {s["localEndpoint"]["serviceName"] for s in spans} == {'shop "1"', "server"}
assert any(s.get("parentId") == "b7ad6b7169203331" for s in spans)
assert any(s["tags"].get("error") == "" or s["tags"].get("error") for s in spans)
assert any(a["value"].startswith("connect") for s in spans for a in s.get("annotations", []))
END
check "each exporter has the same spans" /usr/bin/python3 - "$spans" "$dir" <<'END'
import glob, json, sys
def of(request):
    return [s["spanId"] for r in request["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
file = sorted(i for line in open(sys.argv[1]) for i in of(json.loads(line)))
otlp = sorted(i for p in glob.glob(sys.argv[2] + "/otlp/*.body") for i in of(json.load(open(p))))
zipkin = sorted(s["id"] for p in glob.glob(sys.argv[2] + "/zipkin/*.body") for s in json.load(open(p)))
assert file == otlp == zipkin and len(file) >= 13, (len(file), len(otlp), len(zipkin))
END
check "nothing is lost" sh -c "! grep 'spans lost' '$dir/log'"
