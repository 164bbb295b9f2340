#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Threads with little stack, many of them, ended in the middle of calls, and several on one number.
. "$(dirname "$0")/lib.sh"
origin

got() { # [QUERY]
	echo "CLIENT GET [unknown_service:$name] UNSET http.response.status_code=200 url.full=http://h/ok${1:+?$1}"
}

name=threads_stack
program threads_stack
sends "the smallest stack there is" "$program" "$port" "$dir/used" < <(times 18 "$(got)")

# How much deeper a stack gets by us: what the painted one lost, with the library and without.
takes_at_most() { # BYTES WHAT
	local plain traced

	"$program" "$port" "$dir/plain-used" "$2" >/dev/null
	traced x "$program" "$port" "$dir/traced-used" "$2" >/dev/null
	plain=$(cat "$dir/plain-used") traced=$(cat "$dir/traced-used")
	echo "        $2: $plain bytes of stack, $traced with the library"
	[ $((traced - plain)) -le "$1" ]
}
check "a request takes 3584 bytes of stack at most" takes_at_most 3584 requests
AUTOTRACE_STACKS=all check "with its stack, too" takes_at_most 3584 requests
check "a lookup takes 1 kB of stack at most" takes_at_most 1024 lookup
origin

name=threads_many
program loading_slow_lookup -shared -fPIC
slow=$program
program threads_many
sends "ten thousand threads" "$program" "$port" gone < <(times 400 "$(got)")
sends "pthread_exit, and what a key's destructor sends" "$program" "$port" exit \
	< <(times 3 "$(got)"; echo; times 3 "$(got destroyed)")
sends "thrd_create" "$program" "$port" c11 < <(got c11)
also=$slow
# a destructor after a lookup that was cancelled is taken for a part of it, and left alone
sends "threads that are cancelled" "$program" "$port" cancel \
	< <(got after; echo; times 10 "$(got destroyed)")
also=

# One number, used and closed by many threads at once: what is traced of it is chance.
run_client plain "$program" "$port" same
rm -f "$spans"
run_client traced "$program" "$port" same
check "closed and used again under many threads" same "output" "$dir"/{plain,traced}/out
check "the connections after it are traced" test "$(tree | grep -c '200.*after')" = 3
