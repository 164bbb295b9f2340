#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""life_collector.py PORT_FILE HOW [SPANS]: a collector that takes its time.

HOW: a number of seconds: it reads a little at a time, and answers each request that long
after its end; silent: it reads all and answers nothing; drip: a byte of the answer a second;
idle: it closes a connection a tenth of a second after its answer; once: the first request
is forgotten, and its connection closed after a while.
Its port is written to PORT_FILE; what it is sent, where that is JSON, to SPANS, a line each.
"""
import os
import socket
import sys
import threading
import time

port_file, how = sys.argv[1:3]
spans = sys.argv[3] if len(sys.argv) > 3 else None


def answer(sock):
    text = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    if how == "silent":
        return
    if how == "drip":
        for byte in text:
            time.sleep(1)
            sock.sendall(bytes([byte]))
    elif how == "once":
        sock.sendall(text)
    elif how == "idle":
        sock.sendall(text)
        time.sleep(0.1)
        raise OSError
    else:
        time.sleep(float(how))
        sock.sendall(text)


def serve(sock):
    buffer = b""
    try:
        while True:
            while b"\r\n\r\n" not in buffer:
                got = sock.recv(4096)
                if not got:
                    return
                buffer += got
            head, buffer = buffer.split(b"\r\n\r\n", 1)
            left = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            while len(buffer) < left:
                got = sock.recv(2000)
                if not got:
                    return
                buffer += got
                time.sleep(0.001)
            body, buffer = buffer[:left], buffer[left:]
            if how == "once" and not forgotten.is_set():
                forgotten.set()
                time.sleep(0.5)
                raise OSError
            if spans:
                with open(spans, "ab", buffering=0) as file:
                    file.write(body.strip() + b"\n")
            answer(sock)
    except OSError:
        sock.close()


forgotten = threading.Event()
listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
listener.bind(("127.0.0.1", 0))
listener.listen(128)
with open(port_file + ".new", "w") as file:
    file.write(str(listener.getsockname()[1]))
os.rename(port_file + ".new", port_file)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
