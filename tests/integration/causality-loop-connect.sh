#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop that opens a connection for each call without blocking (rule 2).
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" connect PORT ORIGIN
run 100 600
check --requests 100 600
