#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_FUNCTIONS: functions of a program that was built to tell of them (-finstrument-functions)
# are spans, from entry to return, and what is done in them is their child.
. "$(dirname "$0")/lib.sh"
. "$here/functions_lib.sh"
origin

built=told
functions_program told -finstrument-functions
asked
functions_ways
functions_thrown ''

functions=
sends "nothing is asked for, and nothing told" "$program" "$port" nested < <(client nested)
attributes=code.function.name,url.full
functions='submit_*'
sends "by a pattern" "$program" "$port" nested <<END
INTERNAL submit_user [unknown_service:told] UNSET code.function.name=submit_user
  CLIENT GET [unknown_service:told] UNSET url.full=http://h/ok?nested
END
attributes=http.response.status_code,url.full
built=told_cc
functions='shop::*'
sends "by names of C++" "${program}_cc" "$port" named < <(
	internal 0 'shop::(anonymous namespace)::hidden'
	client hidden 1
	echo
	internal 0 shop::order::order
	client made 1
	echo
	internal 0 shop::order::submit
	client submitted 1
)
