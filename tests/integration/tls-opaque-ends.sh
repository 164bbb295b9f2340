#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A client whose OpenSSL is compiled into it, and how its sessions end: what is seen of that from outside.
. "$(dirname "$0")/lib.sh"
[ -f "$("${CC:-cc}" -print-file-name=libssl.a)" ] || skip "there is no libssl.a"
. "$here/tls/ends.sh"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -pthread -o "$dir/within" "$here/programs/openssl_ends.c" \
	-l:libssl.a -l:libcrypto.a -ldl || fail
attributes=error.type,tls.protocol.version,tls.established

# opaque CLAIM FOLDER "HOW OF THE CLIENT" "HOW OF THE SERVER" ERROR VERSION ESTABLISHED
opaque() {
	local with="ERROR error.type=$5"
	[ "$5" ] || with=UNSET
	port=$(free_port)
	# shellcheck disable=SC2086
	back "$openssl" server "$port" "$dir/$2" $4
	# shellcheck disable=SC2086
	sends "$1" "$dir/within" client "$port" "$dir/$2" $3 \
		<<<"CLIENT TLS localhost [unknown_service:within] $with tls.protocol.version=$6 tls.established=$7"
}
opaque "a session" good twice "" "" 1.3 true
opaque "a session of TLS 1.2" good "twice old" "" "" 1.2 true
opaque "keys made anew" good update "" "" 1.3 true
opaque "hands shaken anew" good "renegotiate old" "" "" 1.2 true
opaque "a certificate that has expired" expired "" "" certificate_expired 1.3 false
opaque "a certificate that has expired, TLS 1.2" expired old "" certificate_expired 1.2 false
opaque "a certificate of another name, TLS 1.2" misnamed old "" bad_certificate 1.2 false
opaque "a certificate that nobody vouches for, TLS 1.2" unknown old "" unknown_ca 1.2 false
opaque "a certificate that is demanded, TLS 1.2" good old demand handshake_failure 1.2 false
opaque "a certificate that is looked at afterwards" expired look "" "" 1.3 true
exit
