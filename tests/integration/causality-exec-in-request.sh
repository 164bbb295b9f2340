#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program executed inside a request, as CGI does it: TRACEPARENT carries the request along.
. "$(dirname "$0")/causality/lib.sh"
need curl
build threads
origin
front "$dir/threads" curl PORT ORIGIN
run 20 40
check --requests 20 40
