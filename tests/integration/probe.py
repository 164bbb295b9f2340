#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
r"""probe.py PORT PIECE...: sends raw bytes and prints the raw answer.

Each PIECE is sent by a call of its own, with \r \n \0 \t \\ \xNN as in Python:
    =0.1      waits that many seconds
    =each     the pieces that follow are sent one byte at a time
    =half     the sending side is closed
    =abort    the connection is reset and nothing more is read
    =next     waits until an answer has begun to come
    =repeat N the piece after it is sent as if written N times
Then the answer is read until the server closes, or has been silent for
PROBE_SILENCE (0.3) seconds after it began to answer, 5 seconds before.
"""
import os
import socket
import struct
import sys
import time

silence = float(os.environ.get("PROBE_SILENCE", 0.3))


def text(piece):
    return piece.encode("latin-1").decode("unicode_escape").encode("latin-1")


def read(sock, answer):
    while True:
        sock.settimeout(silence if answer else 5)
        try:
            got = sock.recv(65536)
        except (TimeoutError, ConnectionResetError):
            return answer
        if not got:
            return answer
        answer += got


def main():
    sock = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    each, times, answer = False, 1, b""
    for piece in sys.argv[2:]:
        if piece == "=each":
            each = True
        elif piece == "=half":
            sock.shutdown(socket.SHUT_WR)
        elif piece == "=abort":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        elif piece == "=next":
            answer += sock.recv(65536)
        elif piece.startswith("=repeat "):
            times = int(piece[8:])
        elif piece.startswith("="):
            time.sleep(float(piece[1:]))
        else:
            data, times = text(piece) * times, 1
            for start in range(0, len(data), 1 if each else len(data)):
                try:
                    sock.sendall(data[start : start + 1] if each else data)
                except (BrokenPipeError, ConnectionResetError):
                    break
    sys.stdout.buffer.write(read(sock, answer))


main()
