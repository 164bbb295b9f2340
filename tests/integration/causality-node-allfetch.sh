#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node's fetch with all calls of a request at once: under load each keeps its parent.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" allfetch PORT ORIGIN
run 30 400
check --requests 30 400 --calls 3 --roots 0 50
