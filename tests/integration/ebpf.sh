#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_EBPF: what the kernel saw of a span is what happened in it, beside what strace says of the same run;
# where it may not be seen, one line says why and nothing else is different.
. "$(dirname "$0")/lib.sh"
alone ebpf # the kernel is asked what is loaded
need curl strace setpriv
program kernel_seen
seen=$program

wanted() { # SERVICE variable...: the words before a command
	under traced "$1"
	shift
	env+=(AUTOTRACE_EBPF=true AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true "$@")
}

# serves_work variable... -- [word...]: a server, its pid in $server; words come before the program
serves_work() {
	local variables=()
	while [ "$1" != -- ]; do
		variables+=("$1")
		shift
	done
	shift
	fresh_spans
	: >"$dir/log"
	chmod 666 "$dir/log"
	port=$(free_port)
	wanted seen "${variables[@]}"
	"$@" "${env[@]}" "$seen" serve "$port" "$dir/file" "$other" >"$dir/out" 2>"$dir/err" &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
}

asks() { # PATH...
	local path
	for path; do curl -sS -o "$dir/answer" "http://127.0.0.1:$port$path" || return 1; done
}

is_sent() { # PATH
	grep -qF "\"$1\"" "$spans"
}

# first variable... -- [word...]: a server whose first span has been sent, so that it is watched
first() {
	serves_work "$@"
	asks /first
	wait_for 20 is_sent /first || fail
}

ends() {
	curl -sS -o /dev/null "http://127.0.0.1:$port/quit" 2>/dev/null
	wait_for 20 is_gone "$server" || fail
	wait "$server" 2>/dev/null
	running=${running/ $server/}
}

sums() {
	/usr/bin/python3 "$here/ebpf_sums.py" "$spans" "$@"
}

lines() { # N: in the log, but for the counters
	[ "$(grep -c 'AUTOTRACE_EBPF' "$dir/log")" = "$1" ] || { cat "$dir/log"; return 1; }
}

counter() { # NAME
	sed -n "s/.*$1: //p" "$dir/log" | tail -n 1
}

has_perf() {
	perf trace -s -o "$dir/perf.first" -- true 2>"$dir/perf.said" && grep -q " events, " "$dir/perf.first" && return
	[ -s "$dir/perf.said" ] || cp "$dir/perf.first" "$dir/perf.said"
	return 1
}

other=$(free_port)
"$seen" slow "$other" 150 &
running="$running $!"
ready "$other" $! || fail

first --
if grep -q 'AUTOTRACE_EBPF: \(not permitted\|the kernel\)' "$dir/log"; then
	skip "$(sed -n 's/.*AUTOTRACE_EBPF: //p' "$dir/log")"
fi
check "nothing is said of it" lines 0
check "the first span of a process is marked" sums partial /first
asks /work
wait_for 20 is_sent /work
check "the next is not" sums not-partial /work
check "all of its time is on the CPU, waiting for one, or blocked" sums whole /work
check "three sleeps of 20 ms" sums at-least /work syscall.clock_nanosleep.duration 0.06
check "are three calls" sums count /work clock_nanosleep 3
check "it was blocked in them, and for the slow server" sums at-least /work blocked.duration 0.209
check "it computed for 50 ms" sums at-least /work cpu.duration 0.0495
check "and not for much more" sums at-most /work cpu.duration 0.2
check "five times to the disk" sums count /work fsync 5
wait_for 20 grep -q '"recvfrom"' "$spans" # it comes with the next batch
check "what took long is a span of its own" sums below /work recvfrom 1 0.14
check "what did not is none" sums below /work clock_nanosleep 0
asks /quick
wait_for 20 is_sent /quick
check "a short span's calls" sums count /quick getppid 10
check "which had no long one" sums below /quick recvfrom 0
check "nor are they another span's" sums count /work getppid 0
check "page faults that there were none of are not told" sums at-most /quick page_faults.major 0
dd if=/dev/urandom of="$dir/file" bs=1M count=4 conv=fsync 2>/dev/null
asks /pages /disk
wait_for 20 is_sent /disk
check "a thousand pages that were touched" sums at-least /pages page_faults.minor 1000
check "are not many more" sums at-most /pages page_faults.minor 1100
check "reading from the disk was waiting for it" sums at-least /disk blocked.io.duration 0.00005
check "which is of what it was blocked" sums within /disk blocked.io.duration blocked.duration
check "sleeping is not" sums at-most /pages blocked.io.duration 0
asks /lossy
wait_for 20 is_sent /lossy
check "the round-trip time of either connection" sums rtt /lossy "$(tail -n 1 "$dir/out")"
check "nothing was sent again" sums at-most /lossy tcp.retransmits 0
ends
check "nothing is lost" test -z "$(counter 'too many spans at once')$(counter 'or were not sent')"

