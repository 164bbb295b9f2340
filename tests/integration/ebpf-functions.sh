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
		AUTOTRACE_FUNCTIONS="$list" "$program" "$port" >"$dir/out" 2>"$dir/err" &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
}

asks() { # PATH: into $dir/answer
	curl -sS -o "$dir/answer" "http://127.0.0.1:$port$1"
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

in_turn() { # PATH: asked of a new server, which then ends
	local path=$1
	begins "$all"
	asks "$path"
	wait_for 20 is_sent "$path"
	ends
}

begins "$all"
if grep -q 'AUTOTRACE_EBPF: \(not permitted\|the kernel\)' "$dir/log"; then
	skip "$(sed -n 's/.*AUTOTRACE_EBPF: //p' "$dir/log")"
fi
ends
check "nothing is said of it" test -z "$(grep AUTOTRACE_ "$dir/log")"

in_turn /order
spans_are "in one another" <<END
SERVER GET [shop] UNSET url.path=/order
  INTERNAL shop::order [shop] UNSET
    INTERNAL deeper [shop] UNSET
      INTERNAL deeper [shop] UNSET
        INTERNAL innermost [shop] UNSET
    INTERNAL innermost [shop] UNSET
END

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
