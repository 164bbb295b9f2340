#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh BUILD KIND...: runs the tests of each kind (unit, fuzz, structure, integration), prints one
# line a test and what a failed one said, and ends with "N passed, N failed, N skipped".
#
# ONLY=pattern   only the structure and integration tests whose name fits it
# JOBS=n         that many integration tests at once (one more than there are processors, as many wait)
# LIMIT=seconds  how long one of them may take (120)
set -u
cd "$(dirname "$0")/.." || exit 1
build=$1
shift
AUTOTRACE_BUILD=$(realpath -m "$build")
export AUTOTRACE_BUILD
unset MAKEFLAGS MAKELEVEL BUILD SAN # what this make was told is not for the ones started here
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_stack_use_after_return=1}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

# Results are lines of a file: tests that run side by side append whole lines.
report() # state name [why]
{
	printf '%-4s  %s%s\n' "$1" "$2" "${3:+: $3}" | tee -a "$results/lines"
}

# One program that prints TAP, as the unit tests do; one that dies half way has failed.
run_tap() # label program arguments...
{
	local label=$1 log=$results/tap.$1 line
	shift
	timeout 600 "$@" >"$log" 2>&1
	local status=$?

	while IFS= read -r line; do
		case $line in
		*"# SKIP "*) report skip "$label ${line##*# SKIP }" ;;
		"ok "*) report ok "$label ${line#* - }" ;;
		"not ok - "*) ;;
		"not ok "*) report FAIL "$label ${line#* - }" ;;
		esac
	done <"$log"
	if [ $status -ne 0 ]; then
		grep -q '^not ok [0-9]' "$log" || report FAIL "$label" "ended with status $status"
		grep -v '^ok ' "$log" | tail -n 200
	fi
}

# One program that says all by its exit code: 0 passed, 77 skipped, else failed.
run_one() # name seconds program arguments...
{
	local name=$1 limit=$2 log status attempt
	shift 2
	log=$(mktemp "$results/log.XXXXXX")
	# real programs on a busy machine: a second look, and it is said when it was needed
	for attempt in $(seq "${ATTEMPTS:-1}"); do
		timeout -k 5 "$limit" "$@" >"$log" 2>&1 </dev/null
		status=$?
		case $status in 0 | 77) break ;; esac
		[ "$attempt" -lt "${ATTEMPTS:-1}" ] && echo "again $name: status $status" &&
			tail -n 8 "$log" | sed 's/^/      /'
	done
	case $status in
	0) report ok "$name" ;;
	77) report skip "$name" "$(tail -n 1 "$log")" ;;
	124 | 137) report FAIL "$name" "not done after $limit s" ;;
	*) report FAIL "$name" "status $status" ;;
	esac
	case $status in 0 | 77) ;; *) tail -n 200 "$log" | sed 's/^/      /' ;; esac
	rm -f "$log"
}

make_or_fail() # label arguments of make...
{
	local label=$1 log=$results/make.$1
	shift
	make -j"$(nproc)" "$@" >"$log" 2>&1 && return 0
	report FAIL "$label does not build"
	tail -n 60 "$log"
	return 1
}

# Those that are of several threads: all of them would take minutes, for nothing.
run_threaded()
{
	local pattern

	for pattern in 'conn_*' 'transfer*' 'extension_*' 'exporter_*' 'ring_*' 'diag_*' 'pool_*' \
		'live_*' 'thread_*' 'work_*' 'carrier_*' 'readable_*'; do
		run_tap unit-tsan build/san-thread/tests/unit "$pattern"
	done
}

# Memory is charged before it is touched, as where a machine does not overcommit.
run_charged()
{
	local pattern

	for pattern in 'conn_*' 'ring_*' 'pool_*' 'live_*'; do
		run_tap unit-charged bash -c 'ulimit -d 20000000; exec "$@"' 0 "$build/tests/unit" "$pattern"
	done
}

run_unit()
{
	make_or_fail unit BUILD="$build" unit && run_tap unit "$build/tests/unit" && run_charged
	# the sanitizers' runs take their time, and do not mind one another
	make_or_fail unit-asan SAN=address,undefined unit &&
		run_tap unit-asan build/san-address-undefined/tests/unit &
	make_or_fail unit-tsan SAN=thread unit && run_threaded &
	wait
	run_hooked asan address,undefined
	run_hooked tsan thread
}

# What the hooks do, in one program with them.
run_hooked() # label sanitizers
{
	local source name

	make_or_fail "hooked-$1" SAN="$2" hooked || return
	for source in tests/hooked/*.c; do
		name=$(basename "$source" .c)
		run_one "hooked-$1 $name" 300 "build/san-${2//,/-}/tests/hooked_$name"
	done
}

run_fuzz()
{
	local target name

	make_or_fail fuzz SAN=address,undefined replays || return
	for target in tests/fuzz/fuzz_*.c; do
		[ -f "$target" ] || continue
		name=$(basename "$target" .c)
		name=${name#fuzz_}
		run_one "fuzz corpus $name" 300 "build/san-address-undefined/tests/replay_$name" "tests/data/$name"
	done
}

run_scripts() # folder jobs seconds
{
	local script name

	for script in tests/"$1"/*.sh; do
		[ -f "$script" ] || continue
		name=$1/$(basename "$script" .sh)
		case $name in *${ONLY:-}*) ;; *) continue ;; esac
		while [ "$(jobs -rp | wc -l)" -ge "$2" ]; do wait -n; done
		run_one "$name" "$3" bash "$script" &
	done
	wait
}

for kind; do
	case $kind in
	unit) run_unit ;;
	fuzz) run_fuzz ;;
	structure) run_scripts structure 1 600 ;;
	integration) ATTEMPTS=3 run_scripts integration "${JOBS:-$(($(nproc) + 1))}" "${LIMIT:-120}" ;;
	*) echo "run.sh: no tests of kind $kind" >&2; exit 2 ;;
	esac
done

count() # state
{
	grep -c "^$1 " "$results/lines" 2>/dev/null || true
}
touch "$results/lines"
passed=$(count ok) failed=$(count FAIL) skipped=$(count skip)
if [ "$failed" -gt 0 ]; then
	echo
	grep '^FAIL' "$results/lines"
fi
echo
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ] && [ $((passed + failed)) -gt 0 ]
