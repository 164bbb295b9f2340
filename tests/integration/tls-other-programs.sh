#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TLS in programs that few people run, or that do not speak HTTP in it: browsers, Tcl, whose library
# for TLS goes past what can be looked at, socat, redis.
. "$(dirname "$0")/lib.sh"
certificate
origin --tls "$dir/tls"
export SSL_CERT_FILE=$dir/tls/cert.pem
attributes=http.response.status_code,url.full,error.type,tls.protocol.version

has() { # PROGRAM...
	local program

	for program; do
		command -v "$program" >/dev/null || { echo "skipped: $program is not installed"; return 1; }
	done
}

got() { # SERVICE
	echo "CLIENT GET [unknown_service:$1] UNSET http.response.status_code=200 url.full=$url/ok tls.protocol.version=1.3" |
		sed "s/:${url##*:}/:PORT/"
}

get='GET /ok HTTP/1.1\r\nHost: localhost:'${url##*:}'\r\nConnection: close\r\n\r\n'

if has lftp; then
	printf 'set ssl:ca-file %s\ncat %s/ok\n' "$dir/tls/cert.pem" "$url" >"$dir/lftp"
	sends "lftp, by GnuTLS" lftp -f "$dir/lftp" < <(got lftp)
fi
! has w3m || sends "w3m" w3m -o ssl_ca_file="$dir/tls/cert.pem" -dump_source "$url/ok" < <(got w3m)
if has tclsh && tclsh <(echo 'package require tls') >/dev/null 2>&1; then
	cat >"$dir/ask.tcl" <<END
package require http
package require tls
http::register https 443 [list tls::socket -autoservername 1]
puts [http::data [http::geturl $url/ok]]
END
	sends "Tcl, by OpenSSL's BIOs" tclsh "$dir/ask.tcl" <<'END'
CLIENT TLS localhost [unknown_service:tclsh] UNSET tls.protocol.version=1.3
END
fi
if has socat; then
	sends "socat" bash -c "printf '$get' | socat -t5 - OPENSSL:localhost:${url##*:},cafile=$dir/tls/cert.pem 2>/dev/null
		true" < <(got socat)
fi

no_origin
if has redis-server redis-cli redis-benchmark && redis-cli --help 2>&1 | grep -q -e --tls; then
	redis_tls() {
		redis-cli --tls --cacert "$dir/tls/cert.pem" -p "$port" "$@"
	}
	requests() {
		redis_tls set a 'GET /ok HTTP/1.1'
		redis_tls get a
		redis-benchmark --tls --cacert "$dir/tls/cert.pem" -p "$port" -n 1000 -t set,get -q >/dev/null
		echo $?
	}
	serves "redis" redis-server --port 0 --tls-port PORT --tls-cert-file "$dir/tls/cert.pem" \
		--tls-key-file "$dir/tls/key.pem" --tls-ca-cert-file "$dir/tls/cert.pem" --tls-auth-clients no \
		--save '' --logfile /dev/null </dev/null
	server=$port
	redis-server --port 0 --tls-port "$server" --tls-cert-file "$dir/tls/cert.pem" --tls-key-file "$dir/tls/key.pem" \
		--tls-ca-cert-file "$dir/tls/cert.pem" --tls-auth-clients no --save '' --logfile /dev/null &
	running="$running $!"
	ready "$server" $! || fail
	sends "redis's client" redis-cli --tls --cacert "$dir/tls/cert.pem" -p "$server" set a 'GET /ok HTTP/1.1' </dev/null
fi
exit
