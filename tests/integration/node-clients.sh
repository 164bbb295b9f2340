#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need node
origin --apart
node="node --no-warnings $here/clients/node.js"

sends "http with an agent that keeps connections" $node agent "$url" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:node] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=connection_closed

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "http without an agent" $node noagent "$url" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:node] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=connection_closed

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "six requests over two connections" $node parallel "$url" <<'END'
CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?0

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?1

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?3

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?4

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?5
END

sends "fetch" $node fetch "$url" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
