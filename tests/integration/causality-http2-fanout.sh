#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node's http2, both calls of a request at once, one of them by a timer.
. "$(dirname "$0")/causality/http2.sh"
need node
chain fanout node "$here/http2.js"
run 100 600
check --requests 100 600 --roots 0 100
