#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hostile.py send PORT | ask PORT | serve PORT: messages as nobody should send them.

send: each request by connections of its own, in one piece and in several, to a
PORT that reads until the end (origin.py --sink). What came back is counted.
ask: each request to a server under test, whose status lines are printed.
serve: answers the connections to PORT with one bad response after the other.
"""
import socket
import sys

END = b"Host: h\r\n\r\n"
CHUNKED = b"POST /%s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + END
REQUESTS = {
    "both lengths": b"POST /a HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n" + END + b"0\r\n\r\n",
    "two lengths": b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nbody5",
    "a list of lengths": b"POST /c HTTP/1.1\r\nHost: h\r\nContent-Length: 4, 5\r\n\r\nbody5",
    "negative length": b"POST /d HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    "length with a plus": b"POST /e HTTP/1.1\r\nHost: h\r\nContent-Length: +4\r\n\r\nbody",
    "huge length": b"POST /f HTTP/1.1\r\nHost: h\r\nContent-Length: 18446744073709551617\r\n\r\nb",
    "chunked twice": b"POST /g HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "not last chunked": b"POST /h HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "bare LF": b"GET /i HTTP/1.1\nHost: h\n\n",
    "bare LF at the end": b"GET /j HTTP/1.1\r\nHost: h\r\n\n",
    "bare CR": b"GET /k HTTP/1.1\rHost: h\r\r",
    "CR in a value": b"GET /l HTTP/1.1\r\nA: b\rc\r\n" + END,
    "NUL in a value": b"GET /m HTTP/1.1\r\nA: b\0c\r\n" + END,
    "NUL in the target": b"GET /n\0 HTTP/1.1\r\n" + END,
    "obs-fold": b"GET /o HTTP/1.1\r\nA: b\r\n c\r\n" + END,
    "folded first line": b"GET /p HTTP/1.1\r\n A: b\r\n" + END,
    "space before the colon": b"GET /q HTTP/1.1\r\nTransfer-Encoding : chunked\r\n" + END,
    "no name": b"GET /r HTTP/1.1\r\n: b\r\n" + END,
    "no colon": b"GET /s HTTP/1.1\r\nnothing\r\n" + END,
    "bad name": b"GET /t HTTP/1.1\r\nA(b: c\r\n" + END,
    "tab in the request line": b"GET\t/u\tHTTP/1.1\r\n" + END,
    "no version": b"GET /v\r\n\r\n",
    "version 2.0": b"GET /w HTTP/2.0\r\n" + END,
    "version 1.10": b"GET /x HTTP/1.10\r\n" + END,
    "lower-case version": b"GET /y http/1.1\r\n" + END,
    "space in the target": b"GET /a b HTTP/1.1\r\n" + END,
    "no method": b" /z HTTP/1.1\r\n" + END,
    "bad method": b"G@T /aa HTTP/1.1\r\n" + END,
    "empty lines first": b"\r\n\r\nGET /ab HTTP/1.1\r\n" + END,
    "head without an end": b"GET /ac HTTP/1.1\r\nHost: h\r\n",
    "half a line": b"GE",
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    "a TLS hello": bytes.fromhex("16030100a5010000a1030388") + b"\0" * 100,
    "binary": bytes(range(256)) * 8,
    "a long line": b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n" + END,
    "a long name": b"GET /ad HTTP/1.1\r\n" + b"n" * 70000 + b": v\r\n" + END,
    "10000 headers": b"GET /ae HTTP/1.1\r\n" + b"a: b\r\n" * 10000 + END,
    "20000 headers": b"GET /af HTTP/1.1\r\n" + b"a: b\r\n" * 20000 + END,
    "bad chunk length": CHUNKED % b"ag" + b"xyz\r\nbody\r\n0\r\n\r\n",
    "negative chunk length": CHUNKED % b"ah" + b"-1\r\nbody\r\n0\r\n\r\n",
    "huge chunk length": CHUNKED % b"ai" + b"fffffffffffffffff\r\nb",
    "chunk longer than told": CHUNKED % b"aj" + b"2\r\nbody\r\n0\r\n\r\n",
    "chunk with bare LF": CHUNKED % b"ak" + b"4\nbody\n0\n\n",
    "a request in a body": b"POST /al HTTP/1.1\r\nContent-Length: 35\r\n" + END + b"GET /inner HTTP/1.1\r\nHost: evil\r\n\r\n",
    "body behind a GET": b"GET /am HTTP/1.1\r\n" + END + b"GPOST / HTTP/1.1\r\nx: y",
    "upgrade": b"GET /an HTTP/1.1\r\nUpgrade: other\r\nConnection: Upgrade\r\n" + END + b"\x81\x05GET /",
}
RESPONSES = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nok\n.",
    b"HTTP/1.1 200 OK\r\nContent-Length: -3\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nok\n\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nok\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nok\n",
    b"HTTP/1.1 200 OK\nContent-Length: 3\n\nok\n",
    b"HTTP/1.1 200\r\n\r\nok\n",
    b"HTTP/1.1 20 OK\r\n\r\nok\n",
    b"HTTP/1.1 999 X\r\nContent-Length: 3\r\n\r\nok\n",
    b"HTTP/1.1 100 C\r\n\r\n" * 50 + b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n",
    b"HTTP/9.9 200 OK\r\n\r\nok\n",
    b"ICY 200 OK\r\n\r\nok\n",
    b"no response at all\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 3\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\nA: \0\r\nContent-Length: 3\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 5000 + b"Content-Length: 3\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\nA: " + b"a" * 80000 + b"\r\nContent-Length: 3\r\n\r\nok\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno\n",
    b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\nok\n",
    b"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nok\n",
    b"",
    b"HTTP/1.1 200 OK\r\nContent-Le",
]


def exchange(port, pieces):
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.settimeout(5)
        answer = b""
        try:
            for piece in pieces:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
            while got := s.recv(65536):
                answer += got
        except OSError:
            pass
        return answer


def ways(request):
    """Whole; cut in the middle; cut before the last byte; the first 300 bytes one by one."""
    yield [request]
    yield [request[:len(request) // 2], request[len(request) // 2:]]
    yield [request[:-1], request[-1:]]
    yield [bytes([b]) for b in request[:300]] + [request[300:]]


def send(port):
    for name, request in REQUESTS.items():
        for pieces in ways(request):
            print(name, len(exchange(port, pieces)))


def ask(port):
    for name, request in REQUESTS.items():
        answer = exchange(port, [request]).split(b"\r\n")[0]
        # a server that closes with much unread resets the connection, and its answer may be lost
        print(name, answer if len(request) < 10000 else "")


def serve(port):
    with socket.create_server(("127.0.0.1", port), backlog=50) as listener:
        for response in RESPONSES:
            s, _ = listener.accept()
            s.settimeout(5)
            request = b""
            while b"\r\n\r\n" not in request and (got := s.recv(65536)):
                request += got
            s.sendall(response)
            s.close()


{"send": send, "ask": ask, "serve": serve}[sys.argv[1]](int(sys.argv[2]))
