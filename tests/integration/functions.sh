#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_FUNCTIONS: functions of a program that was built to tell of them (-finstrument-functions)
# are spans, from entry to return, and what is done in them is their child.
. "$(dirname "$0")/lib.sh"
. "$here/functions_lib.sh"
origin

built=told
functions_program told -finstrument-functions
functions=handle,submit_user,descend,hops,with_callback,jumps
functions_ways

functions=
sends "nothing is asked for, and nothing told" "$program" "$port" nested < <(client nested)
attributes=code.function.name,url.full
functions='submit_*'
sends "by a pattern" "$program" "$port" nested <<END
INTERNAL submit_user [unknown_service:told] UNSET code.function.name=submit_user
  CLIENT GET [unknown_service:told] UNSET url.full=http://h/ok?nested
END
