#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with all calls of a request at once, over so few connections that they wait for each other's: one is
# then sent when another request's is answered.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" queued PORT ORIGIN
load 0 30 1
load 1000000 900 3
check --requests 30 900 --calls 3 --roots 0 100
