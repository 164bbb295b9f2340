#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A custom runtime whose first argument says how it behaves (a method of Runtime each)."""

import base64
import http.client
import json
import os
import signal
import socket
import sys
import threading
import time

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
ID = "Lambda-Runtime-Aws-Request-Id"


def say(*words):
    print(*words, flush=True)


def call(method, path, body=None, headers=None, version="/2018-06-01/runtime", **how):
    conn = http.client.HTTPConnection(API)
    conn.request(method, version + path, body, headers or {}, **how)
    answer = conn.getresponse()
    return answer, answer.read()


def next_event():
    answer, event = call("GET", "/invocation/next")
    return answer.headers, event


def respond(headers, body, **fields):
    return call("POST", f"/invocation/{headers[ID]}/response", body, fields)[0].status


def register(name, events):
    answer, body = call("POST", "/register", json.dumps({"events": events}),
                        {"Lambda-Extension-Name": name}, "/2020-01-01/extension")
    return answer, body


def next_of(identifier):
    _, body = call("GET", "/event/next", None, {"Lambda-Extension-Identifier": identifier},
                   "/2020-01-01/extension")
    return json.loads(body)


class Runtime:
    def serve(self):
        while True:
            headers, event = next_event()
            respond(headers, event)

    def headers(self):
        headers, event = next_event()
        for name in sorted(headers):
            if name.startswith("Lambda-Runtime"):
                say(name, headers[name])
        respond(headers, event)
        next_event()

    def environment(self):
        for name in sorted(os.environ):
            if name.startswith(("AWS_", "_", "LAMBDA_", "TZ", "OTEL_TR", "LD_PRE", "MY", "TRACE")) and name != "_":
                say(f"{name}={os.environ[name]}")
        self.serve()

    def error(self):
        headers, _ = next_event()
        call("POST", f"/invocation/{headers[ID]}/error",
             json.dumps({"errorMessage": "out of tea", "errorType": "Tea"}),
             {"Lambda-Runtime-Function-Error-Type": "Function.Tea"})
        next_event()

    def init_error(self):
        answer, body = call("POST", "/init/error", "{}",
                            {"Lambda-Runtime-Function-Error-Type": "Runtime.NoSuchHandler"})
        say(answer.status, body.decode())
        sys.exit(1)

    def stream(self, fail=False):
        headers, _ = next_event()
        host, port = API.split(":")
        with socket.create_connection((host, int(port))) as s:
            s.sendall(f"POST /2018-06-01/runtime/invocation/{headers[ID]}/response HTTP/1.1\r\n"
                      "Host: h\r\nLambda-Runtime-Function-Response-Mode: streaming\r\n"
                      "Transfer-Encoding: chunked\r\n"
                      "Trailer: Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body\r\n\r\n"
                      .encode())
            for part in "one ", "two ", "three":
                s.sendall(f"{len(part):x}\r\n{part}\r\n".encode())
                time.sleep(0.05)
            s.sendall(b"0\r\n")
            if fail:
                body = base64.b64encode(b'{"errorMessage":"broke off"}').decode()
                s.sendall(f"Lambda-Runtime-Function-Error-Type: Function.Broke\r\n"
                          f"Lambda-Runtime-Function-Error-Body: {body}\r\n".encode())
            s.sendall(b"\r\n")
            say(s.recv(1000).split(b"\r\n")[0].decode())
        next_event()

    def stream_fails(self):
        self.stream(True)

    def mode(self):
        headers, _ = next_event()
        say(respond(headers, "x", **{"Lambda-Runtime-Function-Response-Mode": "brook"}))
        say(respond(headers, "x"))
        next_event()

    def large(self):
        limit = 6 * 1024 * 1024 + 100
        headers, _ = next_event()
        say(respond(headers, b"x" * limit))
        headers, _ = next_event()
        say(respond(headers, b"x" * (limit + 1)))
        next_event()

    def impatient(self):
        """Asks for the next before it has answered."""
        headers, event = next_event()
        answer, body = call("GET", "/invocation/next")
        say(answer.status, json.loads(body)["errorType"])
        respond(headers, event)
        next_event()

    def restore(self):
        answer, _ = call("GET", "/restore/next")
        say("restored", answer.status)
        self.serve()

    def restore_fails(self):
        call("GET", "/restore/next")
        answer, _ = call("POST", "/restore/error", "{}",
                         {"Lambda-Runtime-Function-Error-Type": "Runtime.RestoreError"})
        say(answer.status)
        sys.exit(1)

    def frozen(self):
        """Tells the longest time for which a thread did not run."""
        gaps = [0]

        def tick():
            last = time.monotonic()
            while True:
                time.sleep(0.01)
                now = time.monotonic()
                gaps[0] = max(gaps[0], now - last)
                last = now

        threading.Thread(target=tick, daemon=True).start()
        while True:
            headers, _ = next_event()
            time.sleep(0.05)
            respond(headers, "stood still" if gaps[0] >= 0.3 else "ran")
            gaps[0] = 0

    def concurrent(self):
        def work():
            while True:
                headers, event = next_event()
                time.sleep(1)
                respond(headers, event)

        for _ in range(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"])):
            threading.Thread(target=work).start()

    def workers(self):
        """The same in processes."""
        for _ in range(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"])):
            if os.fork() == 0:
                while True:
                    headers, event = next_event()
                    time.sleep(1)
                    respond(headers, event)
        time.sleep(60)

    def internal(self):
        """An extension without events is told of the end by SIGTERM."""
        def leave(*_):
            say("SIGTERM")
            os._exit(0)

        signal.signal(signal.SIGTERM, leave)
        answer, body = register("mine", ["SHUTDOWN"])
        say(answer.status, json.loads(body)["errorType"])
        answer, body = register("mine", [])
        say(answer.status, body.decode())
        threading.Thread(target=next_of, args=[answer.headers["Lambda-Extension-Identifier"]],
                         daemon=True).start()
        threading.Thread(target=self.serve, daemon=True).start()
        # just thawed, another thread may be the one that is told; this one is who acts on it
        while True:
            time.sleep(0.05)

    def stubborn(self):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        answer, _ = register("mine", [])
        threading.Thread(target=next_of, args=[answer.headers["Lambda-Extension-Identifier"]],
                         daemon=True).start()
        self.serve()

    def external(self):
        """One that stays until it is told to go, and takes its time with each invocation."""
        answer, _ = register("theirs", ["INVOKE", "SHUTDOWN"])
        identifier = answer.headers["Lambda-Extension-Identifier"]

        if os.fork() == 0:
            while True:
                event = next_of(identifier)
                say(event["eventType"], event.get("shutdownReason", event.get("tracing", {}).get("type")))
                if event["eventType"] == "SHUTDOWN":
                    os._exit(0)
                time.sleep(0.4)
        self.serve()

    def segments(self):
        host, port = os.environ["AWS_XRAY_DAEMON_ADDRESS"].split(":")
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

        def send(document, header='{"format":"json","version":1}\n'):
            text = document if isinstance(document, str) else json.dumps(document)
            udp.sendto((header + text).encode(), (host, int(port)))

        while True:
            headers, _ = next_event()
            trace = dict(f.split("=") for f in headers["Lambda-Runtime-Trace-Id"].split(";"))
            now = time.time()
            one = {"type": "subsegment", "name": "## handler", "id": "00000000000000a1",
                   "trace_id": trace["Root"], "parent_id": trace["Parent"], "start_time": now}
            send({**one, "in_progress": True})
            send({**one, "end_time": now + 0.01, "subsegments": [
                {"name": "api.test", "id": "00000000000000a2", "start_time": now, "end_time": now + 0.005,
                 "namespace": "remote", "fault": True,
                 "http": {"request": {"method": "GET", "url": "http://api.test/x"},
                          "response": {"status": 503}}}]})
            send("T1S" + base64.b64encode(otlp(trace, now)).decode())
            send("T1Uxxxx")
            send("not json")
            send("{}", '{"format":"xml","version":1}\n')
            respond(headers, "sent")


def field(number, data):
    assert len(data) < 16384
    size = bytes([len(data)]) if len(data) < 128 else bytes([len(data) & 127 | 128, len(data) >> 7])
    return bytes([number << 3 | 2]) + size + data


def fixed(number, value):
    return bytes([number << 3 | 1]) + value.to_bytes(8, "little")


def otlp(trace, now):
    """An ExportTraceServiceRequest of one span."""
    root = trace["Root"]
    span = (field(1, bytes.fromhex(root[2:10] + root[11:])) + field(2, bytes(7) + b"\xa3") +
            field(4, bytes.fromhex(trace["Parent"])) + field(5, b"by OTLP") +
            fixed(7, int(now * 1e9)) + fixed(8, int(now * 1e9) + 1000))
    service = field(1, field(1, b"service.name") + field(2, field(1, b"other")))
    return field(1, field(1, service) + field(2, field(2, span)))


getattr(Runtime(), sys.argv[1])()
