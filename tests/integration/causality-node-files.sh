#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with a call at once, and two more each when its helpers have read a file.
. "$(dirname "$0")/causality/lib.sh"
need node
origin 3000
front node "$here/server_node.js" files PORT ORIGIN
run 30 400
check --requests 30 400 --calls 3 --roots 0 100
