#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Heads of HTTP/2 of up to four frames, padded and with priority, however the program writes them:
# the server gets ours with them, or, where their last frame had begun, none and no harm.
. "$(dirname "$0")/lib.sh"
need nghttpd
[ -f /usr/include/nghttp2/nghttp2.h ] || skip "libnghttp2's header is not installed"
program http2_heads -lnghttp2
mkdir -p "$dir/www"
echo ok >"$dir/www/ok"
port=$(free_port)
nghttpd -v --no-tls -d "$dir/www" "$port" >"$dir/heard" 2>&1 &
running="$running $!"
ready "$port" $! || skip "nghttpd does not start"
attributes=http.response.status_code,url.full

asked() {
	local name
	for name in full long long-padded longer padded priority small; do
		[ $name = full ] || echo
		echo "CLIENT GET [unknown_service:http2_heads] UNSET http.response.status_code=200 url.full=http://h/ok?$name"
	done
}

# Each with the id of its own span, and what it had of its own.
nr_carried() {
	local id nr=0
	for id in $(grep -o '"spanId":"[0-9a-f]*"' "$spans" | cut -d '"' -f 4); do
		nr=$((nr + $(grep -c "traceparent: 00-[0-9a-f]*-$id-" "$dir/heard")))
	done
	echo $nr
}

for how in all frames halves parts; do
	: >"$dir/heard"
	sends "$how" "$program" "$port" $how < <(asked)
	nr=7
	# the length of a frame has gone before what is in it is known
	[ $how = all ] || [ $how = frames ] || nr=0
	check "of $how $nr carry the trace" test "$(nr_carried)" = $nr
	check "all else is as without" test "$(grep -c 'recv.*x-long: ~*$' "$dir/heard")" = 14
done
exit
