#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD [SECONDS]: requests for so long (600), while the collector lives, dies and misbehaves.
# At the end every request was answered right, memory and descriptors are flat, and every span is
# accounted for; see soak.py. Exits 0 when all of it holds. Below 20 seconds makes no sense.
#
# KEEP=1   leaves the folder with what everybody said
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(realpath -m "$1")
seconds=${2:-600}
dir=$(mktemp -d)
soak=

# All that is started is in one process group, and nothing of it is left, however this ends.
leave() {
	[ -z "$soak" ] || { kill -KILL -- "-$soak"; wait "$soak"; } 2>/dev/null
	if [ "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
}
trap leave EXIT
trap 'exit 1' INT TERM HUP

for program in nginx wrk /usr/bin/python3 "${CC:-cc}"; do
	command -v "$program" >/dev/null || { echo "the soak needs $program: run make deps" >&2; exit 77; }
done
[ -f "$build/libautotrace.so" ] || { echo "$build/libautotrace.so is not built" >&2; exit 1; }
chmod 777 "$dir"
"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -g -Wall -Wextra -pthread -o "$dir/pool" "$here/pool.c" || exit
ulimit -c unlimited
# the shell's own job control is what makes the group
set -m
/usr/bin/python3 -B "$here/soak.py" "$build/libautotrace.so" "$dir" "$seconds" </dev/null &
soak=$!
wait "$soak"
