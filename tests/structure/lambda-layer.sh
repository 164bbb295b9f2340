#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The layer holds the library and the object beside it at lib/ and nothing else, stripped, and is the same each time it is
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
printf 'lib/libautotrace.so\nlib/libautotrace-tls.so\n' | diff -u --label 'as it is to be' --label 'in the layer' - "$dir/names" || exit 1
unzip -q "$dir/a.zip" -d "$dir/opt" || exit 1
for file in libautotrace.so libautotrace-tls.so; do
	[ "$(stat -c %a "$dir/opt/lib/$file")" = 755 ] || { echo "not executable: $file"; exit 1; }
	readelf -SW "$dir/opt/lib/$file" | grep -E '\.(symtab|debug_info)' && { echo "not stripped: $file"; exit 1; }
done

# found by its name alone, as in a function
output=$(LD_LIBRARY_PATH=/lib64:/usr/lib64:/var/task:$dir/opt/lib LD_PRELOAD=libautotrace.so \
	AUTOTRACE_PROBES=process OTEL_TRACES_EXPORTER=otlp/stdout /bin/true 2>&1)
case $output in
'{"resourceSpans"'*) ;;
*) echo "what was unpacked does not trace: $output"; exit 1 ;;
esac
