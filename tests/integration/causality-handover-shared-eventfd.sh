#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One eventfd wakes any of four threads: two hand-overs at once cannot be told apart.
. "$(dirname "$0")/causality/lib.sh"
build handover
origin
front "$dir/handover" shared-eventfd PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
