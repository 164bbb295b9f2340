#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The library exports the names of the hook table and no other; a stray one would take over the
# program's own. Inside, what is not static is called atr_*.
set -u
cd "$(dirname "$0")/../.." || exit 1
library=$AUTOTRACE_BUILD/libautotrace.so
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

sed -n -e 's/^ATR_HOOK(\([A-Za-z0-9_]*\),.*/\1/p' -e 's/^ATR_HOOK_OF([a-z]*, \([A-Za-z0-9_]*\)).*/\1/p' \
	-e 's/^ATR_EXPORTED(\([A-Za-z0-9_]*\)).*/\1/p' \
	preload/hook/hooks.def | sort >"$dir/table"
nm -D --defined-only --format=posix "$library" | cut -d ' ' -f 1 | sort >"$dir/exported"
[ -s "$dir/table" ] || { echo "the hook table is empty"; exit 1; }
diff -u --label 'hooks.def' --label 'exported' "$dir/table" "$dir/exported" || bad=1
uniq -d "$dir/table" | sed 's/^/twice in hooks.def: /' | grep . && bad=1

[ "$(nm -D --defined-only --format=posix "$AUTOTRACE_BUILD/libautotrace-config.so" | cut -d ' ' -f 1)" = atr_config_object ] ||
	{ echo "libautotrace-config.so exports more or less than atr_config_object"; bad=1; }
nm -D --defined-only --format=posix "$AUTOTRACE_BUILD/libautotrace-tls.so" | cut -d ' ' -f 1 |
	diff -u --label 'to be seen of the object' --label 'exported' <(echo atr_heavy_table) - || bad=1
nm -D --defined-only --format=posix "$AUTOTRACE_BUILD/libautotrace-stacks.so" | cut -d ' ' -f 1 |
	diff -u --label 'to be seen of the object' --label 'exported' <(echo atr_stacks_table) - || bad=1

nm -D --defined-only --format=posix "$AUTOTRACE_BUILD/libautotrace-ebpf.so" | cut -d ' ' -f 1 |
	diff -u --label 'to be seen of the object' --label 'exported' <(echo atr_ebpf_table) - || bad=1

# The one of our own rooms' names that is not ours to choose.
nm -g --defined-only --format=posix "$AUTOTRACE_BUILD/rooms.a" |
	awk 'NF > 2 && $1 != "otel_thread_ctx_v1" && $1 !~ /^atr_/ { print "not static and not atr_: " $1; bad = 1 } END { exit bad }' || bad=1
exit $bad
