#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD [SUITE...]: the library as it was built here, in the bases of other releases of
# Debian (debootstrap; kept in BUILD/portability): programs say and answer what they do
# without it, and a request's span comes out. Before glibc 2.34 one of
# them has neither libpthread nor libdl, the other both. Inside TLS too, of which OpenSSL was 1.1
# in bullseye: with status and version, and with the origin named as its child's parent. And by HTTP/3,
# which trixie's curl speaks. And what Go builds, seen from the kernel.
set -u
build=$(cd "${1:?a build}" && pwd)
shift
suites=${*:-bullseye bookworm trixie bookworm-arm64 go}
here=$(cd "$(dirname "$0")" && pwd)
bad=0
unset MAKEFLAGS MAKELEVEL BUILD SAN # what this make was told is not for the one started here
# shellcheck source=tests/portability/arm64.sh
. "$here/arm64.sh"
# shellcheck source=tests/portability/go.sh
. "$here/go.sh"

# Of trixie, whose curl speaks HTTP/3, a server of that, too.
packages_of() {
	case $1 in *-arm64)
		echo "ca-certificates,curl,wget,python3,perl,nginx,nodejs,libc6-dev,libcmocka-dev,libnghttp2-dev,zlib1g-dev"
		return ;;
	esac
	echo "gcc,libc6-dev,curl,wget,python3$([ "$1" != trixie ] || echo ,python3-aioquic,python3-cffi-backend)"
}

# answer ROOT command...: what it says, and its exit code. A curl whose time is over is asked again: of
# trixie's, by HTTP/3, one in some ten waits for ever, with the library and without.
answer() {
	local root=$1 said n
	shift
	for n in 1 2 3 4 5; do
		rm -f "$root/spans.jsonl" "$root/h3-heard"
		said=$(chroot "$root" "$@" 2>&1; echo "exit $?")
		[[ "$said" = *"exit 28" ]] || break
	done
	echo "$said"
}

make_base() { # SUITE ROOT PACKAGES
	case $1 in
	*-arm64) arm64_base "$2" "${1%-arm64}" "$3" ;;
	*) debootstrap --variant=minbase --include="$3" "$1" "$2" ;;
	esac
}

# put SUITE ROOT: the library, and a program
put() {
	case $1 in
	*-arm64) arm64_build "$2" && arm64_cc -o "$2/ask" "$here/ask.c" ;;
	*)
		strip --strip-unneeded -o "$2/libautotrace.so" "$build/libautotrace.so"
		cp "$here/ask.c" "$2/" && chroot "$2" gcc -o /ask /ask.c ;;
	esac
}

# try SUITE WHAT command...: says and answers the same without and with
try() {
	local suite=$1 what=$2 root=$build/portability/$1 plain traced
	shift 2
	plain=$(answer "$root" "$@")
	traced=$(answer "$root" env LD_PRELOAD=/libautotrace.so OTEL_TRACES_EXPORTER=otlp/file \
		AUTOTRACE_FILE=/spans.jsonl AUTOTRACE_EXIT_FLUSH_MS=10000 "$@")
	if [ "$plain" = "$traced" ]; then echo "ok    $suite: $what: alike"; else
		echo "FAIL  $suite: $what: $plain; with the library: $traced"
		bad=1
	fi
}

has_span() {
	local file=$build/portability/$1/spans.jsonl

	if [ "$(grep -c "\"GET\"" "$file" 2>/dev/null)" = 1 ]; then echo "ok    $1: $2: one span"; else
		echo "FAIL  $1: $2: not one span"
		bad=1
	fi
	rm -f "$file"
}

# has_tls_span SUITE WHAT PATH VERSION: as it is to be, and who the origin was told asks it
has_tls_span() {
	local file=$build/portability/$1/spans.jsonl attributes want got id

	attributes=http.response.status_code,url.full,tls.protocol.version
	want="200 url.full=https://127.0.0.1:$tls_port$3 tls.protocol.version=$4"
	got=$("$build/autotrace" show --tree --attributes "$attributes" "$file" 2>&1)
	if [[ "$got" = "CLIENT GET "*" http.response.status_code=$want" ]]; then echo "ok    $1: $2: its span"; else
		echo "FAIL  $1: $2: $got"
		bad=1
	fi
	id=$(grep -o '"spanId":"[0-9a-f]*"' "$file" | cut -d '"' -f 4)
	if grep -q "^$3 00-[0-9a-f]*-${id:-none}-03$" "$build/portability/asked"; then echo "ok    $1: $2: its header"; else
		echo "FAIL  $1: $2: not its header"
		bad=1
	fi
	rm -f "$file"
}

