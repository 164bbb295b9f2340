#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# wget, which writes with write, peeks at what it reads and reads it again.
. "$(dirname "$0")/lib.sh"
need wget
origin
seq 40000 >"$dir/body"
nobody=$(free_port)
wget="wget -nv -O - --tries=1"
mask='s/^[0-9]{4}-[0-9-]+ [0-9:]+/DATE/; s/--[0-9-]+ [0-9:]+--/DATE/; s/ [0-9.]+s$/ TIME/; s/[(][0-9.]+ .B.s[)]/SPEED/; s/ in [0-9.]+s/ in TIME/'

sends "GET" $wget "$url/ok" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "three URLs on one connection" $wget "$url/ok?1" "$url/chunked" "$url/ok?2" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?1

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?2
END

sends "POST of a file" $wget --post-file="$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "HEAD" $wget --spider "$url/ok" <<'END'
CLIENT HEAD [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "a redirect that is followed" $wget "$url/redirect" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect
END

sends "a response of a mebibyte" $wget "$url/big" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/big
END

sends "a response that ends with the connection" $wget "$url/close" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/close
END

sends "404" $wget "$url/status/404" <<'END'
CLIENT GET [unknown_service:wget] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404
END

sends "a 503 that is tried again" $wget --tries=2 --retry-on-http-error=503 "$url/status/503" <<'END'
CLIENT GET [unknown_service:wget] ERROR http.response.status_code=503 url.full=http://127.0.0.1:PORT/status/503 error.type=503

CLIENT GET [unknown_service:wget] ERROR http.response.status_code=503 url.full=http://127.0.0.1:PORT/status/503 error.type=503
END

sends "connection refused" $wget "http://127.0.0.1:$nobody/ok" <<'END'
INTERNAL socket connect 127.0.0.1:PORT [unknown_service:wget] ERROR error.type=connection_refused
END

sends "a name that is not found" $wget "http://not..found/ok" <<'END'
INTERNAL DNS lookup not..found [unknown_service:wget] ERROR error.type=host_not_found
END

sends "a timeout" $wget --timeout=1 "$url/slow" <<'END'
CLIENT GET [unknown_service:wget] ERROR url.full=http://127.0.0.1:PORT/slow error.type=timed_out
END

sends "a response cut short" $wget "$url/cut" <<'END'
CLIENT GET [unknown_service:wget] ERROR http.response.status_code=200 url.full=http://127.0.0.1:PORT/cut error.type=connection_closed
END

sends "a reset in the middle" $wget "$url/reset" <<'END'
CLIENT GET [unknown_service:wget] ERROR http.response.status_code=200 url.full=http://127.0.0.1:PORT/reset error.type=connection_reset
END
