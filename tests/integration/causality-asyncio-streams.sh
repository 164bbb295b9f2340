#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# asyncio wakes a task a turn after its bytes were read: certain only while alone.
. "$(dirname "$0")/causality/lib.sh"
origin
front /usr/bin/python3 "$here/server_asyncio.py" PORT ORIGIN
run 100 400
check --requests 100 400 --roots 0 100
