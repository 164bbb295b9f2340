#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What few programs do, to their connections and to their process: it is as without us, and what is
# traced of it is true.
. "$(dirname "$0")/lib.sh"
program odd_sockets
origin

got() { # [QUERY]
	echo "CLIENT GET [unknown_service:${program##*/}] UNSET http.response.status_code=200 url.full=http://h/ok${1:+?$1}"
}
broken() { # [ERROR]
	got | sed -e 's/ http.response.status_code=200//' ${1:+-e "s/UNSET/ERROR/; s/\$/ error.type=$1/"}
}
all() { # COMMAND...: their trees, one below the other
	local between=

	for command; do
		${between:-:}
		between=echo
		$command
	done
}

sends "dup3 over a connection whose head is half sent" "$program" "$port" dup3 < <(times 70 "$(got)")
sends "vmsplice, tee, splice: left alone" "$program" "$port" spliced </dev/null
for way in new used half; do
	sends "handed to another process: $way" "$program" "$port" $way < <([ $way != used ] || got)
done
sends "handed to itself" "$program" "$port" back < <(got)
sends "closed in halves" "$program" "$port" shutdown \
	< <(all "broken broken_pipe" "broken connection_closed" got got)
sends "opened by what is sent (TCP_FASTOPEN)" "$program" "$port" fast < <(got)
sends "a connection that another process takes (pidfd_getfd)" "$program" "$port" taken < <(times 2 "$(got)")
sends "close_range, to close later, and by number" "$program" "$port" marked < <(times 4 "$(got)")
sends "closed with all others while they wait for an answer" "$program" "$port" ranges \
	< <(all broken broken)
sends "select with thousands of descriptors" "$program" "$port" select < <(got)
sends "no bytes, urgent ones, bad memory, a reset" "$program" "$port" odd < <(got)
sends "numbers that are a file's now, and nobody saw how" "$program" "$port" unseen < <(times 2 "$(got)")

no_origin
served=$(got; echo "  $(got | sed 's/CLIENT/SERVER/; s#url.full=http://h#url.path=#')")
sends "workers that share a port" "$program" "$port" port < <(times 8 "$served")
sends "an abstract address" "$program" "$port" abstract < <(times 2 "$served")
sends "a pair of sockets: left alone" "$program" "$port" paired </dev/null
sends "EAGAIN in the middle of a head" "$program" "$port" stuck \
	< <(sed 's/ http.response.status_code=200//' <<<"$served")

# ---- the process --------------------------------------------------------------------------------

program odd_life
origin
sends "a handler that forks, in a request" "$program" "$port" handler < <(times 10 "$(got)")
sends "a child in our memory closes its connections" "$program" "$port" vfork < <(times 3 "$(got)")
sends "a child in our memory beside us: left alone; then one of fork" "$program" "$port" beside < <(times 2 "$(got)")
sends "a child of fork looks up a name" "$program" "$port" lookup < <(times 2 "$(got)")
sends "requests before and after each fork" "$program" "$port" atfork < <(times 7 "$(got)")
sends "requests of what runs at exit" "$program" "$port" atexit < <(times 4 "$(got)")
sends "no environment" "$program" "$port" none < <(times 2 "$(got)")
sends "an environment that was cleared" "$program" "$port" cleared < <(times 3 "$(got)")
sends "our variables set, unset and overwritten" "$program" "$port" overwritten < <(times 6 "$(got)")
sends "a thread with descriptors of its own" "$program" "$port" apart < <(times 2 "$(got)")
sends "a handler on the smallest stack" "$program" "$port" altstack < <(times 201 "$(got)")
sends "a storm of signals" "$program" "$port" storm < <(times 300 "$(got)")
sends "calls that fail, and a thread that is cancelled in one" "$program" "$port" cancels < <(times 2 "$(got)")
sends "the only thread cancels itself" "$program" "$port" itself < <(got)

# waits_in OBJECT WAY: from where the kernel was called that the program waits in
waits_in() {
	local pid='' at= job

	traced waits "$program" "$port" "$2" >"$dir/waits" 2>"$dir/killed" &
	job=$!
	for _ in $(seq 100); do
		pid=$(sed -n 's/^pid: //p' "$dir/waits")
		[ -n "$pid" ] && at=$(awk '$1 == 45 { print $NF }' "/proc/$pid/syscall") && [ -n "$at" ] && break
		sleep 0.05
	done
	while read -r range _ _ _ _ path; do
		((at >= 0x${range%-*} && at < 0x${range#*-})) && break
	done <"/proc/$pid/maps"
	kill "$pid"
	wait "$job" 2>/dev/null
	[ "${path##*/}" = "$1" ] || { echo "  in $path"; return 1; }
}
if [ "$(uname -m) $(getconf GNU_LIBC_VERSION)" = "x86_64 glibc 2.36" ]; then
	check "beside our thread alone, it reads past libc's steps for several" waits_in libautotrace.so blocks
	check "and by libc, once it has made one" waits_in libc.so.6 another
	check "or once it filters its calls" waits_in libc.so.6 filtered
	origin
fi
sends "what a process may do that has one thread" "$program" "$port" users < <(times 6 "$(got)")

life_collector 0 "$spans"
sent=(env OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_BSP_SCHEDULE_DELAY=20
	OTEL_EXPORTER_OTLP_ENDPOINT="$collector")
sends "what one thread may do, and the others then not" "${sent[@]}" "$program" "$port" capabilities < <(times 6 "$(got)")
sends "the same by a filter" "${sent[@]}" "$program" "$port" refused < <(times 2 "$(got)")
sends "the same by calls that are one thread's" "${sent[@]}" "$program" "$port" number < <(times 2 "$(got)")
# its standard output is a file, too: it tells by how it ends
sends "no file may grow" "${sent[@]}" "$program" "$port" nofiles < <(times 2 "$(got)")
sends "memory that is locked" "${sent[@]}" "$program" "$port" locked < <(times 2 "$(got)")
sends "memory that is locked before there is a span" "${sent[@]}" "$program" "$port" locked-first < <(times 2 "$(got)")
closed() { # has 9 instead of 0, 1 and 2
	rm -f "$dir/told"
	"$@" 9>"$dir/told" 0<&- 1>&- 2>&-
	cat "$dir/told"
}
export -f closed
export dir
sends "0, 1 and 2 are the program's next descriptors" "${sent[@]}" bash -c 'closed "$@"' 0 \
	"$program" "$port" closed < <(times 2 "$(got)")

# As one that may lock no more than it has: 8 MiB, as it is by default.
[ "$(id -u)" = 0 ] || skip "the rest takes root"
odd=$program
need setpriv prlimit
program=$odd
cp "$library" "$program" "$dir"
library=$dir/libautotrace.so
chmod 755 "$dir"
limited=(prlimit --memlock=8388608 setpriv --reuid=65534 --regid=65534 --clear-groups)
sends "as much memory locked as is allowed" "${limited[@]}" "${sent[@]}" "$dir/odd_life" "$port" locked \
	< <(times 2 "$(got)")
