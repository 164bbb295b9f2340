#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need ruby
ruby -rwebrick -e1 2>/dev/null || skip "no webrick here"
server_files
requests() { file_requests; byte_by_byte; }

serves "webrick" ruby "$here/servers/webrick.rb" PORT "$dir/www" <<'END'
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

SERVER POST [server] UNSET http.response.status_code=405 url.path=/ok url.query=post
END
