#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# SnapStart: the copy that is restored did not pay for the Init, and what had been recorded by then has left
# before the snapshot.
. "$(dirname "$0")/lambda/lib.sh"
origin
attributes=faas.coldstart

invokes "restored" --snapstart --freeze=300 --invocations 2 -- "$here/programs/lambda_py.py" restore <<'END'
*function faas.coldstart=True
*function faas.coldstart=False
END

invokes "restored, by OTLP" --snapstart --otlp --freeze=300 --invocations 2 -- "$here/programs/lambda_py.py" restore <<'END'
function links=1 faas.coldstart=True
function links=1 faas.coldstart=False
END
