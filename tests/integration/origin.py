#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""origin.py DIR [--sink] [--sluggish] [--apart] [--unix] [--tls FOLDER] [--root FOLDER]

An HTTP/1.1 server that keeps every byte it was sent.
Listens on a free port of 127.0.0.1 and writes it to DIR/port, or with --unix on
DIR/socket. The bytes of each
connection go to DIR/captured/NNN, which is called NNN.open while the connection
is; with --apart those of each request to a file of its own, for a client that puts
its requests on this connection or that. It answers by path, and never with anything that differs from run to run:

    /ok /status/N /chunked (and a trailer) /chunks /close /empty /big /redirect /slow /reset /cut /drip
    /echo         the request's body
    /digest       401 until there is an Authorization
    /hang-up      no answer: the connection is closed

With --tls all this is said inside TLS, with the key and certificate of that file.
A CONNECT is granted, and what comes through the tunnel answered here as well.

Any other path is a file below FOLDER, or 404. With --sink nothing is understood:
all is read until the client is done sending, and one fixed answer is given. With
--sluggish little is read at a time, out of a small buffer. With --tls all of that is inside
TLS, as FOLDER/cert.pem and key.pem; the captures are of the plain bytes.
"""
import os
import socket
import ssl
import struct
import sys
import threading
import time
import urllib.parse


class Connection:
    def __init__(self, sock, path):
        self.sock, self.path, self.buffer = sock, path, b""
        self.file = open(path + ".open", "wb", buffering=0)
        self.nr_requests = 0

    def more(self):
        got = self.sock.recv(300 if sluggish else 65536)
        if sluggish:
            time.sleep(0.0005)
        if not apart:
            self.file.write(got)
        self.buffer += got
        return bool(got)

    def take(self, n):
        while len(self.buffer) < n:
            if not self.more():
                raise EOFError
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        if apart:
            self.file.write(taken)
        return taken

    def take_to(self, end):
        while end not in self.buffer:
            if not self.more():
                raise EOFError
        return self.take(self.buffer.index(end) + len(end))

    def request_ended(self):
        if apart:
            self.nr_requests += 1
            self.ended(f"{self.path}-{self.nr_requests}")
            self.file = open(self.path + ".open", "wb", buffering=0)

    def ended(self, path):
        self.file.close()
        os.rename(self.path + ".open", path)

    def body(self, fields):
        if fields.get("expect") == "100-continue":
            self.sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if fields.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(self.take_to(b"\r\n").split(b";")[0], 16):
                body += self.take(size)
                self.take(2)
            while self.take_to(b"\r\n") != b"\r\n":
                pass
            return body
        return self.take(int(fields.get("content-length", 0)))

    def answer(self, status, body=b"", extra="", length=True):
        head = f"HTTP/1.1 {status} X\r\nContent-Type: text/plain\r\n{extra}"
        if length:
            head += f"Content-Length: {len(body)}\r\n"
        self.sock.sendall(head.encode() + b"\r\n" + (b"" if self.method == "HEAD" else body))

    def serve_one(self):
        """False: the connection is to be closed."""
        lines = self.take_to(b"\r\n\r\n").decode("latin-1").split("\r\n")
        self.method, target, version = lines[0].split(" ")
        fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:] if line)}
        self.authorized = "authorization" in fields
        body = self.body(fields)
        self.request_ended()
        if self.method == "CONNECT":
            self.answer(200, length=False)
            return True
        path = urllib.parse.urlsplit(target).path
        word = path.split("/")[1]
        if hasattr(self, "on_" + word.replace("-", "_")):
            stay = getattr(self, "on_" + word.replace("-", "_"))(path, body) is not False
        else:
            stay = True
            self.on_file(path)
        token = fields.get("connection", "").lower()
        return stay and "close" not in token and (version == "HTTP/1.1" or "keep-alive" in token)

    def on_ok(self, path, body):
        self.answer(200, b"ok\n")

    def on_echo(self, path, body):
        self.answer(200, body)

    def on_status(self, path, body):
        self.answer(path.split("/")[2], b"status\n")

    def on_chunked(self, path, body):
        self.answer(200, b"3;x=y\r\none\r\n4\r\n two\r\n0\r\nTrailer: t\r\n\r\n",
                    "Transfer-Encoding: chunked\r\n", length=False)

    def on_chunks(self, path, body):
        self.answer(200, b"3;x=y\r\none\r\n4\r\n two\r\n0\r\n\r\n",
                    "Transfer-Encoding: chunked\r\n", length=False)

    def on_close(self, path, body):
        self.answer(200, b"until the close\n", "Connection: close\r\n", length=False)
        return False

    def on_big(self, path, body):
        self.answer(200, b"0123456789abcde\n" * 65536)

    def on_redirect(self, path, body):
        self.answer(302, b"", "Location: /ok\r\n")

    def on_empty(self, path, body):
        self.answer(204, length=False)

    def on_drip(self, path, body):
        for byte in b"HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nok\n":
            self.sock.sendall(bytes([byte]))
            time.sleep(0.002)

    def on_slow(self, path, body):
        self.sock.settimeout(5)
        try:
            return self.more()
        except TimeoutError:
            self.answer(200, b"late\n")

    def on_digest(self, path, body):
        if self.authorized:
            self.answer(200, b"in\n")
        else:
            self.answer(401, b"who?\n", 'WWW-Authenticate: Digest realm="r", nonce="n", qop="auth"\r\n')

    def on_hang_up(self, path, body):
        return False

    def on_cut(self, path, body):
        self.answer(200, b"short\n", "Content-Length: 100\r\n", length=False)
        return False

    def on_reset(self, path, body):
        self.on_cut(path, body)
        time.sleep(0.2)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return False

    def on_file(self, path):
        name = os.path.normpath(root + "/" + urllib.parse.unquote(path)) if root else ""
        if root and name.startswith(root) and os.path.isfile(name):
            with open(name, "rb") as file:
                self.answer(200, file.read())
        else:
            self.answer(404, b"no such thing\n")

    def run(self):
        try:
            if tls:
                self.sock = tls.wrap_socket(self.sock, server_side=True)
            if sink:
                while self.more():
                    pass
                self.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
            else:
                while self.serve_one():
                    pass
        except (EOFError, OSError, ValueError):
            pass
        self.sock.close()
        self.ended(self.path)


directory = sys.argv[1]
sink = "--sink" in sys.argv
apart = "--apart" in sys.argv
sluggish = "--sluggish" in sys.argv
root = os.path.abspath(sys.argv[sys.argv.index("--root") + 1]) if "--root" in sys.argv else None
tls = None
if "--tls" in sys.argv:
    folder = sys.argv[sys.argv.index("--tls") + 1]
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(folder + "/cert.pem", folder + "/key.pem")
captured = directory + "/captured"
os.makedirs(captured, exist_ok=True)
if "--unix" in sys.argv:
    listener = socket.create_server(directory + "/socket", family=socket.AF_UNIX)
else:
    listener = socket.create_server(("127.0.0.1", 0), backlog=128)
if sluggish:
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
with open(directory + "/port.new", "w") as port:
    port.write(str(listener.getsockname()[1]) if listener.family == socket.AF_INET else "none")
os.rename(directory + "/port.new", directory + "/port")
nr_accepted = 0
while True:
    accepted, _ = listener.accept()
    if accepted.family == socket.AF_INET:
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    nr_accepted += 1
    connection = Connection(accepted, f"{captured}/{nr_accepted:05d}")
    threading.Thread(target=connection.run, daemon=True).start()
