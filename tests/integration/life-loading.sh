#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Functions that are found in other ways than by their names in the program, and libraries beside ours.
. "$(dirname "$0")/lib.sh"
origin

got() { # [METHOD]
	echo "CLIENT ${1:-GET} [unknown_service:loading_calls] UNSET http.response.status_code=200 url.full=http://h/ok"
}

program libdeep -shared -fPIC
deep=$program
program libwaits -shared -fPIC
waits=$program
program loading_calls -ldl -rdynamic
sends "calls by number" "$program" "$port" numbers < <(times 4 "$(got)")
sends "a head by name and by number" "$program" "$port" parts < <(got POST)
sends "dlsym(RTLD_DEFAULT)" "$program" "$port" default < <(times 2 "$(got)")
sends "dlsym(of libc): not seen, and left alone" "$program" "$port" handle </dev/null
sends "a library of RTLD_LOCAL" "$program" "$port" local "$deep" < <(got)
sends "while another thread has the loader's lock" "$program" "$port" locked "$waits" < <(got)
sends "memory that cannot be read, addresses that do not fit" "$program" "$port" memory < <(got)
sends "recvmmsg, readv, preadv2, pwritev2" "$program" "$port" many < <(times 3 "$(got)")
sends "asynchronous reads and writes: left alone" "$program" "$port" aio <<'END'
CLIENT GET [unknown_service:loading_calls] UNSET url.full=http://h/ok
END

# Two TLS libraries, of which nobody's search has either: each caller reaches its own, and who has none the
# one that goes by a known name.
tls_library() { # FILE FLAG...
	local file=$1

	shift
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -O2 -fPIC -shared -o "$dir/$file" "$here/programs/late_tls.c" "$@" || fail
}
tls_library libssl.so.3 -DWHO=3 -Wl,-soname,libssl.so.3
tls_library libown.so -DWHO=4 -Wl,-soname,libown.so
tls_library with_ssl.so -DCALLS "$dir/libssl.so.3" -Wl,-rpath,"$dir"
tls_library with_own.so -DCALLS "$dir/libown.so" -Wl,-rpath,"$dir"
program late_tls -ldl
sends "two TLS libraries of RTLD_LOCAL" "$program" "$dir/with_ssl.so" "$dir/with_own.so" </dev/null
check "each caller has its own" test "$(tr '\n' ' ' <"$dir/traced/out")" = "3 4 3 "
program loading_calls -ldl

for flags in -fno-plt "-Wl,-z,lazy" "-Wl,-z,now" -no-pie; do
	program loading_calls $flags -ldl
	sends "linked with $flags" "$program" "$port" many < <(times 3 "$(got)")
done
export LD_BIND_NOW=1
sends "LD_BIND_NOW" "$program" "$port" many < <(times 3 "$(got)")
unset LD_BIND_NOW
program threads_stack -static-pie
sends "a static program: nothing of ours is in it" "$program" "$port" "$dir/used" </dev/null

# A malloc that writes to a socket, requests before our start, and its own write.
program loading_preload -shared -fPIC
beside=$program
program loading_calls -ldl
export ATR_PORT=$port ATR_COLOURS=1 ATR_LATE=1
also=$beside
sends "beside a library that does the like, below ours" "$program" "$port" numbers < <(times 4 "$(got)")
