#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# nginx as a proxy, two workers: a connection opened for a request carries it (rule 2).
. "$(dirname "$0")/causality/nginx.sh"
run 200 1000
check --requests 200 1000 --calls 1
