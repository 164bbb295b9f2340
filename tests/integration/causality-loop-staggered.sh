#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop whose requests make a second call by a timer while the first is under way.
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" staggered PORT ORIGIN
run 100 600
check --requests 100 600 --roots 100 100
