#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# HTTP/2 inside TLS: what is put into its frames goes through OpenSSL's writes, and is read there.
. "$(dirname "$0")/lib.sh"
need nginx nghttp h2load curl
certificate
mkdir -p "$dir/www"
echo ok >"$dir/www/ok"
seq 60000 >"$dir/www/big"
nginx_conf 1 "server {
	listen 127.0.0.1:PORT ssl http2;
	ssl_certificate $dir/tls/cert.pem;
	ssl_certificate_key $dir/tls/key.pem;
	root $dir/www;
	location /takes { return 200 \"all\n\"; }
}"
conf() { sed "s/PORT/$1/" "$dir/nginx.conf" >"$dir/$1.conf"; echo "$dir/$1.conf"; }
attributes=http.response.status_code,url.full,url.path,network.protocol.version

port=$(free_port)
nginx -c "$(conf "$port")" >/dev/null 2>&1 &
running="$running $!"
ready "$port" $! || fail
url=https://localhost:$port
got() { echo "CLIENT GET [unknown_service:$1] UNSET http.response.status_code=200 url.full=https://localhost:PORT/$2 network.protocol.version=2"; }

sends "nghttp, several streams at once, padded" nghttp -b 9 "$url/ok" "$url/ok?2" <<END
$(got nghttp ok)

$(got nghttp 'ok?2')
END

sends "nghttp, a head of several frames" \
	nghttp --continuation -H "x: $(head -c 3000 /dev/zero | tr '\0' '~')" "$url/ok" <<END
$(got nghttp ok)
END

sends "an upload of several frames" nghttp -d "$dir/www/big" "$url/takes" <<END
CLIENT POST [unknown_service:nghttp] UNSET http.response.status_code=200 url.full=https://localhost:PORT/takes network.protocol.version=2
END

sends "curl that is told not to ask who it is" curl -sSk --http2 "$url/ok" <<END
$(got curl ok)
END

mask='/^(finished|time |req|traffic|  *min|progress|TLS Protocol|Cipher|Server Temp)/d'
sends "h2load, 400 streams of a large answer" h2load -n 400 -c 2 -m 50 "$url/big" < <(times 400 "$(got h2load big)")
mask=
stop $!

requests() {
	for path in ok big; do curl -sk --http2 "https://localhost:$port/$path" | md5sum; done
	nghttp "https://localhost:$port/ok?1" "https://localhost:$port/ok?2"
}
server_port=$(free_port)
serves "nginx" nginx -c "$(conf "$server_port")" <<'END'
SERVER GET [server] UNSET http.response.status_code=200 url.path=/big network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok network.protocol.version=2
END
