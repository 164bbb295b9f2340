#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Beside an allocator that is preloaded too.
. "$(dirname "$0")/lib.sh"
need curl
origin
found=
for also in /usr/lib/*/libjemalloc.so.2 /usr/lib/*/libtcmalloc_minimal.so.4 /usr/lib/*/libmimalloc.so.2*; do
	[ -f "$also" ] || continue
	found=1
	sends "curl with $(basename "$also")" curl -sS "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END
	sends "python with $(basename "$also")" /usr/bin/python3 "$here/clients/python.py" asyncio "$url" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?0

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?2
END
done
[ "$found" ] || skip "no allocator to preload is installed"
