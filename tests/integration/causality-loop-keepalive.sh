#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop over kept connections: the response read on one is the work again (rule 2).
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" keepalive PORT ORIGIN
run 100 600
check --requests 100 600
