#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Four processes on one listening socket, forked after the library came up (rule 1).
. "$(dirname "$0")/causality/lib.sh"
build prefork
origin
front "$dir/prefork" PORT ORIGIN
run 100 600
check --requests 100 600
