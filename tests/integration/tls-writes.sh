#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Writes in TLS that are to be made again, in all of OpenSSL's modes: the library is given the same
# bytes at the same place as before, ours and the program's, and the program its own counts.
. "$(dirname "$0")/lib.sh"
[ -f /usr/include/openssl/ssl.h ] || skip "OpenSSL's headers are not installed"
certificate
origin --tls "$dir/tls"
program tls_writes -lssl -lcrypto
attributes=http.response.status_code,url.full

for modes in none none,ex moving partial partial,moving partial,moving,ex; do
	for most in 1 100 100000; do
		[ "$most" != 1 ] || [ $modes = none ] || continue
		sends "$modes, $most bytes at a time" "$program" "${url##*:}" $modes $most <<'END'
CLIENT GET [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?a

CLIENT GET [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?b

CLIENT POST [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?10

CLIENT POST [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?100000

CLIENT POST [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?50000

CLIENT POST [unknown_service:tls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?c
END
	done
done
exit
