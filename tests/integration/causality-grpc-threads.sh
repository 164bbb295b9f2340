#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread a request, and one gRPC channel for all: a thread writes what another has asked for.
. "$(dirname "$0")/causality/http2.sh"
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
back=$(free_port)
traced back /usr/bin/python3 "$here/grpc_hop.py" back "$back"
ready "$back"
front /usr/bin/python3 "$here/grpc_hop.py" threads PORT ORIGIN
load() { /usr/bin/python3 "$here/load.py" "$front" "$@" || exit 1; }
run 100 600
check --requests 100 600 --roots 0 100
