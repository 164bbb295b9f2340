#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Secrets are planted wherever a request can have them, and every byte that leaves is searched: OTLP as
# protobuf and as JSON, X-Ray's documents and OTLP through its daemon, a file, standard output, the log.
. "$(dirname "$0")/lib.sh"
need curl base64
origin

mkdir -p "$dir/collector/captured" "$dir/daemon" "$dir/left" "$dir/www"
echo ok >"$dir/www/visible"
/usr/bin/python3 "$here/origin.py" "$dir/collector" --apart &
running="$running $!"
# as it came, and once more with what is base64 in it decoded
/usr/bin/python3 - "$dir/daemon" <<'END' &
import base64, os, socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind(("127.0.0.1", 0))
out = open(sys.argv[1] + "/came", "ab", buffering=0)
with open(sys.argv[1] + "/port.new", "w") as f:
    f.write(str(s.getsockname()[1]))
os.rename(sys.argv[1] + "/port.new", sys.argv[1] + "/port")
while True:
    datagram = s.recv(70000)
    head, _, text = datagram.partition(b"\n")
    out.write(datagram + b"\n")
    if text.startswith(b"T1S"):
        out.write(base64.b64decode(text[3:]) + b"\n")
END
running="$running $!"
wait_for 10 test -e "$dir/collector/port" -a -e "$dir/daemon/port" || skip "nobody to send to"

redact='query:token; query:*key=hash; query:pin=drop; path:/renew/*; path:*@*=hash; header:cookie=hash;
header:authorization; header:x-secret=drop; header:user-agent; header:x-forwarded-for=drop; header:forwarded=drop;
attribute:http.response.header.x-back; burn:this; attribute:none=burn'
headers=cookie,authorization,x-secret,x-seen
secrets="/renew/planted-path/joe-planted%40example.org/visible?token=planted-token&api_key=planted-key&pin=planted-pin"
secrets="$secrets&sig=planted-sig&a=1;t%6Fken=planted-2"
fields=(-H "Cookie: planted-cookie" -H "X-Secret: planted-header" -A "planted-agent" -H "X-Seen: seen")

# leaving EXPORTERS PROTOCOL [VARIABLE=value...]: the words before a command, in $env; all that leaves is in $dir/left
leaving() {
	env=(env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER="$1" OTEL_EXPORTER_OTLP_PROTOCOL="$2"
		OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://127.0.0.1:$(cat "$dir/collector/port")/empty"
		AWS_XRAY_DAEMON_ADDRESS="127.0.0.1:$(cat "$dir/daemon/port")" AUTOTRACE_FILE="$dir/left/file"
		AUTOTRACE_LOG="$dir/left/log" AUTOTRACE_STATS=true AUTOTRACE_EXIT_FLUSH_MS=5000 OTEL_BSP_SCHEDULE_DELAY=50
		AUTOTRACE_PROBES=all AUTOTRACE_REDACT_KEY=planted-key AUTOTRACE_ROUTES_GUESS=true
		OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS="$headers"
		OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS="$headers"
		OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS=content-type
		OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS=content-type "${@:3}")
}

# all that are asked of $1: host:port
clients() {
	local at=http://planted-user:planted-pass@$1
	"${env[@]}" curl -s -o /dev/null "${fields[@]}" "$at$secrets"
	"${env[@]}" AUTOTRACE_PROBES=http curl -s -o /dev/null "${fields[@]}" "$at$secrets"
	"${env[@]}" curl -s -o /dev/null "${fields[@]}" "http://planted-user:planted-pass@127.0.0.1:1$secrets"
	"${env[@]}" AUTOTRACE_PROBES=http curl -s -o /dev/null "${fields[@]}" -x "http://$1" "$at$secrets"
	"${env[@]}" /usr/bin/python3 -c "
import urllib.request as u
u.urlopen(u.Request('http://$1$secrets', headers={'Cookie': 'planted-cookie', 'X-Secret': 'planted', 'X-Seen': 'seen',
    'User-Agent': 'planted', 'Authorization': 'Basic planted'})).read()" 2>/dev/null
}

# server command...: asked by curl, which is not traced; PORT
server() {
	local port=$(free_port) pid
	"${env[@]}" "${@//PORT/$port}" 2>"$dir/server.err" &
	pid=$!
	running="$running $pid"
	if ready "$port" "$pid"; then
		curl -s -o /dev/null $how "${fields[@]}" -u planted-user:planted-pass -H "X-Forwarded-For: planted-client" \
			"http://127.0.0.1:$port$secrets"
		curl -s -o /dev/null $how "${fields[@]}" -H "Forwarded: for=planted-client" "http://127.0.0.1:$port$secrets"
	fi
	stop "$pid"
}

