#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that speak TLS by GnuTLS.
. "$(dirname "$0")/lib.sh"
export AUTOTRACE_PROBES=http # and not what libcurl's hooks do for it
need wget
mask='s/[0-9]{4}-[0-9-]+ [0-9:]+/TIME/; s/[0-9.]+ [KMG]B\/s/SPEED/; s/(in|=) ?[0-9.]+s/\1 Ns/; s/ +[0-9.]+[KMG]? *=?[0-9.]*s?$//'
certificate
origin --tls "$dir/tls"
seq 40000 >"$dir/body"
wget=(wget -q --ca-certificate="$dir/tls/cert.pem" -O -)
attributes=http.response.status_code,url.full,error.type,network.peer.address,tls.protocol.version

sends "wget" "${wget[@]}" "$url/ok" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

sends "wget, a file that is sent" "${wget[@]}" --post-file="$dir/body" "$url/echo" <<'END'
CLIENT POST [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

sends "wget, several in a session" "${wget[@]}" "$url/redirect" "$url/chunked" "$url/big" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/big network.peer.address=127.0.0.1

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/chunked network.peer.address=127.0.0.1

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1

CLIENT GET [unknown_service:wget] UNSET http.response.status_code=302 url.full=https://localhost:PORT/redirect network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

# It looks at the certificate after the handshake, and hangs up.
attributes=error.type
sends "wget, a certificate that nobody vouches for" wget -q -O - "$url/ok" <<'END'
INTERNAL TLS client handshake localhost [unknown_service:wget] ERROR error.type=unable_to_get_issuer_certificate
END
attributes=http.response.status_code,url.full,error.type,network.peer.address,tls.protocol.version
sends "wget that does not mind" wget -q --no-check-certificate -O - "$url/ok" <<'END'
CLIENT GET [unknown_service:wget] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

if command -v git >/dev/null; then
	git init -q --bare "$dir/www/repo.git" 2>/dev/null
	git init -q "$dir/work"
	git -C "$dir/work" -c user.name=n -c user.email=e commit -q --allow-empty -m one
	git -C "$dir/work" push -q "$dir/www/repo.git" HEAD:refs/heads/main
	git -C "$dir/www/repo.git" update-server-info
	origin --tls "$dir/tls" --root "$dir/www"
	attributes=http.response.status_code,url.scheme
	sends "git ls-remote, by libcurl with GnuTLS" \
		git -c http.sslCAInfo="$dir/tls/cert.pem" ls-remote "$url/repo.git" <<'END'
CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200
END
fi

if command -v gnutls-cli >/dev/null; then
	origin --tls "$dir/tls"
	mask='s/^- Server has requested.*//; /^- .*|^ - |^Processed|^Connecting|^Resolving|^\t|^Public|^\|/d'
	attributes=http.response.status_code,url.full
	sends "gnutls-cli" bash -c "printf 'GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n' |
		gnutls-cli --x509cafile=$dir/tls/cert.pem --port ${url##*:} localhost" <<'END'
CLIENT GET [unknown_service:gnutls-cli] UNSET http.response.status_code=200 url.full=https://h/ok
END
fi

if [ -f /usr/include/gnutls/gnutls.h ]; then
	origin --tls "$dir/tls"
	program gnutls_writes -lgnutls
	mask=
	attributes=http.response.status_code,url.full
	for how in same null record cork; do
		for most in 100 100000; do
			sends "GnuTLS that takes $most bytes at a time, $how" "$program" "${url##*:}" $how $most <<'END'
CLIENT GET [unknown_service:gnutls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?a

CLIENT GET [unknown_service:gnutls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?b

CLIENT POST [unknown_service:gnutls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?10

CLIENT POST [unknown_service:gnutls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?100000

CLIENT POST [unknown_service:gnutls_writes] UNSET http.response.status_code=200 url.full=https://h/ok?c
END
		done
	done
fi
exit
