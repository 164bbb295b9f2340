# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by the tests of this folder: a program is run without the library and with it; what it
# says, how it exits and what it sends must be the same, and its spans as the test has them.
#
#   need curl                         skips the test where a program is missing
#   origin [option...]                the server that is asked: $url, $port (see origin.py);
#                                     another time: instead of the one before. no_origin: none
#   certificate                       what the origin, or a server, shows with --tls: $dir/tls/cert.pem,
#                                     key.pem; of localhost, signed by itself
#   sends CLAIM command... <<TREE     a client: output, exit code, captures at the origin, spans
#   serves CLAIM command... <<TREE    a server: the same; the test's function `requests` asks it.
#                                     PORT in the command is the port it is to listen on
#   nginx_conf WORKERS HTTP           $dir/nginx.conf, whose http block has that in it
#   system_node                       the words that start a node whose OpenSSL is the system's: $node
#   alone NAME                        no other test that says the same name runs meanwhile
#   check CLAIM command...            anything else that must succeed
#   traced SERVICE command...         only runs it under the library
#   command || fail                   what the test needs, and makes or starts itself
#
# and, before a call, for the calls that follow:
#
#   mask='s/../../'   what differs from run to run in the program's own output (a sed script)
#   capture_mask=RE   the same in what it sends
#   ours=FLAGS        what is otherwise of our header: see captures.py
#   tree_mask='s///'  the same in the spans
#   attributes=LIST   which attributes are printed in the tree
#   ports=            shows the port numbers, which are otherwise taken out of the tree
#   before=function   called before each of the two runs
#   limit=SECONDS     how long a client may run
#   also=FILE         a library that is preloaded in both runs, below ours
#   above=FILE        the same, above ours
#
# SHOW=1 prints the trees that were got; KEEP=1 leaves the folder of the test behind.

set -u
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$here/../.." && pwd)
build=${AUTOTRACE_BUILD:-$top/build}
library=$build/libautotrace.so
autotrace=$build/autotrace
dir=$(mktemp -d)
spans=$dir/spans.jsonl
failed=0
running=
mask=
capture_mask=
ours=
tree_mask=
attributes=http.response.status_code,url.full,url.path,error.type
before=:
ports=--mask-ports
also=
above=
limit=30

# Nothing of the caller's environment or home may tell in the result.
for name in $(compgen -e); do
	case $name in
	OTEL_* | TRACE* | BAGGAGE | LD_* | *_proxy | *_PROXY | PYTHON* | NODE_* | JAVA_* | RUBY* | PERL* | GIT_*)
		unset "$name" ;;
	AUTOTRACE_BUILD) ;;
	AUTOTRACE_*) unset "$name" ;;
	esac
done
export LC_ALL=C TZ=UTC HOME=$dir

