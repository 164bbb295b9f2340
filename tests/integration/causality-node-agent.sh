#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node over kept connections: callbacks run to completion (rules 1 and 2).
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" agent PORT ORIGIN
run 100 600
check --requests 100 600
