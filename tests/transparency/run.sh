#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD [SUITE...]: other people's tests, run plain and with the library, and what passes
# compared: the two sets must be equal. Suites: cpython perl lighttpd curl (all). Each is run with a collector
# that listens, with none that does, and with every probe on. By hand: it takes a long while.
#
# WAYS="alive dead probes"   which of these
# CPYTHON="test_socket ..."  which of CPython's
# CURL="1-299 ..."           which of curl's
# OUT=folder                 where what was printed is left
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath -m "$1")
shift
library=$build/libautotrace.so
out=${OUT:-$build/transparency}
ways=${WAYS:-alive dead probes}
failed=0
collector=
mkdir -p "$out"
[ -f "$library" ] || { echo "$library is not built"; exit 1; }
trap 'kill $collector 2>/dev/null' EXIT
unset LD_PRELOAD

free_port() { /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# A collector that takes everything and counts what it took.
/usr/bin/python3 "$here/collector.py" "$out/port" "$out/received" & collector=$!
for _ in $(seq 50); do [ -s "$out/port" ] && break; sleep 0.1; done
alive=http://127.0.0.1:$(cat "$out/port")
dead=http://127.0.0.1:$(free_port)

# with WAY command...
with() {
	local way=$1
	shift
	case $way in
	plain) "$@" ;;
	alive) LD_PRELOAD=$library OTEL_EXPORTER_OTLP_ENDPOINT=$alive "$@" ;;
	dead) LD_PRELOAD=$library OTEL_EXPORTER_OTLP_ENDPOINT=$dead "$@" ;;
	probes) LD_PRELOAD=$library AUTOTRACE_PROBES=all OTEL_EXPORTER_OTLP_ENDPOINT=$alive "$@" ;;
	esac
}

# ---- suites: each writes "name result" lines, sorted, of what it ran in a way ---------------------

# Everything that has to do with sockets, processes, threads, signals and descriptors.
: "${CPYTHON:=test_socket test_ssl test_asyncio test_httplib test_httpservers test_urllib
	test_urllib2 test_urllib2_localnet test_xmlrpc test_wsgiref test_ftplib test_smtplib
	test_poplib test_imaplib test_telnetlib test_socketserver test_asyncore test_asynchat
	test_subprocess test_popen test_threading test_threadsignals test_thread test_signal
	test_select test_selectors test_poll test_epoll test_multiprocessing_fork
	test_multiprocessing_spawn test_multiprocessing_forkserver test_concurrent_futures test_os
	test_posix test_fork1 test_wait3 test_wait4 test_pty test_fcntl test_resource test_pipes
	test_io test_file_eintr test_faulthandler test_ctypes test_mmap test_gc test_atexit}"

cpython() { # WAY one-test
	local xml=$out/cpython.$1.$2.xml formats= resources=

	rm -f "$xml"
	# tests that compare a request's headers as a whole would see ours
	case $2 in
	test_xmlrpc) formats=OTEL_PROPAGATORS=none ;;
	test_socketserver) resources='-u network' ;; # loopback's
	esac
	# AF_VSOCK waits for ever for its peer in some virtual machines
	with "$1" env $formats timeout 900 /usr/bin/python3 -m test $resources -i '*VSOCK*' --junit-xml "$xml" "$2" \
		>"$out/cpython.$1.$2.log" 2>&1 </dev/null
	echo "(exit) $?"
	[ -s "$xml" ] && /usr/bin/python3 "$here/junit.py" "$xml"
}

# The core's own tests, of Debian's source package, by the installed perl.
perl_source=build/deps/perl
PERL="cpan/HTTP-Tiny cpan/IO-Socket-IP cpan/Socket cpan/libnet dist/IO dist/threads
	ext/IPC-Open3 t/io"
perl() { # WAY folder
	local folder=$perl_source/$2 tests='t/*.t' t
	case $2 in t/*)
		folder=$perl_source/t
		tests="${2#t/}/*.t"
		;;
	esac
	cd "$folder" || return
	for t in $tests; do
		with "$1" timeout 120 /usr/bin/perl "$t" </dev/null 2>/dev/null |
			sed -n "s|^\\(not \\)\\{0,1\\}ok \\([0-9]*\\).*|$t \\1ok \\2|p"
		echo "(exit) $t ${PIPESTATUS[0]}"
	done
	cd "$here/../.." || exit
}

# Of lighttpd's source package, with the installed server.
lighttpd_source=build/deps/lighttpd
lighttpd() { # WAY test
	local top=$out/lighttpd.build
	rm -rf "$top"
	mkdir -p "$top/build" "$top/tests"
	ln -s /usr/lib/lighttpd/* "$top/build/"
	ln -sf /usr/sbin/lighttpd "$top/build/lighttpd"
	cp "$lighttpd_source"/tests/*.conf "$top/tests/"
	(
		cd "$lighttpd_source/tests" || exit
		export top_builddir=$top srcdir=.
		sh ./prepare.sh >/dev/null
		with "$1" timeout 300 /usr/bin/perl -I. "$2" </dev/null 2>"$out/lighttpd.$1.log" |
			sed -n 's/^\(not \)\{0,1\}ok \([0-9]*\).*/\1ok \2/p'
		echo "(exit) ${PIPESTATUS[0]}"
	)
}

