#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `autotrace ebpf-agent`: who may not load the programs asks one who may, and sees as much; who may not ask, asks
# too much, or says what nobody understands, gets nothing, and the agent stays.
. "$(dirname "$0")/lib.sh"
alone ebpf # the kernel is asked what is loaded
need curl setpriv
program kernel_seen
seen=$program
socket=$dir/agent
chmod a+rx "$dir"
touch "$dir/file"
chmod 666 "$dir/file"
nobody=65534 other_user=65533

agent() { # [option...]
	: >"$dir/agent.out"
	"$autotrace" ebpf-agent --socket "$socket" "$@" >"$dir/agent.out" 2>"$dir/agent.err" &
	agent=$!
	running="$running $agent"
	wait_for 20 agent_is_up_or_gone
	grep -q '^listening' "$dir/agent.out"
}

agent_is_up_or_gone() {
	grep -q '^listening' "$dir/agent.out" || is_gone "$agent"
}

is_sent() { # PATH
	grep -qF "\"$1\"" "$spans"
}

asks() { # PATH...
	local path
	for path; do curl -sS -o "$dir/answer" "http://127.0.0.1:$port$path" || return 1; done
}

# first UID: a server of that user's, whose first span has been sent
first() {
	local as=$1
	fresh_spans
	: >"$dir/log"
	chmod 666 "$dir/log"
	port=$(free_port)
	under traced seen
	env+=(AUTOTRACE_EBPF=true AUTOTRACE_EBPF_AGENT="$socket" AUTOTRACE_LOG="$dir/log")
	setpriv --reuid="$as" --regid="$as" --clear-groups "${env[@]}" "$seen" serve "$port" "$dir/file" "$other" \
		>"$dir/out" 2>"$dir/err" &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
	asks /first
	wait_for 20 is_sent /first || fail
	wait_for 20 watched_or_told
}

