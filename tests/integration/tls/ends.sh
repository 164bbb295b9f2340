# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tls-ends-*.sh, after lib.sh: two programs that are clients and servers of TLS, by OpenSSL
# and by GnuTLS (programs/tls_ends.h), and certificates that have something wrong with them.
need certtool
[ -f /usr/include/openssl/ssl.h ] && [ -f /usr/include/gnutls/gnutls.h ] ||
	skip "the headers of OpenSSL and GnuTLS are not installed"
program openssl_ends -lssl -lcrypto
openssl=$program
program gnutls_ends -lgnutls
gnutls=$program

# signed NAME CA line...: what certtool is to put into it
signed() {
	local name=$1 ca=$2
	mkdir -p "$dir/$name"
	printf '%s\n' "${@:3}" >"$dir/$name/template"
	certtool --generate-privkey --key-type ecdsa --curve secp256r1 --outfile "$dir/$name/key.pem" 2>/dev/null
	if [ "$name" = "$ca" ]; then
		certtool --generate-self-signed --template "$dir/$name/template" --load-privkey "$dir/$name/key.pem" \
			--outfile "$dir/$name/cert.pem" 2>/dev/null || fail
	else
		certtool --generate-certificate --template "$dir/$name/template" --load-privkey "$dir/$name/key.pem" \
			--load-ca-certificate "$dir/$ca/cert.pem" --load-ca-privkey "$dir/$ca/key.pem" \
			--outfile "$dir/$name/cert.pem" 2>/dev/null || fail
	fi
	cp "$dir/ca/cert.pem" "$dir/$name/ca.pem"
}
signed ca ca 'cn = "ca"' ca cert_signing_key 'expiration_days = 3650'
signed other-ca other-ca 'cn = "other ca"' ca cert_signing_key 'expiration_days = 3650'
signed good ca 'cn = "localhost"' 'dns_name = "localhost"' tls_www_server signing_key 'expiration_days = 3650'
signed expired ca 'cn = "localhost"' 'dns_name = "localhost"' tls_www_server signing_key \
	'activation_date = "2020-01-01 00:00:00"' 'expiration_date = "2020-02-01 00:00:00"'
signed misnamed ca 'cn = "other.example"' 'dns_name = "other.example"' tls_www_server signing_key 'expiration_days = 3650'
signed unknown other-ca 'cn = "localhost"' 'dns_name = "localhost"' tls_www_server signing_key 'expiration_days = 3650'

back_pid=
back() { # command...: what is not traced, until the next
	[ -z "$back_pid" ] || stop "$back_pid"
	"$@" >/dev/null 2>&1 &
	back_pid=$!
	running="$running $back_pid"
	ready "$port" "$back_pid" || fail
}
attributes=http.response.status_code,url.full,url.path,error.type,autotrace.incomplete,tls.protocol.version

# What is otherwise where the peer is GnuTLS, the program itself, or both; for the next call alone.
of_gnutls=
by_gnutls=
both_gnutls=
tree_of() { # BY OF
	local otherwise=
	[ "$1" = openssl ] || otherwise=$by_gnutls
	[ "$2" = openssl ] || otherwise="$otherwise;$of_gnutls"
	[ "$1$2" != gnutlsgnutls ] || otherwise=${both_gnutls:-$otherwise}
	sed "s/_ends/${1}_ends/;$otherwise" "$dir/tree"
}

# client CLAIM FOLDER "HOW OF THE CLIENT" "HOW OF THE SERVER": of each library, asking either's server
client() {
	local claim=$1 by of
	cat >"$dir/tree"
	for by in openssl gnutls; do
		for of in openssl gnutls; do
			port=$(free_port)
			# shellcheck disable=SC2086
			back "${!of}" server "$port" "$dir/$2" $4
			# shellcheck disable=SC2086
			sends "$by: $claim, of $of" "${!by}" client "$port" "$dir/$2" $3 < <(tree_of $by $of)
		done
	done
	of_gnutls='' by_gnutls='' both_gnutls=''
}

# server CLAIM FOLDER "HOW OF THE CLIENT" "HOW OF THE SERVER": the same the other way round
server() {
	local claim=$1 by of
	cat >"$dir/tree"
	for by in openssl gnutls; do
		for of in openssl gnutls; do
			folder=$dir/$2 asks=${!of} manner=$3
			# shellcheck disable=SC2086
			serves "$by: $claim, by $of" "${!by}" server PORT "$dir/$2" $4 < <(tree_of $by $of)
		done
	done
	of_gnutls='' by_gnutls='' both_gnutls=''
}
requests() {
	# shellcheck disable=SC2086
	timeout 20 "$asks" client "$port" "$folder" $manner
}

both() { # WHAT IS BEFORE THE NUMBER, AND AFTER IT: two requests
	printf '%s1%s\n\n%s2%s\n' "$1" "$2" "$1"
}
