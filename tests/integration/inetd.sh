#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A connection that is a process's standard input and output is one connection.
. "$(dirname "$0")/lib.sh"
program inetd
attributes=http.response.status_code,url.path
tree_mask='s/[[]unknown_service:[a-z]*[]]/[server]/'

requests() {
	ask "GET /one HTTP/1.1\r\nHost: h\r\n\r\n" =next "GET /two HTTP/1.1\r\nHost: h\r\n\r\n" =next =abort
	ask "GET /three HTTP/1.1\r\ntraceparent: $a_parent\r\nHost: h\r\n\r\n" =next =abort
}
serves "a process for each connection" "$program" PORT <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/three

SERVER GET [server] UNSET http.response.status_code=200 url.path=/one

SERVER GET [server] UNSET http.response.status_code=200 url.path=/two
END
