#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_FUNCTIONS: functions that tell of their entry alone: built for gprof (-pg, with
# -mfentry, too), or with room at their start.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "there are no stubs for this processor"
. "$here/functions_lib.sh"
origin
cd "$dir" || fail # gmon.out is written there

for how in pg fentry room; do
	echo "--- $how"
	case $how in
	pg) flags=-pg ;;
	fentry) flags='-pg -mfentry' ;;
	room) flags=-fpatchable-function-entry=16,2 ;;
	esac
	built=entry_$how
	functions_program $built $flags
	asked
	functions_ways
	functions_abi
	functions_thrown
done

if "${CLANG:-clang}" --version >/dev/null 2>&1; then
	built=entry_clang
	CC=${CLANG:-clang} CXX=${CLANG:-clang}++ functions_program $built -fpatchable-function-entry=9
	asked
	sends "clang's room" "$program" "$port" nested < <(internal 0 handle; submits 1 nested)
	built=entry_clang_pg
	CC=${CLANG:-clang} CXX=${CLANG:-clang}++ functions_program $built -pg
	sends "clang's -pg" "$program" "$port" nested < <(internal 0 handle; submits 1 nested)
fi
