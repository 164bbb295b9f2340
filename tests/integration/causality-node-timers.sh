#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with timers that are set and run in a turn which reads others' answers.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" timers PORT ORIGIN
by_sixes --close
check --requests 3 30 --calls 3 --roots 0 100
