#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A request is handed to a thread through the eventfd it sleeps on (rule 2).
. "$(dirname "$0")/causality/lib.sh"
build handover
origin
front "$dir/handover" eventfd PORT ORIGIN
run 100 600
check --requests 100 600
