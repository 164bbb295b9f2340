#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Kept connections to the origin wander between threads: the thread's own work
# (rule 1) goes before the work that once opened the connection (rule 2).
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" shared PORT ORIGIN 3
run 100 600
check --requests 100 600 --calls 3
