#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every attribute of a client's and of a server's span.
. "$(dirname "$0")/lib.sh"
need curl
origin
attributes=http.request.method,http.request.method_original,http.response.status_code,http.response.body.size
attributes+=,url.full,url.path,url.query,url.scheme,server.address,server.port,client.address
attributes+=,network.peer.address,network.protocol.version,user_agent.original,error.type

sends "a client's" curl -sS -A agent/1 -X BREW -d body "$url/status/418?a=b&sig=secret" <<'END'
END

sends "a client's, by name" curl -sS --resolve "origin.test:$port:127.0.0.1" -A agent/1 "http://origin.test:$port/ok" <<'END'
END

rm -rf "$dir/origin"
server_files
attributes=http.request.method,http.request.method_original,http.response.status_code,http.response.body.size
attributes+=,url.full,url.path,url.query,url.scheme,server.address,server.port,client.address
attributes+=,network.peer.address,network.protocol.version,user_agent.original,error.type
requests() {
	local close='Host: example.org:8080\r\nUser-Agent: agent/1\r\nConnection: close\r\n'

	ask "GET /ok?a=b&sig=secret HTTP/1.1\r\n$close\r\n"
	ask "GET /ok HTTP/1.1\r\n${close}X-Forwarded-For: 192.0.2.1, 10.0.0.1\r\nX-Forwarded-Host: front.test\r\n\r\n"
	ask "GET /none HTTP/1.0\r\nForwarded: for=\"[2001:db8::1]:99\";host=other.test;proto=https\r\n\r\n"
}
serves "a server's" /usr/bin/python3 "$here/servers/python_http.py" PORT "$dir/www" <<'END'
END
