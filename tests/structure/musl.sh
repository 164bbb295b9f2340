#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The very same file loads into a musl program, which does what it does without it.
set -u
cd "$(dirname "$0")" || exit 1
library=$AUTOTRACE_BUILD/libautotrace.so
command -v musl-gcc >/dev/null || { echo "no musl-gcc here"; exit 77; }
musl=/usr/lib/$(uname -m)-linux-musl/libc.so
[ -f "$musl" ] || { echo "no musl libc here"; exit 77; }
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Weak ones may stay unresolved.
nm -D --undefined-only --format=posix "$library" | awk '$2 == "U" { sub(/@.*/, "", $1); print $1 }' |
	sort -u >"$dir/wanted"
nm -D --defined-only --format=posix "$musl" | cut -d ' ' -f 1 | sort -u >"$dir/has"
comm -23 "$dir/wanted" "$dir/has" | sed 's/^/musl has no /' | grep . && exit 1

musl-gcc -O1 -o "$dir/echo" musl_echo.c || exit 1
"$dir/echo" >"$dir/plain" 2>&1
plain=$?
# In the scratch folder: what the library is told to write must appear, or it stood down.
LD_PRELOAD=$library OTEL_TRACES_EXPORTER=otlp/stdout "$dir/echo" >"$dir/stdout" 2>"$dir/stderr"
traced=$?
[ $plain -eq 0 ] || { echo "the program itself fails: $plain"; cat "$dir/plain"; exit 1; }
[ $traced -eq 0 ] || { echo "exit code $traced with the library"; cat "$dir/stdout" "$dir/stderr"; exit 1; }
[ -s "$dir/stderr" ] && { echo "says on stderr:"; cat "$dir/stderr"; exit 1; }
grep -v '^{"resourceSpans"' "$dir/stdout" | cmp - "$dir/plain" || exit 1
grep -q '"traceId"' "$dir/stdout" || { echo "no span was made"; cat "$dir/stdout"; exit 1; }

# The object beside it loads there too, but not when the process is ending already: musl then refuses, or stops
# the thread that asked.
for _ in 1 2 3; do
	rm -f "$dir/log"
	LD_PRELOAD=$library OTEL_EXPORTER_OTLP_ENDPOINT=https://127.0.0.1:1 AUTOTRACE_LOG=$dir/log \
		AUTOTRACE_STATS=true AUTOTRACE_EXIT_FLUSH_MS=1000 OTEL_BSP_EXPORT_TIMEOUT=100 "$dir/echo" 1 \
		>/dev/null 2>&1
	grep -q "cannot be loaded" "$dir/log" || ! grep -q "backend not reached" "$dir/log" || exit 0
done
echo "libautotrace-tls.so was never loaded:"
cat "$dir/log"
exit 1
