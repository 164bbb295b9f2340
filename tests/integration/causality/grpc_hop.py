#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Calls by gRPC whose numbers are in the method's name, "hop?n=5&c=1".

grpc_hop.py load PORT FIRST COUNT AT_ONCE   asks as load.py does, over one channel
grpc_hop.py front PORT ORIGIN               a pool of threads, two calls a request over one channel
grpc_hop.py threads PORT ORIGIN             the same calls by http.server, a thread a connection
grpc_hop.py back PORT                       answers after up to 2 ms
"""
import concurrent.futures
import http.server
import random
import re
import signal
import sys
import time

import grpc


def call(channel, path, metadata=()):
    return channel.unary_unary(path)(path.encode(), timeout=60, metadata=metadata)


class Hop(grpc.GenericRpcHandler):
    def __init__(self, handle):
        self.handle = handle

    def service(self, details):
        n = int(re.search(r"n=(\d+)", details.method)[1])

        def answer(request, context):
            self.handle(n)
            return b"n=%d\n" % n
        return grpc.unary_unary_rpc_method_handler(answer)


def serve(port, handle):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(12))
    server.add_generic_rpc_handlers((Hop(handle),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(0))
    server.wait_for_termination()


def serve_http(port, handle):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            n = int(re.search(r"n=(\d+)", self.path)[1])
            handle(n)
            body = b"n=%d\n" % n
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    http.server.ThreadingHTTPServer(("127.0.0.1", int(port)), Handler).serve_forever()


def load(channel, first, count, at_once):
    def one(n):
        trace = (("traceparent", f"00-ca{n:030x}-ca{n:014x}-01"),) if n % 2 else ()
        answer = call(channel, f"/hop?n={n}", trace)
        if answer != b"n=%d\n" % n:
            raise RuntimeError(f"asked for {n}, answered {answer!r}")
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        list(pool.map(one, range(first, first + count)))


def main():
    how, port, *rest = sys.argv[1:]
    if how == "back":
        serve(port, lambda n: time.sleep(random.random() * 0.002))
    elif how == "load":
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            load(channel, *map(int, rest))
    else:
        channel = grpc.insecure_channel(f"127.0.0.1:{rest[0]}")
        by = serve_http if how == "threads" else serve
        by(port, lambda n: [call(channel, f"/hop?n={n}&c={c}") for c in (0, 1)])


main()
