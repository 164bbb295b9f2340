#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread reads several requests, and acts for one after the other: certain only while alone.
. "$(dirname "$0")/causality/lib.sh"
build handover
origin
front "$dir/handover" turns PORT ORIGIN
run 100 600
check --requests 100 600 --roots 0 100
