#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with two connections for many requests: calls wait, and go out in another's turn.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" limited PORT ORIGIN
run 100 600
check --requests 100 600 --calls 1 --roots 0 100
