#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx, haproxy, apache2 and Python as TLS servers, and as proxies to what speaks TLS.
. "$(dirname "$0")/lib.sh"
need curl
certificate
server_files
attributes=http.response.status_code,url.scheme,url.full,url.path,error.type,tls.protocol.version
chmod a+r "$dir/tls"/*

client=(curl -sS --http1.1 --cacert "$dir/tls/cert.pem" -o -)
# Two requests in one session, one in another, and one that is sent byte by byte, more or less.
requests() {
	"${client[@]}" "https://localhost:$port/ok" "https://localhost:$port/big" | md5sum
	"${client[@]}" -H "traceparent: $a_parent" "https://localhost:$port/none"
	(printf 'GET /ok HTTP/1.1\r\nHo'; sleep 0.1; printf 'st: h\r\nConnection: close\r\n\r\n'; sleep 0.3) |
		openssl s_client -quiet -connect "localhost:$port" -CAfile "$dir/tls/cert.pem" 2>/dev/null
}

files='? SERVER GET [server] UNSET http.response.status_code=404 url.scheme=https url.path=/none tls.protocol.version=1.2

SERVER GET [server] UNSET http.response.status_code=200 url.scheme=https url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.scheme=https url.path=/ok tls.protocol.version=1.2

SERVER GET [server] UNSET http.response.status_code=200 url.scheme=https url.path=/ok tls.protocol.version=1.2'

proxied="SERVER GET [server] ERROR http.response.status_code=500 url.scheme=https url.path=/through/status/500 error.type=500
  CLIENT GET [server] ERROR http.response.status_code=500 url.full=https://localhost:PORT/status/500 error.type=500

SERVER GET [server] UNSET http.response.status_code=200 url.scheme=https url.path=/through/ok
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok

SERVER POST [server] UNSET http.response.status_code=200 url.scheme=https url.path=/through/echo
  CLIENT POST [server] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo"

# A proxy that passes /through/... on; which of its connections upstream it takes is free.
proxied() {
	attributes=http.response.status_code,url.scheme,url.full,url.path,error.type
	requests() {
		"${client[@]}" "https://localhost:$port/through/ok"
		"${client[@]}" -d body "https://localhost:$port/through/echo"
		"${client[@]}" "https://localhost:$port/through/status/500"
	}
}

if command -v nginx >/dev/null; then
	server_port=$(free_port)
	configure() { # WHAT IS IN THE SERVER
		nginx_conf 2 "server {
			listen 127.0.0.1:$server_port ssl;
			ssl_certificate $dir/tls/cert.pem;
			ssl_certificate_key $dir/tls/key.pem;
			$1
		}"
	}
	configure "root $dir/www;"
	serves "nginx" nginx -c "$dir/nginx.conf" <<<"$files"

	origin --tls "$dir/tls" --apart
	proxied
	configure "location /through/ { proxy_pass $url/; proxy_ssl_trusted_certificate $dir/tls/cert.pem; proxy_ssl_verify on; proxy_ssl_name localhost; }"
	serves "nginx, proxy to TLS" nginx -c "$dir/nginx.conf" <<<"$proxied"
	no_origin
fi

if command -v haproxy >/dev/null; then
	origin --tls "$dir/tls" --apart
	server_port=$(free_port)
	cat >"$dir/haproxy.cfg" <<END
global
	nbthread 2
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
listen proxy
	bind 127.0.0.1:$server_port ssl crt $dir/tls/both.pem
	http-request replace-path /through(/.*) \\1
	server origin localhost:${url##*:} ssl verify required ca-file $dir/tls/cert.pem sni str(localhost)
END
	chmod -R a+rwX "$dir"
	proxied
	serves "haproxy, proxy to TLS" haproxy -db -q -f "$dir/haproxy.cfg" <<<"$proxied"
	no_origin
fi

modules=$(find /usr/lib/apache2/modules -maxdepth 0 2>/dev/null)
if command -v apache2 >/dev/null && [ -f "$modules/mod_ssl.so" ]; then
	origin --tls "$dir/tls" --apart
	server_port=$(free_port)
	cat >"$dir/apache2.conf" <<END
ServerRoot "$dir"
ServerName localhost
PidFile "$dir/apache2.pid"
DefaultRuntimeDir "$dir"
ErrorLog "$dir/error.log"
LogLevel crit
Listen 127.0.0.1:$server_port
User www-data
Group www-data
Mutex posixsem
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule ssl_module $modules/mod_ssl.so
SSLEngine on
SSLCertificateFile $dir/tls/cert.pem
SSLCertificateKeyFile $dir/tls/key.pem
SSLProxyEngine on
SSLProxyCACertificateFile $dir/tls/cert.pem
DocumentRoot "$dir/www"
ProxyPass "/through/" "$url/"
END
	chmod -R a+rwX "$dir"
	proxied
	serves "apache2, proxy to TLS" apache2 -DFOREGROUND -f "$dir/apache2.conf" <<<"$proxied"
	no_origin
fi
exit
