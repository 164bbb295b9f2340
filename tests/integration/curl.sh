#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl, which writes with send and reads with recv on a socket that does not block; its own list of
# headers has ours in it.
. "$(dirname "$0")/lib.sh"
need curl
ours=--anywhere
mask='s/after [0-9]+ ms/after N ms/'
origin
seq 40000 >"$dir/body"
nobody=$(free_port)

sends "GET" curl -sS "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "how long its head was, and its body" curl -sS -L -w '%{size_request} %{size_upload}' -d a=1 "$url/redirect" "$url/echo" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo

CLIENT POST [unknown_service:curl] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect
END

sends "GET with a query, its secrets not told" curl -sS "$url/ok?a=1&sig=secret" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?a=1&sig=REDACTED
END

sends "POST of a form" curl -sS -d a=1 -d b=2 "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "PUT of a file" curl -sS -T "$dir/body" "$url/echo" <<'END'
CLIENT PUT [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "a chunked upload" curl -sS -H "Transfer-Encoding: chunked" --data-binary "@$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "an upload that waits for 100 Continue" curl -sS -H "Expect: 100-continue" --data-binary "@$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

capture_mask='------------------------[0-9a-f]{16}'
sends "a multipart upload" curl -sS -F "file=@$dir/body" -F a=1 "$url/ok" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END
capture_mask=

sends "HEAD" curl -sS -I "$url/ok" <<'END'
CLIENT HEAD [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "a method that is not known" curl -sS -X BREW "$url/ok" <<'END'
CLIENT HTTP [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "HTTP/1.0" curl -sS -0 "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "a chunked response with a trailer" curl -sS "$url/chunked" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked
END

sends "a response that ends with the connection" curl -sS "$url/close" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/close
END

sends "a response of a mebibyte" curl -sS "$url/big" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/big
END

sends "a response that comes byte by byte" curl -sS "$url/drip" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/drip
END

sends "204" curl -sS "$url/empty" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=204 url.full=http://127.0.0.1:PORT/empty
END

sends "404" curl -sS -f "$url/status/404" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404
END

sends "500" curl -sS -f "$url/status/500" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=500 url.full=http://127.0.0.1:PORT/status/500 error.type=500
END

sends "a redirect that is followed" curl -sS -L "$url/redirect" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect
END

sends "three URLs on one connection" curl -sS "$url/ok" "$url/chunked" "$url/ok?3" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?3
END

sends "an absolute target, to a proxy" curl -sS -x "$url" http://origin.test/ok <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://origin.test/ok
END

sends "a tunnel, in which libcurl's request is one of its own" curl -sS -p -x "$url" http://origin.test/ok <<'END'
CLIENT CONNECT [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://origin.test:PORT

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://origin.test/ok
END

sends "its own traceparent is left alone" \
	curl -sS -H "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" "$url/ok" <<'END'
END

sends "its headers are shown without ours" curl -v -sS "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END

sends "connection refused" curl -sS "http://127.0.0.1:$nobody/ok" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/ok error.type=CURLE_COULDNT_CONNECT
END

sends "a name that is not found" curl -sS "http://not..found/ok" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=http://not..found/ok error.type=CURLE_COULDNT_RESOLVE_HOST
END

mask="s/[0-9]+ milliseconds/N milliseconds/"
sends "a timeout" curl -sS -m 1 "$url/slow" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/slow error.type=CURLE_OPERATION_TIMEDOUT
END

mask=
sends "no answer" curl -sS "$url/hang-up" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/hang-up error.type=CURLE_GOT_NOTHING
END

sends "a response cut short" curl -sS "$url/cut" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=200 url.full=http://127.0.0.1:PORT/cut error.type=CURLE_PARTIAL_FILE
END

sends "a reset in the middle" curl -sS "$url/reset" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=200 url.full=http://127.0.0.1:PORT/reset error.type=CURLE_RECV_ERROR
END

mask='s/after [0-9]+ ms/after N ms/'
sends "an IPv6 address that nobody answers" curl -sS -m 2 "http://[::1]:$nobody/ok" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=http://[::1]:PORT/ok error.type=CURLE_COULDNT_CONNECT
END

mask=
# Which connection a request takes is free here.
origin --apart
sends "four URLs in parallel" curl -s -Z --no-progress-meter "$url/ok?1" "$url/ok?2" "$url/ok?3" "$url/ok?4" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?1

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?2

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?3

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?4
END

origin --unix
sends "a Unix socket" curl -sS --unix-socket "$dir/origin/socket" http://local/ok <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://local/ok
END
