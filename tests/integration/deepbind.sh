#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Libraries that are loaded with RTLD_DEEPBIND are seen, and found where they would be without us.
. "$(dirname "$0")/lib.sh"
need php
origin

mkdir "$dir/lib"
"${CC:-cc}" -shared -fPIC -O2 -o "$dir/lib/libdeep.so" "$here/programs/libdeep.c" || fail
program deepbind "-Wl,-rpath,$dir/lib" -ldl -rdynamic
sends "a library of the program's own RUNPATH" "$program" "$port" <<'TREE'
CLIENT GET [unknown_service:deepbind] UNSET http.response.status_code=200 url.full=http://h/ok
TREE

sends "PHP's extensions" php -n -d extension=sockets "$here/clients/php_sockets.php" "$url" <<'TREE'
CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=http://h/ok
TREE

export AUTOTRACE_DISABLED=true
sends "left as it is where all is" "$program" flag "$port" </dev/null
unset AUTOTRACE_DISABLED
export AUTOTRACE_LOG=$dir/log AUTOTRACE_DEEPBIND=maybe
sends "a wrong value" "$program" "$port" < <(times 1 "CLIENT GET [unknown_service:deepbind] UNSET http.response.status_code=200 url.full=http://h/ok")
is_told_once() {
	[ "$(grep -c AUTOTRACE_DEEPBIND "$dir/log")" = 1 ]
}
check "is told once" is_told_once
export AUTOTRACE_DEEPBIND=true
sends "left as it is where asked" "$program" "$port" </dev/null
