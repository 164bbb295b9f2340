#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lambda_api.py [option...] -- COMMAND...: a Runtime API that does what Lambda's does not.

    --trace VALUE    a Lambda-Runtime-Trace-Id of each event; as often as it is given
    --event FILE     what an event is; several take turns; {} without any
    --events N       how many there are (1)
    --then HOW       what becomes of the next that comes after them: a status; close, garbage: of the
                     connection; half: an event that breaks off; kill: the function is killed by then
                     (the default)
    --answers HOW    the same of every response
    --late S         an event comes that long after it was asked for

It tells what it is asked, with the request id taken out, and how the function ended.
"""
import argparse
import hashlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--trace", action="append", default=[])
parser.add_argument("--event", action="append", default=[])
parser.add_argument("--events", type=int, default=1)
parser.add_argument("--then", default="kill")
parser.add_argument("--answers", default="202")
parser.add_argument("--late", type=float, default=0)
parser.add_argument("command", nargs="*")
options = parser.parse_args()
events = [open(name, "rb").read() for name in options.event] or [b"{}"]
nr_given = 0
said = threading.Lock()


def say(*words):
    with said:
        print(*words, flush=True)


def head(status, length, *fields):
    return "\r\n".join([f"HTTP/1.1 {status} X", "Content-Type: application/json", f"Content-Length: {length}",
                        *fields, "", ""]).encode()


def misbehave(sock, how):
    """False: the connection is over."""
    if how == "kill":
        function.kill()
    elif how == "garbage":
        sock.sendall(b"\x16\x03\x01 what is this?\r\n\r\n\x00\x00")
    elif how == "half":
        sock.sendall(head(200, 1000, "Lambda-Runtime-Aws-Request-Id: half") + b'{"resource":"/pe')
    elif how != "close":
        body = b'{"errorMessage":"no","errorType":"Not.Today"}'
        sock.sendall(head(how, len(body)) + body)
        return True
    return False


def give_event(sock):
    global nr_given
    if nr_given == options.events:
        return misbehave(sock, options.then)
    nr_given += 1
    time.sleep(options.late)
    event = events[(nr_given - 1) % len(events)]
    fields = [f"Lambda-Runtime-Aws-Request-Id: 8476a536-e9f4-11e8-9739-{nr_given:012x}",
              f"Lambda-Runtime-Deadline-Ms: {int(time.time() * 1000) + 20000}",
              "Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-west-1:123456789012:function:f"]
    fields += [f"Lambda-Runtime-Trace-Id: {value}" for value in options.trace]
    sock.sendall(head(200, len(event), *fields) + event)
    return True


def answer(sock, method, target, body):
    say(method, target, len(body), hashlib.md5(body).hexdigest())
    if target.endswith("/invocation/next"):
        return give_event(sock)
    if options.answers != "202":
        return misbehave(sock, options.answers)
    sock.sendall(head(202, 0))
    return True


def serve(sock):
    buffer = b""
    try:
        while True:
            while b"\r\n\r\n" not in buffer:
                got = sock.recv(65536)
                if not got:
                    return
                buffer += got
            lines, buffer = buffer.split(b"\r\n\r\n", 1)
            lines = lines.decode("latin-1").split("\r\n")
            fields = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
            if fields.get("expect"):
                sock.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            while len(buffer) < int(fields.get("content-length", 0)):
                got = sock.recv(65536)
                if not got:
                    return
                buffer += got
            length = int(fields.get("content-length", 0))
            body, buffer = buffer[:length], buffer[length:]
            if not answer(sock, *lines[0].split(" ")[:2], body):
                break
    except OSError:
        pass
    sock.close()


def accept_all():
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


listener = socket.create_server(("127.0.0.1", 0), backlog=128)
function = subprocess.Popen(options.command, env=os.environ | {
    "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % listener.getsockname()[1], "AWS_LAMBDA_FUNCTION_NAME": "function",
    "_HANDLER": "function.handler"})
threading.Thread(target=accept_all, daemon=True).start()
try:
    status = function.wait(60)
except subprocess.TimeoutExpired:
    function.kill()
    status = "it did not end"
say("ended:", signal.Signals(-status).name if isinstance(status, int) and status < 0 else status)
sys.stdout.flush()
