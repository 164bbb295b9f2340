#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# As asyncio-streams, and the name is looked up in a thread of the loop's executor.
. "$(dirname "$0")/causality/lib.sh"
origin
front /usr/bin/python3 "$here/server_asyncio.py" PORT ORIGIN localhost
run 60 200
check --requests 60 200 --roots 0 100
