#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread that serves one request after another: its calls belong to the one at hand (rule 1).
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" direct PORT ORIGIN
run 100 600
check --requests 100 600
