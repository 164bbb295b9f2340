#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a profiler reads of a process from outside, by OpenTelemetry's process and thread context,
# is what the spans say that were sent.
. "$(dirname "$0")/lib.sh"
program held
held=$dir/held

# reads PID: into $dir/read; what may not trace is no place for this test
reads() {
	/usr/bin/python3 "$here/profiler.py" "$1" >"$dir/read" 2>"$dir/read.err"
	[ $? != 77 ] || skip "no other process may be traced here"
	[ ! -s "$dir/read.err" ] || cat "$dir/read.err"
}

is_in() { # PID NR: so many threads of it are in a span
	reads "$1"
	[ "$(grep -c '^thread ' "$dir/read")" = "$2" ]
}

is_published() {
	reads "$1"
	grep -q '^process$' "$dir/read"
}

# span KIND PATH: "TRACE-ID SPAN-ID FLAGS" of the one that was sent
span() {
	/usr/bin/python3 - "$spans" "$@" <<'END'
import json, sys
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            of = {a["key"]: a["value"].get("stringValue", "") for a in span["attributes"]}
            path = of.get("url.path") or of.get("url.full", "")
            if span["kind"] == int(sys.argv[2]) and path.endswith(sys.argv[3]):
                print(span["traceId"], span["spanId"], f"{span['flags'] & 255:02x}")
END
}

was_sent() {
	[ "$(span "$@")" ]
}

# runs SERVICE COMMAND...: a server under the library, its pid in $server, which listens on $port
runs() {
	fresh_spans
	rm -f "$held"*
	under traced "$1"
	shift
	"${env[@]}" "$@" >"$dir/out" 2>"$dir/err" </dev/null &
	server=$!
	running="$running $server"
	ready "$port" "$server" || fail
}

asks() { # PATH
	/usr/bin/python3 "$here/probe.py" "$port" "GET $1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" >/dev/null
}

# in_the_span KIND PATH: the one thread that was read was in the span that was sent
in_the_span() {
	wait_for 20 was_sent "$@" || echo "  no such span was sent"
	[ "$(sed -n 's/^thread //p' "$kept")" = "$(span "$@")" ] && return
	diff <(sed -n 's/^thread //p' "$kept") <(span "$@")
	return 1
}

has() { # LINE...: in what was read
	local line
	for line; do grep -qxF -- "$line" "$kept" || { echo "  not there: $line"; cat "$kept"; return 1; }; done
}

holds() { # NAME: the server is asked for what takes as long as nobody looks, and is looked at
	local name=$1
	check "$name: before its first span nothing is published" not_published "$server"
	asks /first
	wait_for 20 is_published "$server"
	check "$name: idle, no thread is in a span" is_in "$server" 0
	asks /hold &
	running="$running $!"
	check "$name: a thread is in a span while it sleeps in a request" wait_for 20 is_in "$server" 1
	kept=$dir/kept
	cp "$dir/read" "$kept"
	touch "$held"
	check "$name: it is the request's span" in_the_span 2 /hold
	check "$name: then it is in none" wait_for 20 is_in "$server" 0
	check "$name: the process has the resource of its spans" has process symbol \
		service.name=held "process.pid=$server" telemetry.sdk.name=autotrace \
		threadlocal.schema_version=tlsdesc_v1_dev "threadlocal.attribute_key_map=[]"
}

not_published() {
	! is_published "$1"
}

port=$(free_port)
runs held /usr/bin/python3 "$here/servers/python_holds.py" "$port" "$held"
holds "http.server"
stop "$server"

runs held "$program" serve "$port" "$held"
holds "a C program"

# A client does no work: it is in its request.
other=$port
rm -f "$held"
under traced asker
"${env[@]}" "$program" get "$other" /hold >"$dir/out" &
client=$!
running="$running $client"
check "a client's thread is in its request" wait_for 20 is_in "$client" 1
kept=$dir/kept
cp "$dir/read" "$kept"
touch "$held"
check "it is the client's span" in_the_span 3 /hold
wait_for 20 is_gone "$client"
stop "$server"

# A child made in a request, and with one of its own.
port=$other
other=$(free_port)
/usr/bin/python3 "$here/servers/python_holds.py" "$other" "$held.other" &
running="$running $!"
ready "$other" $! || fail
runs held "$program" serve "$port" "$held" "$other"
asks /first
wait_for 20 is_published "$server"
asks /hold &
running="$running $!"
wait_for 20 test -e "$held.pid" || fail
child=$(cat "$held.pid")
running="$running $child"
check "made in a request: the parent's thread is in it" wait_for 20 is_in "$server" 1
check "made in a request: the child's is in none" is_in "$child" 0
check "made in a request: the child has not its parent's context" not_published "$child"
touch "$held.go"
check "the child's thread is in its own request" wait_for 20 is_in "$child" 1
kept=$dir/kept
cp "$dir/read" "$kept"
touch "$held.other" "$held"
check "it is the child's span" in_the_span 3 /hold
check "the child publishes its own" wait_for 20 is_published "$child"
cp "$dir/read" "$kept"
check "which says so" has "process.pid=$child"
touch "$held.end"
stop "$server"

runs held env AUTOTRACE_THREAD_CONTEXT=false "$program" serve "$port" "$held"
asks /first
wait_for 20 is_published "$server"
asks /hold &
running="$running $!"
nothing_of_threads() {
	reads "$server"
	! grep -q '^thread ' "$dir/read"
}
check "switched off, nothing is said of threads" nothing_of_threads
touch "$held"
wait_for 20 was_sent 2 /hold
stop "$server"

runs held env AUTOTRACE_PROCESS_CONTEXT=false "$program" serve "$port" "$held"
asks /first
wait_for 20 was_sent 2 /first
check "nor of the process" not_published "$server"
stop "$server"
