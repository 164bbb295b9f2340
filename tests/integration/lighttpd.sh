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
serves "files" lighttpd -D -f "$dir/lighttpd.conf" < <(file_spans)
