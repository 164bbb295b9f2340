#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# busybox wget, which writes and reads with stdio on its socket.
. "$(dirname "$0")/lib.sh"
need busybox
origin
wget="busybox wget -q -O -"

sends "GET" $wget "$url/ok" <<'END'
CLIENT GET [unknown_service:busybox] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "POST" $wget --post-data a=1 "$url/echo" <<'END'
CLIENT POST [unknown_service:busybox] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "a chunked response" $wget "$url/chunked" <<'END'
CLIENT GET [unknown_service:busybox] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked
END

sends "a response of a mebibyte" $wget "$url/big" <<'END'
CLIENT GET [unknown_service:busybox] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/big
END

sends "404" $wget "$url/status/404" <<'END'
CLIENT GET [unknown_service:busybox] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404
END

sends "a redirect that is followed" $wget "$url/redirect" <<'END'
CLIENT GET [unknown_service:busybox] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:busybox] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect
END
