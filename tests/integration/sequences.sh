#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls in sequences that nobody would think of, the same without the library and with it: what each
# answers, errno, SIGPIPE, what comes, the descriptors' numbers. SEQUENCES=N more of them, FROM=N others.
. "$(dirname "$0")/lib.sh"
program sequences -Wno-format-zero-length
from=${FROM:-0}
to=$((from + ${SEQUENCES:-600}))
step=50

# differ HOW NAME=VALUE...: that some did, which are shown
differ() {
	local how=$1 i found=1
	shift
	for ((i = from; i < to; i += step)); do
		"$program" $i $((i + step)) "$how" >"$dir/plain" 2>&1
		echo "exit $?" >>"$dir/plain"
		env LD_PRELOAD="$library" OTEL_TRACES_EXPORTER=otlp/file AUTOTRACE_FILE="$spans" "$@" \
			"$program" $i $((i + step)) "$how" >"$dir/traced" 2>&1
		echo "exit $?" >>"$dir/traced"
		same "sequences $i to $((i + step)), $how" "$dir/plain" "$dir/traced" && continue
		found=0
		break
	done
	return $found
}

all_same() {
	fresh_spans
	! differ "$@" && [ -s "$spans" ]
}

check "each call as without the library, where no header is written" all_same all OTEL_PROPAGATORS=none
check "what is received is what was sent, and the headers where they may be" all_same sent
