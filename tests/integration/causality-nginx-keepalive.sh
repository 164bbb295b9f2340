#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx as a proxy over kept connections: a request takes up one that served another.
upstream_keepalive=8
. "$(dirname "$0")/causality/nginx.sh"
run 200 1000
check --requests 200 1000 --calls 1
