#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A connection that another process accepted, and passed on by a message, is a server's.
. "$(dirname "$0")/lib.sh"
need node
program passed
attributes=http.response.status_code,url.path
tree_mask='s/[[]unknown_service:[a-z]*[]]/[server]/'

requests() {
	ask "GET /one HTTP/1.1\r\nHost: h\r\n\r\n" =next "GET /two HTTP/1.1\r\nHost: h\r\n\r\n" =next =abort
	ask "GET /three HTTP/1.1\r\ntraceparent: $a_parent\r\nHost: h\r\n\r\n" =next =abort
}
for how in recvmsg recvmmsg; do
	serves "by $how" "$program" PORT $([ "$how" = recvmsg ] || echo "$how") <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/three

SERVER GET [server] UNSET http.response.status_code=200 url.path=/one

SERVER GET [server] UNSET http.response.status_code=200 url.path=/two
END
done

serves "node's cluster" node "$here/servers/cluster.js" PORT <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/three

SERVER GET [server] UNSET http.response.status_code=200 url.path=/one

SERVER GET [server] UNSET http.response.status_code=200 url.path=/two
END
