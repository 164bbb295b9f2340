#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A pool of threads takes connections from a queue and reads them itself (rule 1).
. "$(dirname "$0")/causality/lib.sh"
build handover
origin
front "$dir/handover" conn PORT ORIGIN
run 100 600
check --requests 100 600
