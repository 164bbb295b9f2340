#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# aiohttp as server and client, its connections kept in a pool.
. "$(dirname "$0")/causality/lib.sh"
/usr/bin/python3 -c 'import aiohttp' 2>/dev/null || skip "no aiohttp here"
origin
front /usr/bin/python3 "$here/server_aiohttp.py" PORT ORIGIN
run 100 400
check --requests 100 400 --roots 0 100
