#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What it costs, beside the plain program, in one run. Prints; asserts nothing.
# Needs: cc, nginx, wrk, curl, python3 (make deps). All of it on loopback.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=${AUTOTRACE_BUILD:-$here/../../build}
library=$build/libautotrace.so
dir=$(mktemp -d)
chmod 755 "$dir"
pids=
trap 'kill $pids 2>/dev/null; rm -rf "$dir"' EXIT
unset LD_PRELOAD
export OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1

for name in calls spawn; do
	cc -O2 -o "$dir/$name" "$here/$name.c" || exit 1
done
echo | cc -shared -fPIC -o "$dir/empty.so" -x c - || exit 1
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

echo "machine: $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -1), $(nproc) processors, Linux $(uname -r)"
strip -o "$dir/stripped.so" "$library"
echo "library, stripped: $(stat -c %s "$dir/stripped.so") bytes on disk (target: under 400,000)"
echo
echo "start of a process, medians (target: ours less the empty preload under 100 us)"
echo "  /bin/true      $("$dir/spawn" 500 "$library" "$dir/empty.so" /bin/true)"

port=$(free_port)
collector=$(free_port)
cat >"$dir/nginx.conf" <<END
worker_processes 1;
daemon off;
pid $dir/PID;
error_log stderr crit;
events { worker_connections 256; }
http {
	access_log off;
	keepalive_requests 100000000;
	client_body_temp_path $dir/body;
	proxy_temp_path $dir/proxy;
	fastcgi_temp_path $dir/fastcgi;
	uwsgi_temp_path $dir/uwsgi;
	scgi_temp_path $dir/scgi;
	server { listen 127.0.0.1:PORT; location / { return 200 "hello\n"; } }
}
END
sed "s/PORT/$port/; s/PID/plain.pid/" "$dir/nginx.conf" >"$dir/origin.conf"
nginx -c "$dir/origin.conf" & pids="$pids $!"
cat >"$dir/collector.conf" <<END
worker_processes 1;
daemon off;
pid $dir/collector.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
	access_log off;
	client_max_body_size 0;
	client_body_temp_path $dir/body2;
	proxy_temp_path $dir/proxy2;
	fastcgi_temp_path $dir/fastcgi2;
	uwsgi_temp_path $dir/uwsgi2;
	scgi_temp_path $dir/scgi2;
	server { listen 127.0.0.1:$collector; location / { return 200; } }
}
END
nginx -c "$dir/collector.conf" & pids="$pids $!"
sleep 0.5
echo "  curl, one GET  $("$dir/spawn" 200 "$library" "$dir/empty.so" curl -s "http://127.0.0.1:$port/") (target: under 500 us)"

echo
echo "calls on descriptors of no interest, ns (target: at most 5 more)"
for round in 1 2 3; do
	"$dir/calls" >"$dir/plain.$round"
	LD_PRELOAD=$library "$dir/calls" >"$dir/ours.$round"
done
for name in write_devnull pipe_write+read socketpair_send+recv; do
	median() { sed -n "s/^$name //p" "$dir/$1".* | sort -n | sed -n 2p; }
	printf '  %-22s plain %s  autotrace %s\n' "$name" "$(median plain)" "$(median ours)"
done

# requests/s and microseconds of CPU a request, all threads, of one nginx worker under wrk
load() # name environment...
{
	local name=$1 p q before after
	shift
	p=$(free_port)
	sed "s/PORT/$p/; s/PID/$name.pid/" "$dir/nginx.conf" >"$dir/$name.conf"
	env "$@" nginx -c "$dir/$name.conf" &
	q=$!
	sleep 0.5
	worker=$(pgrep -P "$q" | head -1)
	wrk -t1 -c16 -d1s "http://127.0.0.1:$p/" >/dev/null
	before=$(awk '{print $14 + $15}' "/proc/$worker/stat")
	requests=$(wrk -t1 -c16 -d4s "http://127.0.0.1:$p/" | awk '/requests in/ {n = $1} END {print n}')
	after=$(awk '{print $14 + $15}' "/proc/$worker/stat")
	rss=$(awk '/VmRSS/ {print $2}' "/proc/$worker/status")
	switches() { cat "/proc/$worker"/task/*/status | awk '/^voluntary/ {n += $2} END {print n}'; }
	sleep 6
	idle=$(switches); sleep 3; idle=$(($(switches) - idle))
	kill "$q"
	wait "$q" 2>/dev/null
	awk -v name="$name" -v n="$requests" -v ticks="$((after - before))" -v rss="$rss" -v idle="$idle" 'BEGIN {
		printf "  %-16s %8.0f requests/s  %6.2f us CPU a request  %6d kB resident  %d wake-ups in 3 s idle\n",
			name, n / 4, ticks * 10000 / n, rss, idle }'
}
echo
echo "nginx, one worker, kept connections (targets: 97 % of requests/s, 5 % CPU, 0 wake-ups)"
load plain LC_ALL=C
load empty-preload LD_PRELOAD="$dir/empty.so"
load collector-up LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$collector
load collector-down LD_PRELOAD="$library"
load unsampled LD_PRELOAD="$library" OTEL_TRACES_SAMPLER=always_off
load plain-again LC_ALL=C
