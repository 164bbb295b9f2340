#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TLS in programs that no other test has: urllib3 alone, PHP's extension for libcurl, and as servers
# nghttpd and openssl s_server.
. "$(dirname "$0")/lib.sh"
certificate
origin --tls "$dir/tls"
export SSL_CERT_FILE=$dir/tls/cert.pem
attributes=http.response.status_code,url.full,error.type,tls.protocol.version,network.protocol.version

if /usr/bin/python3 -c 'import urllib3' 2>/dev/null; then
	sends "urllib3, a pool" /usr/bin/python3 -c "
import urllib3
pool = urllib3.HTTPSConnectionPool('localhost', $port, ca_certs='$dir/tls/cert.pem', maxsize=1)
print(pool.request('GET', '/ok').data, pool.request('POST', '/echo', body=b'u' * 50000).data[-3:])
print(pool.request('GET', '/redirect').data)" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.protocol.version=1.1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok tls.protocol.version=1.3 network.protocol.version=1.1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=302 url.full=https://localhost:PORT/redirect network.protocol.version=1.1

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.protocol.version=1.1
END
fi

if php -r 'exit(extension_loaded("curl") ? 0 : 1);' 2>/dev/null; then
	ours=--anywhere
	sends "PHP, its extension for libcurl" php -r '
$c = curl_init("'"$url"'/ok");
curl_setopt_array($c, [CURLOPT_CAINFO => getenv("SSL_CERT_FILE"), CURLOPT_RETURNTRANSFER => true, CURLOPT_HTTPHEADER => ["X-Own: 1"]]);
echo curl_exec($c), curl_getinfo($c, CURLINFO_REQUEST_SIZE), "\n";' <<'END'
CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok tls.protocol.version=1.3 network.protocol.version=1.1
END
	ours=
fi

no_origin
server_files
attributes=http.response.status_code,url.scheme,url.path,error.type,network.protocol.version
requests() {
	curl -sS --http1.1 --cacert "$dir/tls/cert.pem" "https://localhost:$port/ok"
	curl -sS --http1.1 --cacert "$dir/tls/cert.pem" "https://localhost:$port/big" | md5sum
	! command -v wget >/dev/null || wget -q --ca-certificate="$dir/tls/cert.pem" -O - "https://localhost:$port/ok"
}
# It reads and writes by OpenSSL's own BIOs, past what could be told: it is left alone.
serves "openssl s_server" sh -c "cd '$dir/www' && exec openssl s_server -quiet -WWW -accept PORT \
	-cert '$dir/tls/cert.pem' -key '$dir/tls/key.pem'" </dev/null

if command -v nghttpd >/dev/null && command -v h2load >/dev/null; then
	requests() {
		curl -sS --http2 --cacert "$dir/tls/cert.pem" "https://localhost:$port/ok" "https://localhost:$port/none" | sed '/nghttpd/d'
		nghttp "https://localhost:$port/big" | md5sum
		h2load -n 40 -c 2 -m 10 "https://localhost:$port/ok" | grep '^status codes'
	}
	of="http.response.status_code=200 url.scheme=https"
	serves "nghttpd" nghttpd -d "$dir/www" PORT "$dir/tls/key.pem" "$dir/tls/cert.pem" < <(
		echo "SERVER GET [server] UNSET $of url.path=/big network.protocol.version=2"
		echo
		times 41 "SERVER GET [server] UNSET $of url.path=/ok network.protocol.version=2"
		echo
		echo "SERVER GET [server] UNSET ${of/200/404} url.path=/none network.protocol.version=2")
fi
exit
