#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need aria2c
origin
aria2="aria2c --no-conf --quiet --dir=$dir --allow-overwrite=true --auto-file-renaming=false"


sends "a file of a mebibyte" $aria2 -o big "$url/big" <<'END'
CLIENT GET [unknown_service:aria2c] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/big
END
check "it is whole" test "$(wc -c <"$dir/big")" = 1048576

sends "a chunked response" $aria2 -o chunked "$url/chunked" <<'END'
CLIENT GET [unknown_service:aria2c] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked
END

sends "404" $aria2 -o none "$url/status/404" <<'END'
CLIENT GET [unknown_service:aria2c] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404
END

sends "two URLs at once" $aria2 -Z "$url/ok" "$url/drip" <<'END'
CLIENT GET [unknown_service:aria2c] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/drip

CLIENT GET [unknown_service:aria2c] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END
