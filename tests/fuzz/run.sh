#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh FOLDER SECONDS: every fuzzer in FOLDER for that long each. What it learns stays in
# build/corpus; the inputs that brought one down are left in build/crashes.
set -u
cd "$(dirname "$0")/../.." || exit 1
folder=$1
seconds=$2
bad=0
mkdir -p build/crashes

for fuzzer in "$folder"/fuzz_*; do
	[ -x "$fuzzer" ] || continue
	name=${fuzzer##*fuzz_}
	mkdir -p "build/corpus/$name"
	if "$fuzzer" -max_total_time="$seconds" -timeout=10 -print_final_stats=1 -verbosity=0 \
		-artifact_prefix="build/crashes/$name-" "build/corpus/$name" "tests/data/$name" \
		2>"build/crashes/$name.log"; then
		echo "ok    fuzz $name: $(sed -n 's/stat::number_of_executed_units: *//p' "build/crashes/$name.log") runs"
	else
		echo "FAIL  fuzz $name"
		tail -n 60 "build/crashes/$name.log"
		bad=1
	fi
done
exit $bad
