#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# HTTP/2 in the clear: prior knowledge and Upgrade, clients, servers and proxies.
. "$(dirname "$0")/lib.sh"
need curl nghttp nghttpd h2load
attributes=http.response.status_code,url.full,url.path,url.query,error.type,network.protocol.version
mkdir -p "$dir/www"
echo ok >"$dir/www/ok"
seq 60000 >"$dir/www/big"
chmod -R a+rX "$dir"

# back command...: a server that is not traced, until the next; PORT in the command is $port
back_pid=
back() {
	[ -z "$back_pid" ] || stop "$back_pid"
	port=$(free_port)
	url=http://127.0.0.1:$port
	"${@//PORT/$port}" >"$dir/back.log" 2>&1 &
	back_pid=$!
	running="$running $back_pid"
	ready "$port" "$back_pid" || { cat "$dir/back.log"; skip "the server does not start"; }
}

# ---- clients ----

back nghttpd --no-tls -d "$dir/www" PORT
mask='/^date: /d'
sends "curl" curl -si --http2-prior-knowledge "$url/none?q=1" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/none?q=1 error.type=404 network.protocol.version=2
END

mask=
sends "curl, a large body" curl -s --http2-prior-knowledge --data-binary "@$dir/www/big" "$url/ok" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok network.protocol.version=2
END

sends "nghttp, several streams at once, padded" nghttp -b 9 "$url/ok" "$url/ok?2" <<'END'
CLIENT GET [unknown_service:nghttp] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok network.protocol.version=2

CLIENT GET [unknown_service:nghttp] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?2 network.protocol.version=2
END

sends "nghttp, a head of several frames" \
	nghttp --continuation -H "x: $(head -c 30000 /dev/zero | tr '\0' '~')" "$url/ok" <<'END'
CLIENT GET [unknown_service:nghttp] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok network.protocol.version=2
END

sends "a request that the program traces itself" \
	curl -s --http2-prior-knowledge -H "traceparent: $a_parent" "$url/ok" </dev/null

mask='/^(finished|time |req|traffic|  *min|progress)/d'
sends "h2load, 200 streams" h2load -n 200 -c 2 -m 50 "$url/ok" < <(times 200 \
	"CLIENT GET [unknown_service:h2load] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok network.protocol.version=2")
mask=

# ---- servers ----

requests() {
	for path in ok big none; do
		curl -s --http2-prior-knowledge "http://127.0.0.1:$port/$path" | md5sum
	done
	curl -s --http2-prior-knowledge -H "traceparent: $a_parent" "http://127.0.0.1:$port/ok?parent"
	nghttp "http://127.0.0.1:$port/ok?1" "http://127.0.0.1:$port/ok?2"
}

of_server() { # what comes of `requests`
	cat <<END
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=parent network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/big network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=1 network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query=2 network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=404 url.path=/none network.protocol.version=2
END
}

serves "nghttpd" nghttpd --no-tls -d "$dir/www" PORT < <(of_server)

if command -v nginx >/dev/null; then
	server_port=$(free_port)
	nginx_conf 2 "server {
		listen 127.0.0.1:$server_port http2;
		root $dir/www;
	}"
	serves "nginx, by sendfile" nginx -c "$dir/nginx.conf" < <(of_server)
	server_port=
fi

if command -v apache2 >/dev/null; then
	server_port=$(free_port)
	cat >"$dir/httpd.conf" <<END
ServerName h
Listen 127.0.0.1:$server_port
PidFile $dir/httpd.pid
ErrorLog $dir/httpd.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule http2_module /usr/lib/apache2/modules/mod_http2.so
Protocols h2c http/1.1
DocumentRoot $dir/www
<Directory $dir/www>
Require all granted
</Directory>
END
	chmod -R a+rwX "$dir"
	serves "apache2" apache2 -DFOREGROUND -f "$dir/httpd.conf" < <(of_server)
	# Only a small answer: a large one ends early in one of seven runs, without us too.
	requests() {
		curl -s --http2 "http://127.0.0.1:$port/ok"
	}
	serves "apache2, upgraded" apache2 -DFOREGROUND -f "$dir/httpd.conf" <<'END'
SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok network.protocol.version=1.1
END
	server_port=
fi

# ---- one trace ----

if command -v haproxy >/dev/null; then
	back_port=$(free_port) proxy_port=$(free_port)
	cat >"$dir/haproxy.cfg" <<END
global
	nbthread 2
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
listen proxy
	bind 127.0.0.1:$proxy_port proto h2
	server origin 127.0.0.1:$back_port proto h2
END
	chain() {
		fresh_spans
		under traced back
		"${env[@]}" nghttpd --no-tls -d "$dir/www" "$back_port" &
		local back=$!
		under traced proxy
		"${env[@]}" haproxy -db -q -f "$dir/haproxy.cfg" &
		local proxy=$!
		running="$running $back $proxy"
		ready "$back_port" $back && ready "$proxy_port" $proxy || return 1
		traced client curl -s --http2-prior-knowledge "http://127.0.0.1:$proxy_port/ok" >"$dir/answer"
		traced client nghttp "http://127.0.0.1:$proxy_port/ok?1" \
			"http://127.0.0.1:$proxy_port/ok?2" >>"$dir/answer"
		wait_for 5 tree_is_there
		stop $proxy $back
		printf 'ok\nok\nok\n' | cmp - "$dir/answer" && same_tree
	}
	for query in "" 1 2; do
		of="url.full=http://127.0.0.1:PORT/ok${query:+?$query}" path="url.path=/ok${query:+ url.query=$query}"
		cat <<END
CLIENT GET [client] UNSET http.response.status_code=200 $of network.protocol.version=2
  SERVER GET [proxy] UNSET http.response.status_code=200 $path network.protocol.version=2
    CLIENT GET [proxy] UNSET http.response.status_code=200 $of network.protocol.version=2
      SERVER GET [back] UNSET http.response.status_code=200 $path network.protocol.version=2

END
	done | sed '$d' >"$dir/want"
	check "curl and nghttp to haproxy to nghttpd" chain
fi
