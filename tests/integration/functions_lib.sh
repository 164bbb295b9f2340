# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by functions*.sh, behind lib.sh: what must be so whatever way a function is seen by.
#
#   functions_program NAME [flag...]   the program of NAME, with its library's source in it
#   functions=LIST                     AUTOTRACE_FUNCTIONS of what follows; $built: the NAME
#   functions_ways                     the tests

attributes=http.response.status_code,url.full,autotrace.function.left_by,autotrace.incomplete
functions=
library_name=

functions_program() {
	local name=$1
	shift
	mkdir -p "$build/tests"
	program=$build/tests/$name
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-psabi -pthread -o "$program" \
		"$here/programs/functions.c" "$here/programs/functions_lib.c" "$@" || fail
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wno-psabi -pthread -o "${program}_server" \
		"$here/programs/functions_server.c" "$here/programs/functions_lib.c" "$@" || fail
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
		internal 1 descend
		internal 2 descend
		submits 3 depth0
		submits 2 depth1
		submits 1 depth2
	)
	sends "threads with little stack" "$program" "$port" threads < <(several 160 in_callback thread)
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
