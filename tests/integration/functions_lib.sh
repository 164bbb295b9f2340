# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by functions*.sh, behind lib.sh: what must be so whatever way a function is seen by.
#
#   functions_program NAME [flag...]   the program of NAME, with its library's source in it
#   functions_library NAME [flag...]   the same, with the source in a library; flags are for both
#   functions=LIST                     AUTOTRACE_FUNCTIONS of what follows; $built: the NAME
#   own_calls=                         calls of a function in itself are not seen
#   functions_ways                     the tests

attributes=http.response.status_code,url.full,autotrace.function.left_by,autotrace.incomplete
functions=
own_calls=1
strict='-std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-psabi -pthread'
strict_cc='-std=gnu++17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-psabi -pthread'

functions_program() {
	local name=$1
	shift
	mkdir -p "$build/tests"
	program=$build/tests/$name
	"${CC:-cc}" $strict -o "$program" "$here/programs/functions.c" "$here/programs/functions_lib.c" "$@" || fail
	"${CC:-cc}" $strict -o "${program}_server" "$here/programs/functions_server.c" \
		"$here/programs/functions_lib.c" "$@" || fail
	"${CC:-cc}" $strict -fexceptions -c -o "$dir/lib.o" "$here/programs/functions_lib.c" "$@" || fail
	"${CXX:-g++}" $strict_cc -o "${program}_cc" "$here/programs/functions.cc" "$dir/lib.o" "$@" || fail
}

functions_library() {
	local name=$1 link=(-L"$build/tests" -l"$1" -Wl,-rpath,"$build/tests")
	shift
	mkdir -p "$build/tests"
	program=$build/tests/$name
	"${CC:-cc}" $strict -fexceptions -fPIC -shared -o "$build/tests/lib$name.so" \
		"$here/programs/functions_lib.c" "$@" || fail
	"${CC:-cc}" $strict -o "$program" "$here/programs/functions.c" "$@" "${link[@]}" || fail
	"${CC:-cc}" $strict -o "${program}_server" "$here/programs/functions_server.c" "$@" "${link[@]}" || fail
	"${CXX:-g++}" $strict_cc -o "${program}_cc" "$here/programs/functions.cc" "$@" "${link[@]}" || fail
}

# The variable goes into both runs: without the library nobody reads it.
asks_for() {
	export AUTOTRACE_FUNCTIONS=$functions
}
before=asks_for

internal() { # DEPTH NAME [more]
	printf '%*sINTERNAL %s [unknown_service:%s] UNSET%s\n' $(($1 * 2)) '' "$2" "$built" "${3:+ $3}"
}

client() { # NAME [DEPTH]
	printf '%*sCLIENT GET [unknown_service:%s] UNSET http.response.status_code=200 url.full=http://h/ok?%s\n' \
		$((${2:-0} * 2)) '' "$built" "$1"
}

# A call of submit_user: its span, and that of its request.
submits() { # DEPTH NAME
	internal "$1" submit_user
	client "$2" $(($1 + 1))
}

# So many that are the same, or differ in their request alone.
several() { # N COMMAND...
	local n=$1 i
	shift
	for ((i = 0; i < n; i++)); do
		((i)) && echo
		"$@"
	done
}

# The functions of the list, in the library or (without) in the program.
asked() { # [LIBRARY]
	local name
	functions=
	for name in handle submit_user descend hops hops_to with_callback jumps; do
		functions+=${functions:+,}${1:+$1:}$name
	done
}

in_callback() { # NAME [left-by]
	internal 0 with_callback "${2:+autotrace.function.left_by=$2}"
	submits 1 "$1"
}

requests() {
	ask "GET /in HTTP/1.1\r\nHost: h\r\ntraceparent: $a_parent\r\n\r\n"
}

