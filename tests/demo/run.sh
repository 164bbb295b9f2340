#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One trace across programs that nobody instrumented:
#
#	curl -> nginx (two workers) -> shop (python3, http.server and urllib)
#	                                -> stock (node)
#	                                -> price (perl), which fails
#
# Needs: curl nginx python3 node perl (make deps). All of it on loopback.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${AUTOTRACE_BUILD:-$here/../../build}
dir=$(mktemp -d)
chmod 755 "$dir"
trap 'rm -rf "$dir"' EXIT

for program in curl nginx python3 node perl; do
	command -v "$program" >/dev/null || { echo "the demo needs $program: run make deps" >&2; exit 77; }
done

ports=$(python3 -c 'import socket
held = [socket.create_server(("127.0.0.1", 0)) for _ in range(4)]
print(*(s.getsockname()[1] for s in held))')
read -r web shop stock price <<<"$ports"

cat >"$dir/nginx.conf" <<END
worker_processes 2;
daemon off;
pid $dir/nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
	access_log off;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	server {
		listen 127.0.0.1:$web;
		location / { proxy_pass http://127.0.0.1:$shop; }
	}
}
END

cat >"$dir/all.sh" <<END
# the look at the ports is no part of the story: it is not traced
ready() {
	LD_PRELOAD= bash -c 'for _ in {1..200}; do
		(exec 3<>/dev/tcp/127.0.0.1/'\$1') 2>/dev/null && exit; sleep 0.05; done'
}
OTEL_SERVICE_NAME=stock node "$here/stock.js" $stock & a=\$!
OTEL_SERVICE_NAME=price perl "$here/price.pl" $price & b=\$!
OTEL_SERVICE_NAME=shop python3 "$here/shop.py" $shop http://127.0.0.1:$stock http://127.0.0.1:$price & c=\$!
OTEL_SERVICE_NAME=nginx nginx -c "$dir/nginx.conf" & d=\$!
for port in $stock $price $shop $web; do ready \$port; done
OTEL_SERVICE_NAME=curl curl -sS http://127.0.0.1:$web/basket/7
sleep 0.5
kill \$a \$b \$c \$d
wait 2>/dev/null
END

echo "\$ autotrace run -- sh all.sh	(curl asks nginx, which asks shop, which asks stock and price)"
"$build/autotrace" run --json "$build/demo.jsonl" --html "$build/demo.html" -- bash "$dir/all.sh"
code=$?
echo
echo "The same as a page: $(basename "$build")/demo.html; as OTLP JSON lines: $(basename "$build")/demo.jsonl"
exit $code
