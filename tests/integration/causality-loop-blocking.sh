#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop that serves each request to its end (rule 1).
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" blocking PORT ORIGIN
run 100 600
check --requests 100 600
