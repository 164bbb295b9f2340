#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with timers that are set and run in a turn which reads others' answers.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" timers PORT ORIGIN
load 0 3 1
for ((first = 1000000; first < 1000030; first += 6)); do
	sleep 1.1 # what it showed before is forgotten
	load $first 6 6 --close
done
check --requests 3 30 --calls 3 --roots 0 100