# By what libcurl says of it: of QUIC nothing is seen.
has_h3_span() {
	local root=$build/portability/$1 id

	id=$(grep -o '"spanId":"[0-9a-f]*"' "$root/spans.jsonl" | cut -d '"' -f 4)
	if "$build/autotrace" show --tree --mask-ports --attributes http.response.status_code,url.full,network.protocol.version \
		"$root/spans.jsonl" | grep -q '^CLIENT GET .* UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/h3 network.protocol.version=3$' &&
		grep -q "^/h3 00-[0-9a-f]*-${id:-none}-03$" "$root/h3-heard"; then
		echo "ok    $1: curl and HTTP/3: its span, and its header"
	else
		echo "FAIL  $1: curl and HTTP/3: not its span, or not its header"
		bad=1
	fi
	rm -f "$root/spans.jsonl"
}

mkdir -p "$build/portability/tls"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=origin \
	-addext subjectAltName=IP:127.0.0.1 -keyout "$build/portability/tls/key.pem" \
	-out "$build/portability/tls/cert.pem" 2>/dev/null || exit
: >"$build/portability/asked"
coproc origin { exec /usr/bin/python3 -u "$here/origin.py" "$build/portability/tls" "$build/portability/asked"; }
read -r port tls_port <&"${origin[0]}"
origin_pid=$origin_PID
for suite in $suites; do
	[ "$suite" != go ] || {
		if go_compiler; then go_part "$port" 0; go_part "$port" 1; else echo "skip  go: $why"; fi
		continue
	}
	root=$build/portability/$suite
	packages=$(packages_of "$suite")
	case $suite in *-arm64)
		arm64_root=$root
		arm64_emulator || { echo "skip  $suite: $why"; continue; } ;;
	esac
	[ "$(cat "$root/ready" 2>/dev/null)" = "$packages" ] || {
		# What an interrupted one left, which may have /proc mounted in it.
		umount -q "$root"/* 2>/dev/null
		rm -rf --one-file-system "$root"
		make_base "$suite" "$root" "$packages" &&
			echo "$packages" >"$root/ready"
	} >"$build/portability.log" 2>&1 ||
		{ echo "FAIL  $suite: debootstrap, see $build/portability.log"; bad=1; continue; }
	put "$suite" "$root" || { bad=1; continue; }
	try "$suite" "ls" ls /usr
	try "$suite" "a program with one thread" /ask "$port"
	has_span "$suite" "a program with one thread"
	try "$suite" perl perl -MIO::Socket::INET -e "
		\$s = IO::Socket::INET->new('127.0.0.1:$port') or die;
		print \$s \"GET /perl HTTP/1.0\r\n\r\n\"; print while <\$s>"
	has_span "$suite" perl

	cp "$build/portability/tls/cert.pem" "$here/ask_tls.py" "$root/"
	try "$suite" "curl and TLS" curl -sS --cacert /cert.pem "https://127.0.0.1:$tls_port/curl"
	has_tls_span "$suite" "curl and TLS" /curl 1.3
	try "$suite" "curl and TLS 1.2" curl -sS --tls-max 1.2 --cacert /cert.pem "https://127.0.0.1:$tls_port/old"
	has_tls_span "$suite" "curl and TLS 1.2" /old 1.2
	try "$suite" "wget and TLS" wget -q -O - --ca-certificate=/cert.pem "https://127.0.0.1:$tls_port/wget"
	has_tls_span "$suite" "wget and TLS" /wget 1.3
	for how in urllib asyncio; do
		try "$suite" "Python's $how and TLS" python3 /ask_tls.py $how "$tls_port"
		has_tls_span "$suite" "Python's $how and TLS" /$how 1.3
	done
	case $suite in *-arm64) arm64_more "$suite" ;; esac
	chroot "$root" curl -V | grep -q HTTP3 || continue
	cp "$build/portability/tls/key.pem" "$here/h3.py" "$root/"
	rm -f "$root/h3-port"
	chroot "$root" python3 /h3.py /h3-port /cert.pem /key.pem /h3-heard &
	h3_pid=$!
	for _ in {1..200}; do [ -s "$root/h3-port" ] || sleep 0.1; done
	try "$suite" "curl and HTTP/3" curl -sS -m 20 --http3-only --cacert /cert.pem -w '%{http_version} %{size_request}' \
		"https://127.0.0.1:$(cat "$root/h3-port")/h3"
	has_h3_span "$suite"
	kill "$h3_pid"
done
kill "$origin_pid"
exit $bad
