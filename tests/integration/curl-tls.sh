#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libcurl over TLS, the wire not looked at: a span for each transfer, with what libcurl knows of it,
# and our header in each request.
. "$(dirname "$0")/lib.sh"
need curl openssl
ours=--anywhere
attributes=http.request.method,http.response.status_code,http.request.resend_count,url.full,server.address,network.protocol.version,network.peer.address,error.type,autotrace.incomplete
certificate
program curl_lib -l:libcurl.so.4
export AUTOTRACE_PROBES=curl
origin --tls "$dir/tls"
url=https://127.0.0.1:$port

ok="CLIENT GET [unknown_service:curl_lib] UNSET http.request.method=GET http.response.status_code=200 url.full=https://127.0.0.1:PORT"
end="server.address=127.0.0.1 network.protocol.version=1.1 network.peer.address=127.0.0.1"

sends "a handle that is used again" "$program" reused "$url/ok" "$url/big" "$url/empty" "$url/status/404" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET http.response.status_code=404 url.full=https://127.0.0.1:PORT/status/404 $end error.type=404

$ok/big $end

$ok/ok $end

${ok/200/204}/empty $end
END

ours="--anywhere --again"
sends "redirects, which are of the one transfer" "$program" redirected "$url/redirect" <<END
$(times 2 "${ok/status_code=200/status_code=200 http.request.resend_count=1}/ok $end")
END

ours=--anywhere
sends "a certificate out of memory" "$program" blob "$url/ok" "$dir/tls/cert.pem" <<END
$ok/ok $end
END

sends "a certificate that nobody vouches for" "$program" blob "$url/ok" "$dir/tls/key.pem" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET url.full=https://127.0.0.1:PORT/ok server.address=127.0.0.1 network.peer.address=127.0.0.1 error.type=CURLE_SSL_CACERT_BADFILE
END

sends "an HTTP request to it" "$program" reused "http://127.0.0.1:$port/ok" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET url.full=http://127.0.0.1:PORT/ok server.address=127.0.0.1 network.peer.address=127.0.0.1 error.type=CURLE_RECV_ERROR
END

sends "a time limit" "$program" timed "$url/slow" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET url.full=https://127.0.0.1:PORT/slow server.address=127.0.0.1 network.peer.address=127.0.0.1 error.type=CURLE_OPERATION_TIMEDOUT
END

sends "a body that the program refuses" "$program" refused-by-callback "$url/ok" <<END
$ok/ok $end
END

sends "a connection that is reset" "$program" reused "$url/reset" "$url/hang-up" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET http.response.status_code=200 url.full=https://127.0.0.1:PORT/reset $end error.type=CURLE_RECV_ERROR

CLIENT GET [unknown_service:curl_lib] ERROR http.request.method=GET url.full=https://127.0.0.1:PORT/hang-up server.address=127.0.0.1 network.peer.address=127.0.0.1 error.type=CURLE_GOT_NOTHING
END

sends "credentials and signatures are not told" "$program" reused "https://user:secret@localhost:$port/ok?a=1&sig=secret#part" <<END
CLIENT GET [unknown_service:curl_lib] UNSET http.request.method=GET http.response.status_code=200 url.full=https://REDACTED:REDACTED@localhost:PORT/ok?a=1&sig=REDACTED ${end/127.0.0.1/localhost}
END

sends "a trace header of the program's own" "$program" own-header "$url/ok" <<END
END

sends "a connection that the program uses itself" "$program" connected-only "$url/ok" <<END
END

sends "curl, with a body" curl -sSk -d a=1 "$url/echo" <<END
CLIENT POST [unknown_service:curl] UNSET http.request.method=POST http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo $end
END

# Its head alone: how the session's records arrive is another thing each time.
sends "curl that shows its headers has them without ours" \
	sh -c "curl -skv -o /dev/null '$url/ok' 2>&1 | grep '^[<>]'" <<END
END

attributes=http.response.status_code,autotrace.dns.lookup.duration
origin --tls "$dir/tls" --apart
url=https://127.0.0.1:$port
sends "200 at once" "$program" many "$url/ok" 200 <<END
$(times 200 "CLIENT GET [unknown_service:curl_lib] UNSET http.response.status_code=200")
END

sends "100 by socket_action and epoll" "$program" by-sockets "$url/ok" 100 <<END
$(times 100 "CLIENT GET [unknown_service:curl_lib] UNSET http.response.status_code=200")
END

sends "one list of headers for 8 threads" "$program" shared-list "$url/ok" <<END
$(times 160 "CLIENT GET [unknown_service:curl_lib] UNSET http.response.status_code=200")
END

# HTTP/2, which nginx speaks, and what it got of our header.
command -v nginx >/dev/null && nginx -V 2>&1 | grep -q http_v2_module || exit
no_origin
port=$(free_port)
nginx_conf 1 "log_format headers '\$request_uri \$server_protocol \$http_traceparent';
server {
	access_log $dir/nginx.access headers;
	listen 127.0.0.1:$port ssl http2;
	ssl_certificate $dir/tls/cert.pem;
	ssl_certificate_key $dir/tls/key.pem;
	location /ok { return 200 \"ok\n\"; }
	location /moved { return 302 /ok?moved; }
}"
nginx -c "$dir/nginx.conf" &
running="$running $!"
ready "$port" $! || fail
url=https://127.0.0.1:$port
attributes=http.response.status_code,http.request.resend_count,url.full,network.protocol.version,error.type

sends "HTTP/2" curl -skL -w '%{size_request}\n' "$url/ok" "$url/moved" "$url/ok?again" <<END
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 http.request.resend_count=1 url.full=https://127.0.0.1:PORT/ok?moved network.protocol.version=2

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/ok network.protocol.version=2

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/ok?again network.protocol.version=2
END

# With the library and without it: the ids are those of the spans, one for what is one transfer.
nr_on_wire() {
	grep -o '"spanId":"[0-9a-f]*"' "$spans" | cut -d '"' -f 4 | while read -r id; do
		grep -c "HTTP/2.0 00-.*-$id-" "$dir/nginx.access"
	done | sort | tr '\n' ' '
}
check "carries the trace" test "$(nr_on_wire)" = "1 1 2 "

attributes=http.response.status_code
sends "200 of them at once" "$program" many "$url/ok" 200 <<END
$(times 200 "CLIENT GET [unknown_service:curl_lib] UNSET http.response.status_code=200")
END
