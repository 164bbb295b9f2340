#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One request is never answered; ten thousand calls by a thread that works for
# nobody follow. While it is alone they may be taken for its own, but only so many.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin 0
front "$dir/threads" never PORT ORIGIN 10000
/usr/bin/python3 - "$front" <<'END'
import socket, sys, time
s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
s.sendall(b"GET /hop?n=1&never=1 HTTP/1.1\r\nHost: h\r\n\r\n")
time.sleep(4)
END
settle
[ "${PLAIN:-}" ] && exit 0
/usr/bin/python3 "$here/largest_trace.py" "$dir" 10000 1000 2100