# Of curl's source package, what is built of it, with its servers.
curl_source=build/deps/curl
: "${CURL:=1-299 300-599 600-999 1000-1299 1300-2999}"
curl_built() {
	[ -x "$curl_source/tests/server/sws" ] && return
	DEBIAN_FRONTEND=noninteractive apt-get -q -q -y install libssl-dev zlib1g-dev stunnel4 >/dev/null &&
		(cd "$curl_source" && ./configure --with-openssl --disable-ldap --disable-manual && make -j2 &&
			make -j2 -C tests) >"$out/curl.build.log" 2>&1 || { echo "curl: see $out/curl.build.log"; return 1; }
	# what its servers were sent is compared but for the header that is ours
	sed -i 's/my @out = loadarray(\$\(SERVERIN\|PROXYIN\));/& @out = grep { !\/^traceparent: 00-\/ } @out;/' \
		"$curl_source/tests/runtests.pl"
}
curl() { # WAY FIRST-LAST; 320's server answers with what it was sent
	(
		cd "$curl_source/tests" || exit
		with "$1" env USER=root timeout 900 /usr/bin/perl runtests.pl -a -n -am !flaky !SFTP !SCP !320 \
			"${2%-*}" to "${2#*-}" </dev/null 2>"$out/curl.$1.log" |
			sed -n 's/^\(PASS\|FAIL\): \([0-9]*\) .*/\2 \1/p'
		echo "(exit) ${PIPESTATUS[0]}"
	)
}

# compare SUITE PART: runs it plain, then in each way; what differs is run again in both
compare() {
	local suite=$1 part=$2 name=${2//\//-} way n again
	"$suite" plain "$part" | sort >"$out/$suite.plain.$name"
	n=$(grep -cv '^(exit)' "$out/$suite.plain.$name")
	if [ "$n" = 0 ]; then
		echo "NOTHING $suite $part: no test of it runs here"
		failed=1
		return
	fi
	for way in $ways; do
		for again in 1 2 3; do
			"$suite" "$way" "$part" | sort >"$out/$suite.$way.$name"
			cmp -s "$out/$suite.plain.$name" "$out/$suite.$way.$name" && break
			# some fail one time in ten by themselves: plain must show the same to count as that
			"$suite" plain "$part" | sort >>"$out/$suite.plain.$name.more"
			sort -u "$out/$suite.plain.$name" "$out/$suite.plain.$name.more" >"$out/allowed"
			[ -z "$(comm -13 "$out/allowed" "$out/$suite.$way.$name")" ] && break
		done
		if [ "$again" = 3 ] && [ -n "$(comm -13 "$out/allowed" "$out/$suite.$way.$name")" ]; then
			echo "DIFFERS $suite $part, $way:"
			diff "$out/$suite.plain.$name" "$out/$suite.$way.$name" | sed -n 's/^[<>]/  &/p' | head -20
			failed=1
		else
			echo "ok      $suite $part, $way: $n tests$([ "$again" -gt 1 ] && echo ", $again runs")"
		fi
	done
}

# The sources are fetched once.
source_of() { # PACKAGE FOLDER
	[ -d "$2" ] || .ci/debian-source "$1" "$2" || exit
}

cd "$here/../.." || exit
[ $# -gt 0 ] || set -- cpython perl lighttpd curl
for suite in "$@"; do
	case $suite in
	cpython)
		[ -f /usr/lib/python3.11/test/test_socket.py ] ||
			DEBIAN_FRONTEND=noninteractive apt-get -q -q -y install libpython3.11-testsuite >/dev/null || exit
		parts=$CPYTHON
		;;
	perl) source_of perl $perl_source && parts=$PERL ;;
	lighttpd) source_of lighttpd $lighttpd_source && parts='request.t core-condition.t' ;;
	curl) source_of curl $curl_source && curl_built && parts=$CURL || exit ;;
	*) echo "no suite is called $suite"; exit 1 ;;
	esac
	for part in $parts; do compare "$suite" "$part"; done
done
echo "exports that were received meanwhile: $(cat "$out/received" 2>/dev/null || echo 0)"
exit $failed
