#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libc's streams, and its own printing to a descriptor, on connections: traced as any other way to
# write, or left alone as a whole.
. "$(dirname "$0")/lib.sh"
origin
cd "$dir" || fail

got() { # [METHOD]
	echo "CLIENT ${1:-GET} [unknown_service:stdio_client] UNSET http.response.status_code=200 url.full=http://h/ok"
}

program stdio_client
for way in full full_small by_line unbuffered before_connect; do
	sends "a stream: $way" "$program" "$port" $way < <(times 2 "$(got)")
done
sends "two streams of one connection" "$program" "$port" two_streams < <(times 3 "$(got)")
sends "a request that fclose writes" "$program" "$port" by_fclose < <(got)
sends "every way to read" "$program" "$port" reads < <(got)
sends "a head and a body larger than the buffer" "$program" "$port" large < <(got POST)
sends "a request that exit writes: left alone" "$program" "$port" by_exit </dev/null
sends "a stream of the program's own functions" "$program" "$port" cookie < <(got)
sends "freopen of a connection's stream" "$program" "$port" reopened < <(got)
sends "modes of streams" "$program" "$port" modes </dev/null
sends "numbers that no stream can be made of" "$program" "$port" bad_numbers </dev/null
sends "wide characters: left alone" "$program" "$port" wide </dev/null
sends "a peer that is gone" "$program" "$port" gone <<'END'
CLIENT GET [unknown_service:stdio_client] ERROR url.full=http://h/ok error.type=broken_pipe
END

for fortified in 0 2 3; do
	program stdio_client -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$fortified
	sends "dprintf ($fortified)" "$program" "$port" dprintf < <(times 2 "$(got)")
	sends "dprintf of 20 kB ($fortified)" "$program" "$port" long_text < <(got)
	sends "dprintf and write by turns ($fortified)" "$program" "$port" mixed < <(got; echo; got POST)
done

requests() {
	ask "GET /one HTTP/1.1\r\nHost: h\r\n\r\n" =next "GET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n" =next =abort
	ask "GET /three HTTP/1.1\r\nHost: h\r\n\r\n" =next "GET /four HTTP/1.1\r\nHost: h\r\n\r\n" =next =abort
}
no_origin
attributes=http.response.status_code,url.path
program stdio_server
serves "a server of streams" "$program" PORT <<'END'
SERVER GET [server] UNSET http.response.status_code=200 url.path=/four

SERVER GET [server] UNSET http.response.status_code=200 url.path=/one

SERVER GET [server] UNSET http.response.status_code=200 url.path=/three

SERVER GET [server] UNSET http.response.status_code=200 url.path=/two
END
