#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread that works for no request makes calls before, beside and after those of
# requests: none of them is adopted, also where one request is the only one in flight.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin 0
front "$dir/threads" ticker PORT ORIGIN
run 100 600
# a busy machine takes its time over them
for _ in $(seq 100); do
	[ "$(grep -o 'unasked=' "$dir/front.jsonl" | wc -l)" -ge 1000 ] && break
	sleep 0.2
done
check --requests 100 600 --unasked 1000