watched_or_told() {
	grep -q AUTOTRACE_EBPF "$dir/log" || grep -q "process $server of user .*: served" "$dir/agent.out"
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

says() { # TEXT: in the library's log, in one line
	[ "$(grep -c 'AUTOTRACE_EBPF: ' "$dir/log")" = 1 ] && grep -q "AUTOTRACE_EBPF: .*$1" "$dir/log" && return
	cat "$dir/log" "$dir/agent.out"
	return 1
}

grep_or_gone() { # TEXT FILE PID
	grep -qs "$1" "$2" || is_gone "$3"
}

held() { # KIND: ids of those that processes of this test hold; others load their own meanwhile
	local pid
	for pid in $running; do cat /proc/"$pid"/task/*/fdinfo/* 2>/dev/null; done |
		sed -n "s/^$1_id:[[:space:]]*//p" | sort -u
}

shown() { # KIND <IDS: of each that is in the kernel a line
	while read -r id; do PATH=$PATH:/usr/sbin:/sbin bpftool "$1" show id "$id" 2>/dev/null; done
}

programs() { # how many sets there are in the kernel, of those that were ever held
	held prog >>"$dir/programs"
	sort -u "$dir/programs" | shown prog | grep -c 'name atr_enter '
}

has_programs() {
	[ "$(programs)" = "$1" ]
}

other=$(free_port)
"$seen" slow "$other" 10 &
running="$running $!"
ready "$other" $! || fail

first $nobody
check "no agent: one line says so" says "the agent (AUTOTRACE_EBPF_AGENT) cannot be reached"
check "and it answers" asks /quick
ends

agent --user $nobody || skip "$(cat "$dir/agent.err")"
check "with nobody to serve, nothing is in the kernel" wait_for 20 has_programs 0
first $nobody
asks /quick
wait_for 20 is_sent /quick
check "a process without privilege has its sums" sums count /quick getppid 10
check "nothing is said of it" test ! -s "$dir/log"
check "its programs are in the kernel" has_programs 1
stop "$agent"
asks /work
wait_for 20 is_sent /work
check "when the agent has gone it still has" sums count /work clock_nanosleep 3
check "no socket is left" test ! -e "$socket"
ends
check "and when it ends, nothing is left in the kernel" wait_for 20 has_programs 0

agent
first $nobody
check "who may not ask is told so" says "the agent does not serve this user"
check "and answers" asks /quick
ends
check "nothing was loaded for him" has_programs 0
stop "$agent"

program no_btf -shared -fPIC -ldl
LD_PRELOAD=$program
export LD_PRELOAD
agent --user $nobody
unset LD_PRELOAD
first $nobody
asks /quick
wait_for 20 is_sent /quick
check "an agent whose kernel has no BTF: sums are there" sums count /quick getppid 10
check "and who asked says what is missing" says "the kernel has no BTF: "
ends
stop "$agent"

# What nobody understands, and too many.
cat >"$dir/bad.py" <<'END'
import array, ctypes, mmap, os, platform, socket, struct, sys, time
path, how = sys.argv[1:3]
getpid = {"x86_64": 39, "aarch64": 172}[platform.machine()]
call = ctypes.CDLL(None).syscall
def connect():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(20)
    s.connect(path)
    return s
def question(magic=0x42464541, version=2, token=0, slow=1):
    return struct.pack("<IIQQ", magic, version, token, slow)
def answer(s):
    try:
        data, ancillary, _, _ = s.recvmsg(4096, 4096)
    except ConnectionResetError:
        data, ancillary, _, _ = s.recvmsg(4096, 4096)
    fds = array.array("i")
    for _, _, raw in ancillary:
        fds.frombytes(raw[:len(raw) // 4 * 4])
    global token
    token = struct.unpack_from("<Q", data, 16)[0] if len(data) >= 24 else 0
    return (struct.unpack_from("<i", data, 8)[0] if data else None), list(fds)
def arm(token):
    call(ctypes.c_long(getpid), ctypes.c_ulong(token), ctypes.c_long(0), ctypes.c_ulong(0))
def told(fds):
    return mmap.mmap(fds[1], 4096)
def armed(told):
    return struct.unpack_from("<Q", told, 0)[0]
if how == "garbage":
    for data in (b"x", b"x" * 24, b"x" * 5000, question(version=1), question(magic=1), question()[:-1]):
        s = connect()
        s.send(data)
        error, fds = answer(s)
        assert not fds and (error is None or error < 0), (data, error, fds)
elif how == "flood":
    os.setuid(int(sys.argv[3]))
    most = int(sys.argv[4])
    served = 0
    held = []
    for i in range(300):
        s = connect()
        try:
            s.send(question())
        except BrokenPipeError:
            pass
        error, fds = answer(s)
        served += error == 0
        held.append(s)
        for fd in fds:
            os.close(fd)
    assert served == most, served
elif how == "silent":
    held = [connect() for _ in range(int(sys.argv[3]))]
    time.sleep(0.5)
    print(len(held))
    sys.stdout.flush()
    time.sleep(60)
elif how == "other":
    s = connect()
    s.send(question())
    error, fds = answer(s)
    assert error == 0 and token, error
    mine = told(fds)
    if os.fork() == 0:
        arm(token)
        os._exit(0)
    os.wait()
    assert not armed(mine), "another process was taken for it"
    for other in (token + 1, token ^ 1 << 40, token & 255, 0):
        arm(other)
    assert not armed(mine), "another token was taken"
    arm(token)
    assert armed(mine)
elif how == "again":
    # who says good-bye, keeps what he was given, and comes again
    os.setuid(int(sys.argv[3]))
    held = []
    for i in range(20):
        s = connect()
        s.send(question())
        error, fds = answer(s)
        assert error == 0, error
        mine = told(fds)
        assert not armed(mine), "what the last one had is there still"
        arm(token)
        assert armed(mine)
        held.append((fds, mine))
        s.close()
        time.sleep(0.05)
    print("held", flush=True)
    time.sleep(60)
elif how == "twice":
    s = connect()
    s.send(question())
    error, fds = answer(s)
    assert error == 0 and len(fds) == 7, (error, fds)
    s.send(question())
    assert answer(s) == (None, []), "answered again"
END
agent --user $nobody --user $other_user --most 12
check "garbage is not answered, or with an error" /usr/bin/python3 "$dir/bad.py" "$socket" garbage
check "nor a second question" /usr/bin/python3 "$dir/bad.py" "$socket" twice
check "who asks gets it for his own process alone" /usr/bin/python3 "$dir/bad.py" "$socket" other
check "of one user no more than a quarter is served" /usr/bin/python3 "$dir/bad.py" "$socket" flood $nobody 3
wait_for 20 has_programs 0
has_memory() { # of no more seats than that
	local nr

	nr=$(held map | shown map | grep -c 'name slow ')
	[ "$nr" -ge 1 ] && [ "$nr" -le $((2 + $1)) ]
}
/usr/bin/python3 "$dir/bad.py" "$socket" again $nobody >"$dir/again" &
again=$!
running="$running $again"
wait_for 30 grep_or_gone held "$dir/again" $again
check "who comes again and again, and keeps all that he was given" grep -q held "$dir/again"
check "holds the programs once" wait_for 20 has_programs 1
check "and the memory of his quarter of the seats at most" has_memory 3
stop $again
check "and when he has gone nothing is left" wait_for 20 has_programs 0

/usr/bin/python3 "$dir/bad.py" "$socket" silent 3 >/dev/null &
running="$running $!"
first $other_user
asks /quick
wait_for 20 is_sent /quick
check "meanwhile another user's is served" sums count /quick getppid 10
ends
check "the agent is still there" kill -0 "$agent"
check "and said nothing on standard error" test ! -s "$dir/agent.err"
stop "$agent"
check "it ends as it is told" test "$status" = 0

# An agent that is none: it answers garbage, or with what is no probe, or not at all.
cat >"$dir/false.py" <<'END'
import array, os, socket, struct, sys
path, how = sys.argv[1:3]
listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
listener.bind(path)
os.chmod(path, 0o666)
listener.listen()
print("listening")
sys.stdout.flush()
while True:
    s, _ = listener.accept()
    s.recv(4096)
    good = struct.pack("<IIiIQ160s", 0x42464541, 2, 0, 0, 7, b"")
    fds = [os.open(path + ".short" if how == "short" else "/dev/null", os.O_RDWR) for _ in range(7)]
    with_fds = lambda n: [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", (fds * 2)[:n]))]
    if how == "garbage":
        s.sendmsg([os.urandom(184)], with_fds(3))
    elif how == "version":
        s.sendmsg([struct.pack("<IIiI160s", 0x42464541, 1, 0, 0, b"")], with_fds(7))
    elif how == "few":
        s.sendmsg([good], with_fds(6))
    elif how == "many":
        s.sendmsg([good], with_fds(8))
    elif how == "none":
        s.sendmsg([good])
    elif how in ("wrong", "short"):
        s.sendmsg([good], with_fds(7))
    elif how == "closes":
        s.close()
END
echo >"$socket.short"
for how in garbage version few many none wrong short closes; do
	rm -f "$socket"
	: >"$dir/agent.out"
	/usr/bin/python3 "$dir/false.py" "$socket" $how >"$dir/agent.out" &
	false_one=$!
	running="$running $false_one"
	wait_for 20 grep -q listening "$dir/agent.out"
	first $nobody
	[ $how != version ] || check "an agent of another version: the line says so" says "is of another version"
	check "an agent that is none ($how): one line, and it answers" eval 'says . && asks /quick'
	ends
	stop $false_one
done
rm -f "$socket"

# Its socket.
echo kept >"$socket"
check "a file in its place is left alone" eval '! agent && [ "$(cat "$socket")" = kept ]'
rm "$socket"
/usr/bin/python3 -c 'import socket, sys
socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET).bind(sys.argv[1])' "$socket"
check "a socket that nobody has is taken over" agent
check "one that somebody has is not" eval '! "$autotrace" ebpf-agent --socket "$socket" 2>"$dir/second"'
check "which is said" grep -q "Address already in use" "$dir/second"
stop "$agent"
check "without privilege it does not start" eval '! setpriv --reuid=$nobody --regid=$nobody --clear-groups \
	"$autotrace" ebpf-agent --socket "$dir/none" 2>"$dir/second"'
check "and says what is missing" grep -q "not permitted: it takes CAP_BPF and CAP_PERFMON" "$dir/second"

agent --user $nobody
spans=/dev/null
setpriv --reuid=$nobody --regid=$nobody --clear-groups env AUTOTRACE_EBPF_AGENT="$socket" AUTOTRACE_LOG="$dir/log" \
	"$autotrace" run --ebpf -- curl -sS -o /dev/null "http://127.0.0.1:$other/ok" 2>"$dir/second"
check "run --ebpf without privilege leaves it to the agent" grep -q "of user $nobody: served" "$dir/agent.out"
check "and says nothing of it" eval '! grep -q -e --ebpf "$dir/second"'
