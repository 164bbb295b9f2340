#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `autotrace run --ebpf`: the programs are there before the program is, and its processes have theirs; a shell,
# curl, Python, nginx.
. "$(dirname "$0")/lib.sh"
alone ebpf # the kernel is asked what is loaded
need curl nginx setpriv
program kernel_seen
seen=$program

runs() { # [option...] -- command...: under the command, with what it writes
	rm -f "$spans"
	"$autotrace" run --json "$spans" "$@" >"$dir/out" 2>"$dir/err" </dev/null
}

sums() {
	/usr/bin/python3 "$here/ebpf_sums.py" "$spans" "$@"
}

serves_runs() { # command...: a server under the command, asked and told to quit
	port=$(free_port)
	"${@//PORT/$port}" >"$dir/out" 2>"$dir/err" </dev/null &
	runner=$!
	running="$running $runner"
	ready "$port" "$runner" || fail
}

asks() { # PATH...
	local path
	for path; do curl -sS -o "$dir/answer" "http://127.0.0.1:$port$path" || return 1; done
}

is_over() {
	wait_for 30 is_gone "$runner" || fail
	wait "$runner" 2>/dev/null
	status=$?
	running=${running/ $runner/}
}

other=$(free_port)
"$seen" slow "$other" 150 &
running="$running $!"
ready "$other" $! || fail

runs --ebpf -- true
if grep -q 'autotrace: --ebpf:' "$dir/err"; then
	skip "$(sed -n 's/autotrace: --ebpf: //p' "$dir/err")"
fi

serves_runs "$autotrace" run --ebpf --json "$spans" -- "$seen" serve PORT "$dir/file" "$other"
asks /work
curl -sS -o /dev/null "http://127.0.0.1:$port/quit" 2>/dev/null
is_over
check "the first span is seen whole" sums not-partial /work
check "all of its time" sums whole /work
check "and its slow call" sums below /work recvfrom 1 0.149

# Its own span; and a child's, whose process is another one.
cat >"$dir/client.py" <<'END'
import json, sys
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            of = {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}
            if span["kind"] == 3:
                print(of.get("autotrace.syscall.partial", False), of.get("autotrace.blocked.duration", 0))
END
client() { # whether it is marked, and was blocked for 150 ms
	/usr/bin/python3 "$dir/client.py" "$spans" >"$dir/client"
	read -r marked blocked <"$dir/client"
	[ "$marked" = "$1" ] && awk -v b="$blocked" 'BEGIN { exit !(b > 0.1) }' || { cat "$dir/client" "$dir/err"; return 1; }
}
runs --ebpf -- curl -sS "http://127.0.0.1:$other/ok"
check "curl's one span, which is its first" client False

program no_btf -shared -fPIC -ldl
LD_PRELOAD=$program runs --ebpf -- curl -sS "http://127.0.0.1:$other/ok"
check "without BTF one line says what is missing" \
	test "$(grep -c 'autotrace: --ebpf: the kernel has no BTF: .* are not seen' "$dir/err")" = 1
check "and curl's span is whole" client False

# Its workers are forked, and of another user: their programs are loaded behind their first span.
held() { # by the workers: how many have programs, and how many sets of these there are
	for worker in $(pgrep -P "$(cat "$dir/nginx.pid")"); do
		cat /proc/"$worker"/task/*/fdinfo/* 2>/dev/null | sed "s/^link_id:/& $worker/"
	done | awk '/^link_id:/ { who = $2; id = $3 } /^tp_name:.*sys_enter/ { sets[id]; workers[who] }
		END { print length(workers), length(sets) }'
}
port=$(free_port)
mkdir -p "$dir/www"
echo ok >"$dir/www/ok"
chmod -R a+rX "$dir"
cat >"$dir/nginx.conf" <<END
daemon off; worker_processes 2; pid $dir/nginx.pid; error_log $dir/error.log; user www-data;
events { worker_connections 64; }
http { access_log off; server { listen 127.0.0.1:$port; location / { root $dir/www; }
	location /work { proxy_pass http://127.0.0.1:$other; } } }
END
"$autotrace" run --ebpf --json "$spans" -- nginx -p "$dir" -c "$dir/nginx.conf" >"$dir/out" 2>"$dir/err" </dev/null &
runner=$!
running="$running $runner"
ready "$port" "$runner" || fail
both_are_watched() { # each with its first request
	asks /ok
	[ "$(held | cut -d ' ' -f 1)" = 2 ]
}
for i in 1 2 3 4 5 6 7 8; do asks /ok; done
wait_for 20 both_are_watched
check "both are watched, by one set of programs" test "$(held)" = "2 1"
for i in 1 2 3 4 5 6 7 8; do asks /ok?later; done
kill -QUIT "$(cat "$dir/nginx.pid")"
is_over
nginx_has() {
	/usr/bin/python3 - "$spans" <<'END'
import json, sys
whole = 0
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            of = {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}
            if span["kind"] == 2 and not of.get("autotrace.syscall.partial"):
                whole += any(k.startswith("autotrace.syscall.") for k in of) and "autotrace.cpu.duration" in of
print(whole)
sys.exit(not whole)
END
}
check "nginx's workers, which asked for theirs" nginx_has

serves_runs "$autotrace" run --ebpf --json "$spans" -- /usr/bin/python3 "$here/servers/python_holds.py" PORT "$dir/held"
asks /hold &
asking=$!
running="$running $asking"
sleep 0.3
touch "$dir/held"
wait "$asking"
running=${running/ $asking/}
kill "$runner"
is_over
check "Python, whose threads serve" sums not-partial /hold
check "that slept in it" sums at-least /hold syscall.clock_nanosleep.duration 0.009

# Who may not, is told so once, and its program runs.
chmod a+rx "$dir"
spans=/dev/null
setpriv --reuid=65534 --regid=65534 --clear-groups "$autotrace" run --ebpf -- echo said >"$dir/out" 2>"$dir/err"
check "without privilege, one line" test "$(grep -c 'autotrace: --ebpf: not permitted' "$dir/err")" = 1
check "and the program has run" test "$(cat "$dir/out")" = said
