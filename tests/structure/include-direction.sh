#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Includes point down the list of rooms and never up; each path is written from the root.
# TREE=folder checks another tree.
set -u
cd "${TREE:-$(dirname "$0")/../..}" || exit 1

find propagator export preload ebpf tools tests -name '*.[ch]' 2>/dev/null | sort |
xargs awk '
# A room may include those of a lower number, and itself. Rooms that share a number do not know
# each other.
BEGIN {
	floor["propagator"] = 1
	floor["export"] = 2
	floor["preload/live"] = floor["preload/proto"] = 3
	floor["preload/conn"] = floor["ebpf"] = 4
	floor["preload/hook"] = 5
	floor["preload"] = 6 # init.c
	floor["tools"] = 7
	floor["tests"] = 8
}
function room(path,	part) {
	split(path, part, "/")
	if (part[1] == "preload" && (("preload/" part[2]) in floor))
		return "preload/" part[2]
	return part[1]
}
function complain(why) {
	printf "%s:%d: %s\n", FILENAME, FNR, why
	bad = 1
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, quoted, "\"")
	path = quoted[2]
	own = room(FILENAME)
	other = room(path)
	if (index(path, "/") == 0) {
		# the programs that tests run are no part of the tree of rooms
		if (own != "tests" && path != "cJSON.h")
			complain("\"" path "\" is not a path from the root")
		next
	}
	if (!(other in floor))
		complain("\"" path "\" is in no room")
	else if (own == "preload/proto" && other != own && other != "propagator")
		complain("a parser knows propagator and no more, not " path)
	else if (floor[other] > floor[own])
		complain(own " includes upwards: " path)
	else if (floor[other] == floor[own] && other != own)
		complain(own " and " other " do not know each other: " path)
}
END { exit bad }
'