basic=$(printf planted-user:planted-pass | base64)

everything() { # of what was left by the calls since the last
	rm -rf "$dir/all"
	mv "$dir/left" "$dir/all"
	mkdir "$dir/left"
	wait_for 5 compgen -G "$dir/collector/captured/*" >/dev/null
	mv "$dir/collector/captured" "$dir/all/otlp"
	mkdir "$dir/collector/captured"
	[ ! -e "$dir/daemon/came" ] || cp "$dir/daemon/came" "$dir/all/daemon"
	: >"$dir/daemon/came"
}

has_no_secret() {
	! grep -raoiE "[ -~]{0,40}(planted|$basic)[ -~]{0,20}" "$dir/all" | cut -c1-200 | sed 's/^/  /' | grep .
}

# Each way has them all: something that is to be there
ways_have() { # WORD WAY...
	local way
	for way in "${@:2}"; do
		grep -raq "$1" "$dir/all/$way" || { echo "  $way has no $1"; return 1; }
	done
}

all_of_it() {
	clients "127.0.0.1:$port" >>"$dir/left/stdout"
	how=
	server /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" PORT >>"$dir/left/stdout"
	! command -v nghttpd >/dev/null || {
		how=--http2-prior-knowledge
		server nghttpd --no-tls -d "$dir/www" PORT >>"$dir/left/stdout"
		how=
	}
}

leaving otlp,otlp/stdout,otlp/file,xray http/protobuf AUTOTRACE_REDACT="$redact"
all_of_it
everything
check "protobuf, X-Ray, file, stdout, log: no secret" has_no_secret
check "and what is none is there" ways_have visible otlp daemon file stdout
check "the header that is none, too" ways_have http.request.header.x-seen otlp daemon file stdout
check "what is masked is said to be" ways_have REDACTED otlp daemon file stdout
check "and what is wrong in the rules" ways_have burn log
hashes() {
	grep -o 'api_key=hash:[0-9a-f]*' "$dir/all/file" | sort -u | wc -l
}
check "a value has the same hash in all of them" test "$(hashes)" = 1
check "of a header as well" grep -q '"http.request.header.cookie","value":{"arrayValue":{"values":\[{"stringValue":"hash:' "$dir/all/file"

leaving otlp,otlp/xray http/json AUTOTRACE_REDACT="@$dir/rules"
printf '%s\n' "# as above" "${redact//; /$'\n'}" >"$dir/rules"
all_of_it
everything
check "JSON, OTLP through X-Ray's daemon; rules from a file: no secret" has_no_secret
check "and there as well, what is none" ways_have visible otlp daemon

# Zipkin and our own metrics, to the same collector; names of routes, stacks
leaving zipkin,otlp http/json AUTOTRACE_REDACT="$redact" OTEL_METRICS_EXPORTER=otlp AUTOTRACE_STACKS=all \
	OTEL_EXPORTER_ZIPKIN_ENDPOINT="http://127.0.0.1:$(cat "$dir/collector/port")/empty?zipkin" \
	OTEL_EXPORTER_OTLP_METRICS_ENDPOINT="http://127.0.0.1:$(cat "$dir/collector/port")/empty?metrics"
all_of_it
everything
check "Zipkin, metrics: no secret" has_no_secret
check "and there as well, what is none" ways_have visible otlp
both_came() {
	grep -raq "POST /empty?zipkin" "$dir/all/otlp" && grep -raq '"localEndpoint"' "$dir/all/otlp" &&
		grep -raq "POST /empty?metrics" "$dir/all/otlp" && grep -raq otel.sdk.span.started "$dir/all/otlp"
}
check "both of them came" both_came

# that this test would see them
leaving otlp,otlp/stdout,otlp/file,xray http/protobuf AUTOTRACE_REDACT=
all_of_it
everything
for word in token key pin path cookie header agent 2; do
	check "not redacted: planted-$word" ways_have "planted-$word" otlp daemon file stdout
done
not_there() {
	! grep -raoE "planted-(sig|user|pass)" "$dir/all"
}
check "what the conventions have redacted is" not_there

# records that an attribute's rule changes
leaving otlp,otlp/stdout,otlp/file,xray http/protobuf \
	AUTOTRACE_REDACT='attribute:url.*; attribute:user_agent.*=hash; attribute:http.request.header.*=drop; attribute:client.*=drop'
all_of_it
everything
check "whole attributes: no secret" has_no_secret
check "and the others are there" ways_have http.request.method otlp file stdout
