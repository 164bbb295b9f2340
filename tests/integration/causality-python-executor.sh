#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread made in one request makes calls for others too: it is certain of none but the first.
. "$(dirname "$0")/causality/lib.sh"
origin
front /usr/bin/python3 "$here/server_executor.py" PORT ORIGIN
run 100 300
check --requests 100 300 --roots 0 100
