#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Load from ab and wrk on nginx, both under the library: every request is answered, and each has one
# span on either side, the server's a child of the client's.
. "$(dirname "$0")/lib.sh"
need ab wrk nginx
server_files
port=$(free_port)
nginx_conf 2 "keepalive_requests 1000000;
server {
	listen 127.0.0.1:$port;
	root $dir/www;
}"
export OTEL_BSP_MAX_QUEUE_SIZE=131072 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4096

serve() {
	fresh_spans
	under traced server
	"${env[@]}" nginx -c "$dir/nginx.conf" &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
}

grown_quiet() {
	local before
	before=$(stat -c %s "$spans" 2>/dev/null) && sleep 0.5 && [ "$(stat -c %s "$spans")" = "$before" ]
}

# paired N: after the server has ended, N pairs of spans and nothing else
paired() {
	# nginx gives its workers a second to end in: what they recorded is to be written before
	wait_for 10 grown_quiet
	stop "$server"
	/usr/bin/python3 - "$spans" "$1" <<'END'
import collections, json, sys
spans = [s for line in open(sys.argv[1]) for r in json.loads(line)["resourceSpans"]
         for scope in r["scopeSpans"] for s in scope["spans"]]
client = {s["spanId"]: s for s in spans if s["kind"] == 3}
server = [s for s in spans if s["kind"] == 2]
wrong = [s for s in server if s.get("parentSpanId") not in client
         or client[s["parentSpanId"]]["traceId"] != s["traceId"]]
children = collections.Counter(s.get("parentSpanId") for s in server)
said = f"{len(client)} client spans, {len(server)} server spans, {len(wrong)} of them without their parent"
want = int(sys.argv[2])
if len(client) != want or len(server) != want or wrong or max(children.values()) > 1:
    sys.exit(f"  {said}; {want} requests were made")
END
}

asked() { # TEXT: ab or wrk said so
	grep -q "$1" "$dir/out" || { cat "$dir/out"; return 1; }
}

for keep in "" -k; do
	serve
	traced load ab -q -n 3000 -c 20 $keep "http://127.0.0.1:$port/ok" >"$dir/out" 2>&1
	check "ab $keep: every request is answered" asked "^Complete requests: *3000$"
	check "ab $keep: none failed" asked "^Failed requests: *0$"
	check "ab $keep: every request has its two spans" paired "$(sed -n 's/^Complete requests: *//p' "$dir/out")"
done

serve
traced load wrk -t 2 -c 20 -d 2s "http://127.0.0.1:$port/ok" >"$dir/out" 2>&1
check "wrk: it is answered" asked "requests in"
check "wrk: no errors" test "$(grep -cE 'Socket errors|Non-2xx' "$dir/out")" = 0
stop "$server"
