#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OTEL_CONFIG_FILE: files of the kinds that the declarative configuration has as its examples, one for each of what
# they show. Each is read, with a line in the log for no more than is not in this version, or refused by one line.
. "$(dirname "$0")/lib.sh"

told() { # what `autotrace config` says of the file on stdin, with the variables before it
	cat >"$dir/config.yaml"
	env -u AUTOTRACE_BUILD "$@" OTEL_CONFIG_FILE="$dir/config.yaml" "$autotrace" config -- /bin/true >"$dir/told" 2>"$dir/err"
}
nr_warnings() { grep -c '^  - ' "$dir/told"; }

is_so() { # RESULT CLAIM
	[ "$1" = 0 ] || sed '/(default)$/d; s/^/  /' "$dir/told" "$dir/err"
	tell "$2" "$1"
}

# reads NAME WARNINGS PATTERN [VARIABLE=value...]: it is in force, and that says so
reads() {
	local name=$1 warnings=$2 pattern=$3
	shift 3
	told "$@"
	! grep -q 'cannot be used' "$dir/told" && [ ! -s "$dir/err" ] && [ "$(nr_warnings)" = "$warnings" ] &&
		grep -qE -- "$pattern" "$dir/told"
	is_so $? "$name is read"
}
refuses() { # NAME PATTERN
	told
	grep -q 'cannot be used' "$dir/told" && [ "$(nr_warnings)" = 1 ] && grep -qE -- "$2" "$dir/told"
	is_so $? "$1 is refused"
}
# with a head and a tracer_provider around what is on stdin: an exporter, a sampler, limits
exporter() {
	printf '%s\n' 'file_format: "1.1"' 'tracer_provider:' '  processors:' '    - batch:' '        exporter:'
	sed 's/^/          /'
}
provider() {
	printf '%s\n' 'file_format: "1.1"' 'tracer_provider:' '  processors:' '    - simple: { exporter: { console: } }'
	sed 's/^/  /'
}

reads "a first file" 0 'OTEL_EXPORTER_OTLP_ENDPOINT +http://c:4318/v1/traces' <<'END'
file_format: "1.0"
resource:
  attributes:
    - { name: service.name, value: shop }
propagator:
  composite:
    - tracecontext:
    - baggage:
tracer_provider:
  processors:
    - batch:
        exporter:
          otlp_http: { endpoint: "http://c:4318/v1/traces" }
meter_provider:
  readers:
    - periodic:
        exporter:
          otlp_http: { endpoint: "http://c:4318/v1/metrics" }
logger_provider:
  processors:
    - batch:
        exporter:
          otlp_http: { endpoint: "http://c:4318/v1/logs" }
END

