#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with timers that run in a turn which reads others' answers, for so long that a loop is trusted otherwise.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" timers PORT ORIGIN
load 0 3 1
load 1000000 300 6
check --requests 3 300 --calls 3 --roots 0 60
