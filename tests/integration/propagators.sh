#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# OpenTelemetry's own propagators for node read what we write, and write what we read.
. "$(dirname "$0")/lib.sh"
need node
modules=${PROPAGATORS_NPM:-$top/build/deps/npm}/node_modules
for package in api core propagator-{b3,jaeger,aws-xray,aws-xray-lambda,ot-trace}; do
	[ -d "$modules/@opentelemetry/$package" ] || skip "@opentelemetry/$package is not installed (make deps)"
done
program propagators "-I$top" "$top"/propagator/*.c
export NODE_PATH=$modules

for format in tracecontext b3 b3multi jaeger xray xray-lambda ottrace; do
	check "$format, both ways" node "$here/programs/propagators.js" "$program" "$format"
done
