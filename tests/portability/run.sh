#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD [SUITE...]: the library as it was built here, in the bases of other releases of
# Debian (debootstrap; kept in BUILD/portability): programs say and answer what they do
# without it, and a request's span comes out. Before glibc 2.34 one of
# them has neither libpthread nor libdl, the other both.
set -u
build=$(cd "${1:?a build}" && pwd)
shift
suites=${*:-bullseye bookworm trixie}
here=$(cd "$(dirname "$0")" && pwd)
bad=0

# try SUITE WHAT command...: says and answers the same without and with
try() {
	local suite=$1 what=$2 root=$build/portability/$1 plain traced
	shift 2
	plain=$(chroot "$root" "$@" 2>&1; echo "exit $?")
	traced=$(chroot "$root" env LD_PRELOAD=/libautotrace.so OTEL_TRACES_EXPORTER=otlp/file \
		AUTOTRACE_FILE=/spans.jsonl "$@" 2>&1; echo "exit $?")
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

coproc origin { exec /usr/bin/python3 -u "$here/origin.py"; }
read -r port <&"${origin[0]}"
origin_pid=$origin_PID
mkdir -p "$build/portability"
for suite in $suites; do
	root=$build/portability/$suite
	[ -x "$root/ready" ] || {
		# What an interrupted one left, which may have /proc mounted in it.
		umount -q "$root"/* 2>/dev/null
		rm -rf --one-file-system "$root"
		debootstrap --variant=minbase --include=gcc,libc6-dev "$suite" "$root" &&
			install /dev/null "$root/ready"
	} >"$build/portability.log" 2>&1 ||
		{ echo "FAIL  $suite: debootstrap, see $build/portability.log"; bad=1; continue; }
	strip --strip-unneeded -o "$root/libautotrace.so" "$build/libautotrace.so"
	try "$suite" "ls" ls /usr
	cp "$here/ask.c" "$root/" && chroot "$root" gcc -o /ask /ask.c
	try "$suite" "a program with one thread" /ask "$port"
	has_span "$suite" "a program with one thread"
	try "$suite" perl perl -MIO::Socket::INET -e "
		\$s = IO::Socket::INET->new('127.0.0.1:$port') or die;
		print \$s \"GET /perl HTTP/1.0\r\n\r\n\"; print while <\$s>"
	has_span "$suite" perl
done
kill "$origin_pid"
exit $bad
