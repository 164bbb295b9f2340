#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Several requests arrive in one read: the calls belong to the oldest unanswered one.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" direct PORT ORIGIN
run 100 600 --pipeline 5
check --requests 100 600