first AUTOTRACE_EBPF_SLOW_MS=15 --
asks /work
wait_for 20 is_sent /work
wait_for 20 grep -q '"clock_nanosleep"' "$spans"
ends
check "with another limit, so are shorter ones" sums below /work clock_nanosleep 3 0.0199

slow_one=$other other=$(free_port)
"$seen" deaf "$other" 400 &
running="$running $!"
ready "$other" $! || fail
first --
asks /lossy
wait_for 20 is_sent /lossy
ends
check "what was lost on its way was sent again" sums at-least /lossy tcp.retransmits 1
other=$slow_one

# The same run, seen by strace as well. It stops the program at each call, so that what it measures is the longer.
# perf trace measures where we do, and is told what it saw of the same run; some kernels do not have what it takes.
watchers=(strace -f -T -o "$dir/strace")
if has_perf; then
	watchers=(perf trace -s -o "$dir/perf" -- "${watchers[@]}")
else
	check "perf trace does not run here, and says why" test -s "$dir/perf.said"
	cat "$dir/perf.said"
fi
first -- "${watchers[@]}"
asks /work /lock
wait_for 20 is_sent /lock
ends
check "as strace has it" sums strace /work "$dir/strace" clock_nanosleep fsync recvfrom
check "a lock is what it was blocked by" sums at-least /lock syscall.futex.duration 0.039
check "and for as long" sums at-least /lock blocked.duration 0.039
if [ -e "$dir/perf" ]; then
	check "as perf trace has it" sums perf /work "$dir/perf" clock_nanosleep fsync
	check "and the lock" sums perf-longest /lock "$dir/perf" futex
	check "and the slow server" sums perf-slow /work "$dir/perf" recvfrom
fi

# Many spans, of ten calls each.
cat >"$dir/many.py" <<'END'
import socket, sys, time
n, rate, at = int(sys.argv[2]), float(sys.argv[3]), socket.create_connection(("127.0.0.1", int(sys.argv[1])))
begin = time.monotonic()
for i in range(n):
    while time.monotonic() - begin < i / rate:
        pass
    at.sendall(b"GET /quick HTTP/1.1\r\nHost: h\r\n\r\n")
    answer = b""
    while not answer.endswith(b"ok\n"):
        answer += at.recv(4096)
print(f"{n / (time.monotonic() - begin):.0f} spans a second")
END
first --
/usr/bin/python3 "$dir/many.py" "$port" 20000 10000
ends
check "ten thousand short spans a second: each has its own calls, or is marked" sums every /quick getppid 10
sums marked /quick 20000
# More of them wait to be sent than there is room for their sums.
first OTEL_BSP_MAX_QUEUE_SIZE=65536 OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4096 OTEL_BSP_SCHEDULE_DELAY=4000 --
/usr/bin/python3 "$dir/many.py" "$port" 20000 1e9
ends
lost=$(counter 'too many spans at once')
echo "calls that were lost: ${lost:-0}"
check "where sums find no room, that is counted" test "${lost:-0}" -gt 0
check "and the spans are marked" sums every /quick getppid 10

