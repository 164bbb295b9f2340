#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Beside other libraries that are preloaded, above ours and below it: what they do to the program
# they do as without us, and what it sends is traced.
. "$(dirname "$0")/lib.sh"
need curl /usr/bin/python3

fakeroot=$(compgen -G "/usr/lib/*/libfakeroot/libfakeroot-sysv.so")
eatmydata=$(compgen -G "/usr/lib/*/libeatmydata.so")
faketime=$(compgen -G "/usr/lib/*/faketime/libfaketime.so.1")
faketime_mt=$(compgen -G "/usr/lib/*/faketime/libfaketimeMT.so.1")
program colours -shared -fPIC -ldl
colours=$program
program life_fork
forks=$program
program life_exit
exits=$program
program quiet
quiet=$program
export FAKETIME="2020-12-24 20:30:00" # where the clock stands still

got() { # PROGRAM PATH
	echo "CLIENT GET [unknown_service:$1] UNSET http.response.status_code=200 url.full=http://$2"
}

beside() { # WHAT
	origin
	sends "$1: curl" curl -sS "$url/ok" "$url/ok" < <(times 2 "$(got curl 127.0.0.1:PORT/ok)")
	sends "$1: curl, and what it complains of" curl -sS "$url/ok" http://127.0.0.1:1 <<END
CLIENT GET [unknown_service:curl] ERROR url.full=http://127.0.0.1:PORT/ error.type=CURLE_COULDNT_CONNECT

$(got curl 127.0.0.1:PORT/ok)
END
	sends "$1: python, a loop" /usr/bin/python3 "$here/clients/python.py" asyncio "$url" <<END
$(got python h/ok?0)

$(got python h/ok?1)

$(got python h/ok?2)
END
	sends "$1: forks by threads" "$forks" "$port" threads < <(times 12 "$(got life_fork h/ok)")
	sends "$1: posix_spawn" "$forks" "$port" spawn < <(times 3 "$(got life_fork h/ok)")
	for how in return _exit abort term fault; do
		sends "$1: $how" "$exits" "$port" waits $how < <(got life_exit h/ok)
	done
	sends "$1: no thread and no descriptor before the first span" "$quiet" </dev/null
	no_origin
	port=$(free_port)
	attributes=http.response.status_code,url.path
	serves "$1: a server" /usr/bin/python3 "$here/servers/python_http.py" PORT "$dir" <<'END'
SERVER GET [server] UNSET http.response.status_code=200 url.path=/ok
END
	attributes=http.response.status_code,url.full,url.path,error.type
}

requests() {
	ask "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
}

echo ok >"$dir/ok"
if [ "$fakeroot" ]; then
	faked=$(faked-sysv) # its key, and its process
	running="$running ${faked##*:}"
	export FAKEROOTKEY=${faked%%:*}
fi
for name in fakeroot eatmydata faketime faketime_mt colours; do
	[ "${!name}" ] || { echo "skipped: $name is not installed"; continue; }
	above=${!name}
	beside "$name above"
	above=
	also=${!name}
	beside "$name below"
	also=
done

# ---- a clock that stands still, in 2020, is the program's and not ours --------------------------

[ "$faketime" ] || exit
origin
also=$faketime
sends "a clock that stands still" "$exits" "$port" return < <(got life_exit h/ok)
is_of_today() {
	local now

	now=$(date +%s)
	grep -o '"startTimeUnixNano":"[0-9]*' "$spans" | cut -d '"' -f 4 |
		awk -v now="$now" '{ bad += $1 / 1e9 < now - 600 || $1 / 1e9 > now + 1 } END { exit bad || !NR }'
}
check "the span has the time of the day" is_of_today

life_collector silent
end_comes() {
	local start=$SECONDS

	LD_PRELOAD="$library $also" AUTOTRACE_EXIT_FLUSH_MS=200 OTEL_BSP_SCHEDULE_DELAY=100 \
		OTEL_EXPORTER_OTLP_ENDPOINT="$collector" \
		"$exits" "$port" return >/dev/null 2>&1 &
	running="$running $!"
	wait_for 20 is_gone $! && echo "        after $((SECONDS - start)) s"
}
check "a collector that is silent: the exit comes" end_comes
