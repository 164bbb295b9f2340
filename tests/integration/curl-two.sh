#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several libcurls in one process: each caller reaches the one that it is linked with, also where all
# came by dlopen and nobody's search has them; and a renamed one, as Python's wheels bring it.
. "$(dirname "$0")/lib.sh"
need curl git
ours=--anywhere
origin --apart

# Without any, a program that finds our name by dlsym is told that it failed, and lives.
program curl_none
check "a program without libcurl" eval 'traced "" "$program" >"$dir/none" && [ "$(cat "$dir/none")" = "2 2 4 4" ]'

find_library() { # SONAME
	ldconfig -p | sed -n "s/^\t$1 .*=> //p" | head -n 1
}
openssl=$(find_library libcurl.so.4)
gnutls=$(find_library libcurl-gnutls.so.4)
[ "$openssl" ] && [ "$gnutls" ] || skip "there are not two libcurls"

renamed=$dir/libcurX.so.4
sed 's/libcurl\.so\.4/libcurX.so.4/g' "$openssl" >"$renamed"

as_library() { # NAME LIBCURL
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -fPIC -shared -DAS_A_LIBRARY -o "$dir/$1.so" \
		"$here/programs/curl_two.c" "$2" -Wl,-rpath,"$dir" || fail
}
as_library with_gnutls "$gnutls"
as_library with_openssl "$openssl"
as_library with_renamed "$renamed"
span() {
	times "$1" "CLIENT GET [unknown_service:$2] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok"
}

program curl_two "$openssl"
sends "a program with OpenSSL's, a library with GnuTLS's" "$program" "$url/ok" "$dir/with_gnutls.so" < <(span 12 curl_two)
check "each has its own" grep -q gnutls "$dir/traced/out"

program curl_two "$gnutls"
sends "a program with GnuTLS's, libraries with both" "$program" "$url/ok" "$dir/with_openssl.so" "$dir/with_gnutls.so" \
	< <(span 20 curl_two)

sends "two of the same, but for the name" "$program" "$url/ok" "$dir/with_renamed.so" "$dir/with_openssl.so" \
	< <(span 20 curl_two)
check "each has its own" grep -q libcurX "$dir/traced/out"

program curl_two -DLOADS_ONLY
sends "a program with none, libraries with all" "$program" "$url/ok" "$dir/with_gnutls.so" "$dir/with_renamed.so" \
	"$dir/with_openssl.so" < <(span 12 curl_two)
