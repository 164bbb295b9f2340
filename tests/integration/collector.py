#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""collector.py DIR [--tls CERT KEY] [--client-ca FILE] [--newest] [--unix] [--answers LIST]

A collector for spans over HTTP/1.1. Its port on 127.0.0.1 goes to DIR/port (--unix: it listens on
DIR/socket). Of each request DIR/NNN.head has the first line and the header, and DIR/NNN.body the body, unpacked
where it is gzip; DIR/connections grows by a line for each connection.

--answers: what is answered to each request in turn, the last one to all that follow, by commas:
    200, 503, ...  that status        429:3    with Retry-After: 3
    partial        200, of which one span is rejected, in the request's own encoding
    garbage        bytes that are no HTTP          nothing    no answer at all
    hang-up        the connection is closed        half       a part of an answer, then closed
--newest: TLS 1.3 and nothing older.
"""
import argparse
import gzip
import os
import socket
import ssl
import threading

options = argparse.ArgumentParser()
options.add_argument("dir")
options.add_argument("--tls", nargs=2)
options.add_argument("--client-ca")
options.add_argument("--newest", action="store_true")
options.add_argument("--unix", action="store_true")
options.add_argument("--answers", default="200")
options = options.parse_args()
answers = options.answers.split(",")
lock = threading.Lock()
nr_requests = 0


def next_answer():
    return answers.pop(0) if len(answers) > 1 else answers[0]


def keep(head, body):
    global nr_requests
    if b"content-encoding: gzip" in head.lower():
        body = gzip.decompress(body)
    path = "%s/%03d" % (options.dir, nr_requests)
    nr_requests += 1
    with open(path + ".head", "wb") as f:
        f.write(head)
    with open(path + ".new", "wb") as f:
        f.write(body)
    os.rename(path + ".new", path + ".body")


def answer(sock, how, is_json):
    status, _, after = how.partition(":")
    body = b""
    if how == "garbage":
        sock.sendall(bytes(range(256)) * 150 + b"\r\n\r\n")
        return False
    if how == "nothing":
        sock.recv(1)
        return False
    if how == "hang-up":
        return False
    if how == "half":
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-")
        return False
    if how == "partial":
        status = "200"
        body = b"\x0a\x08\x08\x01\x12\x04no, "
        if is_json:
            body = b'{"partialSuccess": {"rejectedSpans": "1", "errorMessage": "no, "}}'
    head = "HTTP/1.1 %s Status\r\nContent-Length: %d\r\n" % (status, len(body))
    if after:
        head += "Retry-After: %s\r\n" % after
    sock.sendall(head.encode() + b"\r\n" + body)
    return True


def converse(sock):
    buffer = b""
    while True:
        while b"\r\n\r\n" not in buffer:
            got = sock.recv(65536)
            if not got:
                return
            buffer += got
        head, buffer = buffer.split(b"\r\n\r\n", 1)
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        while len(buffer) < int(fields.get(b"content-length", 0)):
            got = sock.recv(65536)
            if not got:
                return
            buffer += got
        body, buffer = buffer[:int(fields.get(b"content-length", 0))], buffer[int(fields.get(b"content-length", 0)):]
        with lock:
            keep(head, body)
            how = next_answer()
        if not answer(sock, how, b"json" in fields.get(b"content-type", b"")):
            return


def serve(sock):
    with open(options.dir + "/connections", "a") as f:
        f.write("connection\n")
    try:
        if options.tls:
            sock = context.wrap_socket(sock, server_side=True)
        converse(sock)
    except (OSError, ssl.SSLError):
        pass
    finally:
        sock.close()


if options.tls:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*options.tls)
    if options.newest:
        context.minimum_version = ssl.TLSVersion.TLSv1_3
    if options.client_ca:
        context.load_verify_locations(options.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
if options.unix:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(options.dir + "/socket")
else:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
listener.listen(16)
with open(options.dir + "/port.new", "w") as f:
    f.write(str(0 if options.unix else listener.getsockname()[1]))
os.rename(options.dir + "/port.new", options.dir + "/port")
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
