#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A connection that another process accepted, and passed on, is one connection, and a server's.
. "$(dirname "$0")/lib.sh"
attributes=http.response.status_code,url.path
tree_mask='s/[[]unknown_service:[a-z]*[]]/[server]/'

requests() {
	ask "GET /one HTTP/1.1\r\nHost: h\r\n\r\n" =next "GET /two HTTP/1.1\r\nHost: h\r\n\r\n" =next =abort
	ask "GET /three HTTP/1.1\r\ntraceparent: $a_parent\r\nHost: h\r\n\r\n" =next =abort
}
answers() { # CLAIM command...
	serves "$@" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/three

SERVER GET [server] UNSET http.response.status_code=200 url.path=/one

SERVER GET [server] UNSET http.response.status_code=200 url.path=/two
END
}
program inetd
answers "as the standard input and output of a process of its own" "$program" PORT
program passed
answers "by recvmsg" "$program" PORT
answers "by recvmmsg" "$program" PORT recvmmsg
answers "by recvmsg, in a child whose first call that is" "$program" PORT child
need node
answers "by node's cluster" node "$here/servers/cluster.js" PORT
