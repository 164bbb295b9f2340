#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What C++ throws, and what it destroys when a thread is cancelled, goes through our functions as
# through libc's.
. "$(dirname "$0")/lib.sh"
need "${CXX:-g++}"
origin
program=$build/tests/exceptions
mkdir -p "$build/tests"
"${CXX:-g++}" -std=gnu++17 -O2 -g -Wall -Wextra -pthread -fnon-call-exceptions -o "$program" \
	"$here/programs/exceptions.cc" || fail

got() { # [QUERY]
	echo "CLIENT GET [unknown_service:exceptions] UNSET http.response.status_code=200 url.full=http://h/ok${1:+?$1}"
}
sends "caught in a thread" "$program" "$port" thread < <(got)
sends "caught by nobody: the process aborts" "$program" "$port" uncaught < <(got)
sends "thrown out of recv by a signal's handler" "$program" "$port" handler < <(got then; echo; got | sed s/ok/slow/)
sends "a thread is cancelled in recv, and its objects make requests" "$program" "$port" cancelled \
	< <(got inner; echo; got outer)
