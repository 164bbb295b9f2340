#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Key updates, renegotiation, half-closed sessions, resumption, objects used again, connections cut
# off: every call says what it says without us, and so does OpenSSL of it. Of what is said within OpenSSL,
# by its BIOs, there is a span of the connection.
. "$(dirname "$0")/lib.sh"
[ -f /usr/include/openssl/ssl.h ] || skip "OpenSSL's headers are not installed"
certificate
origin --tls "$dir/tls"
program tls_odd -lssl -lcrypto
attributes=http.response.status_code,url.full,tls.resumed,error.type

sends "what may happen in a session" "$program" "${url##*:}" <<'END'
CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?1 tls.resumed=false

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?10 tls.resumed=false

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?11

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?2

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?3

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?4 tls.resumed=true

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?5 tls.resumed=true

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?6 tls.resumed=false

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?7 tls.resumed=false

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?8 tls.resumed=false

CLIENT GET [unknown_service:tls_odd] UNSET http.response.status_code=200 url.full=https://h/ok?9

CLIENT TLS 127.0.0.1:PORT [unknown_service:tls_odd] UNSET

CLIENT TLS 127.0.0.1:PORT [unknown_service:tls_odd] UNSET

CLIENT TLS 127.0.0.1:PORT [unknown_service:tls_odd] UNSET
END

no_origin
# The client's second session begins with early data: nothing of it is changed or told. The server's is.
program tls_early -lssl -lcrypto
attributes=http.response.status_code,url.full,url.path
sends "early data" "$program" "$dir/tls" <<'END'
CLIENT GET [unknown_service:tls_early] UNSET http.response.status_code=200 url.full=https://h/late
  SERVER GET [unknown_service:tls_early] UNSET http.response.status_code=200 url.path=/late

SERVER GET [unknown_service:tls_early] UNSET http.response.status_code=200 url.path=/early

SERVER GET [unknown_service:tls_early] UNSET http.response.status_code=200 url.path=/late
END
check "it was early" grep -q "server heard early GET /early" "$dir/traced/out"

program tls_own -rdynamic -ldl
sends "a program with such functions of its own, and without the others" "$program" </dev/null
exit
