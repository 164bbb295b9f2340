#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# apache2: files and a proxy, with the event and the prefork model.
. "$(dirname "$0")/lib.sh"
need apache2
modules=$(find /usr/lib/apache2/modules -maxdepth 0 2>/dev/null) || skip "no modules of apache2 here"
server_files
server_port=$(free_port)

configure() { # MPM
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
LoadModule mpm_$1_module $modules/mod_mpm_$1.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
DocumentRoot "$dir/www"
ProxyPass "/origin/" "http://127.0.0.1:$origin_port/"
END
	chmod -R a+rwX "$dir"
}

origin --apart
origin_port=$port
attributes=http.response.status_code,url.full,url.path,url.query,error.type
requests() {
	file_requests
	byte_by_byte
	ask "GET /origin/ok?proxied HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	ask "GET /origin/status/500 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
}

configure event
of_both() {
	cat <<'END'
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent

SERVER GET [server] ERROR http.response.status_code=500 url.path=/origin/status/500 error.type=500
  CLIENT GET [server] ERROR http.response.status_code=500 url.full=http://127.0.0.1:PORT/status/500 error.type=500

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=bytes

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=kept2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=line2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=old

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=whole

SERVER GET [server] UNSET http.response.status_code=200 url.path=/origin/ok url.query=proxied
  CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?proxied

SERVER GET [server] UNSET http.response.status_code=404 url.path=/none

SERVER HEAD [server] UNSET http.response.status_code=200 url.path=/ok url.query=head

SERVER POST [server] UNSET http.response.status_code=200 url.path=/ok url.query=post
END
}

serves "the event model" apache2 -DFOREGROUND -f "$dir/apache2.conf" < <(of_both)

configure prefork
serves "the prefork model" setsid apache2 -DFOREGROUND -f "$dir/apache2.conf" < <(of_both)
