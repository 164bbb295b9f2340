#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with what is put off to the end of a turn which reads others' answers.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" immediates PORT ORIGIN
by_sixes --close
check --requests 3 30 --calls 3 --roots 0 100
