#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A thread that works for no request makes calls while several are in flight, and
# after all were answered: none may be adopted.
. "$(dirname "$0")/causality/lib.sh"
build threads
origin 0
front "$dir/threads" ticker PORT ORIGIN
/usr/bin/python3 - "$front" <<'END'
import socket, sys, time
held = []
for ms in (1500, 1500, 1500):
    s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    s.sendall(b"GET /hop?hold=1&ms=%d HTTP/1.1\r\nHost: h\r\n\r\n" % ms)
    held.append(s)
for s in held:
    s.recv(1000)
time.sleep(0.3)
END
check --requests 0 0 --unasked 200
