#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The calls of all requests are made by one thread that only makes calls: certain only while alone.
. "$(dirname "$0")/causality/lib.sh"
build client_loop
origin
front "$dir/client_loop" PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
