#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Python's http.server with a thread a connection, calls by urllib (rule 1).
. "$(dirname "$0")/causality/lib.sh"
origin
front /usr/bin/python3 "$here/server_threads.py" PORT ORIGIN
run 100 300
check --requests 100 300
