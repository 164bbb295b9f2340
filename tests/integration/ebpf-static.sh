#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `autotrace run --ebpf` of what the library cannot be in: a static program's HTTP/1 is seen from its system calls,
# and marked; what has the library in it is not told twice.
. "$(dirname "$0")/lib.sh"
alone ebpf # the kernel is asked what is loaded
need curl
program kernel_seen
seen=$program
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -static -o "$dir/still" "$here/programs/kernel_seen.c" 2>/dev/null ||
	skip "no static libc"
other=$(free_port)
"$seen" slow "$other" 50 &
running="$running $!"
ready "$other" $! || fail

# serves COMMAND...: under the command, PORT in it is the port
serves_as() {
	port=$(free_port)
	rm -f "$spans"
	"$autotrace" run --ebpf --json "$spans" -- "${@//PORT/$port}" >"$dir/out" 2>"$dir/err" </dev/null &
	runner=$!
	running="$running $runner"
	wait_for 20 listens_or_gone "$port" "$runner"
	! grep -q 'autotrace: --ebpf:' "$dir/err" || skip "$(sed -n 's/autotrace: --ebpf: //p' "$dir/err")"
	listens "$port" || fail
}

is_over() {
	curl -sS -o /dev/null "http://127.0.0.1:$port/quit" 2>/dev/null
	wait_for 30 is_gone "$runner" || fail
	wait "$runner" 2>/dev/null
	running=${running/ $runner/}
}

asks() { # option... PATH
	curl -sS -o "$dir/answer" "${@:1:$#-1}" "http://127.0.0.1:$port${*: -1}"
}

attributes=http.response.status_code,url.full,url.path,server.address,server.port,error.type,autotrace.observed
is_told() {
	cat >"$dir/want"
	tree >"$dir/got" 2>&1
	same_tree
}

serves_as "$dir/still" serve PORT "$dir/file" "$other"
asks /work
asks /notes
asks -H "traceparent: $a_parent" '/quick?token=secret'
/usr/bin/python3 "$here/probe.py" "$port" "GET /quick HTTP/1.1\r\nHost: one\r\n\r\n" =next \
	"POST /quick HTTP/1.1\r\nHost: two\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" >"$dir/two"
is_over
check "a static server: its requests, what it asked itself and not what it notes, the context it was given" is_told <<END
? SERVER GET [unknown_service:still] UNSET http.response.status_code=200 url.path=/quick server.address=127.0.0.1 server.port=PORT autotrace.observed=true

INTERNAL still [unknown_service:still] UNSET
  CLIENT GET [unknown_service:still] UNSET http.response.status_code=200 url.full=http://h/ok server.address=h server.port=PORT autotrace.observed=true
  SERVER GET [unknown_service:still] UNSET http.response.status_code=200 url.path=/notes server.address=127.0.0.1 server.port=PORT autotrace.observed=true
  SERVER GET [unknown_service:still] UNSET http.response.status_code=200 url.path=/quick server.address=one autotrace.observed=true
  SERVER GET [unknown_service:still] UNSET http.response.status_code=200 url.path=/work server.address=127.0.0.1 server.port=PORT autotrace.observed=true
  SERVER POST [unknown_service:still] UNSET http.response.status_code=200 url.path=/quick server.address=two autotrace.observed=true
END
check "no secret of a query is told" eval '! grep -q secret "$spans"'
check "and its answers are its own" grep -q '^ok$' "$dir/two"

# A shell has the library in it, and what it starts has not.
serves_as sh -c "\"$dir/still\" serve PORT /dev/null $other; exit 0"
asks /quick
is_over
check "what a shell starts" is_told <<END
INTERNAL sh [unknown_service:dash] UNSET
  SERVER GET [unknown_service:still] UNSET http.response.status_code=200 url.path=/quick server.address=127.0.0.1 server.port=PORT autotrace.observed=true
END

serves_as "$seen" serve PORT "$dir/file" "$other"
asks /quick
asks /work
is_over
attributes=autotrace.observed
check "what the library sees is not observed too" is_told <<END
INTERNAL kernel_seen [unknown_service:kernel_seen] UNSET
  SERVER GET [unknown_service:kernel_seen] UNSET
  SERVER GET [unknown_service:kernel_seen] UNSET
  SERVER GET [unknown_service:kernel_seen] UNSET
    CLIENT GET [unknown_service:kernel_seen] UNSET
END
