#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A child forked inside a request makes the calls and exits: they belong to the request.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" fork PORT ORIGIN
run 40 100
check --requests 40 100
