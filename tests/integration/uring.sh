#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# io_uring: its calls are none of libc's. What they say is not seen, and left as it is; what libc
# says beside them is traced.
. "$(dirname "$0")/lib.sh"
origin
program uring
"$program" "$port" all >/dev/null
[ $? = 77 ] && skip "the kernel has no io_uring for us"
origin

got="CLIENT GET [unknown_service:uring] UNSET http.response.status_code=200 url.full=http://h/ok"
sends "connect, send and receive; libc on the same number after it" "$program" "$port" all <<<"$got"
sends "it sends, and libc receives" "$program" "$port" sends </dev/null
sends "it sends, and then libc does, on the same connection" "$program" "$port" "then" </dev/null
sends "amid requests of libc's on another connection" "$program" "$port" both < <(times 2 "$got")
