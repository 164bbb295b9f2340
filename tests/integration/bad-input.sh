#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Malformed, truncated and hostile HTTP passes as it would, and is changed only where it is well-formed.
. "$(dirname "$0")/lib.sh"
need curl
hostile="/usr/bin/python3 $here/hostile.py"

origin --sink
sends "requests nobody should send" $hostile send "$port" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ae

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ae

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ae

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ae

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/am

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/am

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/am

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/am

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/an

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/an

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/an

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/an

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/al

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/al

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/al

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/al

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ag

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ag

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ag

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ag

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ah

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ah

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ah

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ah

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ai

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ai

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ai

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ai

CLIENT POST [unknown_service:python] UNSET url.full=http://h/aj

CLIENT POST [unknown_service:python] UNSET url.full=http://h/aj

CLIENT POST [unknown_service:python] UNSET url.full=http://h/aj

CLIENT POST [unknown_service:python] UNSET url.full=http://h/aj

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ak

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ak

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ak

CLIENT POST [unknown_service:python] UNSET url.full=http://h/ak

CLIENT TLS 127.0.0.1:PORT [unknown_service:python] ERROR error.type=connection_closed

CLIENT TLS 127.0.0.1:PORT [unknown_service:python] ERROR error.type=connection_closed

CLIENT TLS 127.0.0.1:PORT [unknown_service:python] ERROR error.type=connection_closed

CLIENT TLS 127.0.0.1:PORT [unknown_service:python] ERROR error.type=connection_closed
END
no_origin

answering() {
	$hostile serve "$port" 2>/dev/null &
	running="$running $!"
	wait_for 5 listens "$port"
}
before=answering
export AUTOTRACE_PROBES=http # what the parser makes of it, not libcurl
port=$(free_port)
sends "responses nobody should send" bash "$here/clients/curl_each.sh" "http://127.0.0.1:$port" 23 <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=200 url.full=http://127.0.0.1:PORT/6 error.type=connection_closed

CLIENT GET [unknown_service:curl] ERROR http.response.status_code=999 url.full=http://127.0.0.1:PORT/10 error.type=999

CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/22 error.type=connection_closed

CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/23 error.type=connection_closed

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=101 url.full=http://127.0.0.1:PORT/20

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/11

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/17

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/19

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/5

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/8

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=204 url.full=http://127.0.0.1:PORT/21

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/1

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/12

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/13

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/14

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/15

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/16

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/18

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/2

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/3

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/4

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/7

CLIENT GET [unknown_service:curl] UNSET url.full=http://127.0.0.1:PORT/9
END
before=:

server_files
requests() { $hostile ask "$port"; }
mask="s/'127.0.0.1', [0-9]+/CLIENT/"
serves "requests nobody should send, to http.server" \
	/usr/bin/python3 "$here/servers/python_http.py" PORT "$dir/www" <<'END'
SERVER GET [server] UNSET http.response.status_code=404 url.path=/am

SERVER GET [server] UNSET http.response.status_code=404 url.path=/an

SERVER POST [server] UNSET http.response.status_code=200 url.path=/al

SERVER POST [server] UNSET url.path=/ag

SERVER POST [server] UNSET url.path=/ah

SERVER POST [server] UNSET url.path=/ai

SERVER POST [server] UNSET url.path=/aj

SERVER POST [server] UNSET url.path=/ak
END

command -v node >/dev/null || exit
serves "requests nobody should send, to node" node "$here/servers/node.js" PORT "$dir/www" <<'END'
SERVER GET [server] UNSET http.response.status_code=400 url.path=/am

SERVER GET [server] UNSET http.response.status_code=404 url.path=/an

SERVER GET [server] UNSET http.response.status_code=431 url.path=/ae

SERVER POST [server] UNSET http.response.status_code=200 url.path=/al

SERVER POST [server] UNSET url.path=/ag

SERVER POST [server] UNSET url.path=/ah

SERVER POST [server] UNSET url.path=/ai

SERVER POST [server] UNSET url.path=/aj

SERVER POST [server] UNSET url.path=/ak
END
