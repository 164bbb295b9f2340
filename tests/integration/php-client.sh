#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need php
origin

sends "streams" php -n "$here/clients/php.php" "$url" <<'END'
CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/close

CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:php] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:php] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT POST [unknown_service:php] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
