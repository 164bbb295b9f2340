#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_FUNCTIONS of static functions of a program that was built for nothing of it: the kernel follows
# them, where AUTOTRACE_EBPF asks for it. Their spans are the request's, and one another's, children.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "instructions are told apart on x86-64 alone"
alone ebpf # the kernel is asked what is loaded
need curl "${CXX:-g++}" setpriv
attributes=url.path

mkdir -p "$build/tests"
program=$build/tests/kernel_followed
"${CXX:-g++}" -std=gnu++17 -O2 -Wall -Wextra -pthread -o "$program" "$here/programs/kernel_followed.cc" || fail
all='between,innermost,deeper,shop::order,throws,jumps,hands_on,quick'
program kernel_seen
other=$(free_port)
"$program" slow "$other" 1 &
running="$running $!"
ready "$other" $! || fail
program=$build/tests/kernel_followed

# serves LIST [word...]: a server of it, its pid in $server
serves() {
	local list=$1
	shift
	fresh_spans
	: >"$dir/log"
	chmod 666 "$dir/log"
	port=$(free_port)
	under traced shop
	"$@" "${env[@]}" AUTOTRACE_EBPF=true AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true \
		AUTOTRACE_FUNCTIONS="$list" "$program" "$port" "$other" >"$dir/out" 2>"$dir/err" &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
}

asks() { # PATH [option...]: into $dir/answer
	curl -sS -o "$dir/answer" "http://127.0.0.1:$port$1" "${@:2}"
}

is_sent() { # PATH
	grep -qF "\"$1\"" "$spans"
}

# What it was asked first begins the thread by which functions are followed from then on.
begins() { # LIST [word...]
	serves "$@"
	asks /first
	wait_for 20 is_sent /first || fail
}

ends() {
	kill -TERM "$server"
	wait_for 20 is_gone "$server" || fail
	wait "$server" 2>/dev/null
	running=${running/ $server/}
}

counter() { # NAME
	sed -n "s/.*$1: //p" "$dir/log" | tail -n 1
}

spans_are() { # CLAIM <<TREE
	{ echo "SERVER GET [shop] UNSET url.path=/first"; echo; cat; } >"$dir/want"
	wait_for 10 tree_is_there
	check "$1" same_tree
}

in_turn() { # PATH [option...]: asked of a new server, which then ends
	local path=$1
	begins "$all"
	asks "$@"
	wait_for 20 is_sent "$path"
	ends
}

begins "$all"
if grep -q 'AUTOTRACE_EBPF: \(not permitted\|the kernel\)' "$dir/log"; then
	skip "$(sed -n 's/.*AUTOTRACE_EBPF: //p' "$dir/log")"
fi
ends
check "nothing is said of it" test -z "$(grep AUTOTRACE_ "$dir/log")"

order='SERVER GET [shop] UNSET url.path=/order
  INTERNAL shop::order [shop] UNSET
    INTERNAL deeper [shop] UNSET
      INTERNAL deeper [shop] UNSET
        INTERNAL innermost [shop] UNSET
    INTERNAL innermost [shop] UNSET'
in_turn /order
spans_are "in one another" <<<"$order"

in_turn /throw
spans_are "left by an exception: it has no span" <<END
SERVER GET [shop] UNSET url.path=/throw
  INTERNAL innermost [shop] UNSET
END
check "and the exception is caught" grep -qx no "$dir/answer"
check "it is counted" test "$(counter 'left by a jump or an exception')" = 1

in_turn /jump
spans_are "left by a jump" <<END
SERVER GET [shop] UNSET url.path=/jump
  INTERNAL innermost [shop] UNSET
END

in_turn /hand
spans_are "its last act is a jump to another" <<END
SERVER GET [shop] UNSET url.path=/hand
  INTERNAL hands_on [shop] UNSET
  INTERNAL innermost [shop] UNSET
END

in_turn /thread
spans_are "a thread that is made for the request" <<END
SERVER GET [shop] UNSET url.path=/thread
  INTERNAL innermost [shop] UNSET
END

in_turn /often
check "a thousand calls are a thousand spans" test "$(tree | grep -c 'INTERNAL quick')" = 1000
check "none is lost" test -z "$(counter 'too many, or too deep')"

