#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The functions that preload/near.list names are there, and lie side by side in the library, as far as
# the compiler has left them functions of their own.
set -u
cd "$(dirname "$0")/../.." || exit 1
library=$AUTOTRACE_BUILD/libautotrace.so
bad=0

while read -r file functions; do
	case $file in '#'* | '') continue ;; esac
	for function in $functions; do
		grep -q "\b$function(" "${file%:}.c" || { echo "${file%:}.c: no $function"; bad=1; }
	done
done <preload/near.list

read -r from len < <(readelf -SW "$library" | sed 's/^ *\[ *[0-9]*\] *//' | awk '$1 == ".text.near" { print $3, $5 }')
[ -n "${from:-}" ] || { echo "the library has no .text.near"; exit 1; }
for function in send recv writev atr_conn_plan atr_stream_feed atr_http1_read_request atr_live_open \
	atr_exporter_offer; do
	at=$(nm "$library" | awk -v name="$function" 'toupper($2) == "T" && $3 == name { print $1 }')
	if [ -z "$at" ] || ((16#$at < 16#$from || 16#$at >= 16#$from + 16#$len)); then
		echo "$function is not near the others: ${at:-not there}"
		bad=1
	fi
done
exit $bad
