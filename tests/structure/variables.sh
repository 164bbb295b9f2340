#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every variable that the library asks for is in the table, in the manual and in the README, and
# each of the table is asked for. What a context or a platform comes by is no setting.
set -u
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# AUTOTRACE_LAMBDA_START and AUTOTRACE_EBPF_TOKEN are our own words to the next process, OTEL_CTX the name of a mapping
grep -rhoE '"(AUTOTRACE|OTEL)_[A-Z0-9_]+"' export/*.c export/encode export/transport preload propagator ebpf/*.c |
	tr -d '"' |
	grep -vxE 'AUTOTRACE_LAMBDA_START|AUTOTRACE_EBPF_TOKEN|OTEL_CTX' | grep -v '_$' | sort -u >"$dir/read"
sed -E ':a; /[(,]$/ { N; s/\n[ \t]*/ /; ba; }' export/variables.def |
	sed -nE 's/^ATR_VARIABLE\(([A-Z0-9_]+), *([A-Z0-9_]*),.*/\1 \2/p' | tr ' ' '\n' |
	grep -E '^(AUTOTRACE|OTEL)_' | sort -u >"$dir/table"
sed -nE 's/^ATR_VARIABLE_KNOWN\(([A-Z0-9_]+)\)/\1/p' export/variables.def | sort >"$dir/known"
[ -s "$dir/read" ] && [ -s "$dir/table" ] || { echo "nothing was found"; exit 1; }

sort -u "$dir/table" "$dir/known" | comm -23 "$dir/read" - | sed 's/^/not in variables.def: /' | grep . && bad=1
comm -13 "$dir/read" "$dir/table" | sed 's/^/in variables.def, and asked for nowhere: /' | grep . && bad=1
while read -r name; do
	# one of metrics or log records alone is as that of traces
	case $name in
	*_PREFERENCE) ;;
	OTEL_EXPORTER_OTLP_METRICS_* | OTEL_EXPORTER_OTLP_LOGS_*) continue ;;
	esac
	# both tables fold the names for traces into one line
	short=$(sed 's/^OTEL_EXPORTER_OTLP_TRACES_/OTEL_EXPORTER_OTLP_/' <<<"$name")
	grep -q "\`$short\`" README.md || { echo "not in the README: $name"; bad=1; }
	grep -q "_${name}_" tools/man/libautotrace.7.scd || { echo "not in libautotrace(7): $name"; bad=1; }
done <"$dir/table"
exit $bad
