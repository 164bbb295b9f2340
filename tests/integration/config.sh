#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OTEL_CONFIG_FILE: what a file says is in force, nothing else of OTEL_* is, and one that is wrong leaves
# the program as it is without us.
. "$(dirname "$0")/lib.sh"
need curl
origin
yaml=$dir/config.yaml
log=$dir/log
parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01

# says CLAIM WANT [VARIABLE=value...]: the file is on stdin; WANT is "HEADERS SPANS"
says() {
	local claim=$1 want=$2 got
	shift 2
	cat >"$yaml"
	rm -f "$dir/origin/captured/"* "$spans" "$log"
	under traced ""
	"${env[@]}" AUTOTRACE_LOG="$log" OTEL_CONFIG_FILE="$yaml" OTEL_SDK_DISABLED=true OTEL_PROPAGATORS=jaeger \
		OTEL_TRACES_EXPORTER=console SPANS="$spans" "$@" curl -sS "$url/ok" >/dev/null 2>"$dir/err"
	wait_for 5 all_captured
	got=$(cat "$dir/origin/captured/"* | tr -d '\r' | sed -nE 's/^(traceparent|b3|uber-trace-id): .*/\1/p' | sort | xargs)
	got="${got:-none} $(grep -o '"spanId"' "$spans" 2>/dev/null | wc -l)"
	[ "$got" = "$want" ] || echo "  $got, not $want"
	[ -s "$dir/err" ] && sed 's/^/  /' "$dir/err"
	[ "$got" = "$want" ] && [ ! -s "$dir/err" ]
	tell "$claim" $?
}
logged() { # PATTERN: the one line of the log
	[ "$(wc -l <"$log")" = 1 ] && grep -q -- "$1" "$log" && return
	sed 's/^/  /' "$log"
	return 1
}
is_silent_log() { [ ! -s "$log" ] || { cat "$log"; return 1; }; }

read -r -d '' provider <<'E2'
tracer_provider:
  processors:
  - simple:
      exporter:
        otlp_file/development:
          output_stream: file://${SPANS}
E2

says "a file in the place of the variables" "b3 1" <<E2
file_format: "1.1"
resource:
  attributes:
  - name: service.name
    value: \${SHOP:-of-the-file}
propagator:
  composite:
  - b3:
$provider
E2
check "nothing is said of it" is_silent_log
check "the service is the file's" grep -q '"stringValue":"of-the-file"' "$spans"
lacks_host() { ! grep -q '"host.name"' "$spans"; }
check "nothing is detected that it does not ask for" lacks_host
says "what it leaves out is none" "none 1" <<E2
file_format: "1.1"
$provider
E2
says "without a tracer_provider contexts alone" "traceparent 0" TRACEPARENT=$parent <<E2
file_format: "1.1"
propagator: { composite_list: "tracecontext,baggage" }
E2
says "disabled, by a variable it refers to" "traceparent 0" OFF=true TRACEPARENT=$parent <<E2
file_format: "1.1"
disabled: \${OFF}
propagator: { composite_list: tracecontext }
$provider
E2
says "a parent elsewhere that is sampled, and is not to be followed" "traceparent 0" \
	TRACEPARENT=$parent <<E2
file_format: "1.1"
propagator: { composite_list: tracecontext }
$provider
  sampler: { parent_based: { root: { always_on: }, remote_parent_sampled: { always_off: } } }
E2
says "a key that is not known" "traceparent 1" <<E2
file_format: "1.1"
colour: red
propagator: { composite_list: tracecontext }
$provider
E2
check "is one line in the log" logged ": colour: not known here; it is left out"

says "a file that is no YAML" "none 0" <<<'file_format: [ "1.1"'
check "is one line in the log" logged "not YAML: .*; nothing is traced"
says "a file that refers to no variable" "none 0" <<E2
file_format: "1.1"
disabled: \${OFF:?}
E2
says "a file that is not there" "none 0" OTEL_CONFIG_FILE="$dir/none.yaml" </dev/null
check "is one line in the log" logged "none.yaml: it cannot be opened; nothing is traced"
says "by its older name" "traceparent 1" OTEL_CONFIG_FILE= OTEL_EXPERIMENTAL_CONFIG_FILE="$yaml" <<E2
file_format: "1.0"
propagator: { composite_list: tracecontext }
$provider
E2

# The object is not where the library is.
alone() {
	mkdir -p "$dir/alone" && cp "$library" "$dir/alone/"
	library=$dir/alone/libautotrace.so says "without the object that reads it" "none 0" <"$yaml"
	logged "libautotrace-config.so, which reads it, cannot be loaded; nothing is traced"
}
check "is one line in the log" alone

# Without the variable it is not looked for, nor is anything else that was not before.
looked_for() {
	LD_DEBUG=files LD_PRELOAD=$library /bin/true 2>&1 | grep -q autotrace-config && return 1
	LD_DEBUG=files LD_PRELOAD=$library OTEL_CONFIG_FILE=$yaml /bin/true 2>&1 | grep -q autotrace-config
}
check "it is loaded for the variable alone" looked_for
let_go() { # the program finds nothing of it in its memory
	LD_PRELOAD=$library OTEL_CONFIG_FILE=$yaml cat /proc/self/maps >"$dir/maps" && ! grep -q autotrace-config "$dir/maps"
}
check "and is let go of" let_go

# Rules, of a composite sampler, are asked of every span: also where the parent has decided.
ruled() { # RULE, in the file
	cat <<E2
file_format: "1.1"
resource: { schema_url: "https://example.com/schemas/7" }
propagator: { composite_list: tracecontext }
$provider
  sampler: { composite/development: { rule_based: { rules: [ $1 ] } } }
E2
}
parent_of() { grep -hoi '^traceparent: .*' "$dir/origin/captured/"* | tr -d '\r' | grep -q -- "$1\$"; }
says "rules: what none fits is dropped" "traceparent 0" < <(ruled '{ span_kinds: [ server ], sampler: { always_on: } }')
check "and its flag is clear" parent_of -02
says "rules: of clients all" "traceparent 1" < <(ruled '{ span_kinds: [ client ], sampler: { always_on: } }')
check "the schema is the resource's" grep -q '"schemaUrl":"https://example.com/schemas/7"}\]}' "$spans"
says "rules: a sampled parent is not asked" "traceparent 0" TRACEPARENT=$parent < <(ruled '{ parent: [ none ], sampler: { always_on: } }')
says "rules: by the parent's threshold" "traceparent 1" TRACEPARENT=$parent \
	< <(ruled '{ sampler: { parent_threshold: { root: { always_off: } } } }')
says "rules: a parent that is not sampled" "traceparent 1" TRACEPARENT=${parent%1}0 \
	< <(ruled '{ parent: [ remote ], sampler: { always_on: } }')
says "rules: another method" "traceparent 0" AUTOTRACE_PROBES=http \
	< <(ruled '{ attribute_values: { key: http.request.method, values: [ POST ] }, sampler: { always_on: } }')
says "rules: this method, and a host" "traceparent 1" AUTOTRACE_PROBES=http \
	< <(ruled '{ attribute_values: { key: http.request.method, values: [ POST, GET ] }, attribute_patterns: { key: server.address, included: [ "127.*" ] }, sampler: { always_on: } }')
