#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A server that asks others by libcurl, in clear and over TLS: each transfer is the child of the request it is made
# in, and carries that trace on.
. "$(dirname "$0")/lib.sh"
need php openssl
php -r 'exit(extension_loaded("curl") ? 0 : 1);' || skip "php has no curl"
certificate
ours=--anywhere
attributes=http.response.status_code,url.query,url.full
requests() {
	for i in 1 2 3; do
		ask "GET /?$i HTTP/1.1\r\nHost: h\r\ntraceparent: 00-0af7651916cd43dd8448eb211c80319$i-b7ad6b7169203331-01\r\nConnection: close\r\n\r\n"
	done
}

child() {
	echo "  CLIENT GET [server] UNSET http.response.status_code=200 url.full=$scheme://127.0.0.1:PORT/ok?$1"
}

expected() {
	for i in 1 2 3; do
		((i > 1)) && echo
		echo "? SERVER GET [server] UNSET http.response.status_code=200 url.query=$i"
		child "$i"
		child "$i-1"
		child "$i-2"
	done
}

mask='s/^\[.*//; s/X-Powered-By.*//'
for scheme in http https; do
	[ $scheme = http ] && origin --apart || origin --apart --tls "$dir/tls"
	export ORIGIN=$scheme://127.0.0.1:$port
	expected >"$dir/expected"
	serves "php, which asks by curl, $scheme" php -S 127.0.0.1:PORT "$here/servers/curl.php" <"$dir/expected"
done
