#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop with two connections: a call waits, and goes out after another's answer.
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" limited PORT ORIGIN 1
run 100 600
check --requests 100 600 --calls 1 --roots 0 100