leave() {
	stop $running
	if [ "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
	exit $failed
}
trap leave EXIT
trap 'failed=1; exit' INT TERM HUP

# What the test needs and made itself is not as it should be.
fail() {
	echo "line ${BASH_LINENO[0]}: it could not be made or started"
	failed=1
	exit
}

skip() {
	echo "$*"
	failed=77
	exit
}

need() {
	for program; do command -v "$program" >/dev/null || skip "$program is not installed"; done
}

need /usr/bin/python3 "${CC:-cc}"
[ -f "$library" ] || skip "$library is not built"
[ -x "$autotrace" ] || skip "$autotrace is not built"

# wait_for SECONDS command...: until it succeeds
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# What the test starts holds it too, until it ends.
alone() {
	need flock
	mkdir -p "$build/tests"
	exec 200>"$build/tests/alone.$1" && flock 200
}

# Asked of the kernel: a connection made to find out would be one that the server sees.
listens() {
	grep -qi ":$(printf %04X "$1") [0-9A-F:]* 0A " /proc/net/tcp /proc/net/tcp6
}

is_silent() {
	! listens "$1"
}

# stop PID...: as a service manager does; status of the last in $status
stop() {
	local pid
	for pid; do kill "$pid" 2>/dev/null; done
	for pid; do
		wait_for 10 is_gone "$pid" || { echo "had to be killed: $pid"; failed=1; kill -9 "$pid"; }
		wait "$pid" 2>/dev/null
		status=$?
		running=${running/ $pid/}
	done
}

is_gone() {
	[ ! -e "/proc/$1" ] || grep -q '^State:.Z' "/proc/$1/status" 2>/dev/null
}

# ready PORT PID: waits until somebody listens there
ready() {
	wait_for 20 listens_or_gone "$@"
	listens "$1" && return
	echo "nobody listens on port $1"
	return 1
}

listens_or_gone() {
	listens "$1" || is_gone "$2"
}

# under HOW SERVICE: the words before a command, in $env; a function would be a process in between
under() {
	env=(env)
	if [ "$1" = traced ]; then
		env+=(LD_PRELOAD="${above:+$above }$library${also:+ $also}" OTEL_TRACES_EXPORTER=otlp/file
			AUTOTRACE_FILE="$spans" OTEL_BSP_SCHEDULE_DELAY=50 AUTOTRACE_EXIT_FLUSH_MS=5000
			${2:+OTEL_SERVICE_NAME="$2"})
	elif [ "$above$also" ]; then
		env+=(LD_PRELOAD="$above $also")
	fi
}

traced() {
	under traced "$1"
	shift
	"${env[@]}" "$@"
}

# times N LINE: the tree of that many spans that are the same and roots
times() {
	local i
	for ((i = 0; i < $1; i++)); do
		((i)) && echo
		echo "$2"
	done
}

# program NAME [flag...]: programs/NAME.c compiled, its path in $program
program() {
	local name=$1
	shift
	mkdir -p "$build/tests"
	program=$build/tests/$name
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -pthread -o "$dir/$name" \
		"$here/programs/$name.c" "$@" && mv "$dir/$name" "$program" || fail
}

# ---- what was got and what was expected --------------------------------------------------------

tell() { # CLAIM WHETHER
	if [ "$2" = 0 ]; then
		echo "ok      $1"
	else
		echo "FAILED  $1"
		failed=1
	fi
}

check() {
	local claim=$1
	shift
	"$@"
	tell "$claim" $?
}

same() { # WHAT PLAIN TRACED
	cmp -s "$2" "$3" && return
	echo "  $1, without the library and with it:"
	diff -a -u "$2" "$3" | sed 1,2d | cut -c1-300 | head -n 40 | sed 's/^/  /'
	return 1
}

# The file for spans, which processes of several users may write to, whoever is first.
fresh_spans() {
	rm -f "$spans"
	(umask 0; : >"$spans")
}

tree() {
	[ -s "$spans" ] || return
	# an interpreter's version is part of its name
	"$autotrace" show --tree $ports --attributes "$attributes" "$spans" |
		sed -E -e 's/(\[unknown_service:[a-z]+)[0-9]+(\.[0-9]+)*\]/\1]/' -e "$tree_mask"
}

tree_is_there() {
	tree >"$dir/got" 2>&1
	cmp -s "$dir/want" "$dir/got"
}

same_tree() {
	[ "${SHOW:-}" ] && cat "$dir/got"
	cmp -s "$dir/want" "$dir/got" && return
	echo "  the spans that were to be, and those that were:"
	diff -u "$dir/want" "$dir/got" | sed 1,3d | sed 's/^/  /'
	return 1
}

masked() { # FILE, in place; the interpreters' own pids and the ports of this run too
	sed -E -e "$mask" -i "$1"
}

show() { # FILE...: of the run without the library
	[ "${SHOW:-}" ] && (cd "$dir/plain" && head -c 2000 "$@")
}

# ---- clients -----------------------------------------------------------------------------------

# life_collector HOW [FILE]: one that takes its time, or never answers (see there); its address is $collector
collector=
collector_pid=
life_collector() {
	rm -f "$dir/collector"
	/usr/bin/python3 "$here/programs/life_collector.py" "$dir/collector" "$@" &
	collector_pid=$!
	running="$running $collector_pid"
	wait_for 10 test -e "$dir/collector" || skip "the collector does not start"
	collector=http://127.0.0.1:$(cat "$dir/collector")
}

origin_pid=

no_origin() {
	[ -z "$origin_pid" ] || stop "$origin_pid"
	origin_pid=
	rm -rf "$dir/origin"
}

origin() {
	no_origin
	mkdir -p "$dir/origin/captured"
	/usr/bin/python3 "$here/origin.py" "$dir/origin" "$@" &
	origin_pid=$!
	running="$running $origin_pid"
	wait_for 10 test -e "$dir/origin/port" || skip "the origin does not start"
	port=$(cat "$dir/origin/port")
	url=http://127.0.0.1:$port
	[[ " $* " != *" --tls "* ]] || url=https://localhost:$port
}

certificate() {
	need openssl
	mkdir -p "$dir/tls"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 \
		-keyout "$dir/tls/key.pem" -out "$dir/tls/cert.pem" -subj /CN=localhost \
		-addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null || skip "no certificate"
	cat "$dir/tls/cert.pem" "$dir/tls/key.pem" >"$dir/tls/both.pem"
}

all_captured() {
	! compgen -G "$dir/origin/captured/*.open" >/dev/null
}

keep_captures() { # FOLDER
	[ -d "$dir/origin" ] || return
	wait_for 10 all_captured || echo "a connection to the origin is still open"
	mv "$dir/origin/captured" "$1/captured"
	mkdir "$dir/origin/captured"
}

# run_client HOW command...: leaves out, err, status and the captures in $dir/HOW
run_client() {
	local how=$1 to=$dir/$1
	shift
	rm -rf "$to"
	mkdir -p "$to"
	$before
	under "$how" ""
	# the group: bash itself tells of a program that was killed
	{ timeout -k 2 "$limit" "${env[@]}" "$@" >"$to/out" 2>"$to/err" </dev/null; } 2>/dev/null
	echo $? >"$to/status"
	masked "$to/out"
	masked "$to/err"
	keep_captures "$to"
}

same_captures() {
	[ -d "$dir/origin" ] || return 0
	/usr/bin/python3 "$here/captures.py" "$dir/plain/captured" "$dir/traced/captured" "$spans" \
		${capture_mask:+--mask "$capture_mask"} $ours
}

sends() {
	local claim=$1 good=0
	shift
	cat >"$dir/want"
	fresh_spans
	run_client plain "$@"
	run_client traced "$@"
	same "standard output" "$dir"/{plain,traced}/out || good=1
	same "standard error" "$dir"/{plain,traced}/err || good=1
	same "exit code" "$dir"/{plain,traced}/status || good=1
	same_captures || good=1
	wait_for 5 tree_is_there
	same_tree || good=1
	show status out err
	tell "$claim" $good
}

# ---- servers -----------------------------------------------------------------------------------

ask() {
	/usr/bin/python3 "$here/probe.py" "$port" "$@"
	echo
}

run_server() {
	local how=$1 to=$dir/$1
	shift
	rm -rf "$to"
	mkdir -p "$to"
	$before
	under "$how" server
	"${env[@]}" "$@" >"$to/out" 2>"$to/err" </dev/null &
	local server=$!
	running="$running $server"
	if ready "$port" "$server"; then
		requests >"$to/answers" 2>&1
		[ "$how" = traced ] && wait_for 4 tree_is_there
	fi
	stop "$server"
	echo $status >"$to/status"
	keep_captures "$to"
	wait_for 5 is_silent "$port" || echo "port $port is still listened on"
	masked "$to/out"
	masked "$to/err"
	sed -E -e 's/^Date: .*/Date: DATE\r/I' -e "$mask" -i "$to/answers"
}

serves() {
	local claim=$1 good=0
	shift
	cat >"$dir/want"
	fresh_spans
	port=${server_port:-$(free_port)}
	set -- "${@//PORT/$port}"
	run_server plain "$@"
	run_server traced "$@"
	same "the answers" "$dir"/{plain,traced}/answers || good=1
	same "standard output" "$dir"/{plain,traced}/out || good=1
	same "standard error" "$dir"/{plain,traced}/err || good=1
	same "exit code" "$dir"/{plain,traced}/status || good=1
	same_captures || good=1
	wait_for 5 tree_is_there
	same_tree || good=1
	show answers status out err
	tell "$claim" $good
}

nginx_conf() {
	cat >"$dir/nginx.conf" <<END
worker_processes $1;
daemon off;
error_log stderr crit;
pid $dir/nginx.pid;
events { worker_connections 256; }
http {
	access_log off;
	sendfile on;
	client_body_temp_path $dir/nginx.body;
	proxy_temp_path $dir/nginx.proxy;
	fastcgi_temp_path $dir/nginx.fastcgi;
	uwsgi_temp_path $dir/nginx.uwsgi;
	scgi_temp_path $dir/nginx.scgi;
	$2
}
END
	chmod -R a+rwX "$dir"
}

# Debian's, which may lie beside the one that is installed.
system_node() {
	local beside=$top/build/deps/debian-node/usr program libraries

	libraries=$(echo "$beside"/lib/*/)
	for program in "$(command -v node)" /usr/bin/node "$beside/bin/node"; do
		[ -x "$program" ] && LD_LIBRARY_PATH=$libraries ldd "$program" | grep -q libssl || continue
		node=("$program")
		[ "$program" != "$beside/bin/node" ] || node=(env LD_LIBRARY_PATH="$libraries" "$program")
		return
	done
	return 1
}

# What every server of files is asked; $dir/www/ok and $dir/www/big are there.
server_files() {
	mkdir -p "$dir/www"
	echo ok >"$dir/www/ok"
	seq 100000 >"$dir/www/big"
	touch -d 2026-01-01 "$dir/www"/*
	chmod -R a+rX "$dir"
	attributes=http.response.status_code,url.path,url.query,error.type
}

a_parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

file_requests() {
	local close='Host: h\r\nConnection: close\r\n\r\n' keep='Host: h\r\n\r\n'

	ask "GET /ok?whole HTTP/1.1\r\n$close"
	ask "GET /ok?kept1 HTTP/1.1\r\n$keep" =next "GET /ok?kept2 HTTP/1.1\r\n$close"
	ask "GET /ok?line1 HTTP/1.1\r\n${keep}GET /ok?line2 HTTP/1.1\r\n$close"
	ask "GET /ok?old HTTP/1.0\r\n\r\n"
	ask "HEAD /ok?head HTTP/1.1\r\n$close"
	ask "GET /ok?abort HTTP/1.1\r\nHost: h\r\n" =abort
	ask "GET /none HTTP/1.1\r\n$close"
	ask "GET /ok?parent HTTP/1.1\r\ntraceparent: $a_parent\r\n$close"
	ask "POST /ok?post HTTP/1.1\r\nContent-Length: 4\r\n$close" "bo" =0.05 "dy"
	ask "GET /big HTTP/1.1\r\n$close" | tail -c 100000 | md5sum
	ask "GARBAGE\r\n\r\n"
}

byte_by_byte() {
	ask =each "GET /ok?bytes HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
}

# file_spans [sed command...]: the spans of both, with what is otherwise of this server
file_spans() {
	local get="SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok url.query="

	{
		echo "? ${get}parent"
		for query in bytes kept1 kept2 line1 line2 old whole; do echo "$get$query"; done
		echo "SERVER GET [server] UNSET http.response.status_code=200 url.path=/big"
		echo "SERVER GET [server] UNSET http.response.status_code=404 url.path=/none"
		echo "${get/GET/HEAD}head"
		echo "${get/GET/POST}post"
	} | sed "${@/#/-e}" -e '' | sort | sed '$!G'
}
