#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every attribute of a client's and of a server's span.
. "$(dirname "$0")/lib.sh"
need curl
ours=--anywhere
origin
every=http.request.method,http.request.method_original,http.response.status_code,http.response.body.size
every+=,url.full,url.path,url.query,url.scheme,server.address,server.port,client.address
every+=,network.peer.address,network.protocol.version,user_agent.original,error.type
attributes=$every

sends "a client's" curl -sS -A agent/1 -X BREW -d body "$url/status/418?a=b&sig=secret" <<'END'
CLIENT HTTP [unknown_service:curl] ERROR http.request.method=_OTHER http.request.method_original=BREW http.response.status_code=418 http.response.body.size=7 url.full=http://127.0.0.1:PORT/status/418?a=b&sig=REDACTED server.address=127.0.0.1 server.port=PORT network.peer.address=127.0.0.1 network.protocol.version=1.1 error.type=418
END

sends "a client's, by name" curl -sS --resolve "origin.test:$port:127.0.0.1" -A agent/1 "http://origin.test:$port/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.request.method=GET http.response.status_code=200 http.response.body.size=3 url.full=http://origin.test:PORT/ok server.address=origin.test server.port=PORT network.peer.address=127.0.0.1 network.protocol.version=1.1
END

no_origin
server_files
attributes=$every
ports=
requests() {
	local close='Host: example.org:8080\r\nUser-Agent: agent/1\r\nConnection: close\r\n'

	ask "GET /ok?a=b&sig=secret HTTP/1.1\r\n$close\r\n"
	ask "GET /ok HTTP/1.1\r\n${close}X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Host: front.test\r\n\r\n"
	ask "GET /none HTTP/1.0\r\nForwarded: for=\"[2001:db8::1]:99\";host=other.test;proto=https\r\n\r\n"
}
serves "a server's" /usr/bin/python3 "$here/servers/python_http.py" PORT "$dir/www" <<'END'
SERVER GET [server] UNSET http.request.method=GET http.response.status_code=200 http.response.body.size=3 url.path=/ok url.query=a=b&sig=REDACTED url.scheme=http server.address=example.org server.port=8080 client.address=127.0.0.1 network.peer.address=127.0.0.1 network.protocol.version=1.1 user_agent.original=agent/1

SERVER GET [server] UNSET http.request.method=GET http.response.status_code=200 http.response.body.size=3 url.path=/ok url.scheme=http server.address=front.test server.port=80 client.address=192.0.2.1 network.peer.address=127.0.0.1 network.protocol.version=1.1 user_agent.original=agent/1

SERVER GET [server] UNSET http.request.method=GET http.response.status_code=404 http.response.body.size=335 url.path=/none url.scheme=https server.address=other.test server.port=443 client.address=2001:db8::1 network.peer.address=127.0.0.1 network.protocol.version=1.0
END
