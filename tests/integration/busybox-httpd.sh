#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# busybox httpd: each connection in a process of its own, on descriptors 0 and 1.
. "$(dirname "$0")/lib.sh"
need busybox
server_files
requests() { file_requests; byte_by_byte; }

serves "httpd" busybox httpd -f -p 127.0.0.1:PORT -h "$dir/www" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=bytes

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=old

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=whole

SERVER GET [server] UNSET http.response.status_code=404 url.path=/none

SERVER GET [server] UNSET url.path=/ok url.query=line2

SERVER HEAD [server] UNSET http.response.status_code=200 url.path=/ok url.query=head

SERVER POST [server] ERROR http.response.status_code=501 url.path=/ok url.query=post error.type=501
END
