#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Collectors that are not there, say nothing, or are slow: the program ends as it would, and not
# later than the limit for it.
. "$(dirname "$0")/lib.sh"
need curl
origin

# ends_well MS endpoint: curl says and answers the same, and takes at most that long
ends_well() {
	local most=$1 start status took
	start=$(date +%s%N)
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT="$2" \
		curl -sS -f "$url/ok" "$url/status/404" >"$dir/out" 2>"$dir/err"
	status=$?
	took=$((($(date +%s%N) - start) / 1000000))
	curl -sS -f "$url/ok" "$url/status/404" >"$dir/plain.out" 2>"$dir/plain.err"
	[ $status = $? ] || { echo "  exit code $status"; return 1; }
	[ $took -le "$most" ] || { echo "  it took $took ms"; return 1; }
	same "standard output" "$dir"/{plain.out,out} && same "standard error" "$dir"/{plain.err,err}
}

# A listener whose queue is full: a connect to it never ends.
stuck_listener() {
	/usr/bin/python3 - "$dir/stuck" <<'END' &
import os, socket, sys, time
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(0)
held = [socket.socket() for _ in range(4)]
for s in held:
    s.setblocking(False)
    s.connect_ex(listener.getsockname())
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
time.sleep(100)
END
	running="$running $!"
	wait_for 10 test -e "$dir/stuck"
}

# The limit at exit is 500 ms; the rest is for a busy machine.
check "nobody listens" ends_well 400 "http://127.0.0.1:$(free_port)"
check "an answer that never comes" ends_well 2500 "$url/slow"
stuck_listener
check "a connection that is never made" ends_well 2500 "http://127.0.0.1:$(cat "$dir/stuck")"
check "the connection is closed at once" ends_well 2500 "$url/hang-up"
check "the answer is cut short" ends_well 2500 "$url/cut"
check "the collector fails" ends_well 2500 "$url/status/503"
check "the collector refuses" ends_well 2500 "$url/status/400"
check "a name that is not found" ends_well 2500 "http://not..found:4318"
check "an address that is none" ends_well 2500 "nonsense"

export AUTOTRACE_EXIT_FLUSH_MS=0
check "no time at exit is given" ends_well 400 "$url/slow"
unset AUTOTRACE_EXIT_FLUSH_MS