functions_ways() {
	sends "in one another" "$program" "$port" nested < <(internal 0 handle; submits 1 nested)
	sends "recursion" "$program" "$port" recursion < <(
		internal 0 descend
		# a compiler's call of a function in itself goes through nobody's hands
		[ "$own_calls" ] && internal 1 descend && internal 2 descend
		submits $((own_calls ? 3 : 1)) depth0
		submits $((own_calls ? 2 : 1)) depth1
		submits 1 depth2
	)
	sends "threads with little stack" "$program" "$port" threads < <(several 160 in_callback thread)
	sends "a thread that is made in it" "$program" "$port" makes_thread < <(in_callback part)
	sends "jumped out of" "$program" "$port" jump < <(
		internal 0 jumps autotrace.function.left_by=jump; echo; submits 0 after)
	sends "jumped out of, from further in" "$program" "$port" jump_out < <(
		submits 0 after; echo; in_callback before jump)
	sends "the thread ends in it, or is cancelled" "$program" "$port" ends < <(
		in_callback cancelled exit; echo; in_callback exits exit)
	sends "two stacks" "$program" "$port" coroutine < <(
		submits 0 between; echo; in_callback other; echo; in_callback resumes)
	sends "a signal in it, whose handler calls another" "$program" "$port" signals < <(
		internal 0 with_callback
		internal 1 handle
		submits 2 signal
		submits 1 raised
	)
	sends "a child process in it, which returns from it" "$program" "$port" child < <(
		internal 0 with_callback
		internal 1 handle # in the child, which was begun in it
		submits 2 child2
		submits 1 child
	)
	sends "looked at from within" "$program" "$port" traces_back < <(internal 0 with_callback)
	sends "deeper than is followed" "$program" "$port" deep < <(
		for ((i = 0; i < 128; i++)); do internal $i with_callback; done)
	sends "its last act is a call" "$program" "$port" hops < <(internal 0 hops; submits 1 hops)

	local upstream=$port
	attributes=http.response.status_code,url.full,url.path
	serves "a request served" "${program}_server" PORT "$upstream" <<END
? SERVER GET [server] UNSET http.response.status_code=200 url.path=/in
  INTERNAL handle [server] UNSET
    INTERNAL submit_user [server] UNSET
      CLIENT GET [server] UNSET http.response.status_code=200 url.full=http://h/ok?served
END
	attributes=http.response.status_code,url.full,autotrace.function.left_by,autotrace.incomplete
	port=$upstream
}

# C++: $1 is what a function has that an exception left; told: some see to it that we are told as ever.
functions_thrown() {
	local left=${1-autotrace.function.left_by=exception} own=$built
	built=${own}_cc
	sends "an exception leaves it" "${program}_cc" "$port" thrown < <(
		submits 0 after
		echo
		internal 0 with_callback $left
		submits 1 before
	)
	sends "an exception, and an object that makes a request" "${program}_cc" "$port" destroyed < <(
		submits 0 after
		echo
		internal 0 with_callback $left
		submits 1 destroyed
	)
	sends "caught, and thrown again" "${program}_cc" "$port" again < <(
		submits 0 after
		echo
		internal 0 with_callback $left
		submits 1 caught
		internal 1 with_callback $left
	)
	sends "thrown out of the last act of another" "${program}_cc" "$port" hopping < <(
		submits 0 after
		echo
		internal 0 with_callback $left
		internal 1 hops_to $left
		internal 2 with_callback $left
	)
	sends "more exceptions than frames" "${program}_cc" "$port" many < <(several 2000 internal 0 with_callback $left)
	built=$own
}

# What it is called with, and what it returns.
functions_abi() {
	local name tree
	functions=${1:+$1:}many,${1:+$1:}varied,${1:+$1:}returns_*
	tree=$(for name in many returns_complex returns_large returns_long_double returns_pair returns_two varied; do
		internal 0 $name
		echo
	done)
	sends "arguments and what is returned" "$program" "$port" abi <<<"$tree"
	grep -qw avx /proc/cpuinfo &&
		sends "in wide registers" "$program" "$port" wide < <(internal 0 returns_four)
	functions=${1:+$1:}quick
	sends "called often" "$program" "$port" quick < <(several 1000 internal 0 quick)
	asked "${1:-}"
}
