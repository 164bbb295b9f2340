#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A request read by one thread is served by another, with a mutex between them: certain only while alone.
. "$(dirname "$0")/causality/lib.sh"
build handover
origin
front "$dir/handover" queue PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
