#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with two calls at once, one of them after a timer, as Promise.all has it.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" fanout PORT ORIGIN
run 100 600
check --requests 100 600 --roots 100 100
