#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# php -S, which answers one request after the other in one process. Sent byte by byte, it calls a
# request malformed in one run and not in the next, also without the library.
. "$(dirname "$0")/lib.sh"
need php
server_files
requests() { file_requests; }
mask='s/^[[][^]]+[]]/[TIME]/; s/127.0.0.1:[0-9]+/HOST/; s/^Last-Modified:.*/Last-Modified: DATE/'

serves "the built-in server" php -n -S 127.0.0.1:PORT -t "$dir/www" <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=old

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=whole

SERVER GET [server] UNSET http.response.status_code=404 url.path=/none

SERVER GET [server] UNSET url.path=/ok url.query=line1

SERVER GET [server] UNSET url.path=/ok url.query=line2

SERVER HEAD [server] UNSET http.response.status_code=200 url.path=/ok url.query=head

SERVER POST [server] UNSET http.response.status_code=200 url.path=/ok url.query=post
END
