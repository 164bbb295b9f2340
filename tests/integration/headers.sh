#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Headers that are asked for by name, and no other, are told: of requests and responses, of clients and
# servers, by HTTP/1 and HTTP/2, in the clear and inside TLS.
. "$(dirname "$0")/lib.sh"
need curl
origin
mkdir -p "$dir/www"
echo ok >"$dir/www/ok"
attributes=http.response.status_code,http.request.header.x-one,http.request.header.x-two,http.request.header.user-agent,http.response.header.content-type,http.response.header.content-length,http.response.header.server
export OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS="X-One, x-two"
export OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS=Content-Type,content-length
export OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS=x-one
export OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS=content-length
fields=(-H "X-One: a" -H "x-one: b, c" -H "X-Two;" -H "X-Three: z")

sends "urllib" /usr/bin/python3 -c "
import urllib.request as u
u.urlopen(u.Request('$url/ok', headers={'X-One': 'a', 'X-Three': 'z'})).read()" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 http.request.header.x-one=["a"] http.response.header.content-type=["text/plain"] http.response.header.content-length=["3"]
END

ours=--anywhere
sends "curl, two fields of one name" curl -sS "${fields[@]}" "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 http.request.header.x-one=["a","b, c"] http.request.header.x-two=[""] http.response.header.content-type=["text/plain"] http.response.header.content-length=["3"]
END

certificate
origin --tls "$dir/tls"
sends "inside TLS" curl -sS --http1.1 --cacert "$dir/tls/cert.pem" "${fields[@]}" "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 http.request.header.x-one=["a","b, c"] http.request.header.x-two=[""] http.response.header.content-type=["text/plain"] http.response.header.content-length=["3"]
END
no_origin
ours=

if command -v node >/dev/null; then
	origin
	sends "node" node -e "require('http').get('$url/ok', { headers: { 'X-One': ['a', 'b'] } }, r => r.resume())" <<'END'
CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 http.request.header.x-one=["a","b"] http.response.header.content-type=["text/plain"] http.response.header.content-length=["3"]
END
	no_origin
fi

requests() {
	curl -s $version "${fields[@]}" "http://127.0.0.1:$port/ok"
}
version=
mask='s/[0-9]+\/[A-Z][a-z]+\/2[0-9]{3} [0-9:]+/TIME/'
serves "http.server" /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" PORT <<'END'
SERVER GET [server] UNSET http.response.status_code=200 http.request.header.x-one=["a","b, c"] http.response.header.content-length=["3"]
END

if command -v nginx >/dev/null; then
	server_port=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$server_port http2; root $dir/www; }"
	version=--http2-prior-knowledge
	serves "nginx, HTTP/2" nginx -c "$dir/nginx.conf" <<'END'
SERVER GET [server] UNSET http.response.status_code=200 http.request.header.x-one=["a","b, c"] http.response.header.content-length=["3"]
END
	nginx -c "$dir/nginx.conf" &
	running="$running $!"
	ready "$server_port" $! || fail
	sends "curl, HTTP/2" env AUTOTRACE_PROBES=http curl -sS $version "${fields[@]}" "http://127.0.0.1:$server_port/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 http.request.header.x-one=["a","b, c"] http.request.header.x-two=[""] http.response.header.content-type=["text/plain"] http.response.header.content-length=["3"]
END
fi

unset ${!OTEL_INSTRUMENTATION_HTTP_*}
if [ "${server_port:-}" ]; then
	sends "none is asked for" curl -sS "${fields[@]}" -o /dev/null --http2-prior-knowledge "http://127.0.0.1:$server_port/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200
END
fi
