#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every way to write a request. The programs print what their calls answered: the same with the
# library as without it.
. "$(dirname "$0")/lib.sh"
origin
seq 1000 >"$dir/body"

got() { # PROGRAM [METHOD]
	echo "CLIENT ${2:-GET} [unknown_service:$1] UNSET http.response.status_code=200 url.full=http://h/ok"
}

program writev_cuts
sends "writev, cut at every place" "$program" "$port" < <(times 49 "$(got writev_cuts)")

program send_cuts
sends "two calls, cut at every place" "$program" "$port" < <(times 47 "$(got send_cuts)")

program one_byte
sends "one byte a call" "$program" "$port" < <(got one_byte; echo; got one_byte POST)

program body_calls
sends "heads and bodies in one call and in several" "$program" "$port" \
	< <(times 2 "$(got body_calls)"; echo; times 6 "$(got body_calls POST)")

program pipelined
sends "three requests in one call" "$program" "$port" 3 < <(times 3 "$(got pipelined)")
sends "forty requests in one call" "$program" "$port" 40 < <(times 40 "$(got pipelined)")

program large_head
for length in 16000 61000 65000; do
	sends "a head of $length bytes in one call" "$program" "$port" $length 100000 < <(got large_head)
	sends "a head of $length bytes in pieces" "$program" "$port" $length 1000 < <(got large_head)
done
sends "a head too large is passed on as it is" "$program" "$port" 70000 100000 </dev/null
sends "a head too large, in pieces" "$program" "$port" 70000 1000 </dev/null

program sendmmsg_many
sends "sendmmsg" "$program" "$port" < <(times 2 "$(got sendmmsg_many)")

program sendfile_body
sends "bodies by sendfile and splice" "$program" "$port" "$dir/body" \
	< <(got sendfile_body; echo; times 2 "$(got sendfile_body POST)")

program two_threads
sends "one thread writes, another reads" "$program" "$port" < <(times 5 "$(got two_threads)")

# Calls end anywhere, in the middle of our header too: of these lengths some do.
origin --sluggish
program small_buffer
tree_mask='s/\?[0-9]+/?N/'
sends "a full buffer, a peer that reads slowly" "$program" "$port" \
	< <(times 400 "CLIENT POST [unknown_service:small_buffer] UNSET http.response.status_code=200 url.full=http://h/ok?N")
