#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need lighttpd
server_files
requests() { file_requests; byte_by_byte; }
server_port=$(free_port)
cat >"$dir/lighttpd.conf" <<END
server.bind = "127.0.0.1"
server.port = $server_port
server.document-root = "$dir/www"
END

mask='s/^[0-9-]+ [0-9:]+: [(].*[)]/TIME/'
serves "files" lighttpd -D -f "$dir/lighttpd.conf" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=bytes

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=old

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=whole

SERVER GET [server] UNSET http.response.status_code=404 url.path=/none

SERVER HEAD [server] UNSET http.response.status_code=200 url.path=/ok url.query=head

SERVER POST [server] UNSET http.response.status_code=200 url.path=/ok url.query=post
END
