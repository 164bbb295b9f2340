#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every vector of W3C trace-context, for services that know nothing of it.
. "$(dirname "$0")/lib.sh"

holds() { # CLAIM command...
	local claim=$1
	shift
	port=$(free_port)
	under traced service
	"${env[@]}" "${@//PORT/$port}" &
	running="$running $!"
	ready "$port" $! && check "$claim" /usr/bin/python3 "$here/w3c_driver.py" "$port"
}

program w3c_service
holds "a service in C, a thread for each connection" "$program" PORT
holds "a service in Python" /usr/bin/python3 "$here/servers/w3c.py" PORT
