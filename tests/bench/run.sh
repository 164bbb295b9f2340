#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh [PART...]: what it costs, beside the plain program, in one interleaved run; plain text
# that can be pasted. Asserts nothing. All of it on loopback. BENCH names parts too.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
: "${CC:=gcc}"
for program in nginx wrk curl strip "${CC%% *}"; do
	command -v "$program" >/dev/null || { echo "bench: $program is not installed" >&2; exit 1; }
done
command -v valgrind >/dev/null || echo "bench: no valgrind: it counts instructions where the machine does not" >&2
export CC PYTHONDONTWRITEBYTECODE=1
# shellcheck disable=SC2086
exec /usr/bin/python3 "$here/bench.py" "${AUTOTRACE_BUILD:-$here/../../build}" ${BENCH:-} "$@"
