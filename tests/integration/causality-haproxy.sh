#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# haproxy, two threads: what was read may be sent on some turns of its scheduler later.
. "$(dirname "$0")/causality/lib.sh"
need haproxy
origin
front=$(free_port)
cat >"$dir/haproxy.cfg" <<END
global
	nbthread 2
defaults
	mode http
	timeout client 20s
	timeout server 20s
	timeout connect 5s
	option http-keep-alive
listen proxy
	bind 127.0.0.1:$front
	server origin 127.0.0.1:$back
END
traced front haproxy -db -q -f "$dir/haproxy.cfg"
ready "$front"
run 200 1000
check --requests 200 1000 --calls 1 --roots 0 100
