#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# node's http2, one session for the calls of all requests: it sends at the end of a turn.
. "$(dirname "$0")/causality/http2.sh"
need node
chain front node "$here/http2.js"
run 100 600
check --requests 100 600 --roots 0 100
