#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What AUTOTRACE_FUNCTIONS asks for and cannot have is said, once, in the log and by the command.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "there are no stubs for this processor"
. "$here/functions_lib.sh"

# logs LIST COMMAND...: into $dir/log, without the process's number
logs() {
	local list=$1
	shift
	: >"$dir/file"
	env LD_PRELOAD="$library${also:+:$also}" OTEL_TRACES_EXPORTER=none AUTOTRACE_LOG="$dir/file" AUTOTRACE_FUNCTIONS="$list" \
		"$@" >/dev/null 2>&1
	sed -e 's/^autotrace\[[0-9]*\]: //' "$dir/file" >"$dir/log"
	rm -f "$dir/file"
}

said() { # CLAIM <<LINES
	cat >"$dir/want"
	check "$1" diff -u "$dir/want" "$dir/log"
}

functions_program said
logs 'quick,nothing' "$program" 1 quick
said "called directly, or not there" <<END
AUTOTRACE_FUNCTIONS: nothing: no such function is loaded
AUTOTRACE_FUNCTIONS: quick cannot be followed: its calls are direct, and it was not built to tell of them
END

strip -o "$dir/stripped" "$program"
logs 'quick' "$dir/stripped" 1 quick
said "stripped" <<END
AUTOTRACE_FUNCTIONS: the executable is stripped: of its functions only those are known that it exports
AUTOTRACE_FUNCTIONS: quick: no such function is loaded
END

functions_program said_told -finstrument-functions
logs 'quick' "$program" 1 quick
said "nothing, where all is well" </dev/null
logs 'quick,:bad' "$program" 1 quick
said "a name that is none" <<END
AUTOTRACE_FUNCTIONS=quick,:bad: a name in it is none; it is left out
END

functions_program said_room -fpatchable-function-entry=3
logs 'quick' "$program" 1 quick
said "too little room" <<END
AUTOTRACE_FUNCTIONS: quick cannot be followed: its calls are direct, and it was not built to tell of them
END

functions_program said_pg -pg
doctor() {
	"$autotrace" doctor "$@" 2>&1 | grep -E '^  function|such a function|not to be followed' >"$dir/log"
}
doctor --functions 'quick,main,nothing' "$program"
sort -o "$dir/log" "$dir/log"
said "by the command" <<END
  - nothing: neither the program nor a library that it needs has such a function by name; one that is inlined, or static in a stripped file, has none.
  function   main  built with -pg
  function   quick  built with -pg
END
functions_library said_library
export AUTOTRACE_FUNCTIONS=main,libsaid_library.so:quick
doctor "$program"
sort -o "$dir/log" "$dir/log"
said "by the command, of a library" <<END
  - main, and each function that is said above not to be followed: its calls are direct. Build it with -finstrument-functions, -pg or -fpatchable-function-entry=16, or let the kernel follow it (AUTOTRACE_EBPF).
  function   libsaid_library.so:quick  where another object calls it, or its own by its table
  function   main  cannot be followed
END

# SELinux without execmod, as a library that answers for it: what was code and is written to is none any more.
program refuses_code -shared -fPIC
refuses=$program
functions_program said_refused -fpatchable-function-entry=16
also=$refuses
logs quick "$program" 1 quick
said "code may not be changed" <<END
AUTOTRACE_FUNCTIONS: the start of functions may not be changed here: Permission denied
AUTOTRACE_FUNCTIONS: quick cannot be followed: its calls are direct, and it was not built to tell of them
END
runs() {
	LD_PRELOAD="$library:$refuses" OTEL_TRACES_EXPORTER=none AUTOTRACE_FUNCTIONS=quick \
		"$program" 1 quick >"$dir/out" 2>&1
}
check "the program goes on" runs
LD_PRELOAD=$refuses "$autotrace" doctor --functions quick "$program" 2>&1 | grep -o 'Functions are not.*' >"$dir/log"
said "and the command says so" <<END
Functions are not followed by what they were built for: the start of functions may not be changed here (Permission denied).
END
