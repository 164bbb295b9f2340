#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
server_files
requests() { file_requests; byte_by_byte; }
mask="s/'127.0.0.1', [0-9]+/CLIENT/"

serves "http.server" /usr/bin/python3 "$here/servers/python_http.py" PORT "$dir/www" <<'END'
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

serves "asyncio streams" /usr/bin/python3 "$here/servers/python_asyncio.py" PORT <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/none

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=bytes

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=old

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=whole

SERVER HEAD [server] UNSET http.response.status_code=200 url.path=/ok url.query=head

SERVER POST [server] UNSET http.response.status_code=200 url.path=/ok url.query=post
END

/usr/bin/python3 -c 'import aiohttp' 2>/dev/null || skip "no aiohttp here"
serves "aiohttp" /usr/bin/python3 "$here/servers/python_aiohttp.py" PORT "$dir/www" <<'END'
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
