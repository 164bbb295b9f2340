#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Threads created inside a request carry it along (rule 2), three at once.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" spawn PORT ORIGIN 3
run 100 400
check --requests 100 400 --calls 3
