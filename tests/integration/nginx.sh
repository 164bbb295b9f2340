#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx: files by sendfile, and as a proxy; two workers, connections to the origin kept.
. "$(dirname "$0")/lib.sh"
need nginx
server_files

# configure SERVER-BLOCK UPSTREAM-BLOCK
configure() {
	nginx_conf 2 "${2:-}
	server {
		listen 127.0.0.1:$server_port;
		$1
	}"
}

server_port=$(free_port)
requests() { file_requests; byte_by_byte; }
configure "root $dir/www;"
serves "files" nginx -c "$dir/nginx.conf" < <(file_spans '/POST/s/200/405/')

origin --apart
attributes=http.response.status_code,url.full,url.path,error.type
requests() {
	local end='Host: h\r\nConnection: close\r\n\r\n'

	ask "GET /ok?1 HTTP/1.1\r\n$end"
	ask "GET /chunked HTTP/1.1\r\n$end"
	ask "POST /echo HTTP/1.1\r\nContent-Length: 4\r\n${end}body"
	ask "GET /status/404 HTTP/1.1\r\n$end"
	ask "GET /hang-up HTTP/1.1\r\n$end"
	ask "GET /big HTTP/1.1\r\n$end" | tail -c 1048576 | md5sum
	ask "GET /ok HTTP/1.1\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n$end"
}
configure "location / { proxy_pass http://127.0.0.1:$port; }"
serves "a proxy" nginx -c "$dir/nginx.conf" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

SERVER GET [server] ERROR http.response.status_code=502 url.path=/hang-up error.type=502
  CLIENT GET [server] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=connection_closed

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/chunked
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?1

SERVER GET [server] UNSET http.response.status_code=404 url.path=/status/404
  CLIENT GET [server] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

SERVER POST [server] UNSET http.response.status_code=200 url.path=/echo
  CLIENT POST [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

configure "location / { proxy_pass http://origin; proxy_http_version 1.1; proxy_set_header Connection ''; }" \
	"upstream origin { server 127.0.0.1:$(cat "$dir/origin/port"); keepalive 4; }"
serves "a proxy that keeps its connections" nginx -c "$dir/nginx.conf" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://origin/ok

SERVER GET [server] ERROR http.response.status_code=502 url.path=/hang-up error.type=502
  CLIENT GET [server] ERROR url.full=http://origin/hang-up error.type=connection_closed
  CLIENT GET [server] ERROR url.full=http://origin/hang-up error.type=connection_closed

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://origin/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/chunked
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://origin/chunked

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://origin/ok?1

SERVER GET [server] UNSET http.response.status_code=404 url.path=/status/404
  CLIENT GET [server] ERROR http.response.status_code=404 url.full=http://origin/status/404 error.type=404

SERVER POST [server] UNSET http.response.status_code=200 url.path=/echo
  CLIENT POST [server] UNSET http.response.status_code=200 url.full=http://origin/echo
END
