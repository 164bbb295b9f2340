#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each variable that switches something: what is on the wire, and how many spans come of it.
. "$(dirname "$0")/lib.sh"
need curl
origin
parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331

# asked [VARIABLE=value...]: what curl sends so is in the origin's folder, and the spans are there
asked() {
	rm -f "$dir/origin/captured/"* "$spans"
	under traced ""
	"${env[@]}" "$@" curl -sS "$url/ok" >/dev/null 2>"$dir/err"
	wait_for 5 all_captured
}

# switched CLAIM WANT [VARIABLE=value...]: WANT is "HEADER SPANS"
switched() {
	local claim=$1 want=$2 header got
	shift 2
	asked "$@"
	header=$(cat "$dir/origin/captured/"* | tr -d '\r' | sed -n 's/^traceparent: //p' |
		sed -E 's/[0-9a-f]{16}-([0-9a-f]{2})$/ID-\1/; s/-[0-9a-f]{32}-ID/-NEW-ID/; ')
	case $header in
	00-NEW-*) grep -qa "${parent:3:32}" "$dir/origin/captured/"* && header=00-PARENT${header#00-NEW} ;;
	esac
	got="${header:-none} $(grep -o '"spanId"' "$spans" 2>/dev/null | wc -l)"
	[ "$got" = "$want" ] || echo "  $got, not $want"
	[ -s "$dir/err" ] && sed 's/^/  /' "$dir/err"
	[ "$got" = "$want" ] && [ ! -s "$dir/err" ]
	tell "$claim" $?
}

switched "nothing is set" "00-NEW-ID-03 1"
switched "a parent in the environment" "00-PARENT-ID-01 1" TRACEPARENT=$parent-01
switched "an empty variable is none" "00-NEW-ID-03 1" AUTOTRACE_DISABLED= OTEL_SDK_DISABLED= TRACEPARENT=
switched "AUTOTRACE_DISABLED" "none 0" AUTOTRACE_DISABLED=true
switched "AUTOTRACE_DISABLED=TRUE" "none 0" AUTOTRACE_DISABLED=TRUE
switched "AUTOTRACE_DISABLED=1 is not true" "00-NEW-ID-03 1" AUTOTRACE_DISABLED=1
switched "OTEL_SDK_DISABLED passes the context on" "00-PARENT-ID-01 0" OTEL_SDK_DISABLED=true TRACEPARENT=$parent-01
switched "OTEL_TRACES_EXPORTER=none" "00-NEW-ID-03 0" OTEL_TRACES_EXPORTER=none
switched "OTEL_PROPAGATORS=none" "none 1" OTEL_PROPAGATORS=none
switched "OTEL_PROPAGATORS=baggage" "none 1" OTEL_PROPAGATORS=baggage
switched "a sampler that takes none" "00-NEW-ID-02 0" OTEL_TRACES_SAMPLER=always_off
switched "a parent that is not sampled" "00-PARENT-ID-00 0" TRACEPARENT=$parent-00
switched "a parent that is not sampled, and is not asked" "00-PARENT-ID-01 1" \
	TRACEPARENT=$parent-00 OTEL_TRACES_SAMPLER=always_on
switched "a ratio of 0" "00-NEW-ID-02 0" OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=0
switched "a ratio of 1" "00-NEW-ID-03 1" OTEL_TRACES_SAMPLER=traceidratio OTEL_TRACES_SAMPLER_ARG=1.0
switched "a sampler that is not known" "00-NEW-ID-03 1" OTEL_TRACES_SAMPLER=dice
switched "AUTOTRACE_PROBES=none" "none 0" AUTOTRACE_PROBES=none
switched "AUTOTRACE_PROBES=http,connect" "00-NEW-ID-03 2" AUTOTRACE_PROBES=http,connect
switched "AUTOTRACE_PROBES=all,-connect,-process" "00-NEW-ID-03 1" AUTOTRACE_PROBES=all,-connect,-process
switched "AUTOTRACE_INCLUDE names another" "none 0" AUTOTRACE_INCLUDE='wget,*/bin/w*'
switched "AUTOTRACE_INCLUDE names it" "00-NEW-ID-03 1" AUTOTRACE_INCLUDE='wget,cu*l'
switched "AUTOTRACE_EXCLUDE names its path" "none 0" AUTOTRACE_EXCLUDE='*/bin/curl'
switched "AUTOTRACE_EXCLUDE names another" "00-NEW-ID-03 1" AUTOTRACE_EXCLUDE='wget'

# What the environment says beside a parent, or without one: it goes along.
carried() { # CLAIM WANT [VARIABLE=value...]: WANT is the headers, without the ids of a new span
	local claim=$1 want=$2 got
	shift 2
	asked "$@"
	got=$(cat "$dir/origin/captured/"* | tr -d '\r' | sed -nE 's/^(traceparent|baggage|b3|x-amzn-trace-id): //Ip' |
		sed -E 's/-[0-9a-f]{16}-/-ID-/; s/^00-[0-9a-f]{32}-ID/00-NEW-ID/; s/^[0-9a-f]{32}-ID/NEW-ID/
			s/Parent=[0-9a-f]*/Parent=ID/' | sort | xargs)
	[ "$got" = "$want" ] && [ ! -s "$dir/err" ] || { echo "  $got, not $want"; sed 's/^/  /' "$dir/err"; false; }
	tell "$claim" $?
}
carried "BAGGAGE beside a TRACEPARENT" "00-NEW-ID-01 a=1,b=2" TRACEPARENT=$parent-01 BAGGAGE=a=1,b=2
carried "BAGGAGE alone" "00-NEW-ID-03 a=1,b=2" BAGGAGE=a=1,b=2
carried "BAGGAGE alone, by its own propagator alone" "a=1,b=2" BAGGAGE=a=1,b=2 OTEL_PROPAGATORS=baggage
carried "BAGGAGE beside a TRACEPARENT that is none" "00-NEW-ID-03 a=1" TRACEPARENT=$parent BAGGAGE=a=1
carried "BAGGAGE alone, and no spans" "a=1" BAGGAGE=a=1 OTEL_SDK_DISABLED=true
carried "BAGGAGE that nobody asks for" "00-NEW-ID-03" BAGGAGE=a=1 OTEL_PROPAGATORS=tracecontext
carried "BAGGAGE that is none" "00-NEW-ID-03" BAGGAGE='a b,=,;'
carried "B3 that has decided, and no more" "NEW-ID-0" B3=0 OTEL_PROPAGATORS=b3
