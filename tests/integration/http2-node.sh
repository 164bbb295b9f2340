#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node's http2, at both ends of a connection in the clear.
. "$(dirname "$0")/lib.sh"
need node
node="node --no-warnings $here/servers/http2_node.js"
attributes=http.response.status_code,url.full,url.path,url.query,error.type,network.protocol.version

port=$(free_port)
$node serve "$port" &
running="$running $!"
ready "$port" $! || skip "the server does not start"
sends "a client" $node ask "$port" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=503 url.full=http://127.0.0.1:PORT/deny error.type=503 network.protocol.version=2

CLIENT GET [unknown_service:node] ERROR url.full=http://127.0.0.1:PORT/cut error.type=connection_closed network.protocol.version=2

CLIENT GET [unknown_service:node] ERROR url.full=http://127.0.0.1:PORT/reset error.type=INTERNAL_ERROR network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo?1 network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo?2 network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo?3 network.protocol.version=2

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo network.protocol.version=2
END

requests() { $node ask "$port"; }
serves "a server" $node serve PORT <<'END'
SERVER GET [server] ERROR http.response.status_code=503 url.path=/deny error.type=503 network.protocol.version=2

SERVER GET [server] ERROR url.path=/reset error.type=INTERNAL_ERROR network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo url.query=1 network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo url.query=2 network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo url.query=3 network.protocol.version=2

SERVER GET [server] UNSET url.path=/cut network.protocol.version=2

SERVER POST [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2
END
