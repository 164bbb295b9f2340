#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with all calls of a request at once, whose host is looked up by its helpers.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" named PORT ORIGIN
run 30 400
check --requests 30 400 --calls 3 --roots 0 100
