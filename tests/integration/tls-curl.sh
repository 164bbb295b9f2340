#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl over TLS (OpenSSL, by a BIO of its own): the header is written on the plain side.
. "$(dirname "$0")/lib.sh"
export AUTOTRACE_PROBES=http # and not what libcurl's hooks do for it
need curl
mask='s/after [0-9]+ ms/after N ms/'
certificate
origin --tls "$dir/tls"
seq 40000 >"$dir/body"
nobody=$(free_port)
curl=(curl -sS --http1.1 --cacert "$dir/tls/cert.pem")

sends "GET" "${curl[@]}" "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok
END

attributes=tls.protocol.name,tls.protocol.version,tls.cipher,tls.resumed,network.peer.address,server.address,server.port
sends "what is known of the session" "${curl[@]}" --tls-max 1.2 "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET tls.protocol.name=tls tls.protocol.version=1.2 tls.cipher=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 tls.resumed=false network.peer.address=127.0.0.1 server.address=localhost server.port=PORT
END

attributes=tls.protocol.version,http.response.status_code
sends "three requests in one session, told of once" \
	"${curl[@]}" "$url/ok?1" "$url/chunked" "$url/ok?3" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200

CLIENT GET [unknown_service:curl] UNSET tls.protocol.version=1.3 http.response.status_code=200
END

attributes=http.response.status_code,url.full,url.path,error.type
sends "PUT of a file" "${curl[@]}" -T "$dir/body" "$url/echo" <<'END'
CLIENT PUT [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo
END

sends "a chunked upload" "${curl[@]}" -H "Transfer-Encoding: chunked" --data-binary "@$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo
END

sends "an upload that waits for 100 Continue" "${curl[@]}" -H "Expect: 100-continue" --data-binary "@$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo
END

sends "HEAD" "${curl[@]}" -I "$url/ok" <<'END'
CLIENT HEAD [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok
END

sends "a response that ends with the connection" "${curl[@]}" "$url/close" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/close
END

sends "a response of a mebibyte" "${curl[@]}" "$url/big" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/big
END

sends "a response that comes byte by byte" "${curl[@]}" "$url/drip" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/drip
END

sends "500" "${curl[@]}" -f "$url/status/500" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=500 url.full=https://localhost:PORT/status/500 error.type=500
END

sends "its own traceparent is left alone" \
	"${curl[@]}" -H "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" "$url/ok" <<'END'
END

sends "a response cut short" "${curl[@]}" "$url/cut" <<'END'
CLIENT GET [unknown_service:curl] ERROR http.response.status_code=200 url.full=https://localhost:PORT/cut error.type=connection_closed
END

sends "no answer" "${curl[@]}" "$url/hang-up" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=https://localhost:PORT/hang-up error.type=connection_closed
END

sends "a certificate that is not trusted" curl -sS --http1.1 "$url/ok" <<'END'
INTERNAL TLS client handshake localhost [unknown_service:curl] ERROR error.type=self_signed_certificate
END

sends "connection refused" "${curl[@]}" "https://127.0.0.1:$nobody/ok" <<'END'
INTERNAL socket connect 127.0.0.1:PORT [unknown_service:curl] ERROR error.type=connection_refused
END

mask="s/[0-9]+ milliseconds/N milliseconds/"
sends "a timeout" "${curl[@]}" -m 1 "$url/slow" <<'END'
CLIENT GET [unknown_service:curl] ERROR url.full=https://localhost:PORT/slow error.type=timed_out
END
mask=

no_origin
old=$(free_port)
openssl s_server -quiet -no_tls1_3 -accept "$old" -cert "$dir/tls/cert.pem" -key "$dir/tls/key.pem" </dev/null >/dev/null 2>&1 &
running="$running $!"
ready "$old" $!
sends "a server that refuses the version" "${curl[@]}" --tlsv1.3 "https://localhost:$old/ok" <<'END'
INTERNAL TLS client handshake localhost [unknown_service:curl] ERROR error.type=protocol_version
END
exit
