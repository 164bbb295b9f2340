#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gRPC in Python: threads that read hand requests to those of a pool, and any writes for any other.
. "$(dirname "$0")/causality/http2.sh"
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
chain front /usr/bin/python3 "$here/grpc_hop.py"
run 100 600
check --requests 100 600 --roots 0 100
