#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# An event loop that goes on with calls that are nobody's in turns that bring answers to requests' too.
. "$(dirname "$0")/causality/lib.sh"
build loop
origin
front "$dir/loop" beside PORT ORIGIN
run 100 600
check --requests 100 600 --unasked 100
