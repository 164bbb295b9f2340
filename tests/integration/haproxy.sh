#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need haproxy
origin --apart
origin_port=$port
server_port=$(free_port)
cat >"$dir/haproxy.cfg" <<END
global
	nbthread 2
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
listen proxy
	bind 127.0.0.1:$server_port
	server origin 127.0.0.1:$origin_port
END
requests() {
	local end='Host: h\r\nConnection: close\r\n\r\n'

	ask "GET /ok?1 HTTP/1.1\r\n$end"
	ask "GET /chunked HTTP/1.1\r\n$end"
	ask "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n${end}body"
	ask "GET /status/404 HTTP/1.1\r\n$end"
	ask "GET /hang-up HTTP/1.1\r\n$end"
	ask "GET /ok HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n$end"
}

serves "a proxy of two threads" haproxy -db -q -f "$dir/haproxy.cfg" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://h/ok

SERVER GET [server] ERROR http.response.status_code=502 url.path=/hang-up error.type=502
  CLIENT GET [server] ERROR url.full=http://h/hang-up error.type=connection_closed

SERVER GET [server] UNSET http.response.status_code=200 url.path=/chunked
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://h/chunked

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://h/ok?1

SERVER GET [server] UNSET http.response.status_code=404 url.path=/status/404
  CLIENT GET [server] ERROR http.response.status_code=404 url.full=http://h/status/404 error.type=404

SERVER POST [server] UNSET http.response.status_code=200 url.path=/echo
  CLIENT POST [server] UNSET http.response.status_code=200 url.full=http://h/echo
END
