#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""xray_daemon.py DIR: an X-Ray daemon that keeps what it is sent.

Listens by UDP on a free port of 127.0.0.1, which it writes to DIR/port. Each document goes
to DIR/documents as a line; a datagram without the daemon's own first line as {"bad": ...}.
"""
import json
import os
import socket
import sys

folder = sys.argv[1]
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
s.bind(("127.0.0.1", 0))
documents = open(f"{folder}/documents", "a")
with open(f"{folder}/port.new", "w") as f:
    f.write(str(s.getsockname()[1]))
os.rename(f"{folder}/port.new", f"{folder}/port")
while True:
    datagram = s.recv(70000)
    head, _, text = datagram.partition(b"\n")
    try:
        if json.loads(head) != {"format": "json", "version": 1}:
            raise ValueError("first line")
        document = json.loads(text.decode("utf-8"))
    except ValueError as e:
        document = {"bad": repr(datagram[:200]), "why": str(e)}
    document["bytes"] = len(datagram)
    documents.write(json.dumps(document) + "\n")
    documents.flush()
