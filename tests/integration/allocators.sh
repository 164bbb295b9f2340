#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Beside an allocator that is preloaded too, and one that the program brings for its one thread.
. "$(dirname "$0")/lib.sh"
need curl
origin

program own_malloc
got="CLIENT GET [unknown_service:own_malloc] UNSET http.response.status_code=200 url.full=http://h/ok"
life_collector 0 "$spans"
sends "the program's own, an address to send to" env OTEL_TRACES_EXPORTER=otlp OTEL_BSP_SCHEDULE_DELAY=20 \
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_EXPORTER_OTLP_ENDPOINT="$collector" "$program" "$port" \
	< <(times 2 "$got")
# What would take the resolver's or the loader's allocations is not sent.
for to in http://collector.invalid:4318 https://127.0.0.1:4318; do
	sends "and $to" env OTEL_TRACES_EXPORTER=otlp/file,otlp OTEL_BSP_SCHEDULE_DELAY=20 \
		OTEL_EXPORTER_OTLP_ENDPOINT=$to "$program" "$port" < <(times 2 "$got")
done
for to in 127.0.0.1:2000 localhost:2000 '[::1]:2000' daemon.invalid:2000; do
	sends "and X-Ray's daemon, $to" env OTEL_TRACES_EXPORTER=otlp/file,xray OTEL_BSP_SCHEDULE_DELAY=20 \
		AWS_XRAY_DAEMON_ADDRESS=$to "$program" "$port" < <(times 2 "$got")
done
found=
for also in /usr/lib/*/libjemalloc.so.2 /usr/lib/*/libtcmalloc_minimal.so.4 /usr/lib/*/libmimalloc.so.2*; do
	[ -f "$also" ] || continue
	found=1
	sends "curl with $(basename "$also")" curl -sS "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok
END
	sends "python with $(basename "$also")" /usr/bin/python3 "$here/clients/python.py" asyncio "$url" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?0

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=http://h/ok?2
END
done
[ "$found" ] || skip "no allocator to preload is installed"
