#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# curl_each.sh URL N: URL/1 to URL/N, each by a curl of its own, and how that ended.
for ((i = 1; i <= $2; i++)); do
	curl -s -m 5 "$1/$i"
	echo " exit code $?"
done
