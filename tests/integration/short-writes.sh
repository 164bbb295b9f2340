#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A kernel that takes a few bytes a call and then none for once, so that every place in a head, ours
# included, is one where a call ends; and one whose answer comes before the call has returned.
. "$(dirname "$0")/lib.sh"
need curl
export AUTOTRACE_PROBES=http # with libcurl's own list there is nothing to put in
origin --apart
seq 200 >"$dir/body"

program short_writes -shared -fPIC -ldl
also=$program
limit=10
for SHORT in 1 2 3 5 7 13 64 100 150; do
	export SHORT
	sends "curl, $SHORT bytes a call" curl -sS --data-binary "@$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
done

if command -v node >/dev/null; then
	for SHORT in 1 11; do
		sends "node, $SHORT bytes a call" node --no-warnings "$here/clients/node.js" fetch "$url" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:node] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
	done
fi

program slow_return -shared -fPIC -ldl
also=$program
program two_threads
sends "an answer that is read before the call that asked has returned" "$program" "$port" <<'END'
CLIENT GET [unknown_service:two_threads] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:two_threads] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:two_threads] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:two_threads] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:two_threads] UNSET http.response.status_code=200 url.full=http://h/ok
END
