#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node's fetch: its pool sends when it sees fit.
. "$(dirname "$0")/causality/lib.sh"
need node
origin
front node "$here/server_node.js" fetch PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
