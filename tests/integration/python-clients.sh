#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Python's ways to speak HTTP, of the standard library and others.
. "$(dirname "$0")/lib.sh"
origin
python="/usr/bin/python3 $here/clients/python.py"

has() { # MODULE
	/usr/bin/python3 -c "import $1" 2>/dev/null || { echo "no $1 here"; return 1; }
}

sends "http.client, one connection" $python http_client "$url" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "urllib" $python urllib "$url" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "asyncio streams, three at once" $python asyncio "$url" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?0

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?2
END

has requests && sends "requests" $python requests "$url" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT HEAD [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

has aiohttp && sends "aiohttp" $python aiohttp "$url" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:python] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

has httpx && sends "httpx" $python httpx "$url" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "urllib, connection refused" $python refused "http://127.0.0.1:$(free_port)" <<'END'
INTERNAL socket connect 127.0.0.1:PORT [unknown_service:python] ERROR error.type=connection_refused
END
