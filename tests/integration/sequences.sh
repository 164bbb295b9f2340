#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Calls in sequences that nobody would think of, the same without the library and with it: what each
# answers, errno, SIGPIPE, what comes, the descriptors' numbers. SEQUENCES=N more of them, FROM=N others.
. "$(dirname "$0")/lib.sh"
program sequences -Wno-format-zero-length
from=${FROM:-0}
to=$((from + ${SEQUENCES:-600}))
step=50

# all_same HOW
all_same() {
	local i way what
	fresh_spans
	for ((i = from; i < to; i += step)); do
		for way in plain traced; do run_client $way "$program" $i $((i + step)) "$1"; done
		for what in out err status; do
			same "sequences $i to $((i + step)), $1, $what" "$dir/plain/$what" "$dir/traced/$what" || return 1
		done
	done
	[ -s "$spans" ]
}

check "what is received is what was sent, and the headers where they may be" all_same sent
export OTEL_PROPAGATORS=none
check "each call as without the library, where no header is written" all_same all
