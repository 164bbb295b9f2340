#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every variable that we read, with values nobody should give: empty, huge, of odd bytes, of nonsense,
# contradictory. The program is as it would be, whatever comes of it.
. "$(dirname "$0")/lib.sh"
need curl
origin

# As the sources ask for them.
variables=$(cd "$top" && grep -rhoE '"(AUTOTRACE|OTEL|AWS|_X_AMZN|_HANDLER)[A-Z0-9_]*"' export preload propagator |
	tr -d '"' | grep -v '_$' | sort -u)
variables="$variables TRACEPARENT TRACESTATE BAGGAGE B3 X_B3_TRACEID X_AMZN_TRACE_ID UBER_TRACE_ID OT_TRACER_TRACEID
	X_CLOUD_TRACE_CONTEXT"
echo "        $(wc -w <<<"$variables") variables"

plain=$(curl -sS "$url/ok" 2>&1; echo $?)
huge=$(head -c 120000 /dev/zero | tr '\0' x)
commas=$(head -c 60000 /dev/zero | tr '\0' ,)
pairs=$(printf 'a%d=%%41,' $(seq 9000))
odd=$(printf '\377\376\001\033[31m\303(%%%%%%n%%zz\n\r\t')

# ends CLAIM VARIABLE=VALUE...: the client's output and exit code are as they were
ends() {
	local claim=$1 got

	shift
	under traced ""
	got=$("${env[@]}" AUTOTRACE_EXIT_FLUSH_MS=2000 OTEL_EXPORTER_OTLP_TIMEOUT=500 "$@" timeout 20 curl -sS "$url/ok" 2>&1; echo $?)
	[ "$got" = "$plain" ] && return
	echo "  $claim: $(head -c 300 <<<"$got")"
	return 1
}

each() { # KIND VALUE
	local name bad=0

	for name in $variables; do
		# where to write and what to say is asked for by these
		case $name=$1 in AUTOTRACE_LOG=* | AUTOTRACE_FILE=* | AUTOTRACE_EXIT_FLUSH_MS=*) continue ;; esac
		ends "$name" "$name=$2" || bad=1
	done
	return $bad
}

each_file() { # VALUE: names of files that cannot be, or hold no file
	local bad=0

	ends "AUTOTRACE_LOG" AUTOTRACE_LOG="$1" AUTOTRACE_STATS=true || bad=1
	ends "AUTOTRACE_FILE" AUTOTRACE_FILE="$1" AUTOTRACE_EXIT_FLUSH_MS=500 || bad=1
	return $bad
}

cd "$dir" || fail
mkfifo fifo
check "empty" each empty ""
check "huge" each huge "$huge"
check "60,000 commas" each commas "$commas"
check "9,000 pairs" each pairs "$pairs"
check "odd bytes" each odd "$odd"
check "nonsense" each nonsense "-1e999,none,true=false;http://[::1"
check "a huge number" each number 99999999999999999999999999
for file in "" "$huge" "$odd" / /none/of/it /dev/full /proc/self/mem "$dir/fifo"; do
	check "a file called $(head -c 20 <<<"$file" | tr -cd ' -~')" each_file "$file"
done

# What the log is written to is gone, or is as long as it may be: that is no end of the program's.
is_not_ended() { # HOW LOG [FILE]
	under traced ""
	"${env[@]}" AUTOTRACE_LOG="$2" ${3:+AUTOTRACE_FILE="$3"} AUTOTRACE_STATS=true OTEL_PROPAGATORS=nonsense \
		timeout 20 /usr/bin/python3 "$here/programs/unwritable.py" "$1" curl -sS "$url/ok" </dev/null
}
check "a log on a stderr that nobody reads" is_not_ended pipe stderr
check "a log that may not grow" is_not_ended size "$dir/log-of-none"
check "a file that may not grow" is_not_ended size "" "$dir/file-of-none"

all=()
for name in $variables; do
	case $name in AUTOTRACE_LOG) ;; *) all+=("$name=$odd") ;; esac
done
check "all at once: odd bytes" ends all "${all[@]}"
# as much as the kernel takes: more than is kept of it
check "all at once: huge" ends all "OTEL_A=$huge" "OTEL_B=$huge" "OTEL_C=$huge" "AUTOTRACE_D=$huge" AUTOTRACE_DISABLED=true
many=()
for i in $(seq 2000); do many+=("OTEL_$i=$i"); done
check "2,000 variables" ends many "${many[@]}"
check "the same one twice" ends twice OTEL_SERVICE_NAME=a OTEL_SERVICE_NAME=b
check "contradictory: included, excluded, disabled and not" ends contradiction AUTOTRACE_INCLUDE='*' \
	AUTOTRACE_EXCLUDE='*' AUTOTRACE_DISABLED=false OTEL_SDK_DISABLED=true AUTOTRACE_PROBES=all,none,-all
check "contradictory: exporters and no exporter" ends contradiction OTEL_TRACES_EXPORTER=none,otlp,otlp/file,xray,none \
	OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=grpc
check "contradictory: a batch larger than the queue" ends contradiction OTEL_BSP_MAX_QUEUE_SIZE=1 \
	OTEL_BSP_MAX_EXPORT_BATCH_SIZE=4096 OTEL_BSP_SCHEDULE_DELAY=0 OTEL_BSP_EXPORT_TIMEOUT=0
check "contradictory: a function of Lambda's without a platform" ends contradiction \
	AWS_LAMBDA_RUNTIME_API=127.0.0.1:1 AWS_LAMBDA_MAX_CONCURRENCY=-1 _HANDLER="$odd" _X_AMZN_TRACE_ID="$odd"

is_told() { # VARIABLE [VARIABLE=value...]: a warning names it
	local name=$1
	shift
	rm -f "$dir/log"
	ends told AUTOTRACE_LOG="$dir/log" "$@" && grep -qs "$name" "$dir/log"
}
not_told() { ! is_told "$@"; }
check "contradictory: kept by its outcome, and nothing is sampled" is_told AUTOTRACE_KEEP \
	OTEL_TRACES_SAMPLER=always_off AUTOTRACE_KEEP=error
check "not contradictory: what a parent samples" not_told AUTOTRACE_KEEP \
	OTEL_TRACES_SAMPLER=parentbased_always_off AUTOTRACE_KEEP=error

# What is cut away may not be what switches us off.
is_off() {
	rm -f "$spans"
	ends "off" "OTEL_A=$huge" "OTEL_B=$huge" "OTEL_C=$huge" "${many[@]}" AUTOTRACE_DISABLED=true && [ ! -s "$spans" ]
}
check "switched off, behind more than is kept" is_off
