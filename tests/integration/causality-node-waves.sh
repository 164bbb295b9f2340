#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with a call, and two at once when it is answered.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" waves PORT ORIGIN
run 30 400
check --requests 30 400 --calls 3 --roots 0 100
