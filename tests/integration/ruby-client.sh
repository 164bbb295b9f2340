#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need ruby
origin

sends "net/http" ruby "$here/clients/ruby.rb" "$url" <<'END'
CLIENT GET [unknown_service:ruby] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:ruby] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=connection_closed

CLIENT GET [unknown_service:ruby] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=connection_closed

CLIENT GET [unknown_service:ruby] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:ruby] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:ruby] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?alone

CLIENT GET [unknown_service:ruby] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT HEAD [unknown_service:ruby] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT POST [unknown_service:ruby] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
