#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Ends of every kind: the same status, what is in the ring is sent, and no end comes later than the
# limit for it, whatever the collector does. Also those of main's thread alone.
. "$(dirname "$0")/lib.sh"
program loading_slow_lookup -shared -fPIC
slow=$program
program life_exit
origin

get="CLIENT GET [unknown_service:life_exit] UNSET http.response.status_code=200 url.full=http://h/ok"
cd "$dir" || exit # for the core files

for how in return exit thread _exit _Exit quick_exit group abort term informed fault \
	"once, raise" "once, kill" "once, pthread_kill"; do
	sends "what was done is told: $how" "$program" "$port" waits "$how" < <(times 1 "$get")
done
sends "what was done is told: the end of a clone" "$program" "$port" clone < <(times 2 "$get")
rm -f core*

# ---- main's thread ends, and the process with the last of the others ----------------------------

limit=10
for how in alone "with another" "with one that exits" cancelled "of C11"; do
	sends "main's thread ends: $how" "$program" "$port" leaves "$how" < <(times 1 "$get")
done
sends "main's thread ends: in a child" "$program" "$port" leaves "in a child" < <(times 2 "$get")
sends "main's thread ends: with one that asks" \
	"$program" "$port" leaves "with one that asks" < <(times 4 "$get")
sends "main's thread ends: with one that asks last" \
	"$program" "$port" leaves "with one that asks last" < <(times 5 "$get")
sends "main's thread ends, and a batch is not due for long" env OTEL_BSP_SCHEDULE_DELAY=60000 \
	"$program" "$port" leaves "with one that asks last" < <(times 5 "$get")

# ---- collectors ---------------------------------------------------------------------------------

# collector HOW: its address in $endpoint; what it is sent goes to the spans
collector() {
	rm -f "$spans"
	if [ "$1" = refused ]; then
		endpoint=http://127.0.0.1:$(free_port)
		return
	fi
	life_collector "$1" "$spans"
	endpoint=$collector
}

# ends_within MS LIMIT HOW...: with that much time at exit it takes no longer than MS, and its status
# and output are those of the run without the library
ends_within() {
	local most=$1 limit=$2 start took status
	shift 2
	# the groups: bash itself tells of a program that was killed
	{ "$program" "$port" "$@" >"$dir/plain.out" 2>&1; } 2>/dev/null
	status=$?
	start=$(date +%s%N)
	{ env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT="$endpoint" AUTOTRACE_EXIT_FLUSH_MS="$limit" \
		OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_BSP_SCHEDULE_DELAY=100 \
		timeout -k 1 30 "$program" "$port" "$@" >"$dir/out" 2>&1; } 2>/dev/null
	[ $? = $status ] || { echo "  another exit code than $status"; return 1; }
	took=$((($(date +%s%N) - start) / 1000000))
	[ $took -le "$most" ] || { echo "  it took $took ms"; return 1; }
	same "output" "$dir"/{plain.out,out}
}

# The program itself takes up to 900 ms; the rest is for a busy machine.
for how in refused silent drip; do
	collector $how
	for way in return exit thread _exit _Exit quick_exit group abort term fault; do
		check "$how: $way" ends_within 4200 200 $way
	done
	for way in alone "with one that asks last"; do
		check "$how: main's thread ends: $way" ends_within 4200 200 leaves "$way"
	done
done
collector 0.1
# Without us it returns before the signal comes: the exit codes are not compared.
times 1 "$get" >"$dir/want"
for how in "interrupted" "interrupted by an exec"; do
	rm -f "$spans"
	env LD_PRELOAD="$library $slow" OTEL_EXPORTER_OTLP_ENDPOINT="http://localhost.slow:${endpoint##*:}" \
		OTEL_EXPORTER_OTLP_PROTOCOL=http/json AUTOTRACE_EXIT_FLUSH_MS=20000 \
		"$program" "$port" "$how" >"$dir/out"
	check "an end, $how: the handler has the last word" test $? = 14
	check "an end, $how: the span" tree_is_there
done
for way in return exit thread _exit quick_exit group abort term; do
	rm -f "$spans"
	times 1 "$get" >"$dir/want"
	check "slow, and given the time: $way" ends_within 9000 20000 $way
	check "slow, and given the time: $way: the span" tree_is_there
done
