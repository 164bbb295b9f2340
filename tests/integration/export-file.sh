#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A file of spans that must not grow: the older ones are kept, as many as is said, and every line is whole.
. "$(dirname "$0")/lib.sh"
need curl
origin
mkdir "$dir/to"
for i in $(seq 12); do
	env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER=otlp/file AUTOTRACE_FILE="$dir/to/spans.jsonl" \
		AUTOTRACE_FILE_MAX_BYTES=6000 AUTOTRACE_FILE_KEEP=2 curl -sS "$url/ok" >/dev/null
done
(cd "$dir/to" && ls) >"$dir/names"
printf 'spans.jsonl\nspans.jsonl.1\nspans.jsonl.2\n' >"$dir/want"
check "one and two older ones" same "the files" "$dir/want" "$dir/names"
check "none is larger than was said" test -z "$(find "$dir/to" -size +6000c)"
check "their lines are whole, and the newest at the end" /usr/bin/python3 - "$dir/to/spans.jsonl" <<'END'
import json, sys
times = []
for path in (sys.argv[1] + ".2", sys.argv[1] + ".1", sys.argv[1]):
    for line in open(path):
        span = json.loads(line)["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
        times.append(int(span["startTimeUnixNano"]))
assert times == sorted(times) and 4 <= len(times) < 12, times
END
