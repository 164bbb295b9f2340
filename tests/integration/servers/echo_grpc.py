#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""echo_grpc.py serve|call PORT [TLS]: the methods of demo.Echo, whose messages are plain text.

Unary, Fail (NOT_FOUND), Many (a stream of answers), Collect (a stream of
questions), Chat (both); `call` calls all of them, one after the other. TLS: a folder with cert.pem and key.pem.
"""
import concurrent.futures
import signal
import sys

import grpc


def fail(request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no such")


HANDLERS = {
    "Unary": grpc.unary_unary_rpc_method_handler(lambda request, _: request.upper()),
    "Fail": grpc.unary_unary_rpc_method_handler(fail),
    "Many": grpc.unary_stream_rpc_method_handler(
        lambda request, _: (b"%d" % i for i in range(int(request)))),
    "Collect": grpc.stream_unary_rpc_method_handler(lambda requests, _: b"+".join(requests)),
    "Chat": grpc.stream_stream_rpc_method_handler(
        lambda requests, _: (r.upper() for r in requests)),
}


def pem(folder, name):
    with open(f"{folder}/{name}.pem", "rb") as file:
        return file.read()


def serve(port, tls=None):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo.Echo", HANDLERS),))
    if tls:
        server.add_secure_port(
            f"127.0.0.1:{port}", grpc.ssl_server_credentials([(pem(tls, "key"), pem(tls, "cert"))]))
    else:
        server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(1))
    server.wait_for_termination()


def channel_to(port, tls):
    if tls:
        return grpc.secure_channel(f"127.0.0.1:{port}", grpc.ssl_channel_credentials(pem(tls, "cert")))
    return grpc.insecure_channel(f"127.0.0.1:{port}")


def call(port, tls=None):
    words = [b"one", b"two", b"three"]
    with channel_to(port, tls) as channel:
        print(channel.unary_unary("/demo.Echo/Unary")(b"hello"))
        try:
            channel.unary_unary("/demo.Echo/Fail")(b"x")
        except grpc.RpcError as error:
            print(error.code(), error.details())
        print(list(channel.unary_stream("/demo.Echo/Many")(b"3")))
        print(channel.stream_unary("/demo.Echo/Collect")(iter(words)))
        print(list(channel.stream_stream("/demo.Echo/Chat")(iter(words))))


{"serve": serve, "call": call}[sys.argv[1]](*sys.argv[2:])
