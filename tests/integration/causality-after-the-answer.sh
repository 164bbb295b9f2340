#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A call made after the answer was written is nobody's work: not the answered
# request's, and not that of another one which happens to be alone in flight.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin
front "$dir/threads" late PORT ORIGIN
run 100 300
check --requests 100 300 --calls 0 --unasked 400
