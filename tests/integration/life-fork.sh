#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Children of every make, and descriptors closed and overwritten, while spans are on their way.
. "$(dirname "$0")/lib.sh"
program life_old
old=$program
program own_tls
own_tls=$program
program life_fork
origin

# collector SECONDS: one that is slow, beside the file; $slowly has the program send to both
collector() {
	life_collector "$1"
	slowly=(env OTEL_TRACES_EXPORTER=otlp/file,otlp OTEL_BSP_SCHEDULE_DELAY=1 AUTOTRACE_EXIT_FLUSH_MS=2000
		OTEL_EXPORTER_OTLP_ENDPOINT="$collector")
}
collector 0.02

get="CLIENT GET [unknown_service:life_fork] UNSET http.response.status_code=200 url.full=http://h/ok"

sends "fork in a request, from four threads at once" "$program" "$port" threads < <(times 12 "$get")
sends "fork while the exporter is sending" "${slowly[@]}" "$program" "$port" busy < <(times 120 "$get")
sends "3000 forks" "$program" "$port" loop < <(times 32 "$get")
sends "vfork in a request" "$program" "$port" vfork < <(times 2 "$get")
sends "posix_spawn with file actions and attributes" "$program" "$port" spawn < <(times 3 "$get")
sends "clone in a request" "$program" "$port" clone < <(times 4 "$get")
for how in exits calls returns execs; do
	sends "a child in our memory with thread-local memory of its own, all zero: $how" "$own_tls" $how </dev/null
done
sends "system and popen in a request" "$program" "$port" shells < <(times 2 "$get")
sends "daemon" "$program" "$port" daemon < <(times 5 "$get")
sends "a daemon made by hand, which closes all it may have" "$program" "$port" "by hand" < <(times 5 "$get")
sends "a daemon made by hand while the exporter is sending" \
	"${slowly[@]}" "$program" "$port" "by hand" < <(times 5 "$get")
for what in pipe socket file; do
	sends "our descriptors are overwritten by those of a $what" \
		"${slowly[@]}" "$program" "$port" "over $what" < <(times 6 "$get")
done
sends "all closed, and files opened in their place" \
	"${slowly[@]}" "$program" "$port" "close and open" < <(times 30 "$get")
sends "all marked to be closed at exec" "$program" "$port" mark < <(times 2 "$get")
sends "0 closed and opened, again and again" env OTEL_BSP_SCHEDULE_DELAY=1 \
	"$program" "$port" lowest < <(times 200 "$get")
# Linux before 5.9 has another way to give a thread descriptors of its own, and some containers none.
for what in pipe socket file; do
	sends "on an older kernel: overwritten by those of a $what" \
		"$old" older "${slowly[@]}" "$program" "$port" "over $what" < <(times 6 "$get")
done
sends "on an older kernel: all closed, and files opened in their place" \
	"$old" older "${slowly[@]}" "$program" "$port" "close and open" < <(times 30 "$get")
sends "no descriptors of our own: a daemon made by hand" \
	"$old" container "${slowly[@]}" "$program" "$port" "by hand" < <(times 5 "$get")
