#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_FUNCTIONS: functions of a library, which were not built for it, are seen by the addresses
# that their callers have of them.
. "$(dirname "$0")/lib.sh"
[ "$(uname -m)" = x86_64 ] || skip "there are no stubs for this processor"
. "$here/functions_lib.sh"
origin

built=called
functions_library called
asked libcalled.so
own_calls=
functions_ways
functions_abi libcalled.so
functions_thrown

attributes=url.full,autotrace.function.library
functions=libcalled.so:submit_*
sends "bound when it is first called" "$program" "$port" nested <<END
INTERNAL submit_user [unknown_service:called] UNSET autotrace.function.library=libcalled.so
  CLIENT GET [unknown_service:called] UNSET url.full=http://h/ok?nested
END
attributes=http.response.status_code,url.full
asked libcalled.so
export LD_BIND_NOW=1
sends "bound at start" "$program" "$port" nested < <(internal 0 handle; internal 1 submit_user; client nested 2)
unset LD_BIND_NOW

built=called_now
functions_library called_now -Wl,-z,now,-z,relro
asked libcalled_now.so
sends "in pages that are read-only" "$program" "$port" nested < <(internal 0 handle; internal 1 submit_user; client nested 2)
built=called_noplt
functions_library called_noplt -fno-plt
asked libcalled_noplt.so
sends "without a procedure linkage table" "$program" "$port" nested < <(internal 0 handle; internal 1 submit_user; client nested 2)

# a library that is loaded later, and what it needs
"${CC:-cc}" $strict -fPIC -shared -o "$build/tests/libplugged.so" "$here/programs/functions_lib.c" || fail
"${CC:-cc}" $strict -fPIC -shared -o "$build/tests/libplugin.so" "$here/programs/functions_plugin.c" \
	-L"$build/tests" -lplugged -Wl,-rpath,"$build/tests" || fail
program functions_opens -ldl
export LD_LIBRARY_PATH=$build/tests
built=functions_opens
asked libplugged.so
for how in path name again; do
	sends "in a library that is loaded: $how" "$program" "$port" $how "$build/tests/libplugin.so" < <(
		internal 0 handle; internal 1 submit_user; client plugin 2)
done
