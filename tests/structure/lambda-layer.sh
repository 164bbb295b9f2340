#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layer holds the library at lib/ and what it loads, and nothing else, stripped, and is the same each time it is
# made; and what is unpacked from it traces.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v zip >/dev/null && command -v unzip >/dev/null || { echo "no zip and unzip here"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

.ci/lambda-layer "$AUTOTRACE_BUILD/libautotrace.so" "$dir/a.zip" >"$dir/said" || { cat "$dir/said"; exit 1; }
grep -Eq '^a\.zip: [0-9]+ bytes; the library in it: [0-9]+ bytes$' "$dir/said" || { cat "$dir/said"; exit 1; }
sleep 1
(umask 077; TZ=Asia/Tokyo .ci/lambda-layer "$AUTOTRACE_BUILD/libautotrace.so" "$dir/b.zip" >/dev/null)
cmp "$dir/a.zip" "$dir/b.zip" || exit 1

unzip -Z1 "$dir/a.zip" >"$dir/names"
printf 'lib/%s\n' libautotrace.so libautotrace-config.so libautotrace-stacks.so libautotrace-tls.so | diff -u --label 'as it is to be' --label 'in the layer' - "$dir/names" || exit 1
unzip -q "$dir/a.zip" -d "$dir/opt" || exit 1
[ "$(stat -c %a "$dir/opt/lib/"*.so | sort -u)" = 755 ] || { echo "not executable"; exit 1; }
readelf -SW "$dir/opt/lib/"*.so | grep -E '\.(symtab|debug_info)' && { echo "not stripped"; exit 1; }

# found by its name alone, as in a function
output=$(LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/task:$dir/opt/lib LD_PRELOAD=libautotrace.so \
	AUTOTRACE_PROBES=process OTEL_TRACES_EXPORTER=otlp/stdout /bin/true 2>&1)
case $output in
'{"resourceSpans"'*) ;;
*) echo "what was unpacked does not trace: $output"; exit 1 ;;
esac

printf 'file_format: "1.0"\ntracer_provider: { processors: [ { simple: { exporter: { console: } } } ] }\n' >"$dir/config.yaml"
output=$(LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/task:$dir/opt/lib LD_PRELOAD=libautotrace.so AUTOTRACE_LOG=stderr \
	AUTOTRACE_PROBES=process OTEL_CONFIG_FILE="$dir/config.yaml" /bin/true 2>&1)
case $output in
'{"resourceSpans"'*) ;;
*) echo "what was unpacked does not read a file: $output"; exit 1 ;;
esac
