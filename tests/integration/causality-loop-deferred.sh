#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop that makes its calls by timers: nothing ties them to one of several requests.
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" deferred PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
