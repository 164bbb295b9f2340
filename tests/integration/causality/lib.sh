# SPDX-License-Identifier: Apache-2.0
# Sourced by tests/integration/causality-*.sh: starts services, sends load, checks parents.
#
#   AUTOTRACE_LIB=FILE   the library under test (default: build/libautotrace.so)
#   PLAIN=1              without the library: only the answers are compared
#   KEEP=1               the spans are left behind, and where is told

set -u
here=$(cd "$(dirname "$0")/causality" && pwd)
top=$(cd "$here/../../.." && pwd)
library=${AUTOTRACE_LIB:-$top/build/libautotrace.so}
dir=$(mktemp -d)
pids=
unset TRACEPARENT TRACESTATE BAGGAGE

stop() {
	for pid in $pids; do kill "$pid" 2>/dev/null; done
	for pid in $pids; do
		for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		kill -9 "$pid" 2>/dev/null && echo "  had to be killed: $pid" >&2
	done
	pids=
}

leave() {
	stop 2>/dev/null
	if [ "${KEEP:-}" ]; then echo "  kept: $dir"; else rm -rf "$dir"; fi
}
trap leave EXIT
trap 'exit 1' INT TERM HUP

skip() {
	echo "skipped: $*"
	exit 77
}

need() {
	for program; do command -v "$program" >/dev/null || skip "no $program here"; done
}

[ "${PLAIN:-}" ] || [ -f "$library" ] || skip "$library is not built"
need /usr/bin/python3 "${CC:-cc}"

free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# build NAME: compiles causality/NAME.c into $dir/NAME
build() {
	"${CC:-cc}" -std=gnu11 -O1 -g -pthread -o "$dir/$1" "$here/$1.c" || exit 1
}

# traced SERVICE command...: in the background, under the library
traced() {
	service=$1
	shift
	if [ "${PLAIN:-}" ]; then
		"$@" &
	else
		env LD_PRELOAD="$library" OTEL_SERVICE_NAME="$service" \
			OTEL_TRACES_EXPORTER=otlp/file AUTOTRACE_FILE="$dir/$service.jsonl" \
			OTEL_BSP_SCHEDULE_DELAY=100 OTEL_BSP_MAX_QUEUE_SIZE=32768 "$@" &
	fi
	pids="$! $pids"
}

# ready PORT: waits until somebody listens there
ready() {
	for _ in $(seq 100); do
		(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
		sleep 0.1
	done
	echo "nobody listens on port $1"
	exit 1
}

# origin [MAX_US]: starts the service `back`, its port is in $back
origin() {
	build origin
	back=$(free_port)
	traced back "$dir/origin" "$back" "$@"
	ready "$back"
}

# front command...: starts the service `front`; PORT and ORIGIN in the command are put in
front() {
	front=$(free_port)
	set -- "${@//PORT/$front}"
	traced front "${@//ORIGIN/$back}"
	ready "$front"
}

load() {
	/usr/bin/python3 "$here/load.py" "$front" "$@" || exit 1
}

# Waits until the exporters have written what they have, then stops everybody.
settle() {
	sleep ${SETTLE:-0.6}
	stop
}

check() {
	settle
	[ "${PLAIN:-}" ] && exit 0
	/usr/bin/python3 "$here/check.py" "$dir" "$@"
}

# run ONE MANY [load option...]: that many requests one at a time, and twelve at a time
run() {
	one=$1
	many=$2
	shift 2
	load 0 "$one" 1 "$@"
	load 1000000 "$many" 12 "$@"
}

# by_sixes [load option...]: three requests one at a time, and thirty by six, each six of them to a front that
# has forgotten what it showed before
by_sixes() {
	load 0 3 1
	for first in 1000000 1000006 1000012 1000018 1000024; do
		sleep 1.1
		load $first 6 6 "$@"
	done
}