# What is asked while it runs is its child, and it is the child of what it was called in.
attributes=url.path,url.full
all=sells,buys,here,there,throws,jumps
in_turn /trades
spans_are "requests before, in and after functions" <<END
SERVER GET [shop] UNSET url.path=/trades
  CLIENT GET [shop] UNSET url.full=http://h/after
  CLIENT GET [shop] UNSET url.full=http://h/before
  INTERNAL sells [shop] UNSET
    CLIENT GET [shop] UNSET url.full=http://h/later
    CLIENT GET [shop] UNSET url.full=http://h/outer
    INTERNAL buys [shop] UNSET
      CLIENT GET [shop] UNSET url.full=http://h/inner
END

with_rtt() { # how many requests say how long a segment takes
	/usr/bin/python3 - "$spans" <<'END'
import json, sys
nr = 0
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            nr += span["kind"] == 3 and any(a["key"] == "autotrace.tcp.rtt" for a in span["attributes"])
print(nr)
END
}
check "each with what the kernel says of its connection" test "$(with_rtt)" = 5

in_turn /twice
spans_are "of two threads each its own" <<END
SERVER GET [shop] UNSET url.path=/twice
  CLIENT GET [shop] UNSET url.full=http://h/after
  INTERNAL here [shop] UNSET
    CLIENT GET [shop] UNSET url.full=http://h/here
  INTERNAL there [shop] UNSET
    CLIENT GET [shop] UNSET url.full=http://h/there
END

in_turn /leaves
spans_are "a function that was left by a jump or an exception has none" <<END
SERVER GET [shop] UNSET url.path=/leaves
  CLIENT GET [shop] UNSET url.full=http://h/caught
  CLIENT GET [shop] UNSET url.full=http://h/jumped
END

states() { # of spans of that kind, a line each
	/usr/bin/python3 - "$spans" "$1" <<'END'
import json, sys
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            if span["kind"] == int(sys.argv[2]) and span.get("traceState"):
                print(span["traceState"], span["flags"] & 255)
END
}
all=innermost,deeper,shop::order,throws
in_turn /order -H "traceparent: ${a_parent%01}03" -H 'tracestate: k=v'
check "they have the tracestate and the flags that the request came with" \
	test "$(states 1 | sort | uniq -c | xargs)" = "5 k=v 3"

# A child's code has the parent's breakpoints in it.
cat >"$dir/until.py" <<'END'
import http.client, sys, time
port, spans, first = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
for path in [*first, *200 * ["/hand"]]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    connection.getresponse().read()
    connection.close()
    if open(spans).read().count('"hands_on"') > (10 if first else 0):
        sys.exit()
    time.sleep(0.1)
sys.exit("it is not followed")
END
begins hands_on
/usr/bin/python3 "$dir/until.py" "$port" "$spans" || fail
check "a forked child's are followed too" /usr/bin/python3 "$dir/until.py" "$port" "$spans" /fork
ends
check "and nothing is said of them" test -z "$(grep 'not followed' "$dir/log")"

# Which traces are kept is decided when they are over: their functions go with them.
serves "$all" env AUTOTRACE_KEEP=slow:/first:0ms,slow:/order:1ms,slow:1h
asks /first
wait_for 20 is_sent /first || fail
asks /throw
asks /order
wait_for 20 is_sent /order
ends
attributes=url.path
spans_are "of a trace that is not kept there are none" <<<"$order"

AUTOTRACE_EBPF=true "$autotrace" doctor --functions quick "$program" >"$dir/doctor" 2>&1
check "the command says so beforehand" grep -q 'function  *quick  by the kernel' "$dir/doctor"

# The file has none of their names.
strip -o "$dir/stripped" "$program"
unstripped=$program program=$dir/stripped
serves innermost
asks /first
ends
check "stripped: it is said, as ever" grep -q 'the executable is stripped' "$dir/log"
program=$unstripped

# Without the privilege everything else is as ever.
chmod 755 "$dir"
: >"$spans"
chmod 666 "$spans"
serves innermost setpriv --reuid=65534 --regid=65534 --clear-groups --inh-caps=-all --bounding-set=-all
asks /order
wait_for 20 is_sent /order
ends
check "not permitted: the request's span is there" is_sent /order
check "and the log says so" grep -q 'AUTOTRACE_EBPF: not permitted' "$dir/log"
