#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
server_files
requests() { file_requests; byte_by_byte; }
mask="s/'127.0.0.1', [0-9]+/CLIENT/"

serves "http.server" /usr/bin/python3 "$here/servers/python_http.py" PORT "$dir/www" < <(file_spans)

serves "asyncio streams" /usr/bin/python3 "$here/servers/python_asyncio.py" PORT < <(file_spans '/none/s/404/200/')

/usr/bin/python3 -c 'import aiohttp' 2>/dev/null || skip "no aiohttp here"
serves "aiohttp" /usr/bin/python3 "$here/servers/python_aiohttp.py" PORT "$dir/www" < <(file_spans)
