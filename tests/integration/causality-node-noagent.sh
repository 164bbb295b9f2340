#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node with a connection for each call: it carries the request that opened it (rule 2).
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" noagent PORT ORIGIN
run 100 600
check --requests 100 600