# What the kernel is shown is nonsense: nobody is hurt, and what is shown after it is right.
first --
asks /corrupt
asks /right /right
asks /work
wait_for 20 is_sent /work
check "after a corrupt thread context, sums are right again" sums count /work clock_nanosleep 3
ends
check "and the server ended as it should" test ! -s "$dir/err"

# A container's process has another number there than the kernel's.
if unshare -pf --mount-proc true 2>/dev/null; then
	first -- unshare -pf --mount-proc
	asks /quick
	wait_for 20 is_sent /quick
	check "in a namespace of processes it is the same" sums count /quick getppid 10
	ends
fi

# A kernel without BTF: what can be had without it is.
program no_btf -shared -fPIC -ldl
also=$program
first --
asks /work /pages /quick
wait_for 20 is_sent /quick
wait_for 20 grep -q '"recvfrom"' "$spans"
ends
also=
check "without BTF one line says what is missing" lines 1
check "which is that" grep -q 'AUTOTRACE_EBPF: the kernel has no BTF: page faults, .* are not seen' "$dir/log"
check "a short span's calls are there" sums count /quick getppid 10
check "sleeps and the disk" eval 'sums count /work clock_nanosleep 3 && sums count /work fsync 5'
check "all of the time is on the CPU, waiting for one, or blocked" sums whole /work
check "it computed for 50 ms then, too" sums at-least /work cpu.duration 0.0495
check "what took long is a span of its own then" sums below /work recvfrom 1 0.14
check "and what is not seen is not told" sums at-most /pages page_faults.minor 0

# Who may not.
chmod a+rx "$dir"
first -- setpriv --reuid=65534 --regid=65534 --clear-groups
asks /quick
check "without privilege it answers" test "$(cat "$dir/answer")" = ok
ends
check "one line says what is missing" lines 1
check "which is a capability" grep -q 'AUTOTRACE_EBPF: not permitted: it takes CAP_BPF and CAP_PERFMON' "$dir/log"
check "its spans are there" is_sent /quick
check "without sums" sums none /quick
check "nothing is printed" test ! -s "$dir/err"

first AUTOTRACE_THREAD_CONTEXT=false --
ends
check "without the thread context there is one line" lines 1

mkdir "$dir/alone"
cp "$library" "$dir/alone/"
library=$dir/alone/libautotrace.so
first --
ends
check "without its object there is one line" lines 1
check "which says so" grep -q 'AUTOTRACE_EBPF: libautotrace-ebpf.so cannot be loaded' "$dir/log"
printf 'int x;const int *atr_ebpf_table(void){return &x;}' |
	"${CC:-cc}" -shared -fPIC -x c -o "$dir/alone/libautotrace-ebpf.so" -
first --
ends
check "with another version's there is one line" lines 1
check "which says that" grep -q 'AUTOTRACE_EBPF: libautotrace-ebpf.so is that of another version' "$dir/log"

echo "no object" >"$dir/alone/libautotrace-ebpf.so"
first --
asks /quick
check "with something else in its place it answers" test "$(cat "$dir/answer")" = ok
ends
check "and there is one line" lines 1

# What is said beforehand.
doctor() { # PATTERN [word...]
	local pattern=$1
	shift
	AUTOTRACE_EBPF=true AUTOTRACE_LIBRARY=$build/libautotrace.so "$@" "$autotrace" doctor /usr/bin/curl >"$dir/told"
	grep -q "$pattern" "$dir/told" || { cat "$dir/told"; return 1; }
}
check "doctor says what attaches" doctor '^eBPF  *attaches: sys_enter, sys_exit, sched_switch, sched_wakeup$'
check "and what is missing" doctor '^eBPF  *does not attach: not permitted: it takes CAP_BPF' \
	setpriv --reuid=65534 --regid=65534 --clear-groups