migration() {
	cat <<'END'
file_format: "1.1"
disabled: ${OTEL_SDK_DISABLED:-false}
log_level: ${OTEL_LOG_LEVEL:-info}
resource:
  attributes:
    - name: service.name
      value: ${OTEL_SERVICE_NAME:-unknown_service}
  attributes_list: ${OTEL_RESOURCE_ATTRIBUTES}
attribute_limits:
  attribute_value_length_limit: ${OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT}
  attribute_count_limit: ${OTEL_ATTRIBUTE_COUNT_LIMIT:-128}
propagator:
  composite_list: ${OTEL_PROPAGATORS:-tracecontext,baggage}
tracer_provider:
  processors:
    - batch:
        schedule_delay: ${OTEL_BSP_SCHEDULE_DELAY:-5000}
        export_timeout: ${OTEL_BSP_EXPORT_TIMEOUT:-30000}
        max_queue_size: ${OTEL_BSP_MAX_QUEUE_SIZE:-2048}
        max_export_batch_size: ${OTEL_BSP_MAX_EXPORT_BATCH_SIZE:-512}
        exporter:
          otlp_http:
            endpoint: ${OTEL_EXPORTER_OTLP_TRACES_ENDPOINT:-http://localhost:4318/v1/traces}
            tls:
              ca_file: ${OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE}
              key_file: ${OTEL_EXPORTER_OTLP_TRACES_CLIENT_KEY}
              cert_file: ${OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE}
            compression: ${OTEL_EXPORTER_OTLP_TRACES_COMPRESSION:-gzip}
            timeout: ${OTEL_EXPORTER_OTLP_TRACES_TIMEOUT:-10000}
            headers_list: ${OTEL_EXPORTER_OTLP_TRACES_HEADERS}
  limits:
    attribute_value_length_limit: ${OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT}
    attribute_count_limit: ${OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT:-128}
    event_count_limit: ${OTEL_SPAN_EVENT_COUNT_LIMIT:-128}
    link_count_limit: ${OTEL_SPAN_LINK_COUNT_LIMIT:-128}
    event_attribute_count_limit: ${OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT:-128}
    link_attribute_count_limit: ${OTEL_LINK_ATTRIBUTE_COUNT_LIMIT:-128}
  sampler:
    parent_based:
      root:
        always_on:
      remote_parent_sampled:
        always_on:
      remote_parent_not_sampled:
        always_off:
meter_provider:
  readers:
    - periodic:
        interval: ${OTEL_METRIC_EXPORT_INTERVAL:-60000}
        exporter:
          otlp_http: { temporality_preference: "${OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE:-cumulative}" }
  exemplar_filter: ${OTEL_METRICS_EXEMPLAR_FILTER:-trace_based}
END
}
migration >"$dir/migration"
reads "a file that refers to every variable" 0 'OTEL_SERVICE_NAME +shop' OTEL_SERVICE_NAME=shop <"$dir/migration"
reads "the same, and what they say" 0 'OTEL_BSP_SCHEDULE_DELAY +7' OTEL_BSP_SCHEDULE_DELAY=7 <"$dir/migration"

reads "anchors, below a key that nobody knows," 1 'OTEL_EXPORTER_OTLP_ENDPOINT +http://c:1' <<'END'
file_format: "1.1"
exporters:
  otlp_http: &otlp
    endpoint: "http://c:1"
tracer_provider:
  processors:
    - batch: { exporter: { otlp_http: *otlp } }
END

exporter <<'END' >"$dir/in"
otlp_grpc:
  endpoint: http://c:4317
  tls: { ca_file: /dev/null, key_file: /dev/null, cert_file: /dev/null, insecure: false }
  headers: [ { name: api-key, value: "1234" } ]
  headers_list: "api-key=1"
  compression: gzip
  timeout: 10000
END
reads "OTLP by gRPC, all of it" 0 'OTEL_EXPORTER_OTLP_PROTOCOL +grpc' <"$dir/in"
exporter <<'END' >"$dir/in"
otlp_http:
  endpoint: http://c:4318/v1/traces
  tls: { ca_file: /dev/null, key_file: /dev/null, cert_file: /dev/null }
  headers: [ { name: api-key, value: "1234" } ]
  compression: gzip
  timeout: 10000
  encoding: json
END
reads "OTLP by HTTP, all of it" 0 'OTEL_EXPORTER_OTLP_PROTOCOL +http/json' <"$dir/in"
exporter <<<'otlp_file/development: { output_stream: "file:///var/log/traces.jsonl" }' >"$dir/in"
reads "a file" 0 'AUTOTRACE_FILE +/var/log/traces.jsonl' <"$dir/in"
exporter <<<'otlp_file/development: { output_stream: stdout }' >"$dir/in"
reads "standard output" 0 'OTEL_TRACES_EXPORTER +otlp/stdout' <"$dir/in"
exporter <<<'console:' >"$dir/in"
reads "the console" 0 'OTEL_TRACES_EXPORTER +(console|otlp/stdout)' <"$dir/in"

sampler() { provider >"$dir/in"; }
sampler <<<'sampler: { parent_based: { root: { trace_id_ratio_based: { ratio: 0.1 } } } }'
reads "a sampler by parents" 0 'OTEL_TRACES_SAMPLER +parentbased_traceidratio' <"$dir/in"
sampler <<<'sampler: { always_record: { root: { parent_based: { root: { always_on: } } } } }'
reads "a sampler that records always" 0 'OTEL_TRACES_SAMPLER +parentbased_always_on' <"$dir/in"
sampler <<<'sampler: { probability/development: { ratio: 0.01 } }'
reads "a sampler by probability" 0 'OTEL_TRACES_SAMPLER +traceidratio' <"$dir/in"
sampler <<<'sampler: { parent_based: { root: { jaeger_remote/development: { endpoint: "http://j:14250", interval: 60000, initial_sampler: { trace_id_ratio_based: { ratio: 0.01 } } } } } }'
reads "Jaeger's sampler" 0 'OTEL_TRACES_SAMPLER +parentbased_jaeger_remote' <"$dir/in"
sampler <<'END'
sampler:
  composite/development:
    rule_based:
      rules:
        - attribute_values: { key: http.route, values: [ /healthz, /livez ] }
          sampler: { always_off: }
        - parent: [ none ]
          span_kinds: [ client ]
          sampler: { probability: { ratio: 0.05 } }
        - sampler: { always_on: }
END
reads "a sampler of rules" 0 'AUTOTRACE_SAMPLING_RULES +parent=any kind=server path=/healthz ratio=0; .*parent=none kind=client ratio=0.05; parent=any ratio=1; parent=any ratio=0  .file' <"$dir/in"
sampler <<<'sampler: { composite/development: { parent_threshold: { root: { probability: { ratio: 0.25 } } } } }'
reads "a sampler by parents' thresholds" 0 'OTEL_TRACES_SAMPLER +parentbased_traceidratio' <"$dir/in"
sampler <<'END'
sampler:
  composite/development:
    rule_based:
      rules:
        - attribute_patterns: { key: user.id, included: [ "a*" ] }
          sampler: { always_on: }
END
reads "a rule about what nobody knows yet" 1 'rules\[0\].attribute_patterns: this attribute is not known' <"$dir/in"
provider <<<'limits: { attribute_value_length_limit: 4096, attribute_count_limit: 64, event_count_limit: 64, link_count_limit: 64, event_attribute_count_limit: 32, link_attribute_count_limit: 32 }' >"$dir/in"
reads "limits" 0 'OTEL_ATTRIBUTE_COUNT_LIMIT +64' <"$dir/in"
{ provider </dev/null; cat <<'END'; } >"$dir/in"
propagator:
  composite: [ { tracecontext: }, { baggage: }, { b3: }, { b3multi: } ]
  composite_list: "jaeger,ottrace"
END
reads "propagators of both kinds" 0 'OTEL_PROPAGATORS +tracecontext,baggage,b3,b3multi,jaeger,ottrace' <"$dir/in"
{ provider </dev/null; cat <<'END'; } >"$dir/in"
resource:
  schema_url: https://opentelemetry.io/schemas/1.44.0
  attributes:
    - { name: service.name, value: shop }
    - { name: a.bool, value: true, type: bool }
    - { name: an.int, value: 5, type: int }
    - { name: a.double, value: 1.5, type: double }
    - { name: some.strings, value: [ a, b ], type: string_array }
    - { name: some.ints, value: [ 1, 2 ], type: int_array }
  attributes_list: "service.namespace=n,service.version=1.0.0"
END
reads "a resource of every type, and its schema" 0 'shop' <"$dir/in"
{ provider </dev/null; cat <<'END'; } >"$dir/in"
instrumentation/development:
  general:
    http:
      client: { request_captured_headers: [ x-a ], response_captured_headers: [ x-b ], known_methods: [ GET, POST ] }
      server: { request_captured_headers: [ x-c ], response_captured_headers: [ x-d ] }
    sanitization: { url: { sensitive_query_parameters: [ sig ] } }
  java: { agent: { an: option } }
  python: { urllib: { of: its own } }
END
reads "what instrumentations are told" 0 'OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS +GET,POST' <"$dir/in"
{ provider </dev/null; cat <<'END'; } >"$dir/in"
meter_provider:
  readers:
    - pull: { exporter: { prometheus/development: { host: localhost, port: 9464 } } }
  views:
    - selector: { instrument_name: an.instrument, instrument_type: histogram }
      stream: { name: another, aggregation: { explicit_bucket_histogram: { boundaries: [ 0, 5, 10 ], record_min_max: true } } }
logger_provider:
  processors: [ { simple: { exporter: { console: } } } ]
  limits: { attribute_count_limit: 64 }
END
reads "metrics and logs, which are passed over," 0 'OTEL_TRACES_EXPORTER' <"$dir/in"

# ---- and those that are wrong ----
refuses "one of a later version" 'file_format' <<<'file_format: "2.0"'
refuses "one without a version" 'file_format' <<<'disabled: false'
refuses "text where a number must be" 'schedule_delay' <<'END'
file_format: "1.1"
tracer_provider:
  processors:
    - batch: { schedule_delay: soon, exporter: { console: } }
END
refuses "a batch without its exporter" 'exporter' <<'END'
file_format: "1.1"
tracer_provider:
  processors:
    - batch: { schedule_delay: 5000 }
END
refuses "two exporters where one must be" 'processors' <<'END'
file_format: "1.1"
tracer_provider:
  processors:
    - simple: { exporter: { console: , otlp_http: } }
END
refuses "a reference that is none" 'config.yaml' <<'END'
file_format: "1.1"
log_level: ${1NAME}
END
