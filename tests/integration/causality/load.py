#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""load.py PORT FIRST COUNT THREADS [--pipeline DEPTH] [--close]

Asks for /hop?n=FIRST .. FIRST+COUNT-1 over THREADS connections at a time, each
kept for a few requests. Requests with an odd number carry a traceparent that is
made from the number, so that the checker knows it. Every answer is compared.
"""
import argparse
import queue
import random
import socket
import sys
import threading


def traceparent(n):
    return f"00-ca{n:030x}-ca{n:014x}-01"


def request(n, extra):
    trace = f"traceparent: {traceparent(n)}\r\n" if n % 2 else ""
    return f"GET /hop?n={n} HTTP/1.1\r\nHost: 127.0.0.1\r\n{trace}{extra}\r\n".encode()


def read_answer(stream):
    """The body of the next answer, by its length, by chunks or to the end."""
    status = stream.readline().decode()
    fields = {}
    while (line := stream.readline().strip()):
        name, _, value = line.decode().partition(":")
        fields[name.lower()] = value.strip()
    if " 200 " not in status:
        raise RuntimeError(f"answered {status!r}")
    if "content-length" in fields:
        return stream.read(int(fields["content-length"]))
    if fields.get("transfer-encoding") != "chunked":
        return stream.read()
    body = b""
    while (size := int(stream.readline(), 16)):
        body += stream.read(size)
        stream.readline()
    stream.readline()
    return body


def ask_on_one_connection(port, numbers, options):
    extra = "Connection: close\r\n" if options.close else ""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        stream = s.makefile("rb")
        for at in range(0, len(numbers), options.pipeline):
            batch = numbers[at:at + options.pipeline]
            s.sendall(b"".join(request(n, extra) for n in batch))
            for n in batch:
                body = read_answer(stream)
                if body != b"n=%d\n" % n:
                    raise RuntimeError(f"asked for {n}, answered {body!r}")


def take(work, at_most):
    numbers = []
    while len(numbers) < at_most:
        try:
            numbers.append(work.get_nowait())
        except queue.Empty:
            break
    return numbers


def ask(options, work, failures):
    while not failures:
        keep = 1 if options.close else random.randint(1, 20) * options.pipeline
        numbers = take(work, keep)
        if not numbers:
            return
        try:
            ask_on_one_connection(options.port, numbers, options)
        except Exception as e:
            failures.append(f"requests {numbers[0]}..{numbers[-1]}: {e!r}")


def main():
    p = argparse.ArgumentParser()
    for name in ("port", "first", "count", "threads"):
        p.add_argument(name, type=int)
    p.add_argument("--pipeline", type=int, default=1)
    p.add_argument("--close", action="store_true")
    options = p.parse_args()
    work, failures = queue.Queue(), []
    for n in range(options.first, options.first + options.count):
        work.put(n)
    threads = [threading.Thread(target=ask, args=(options, work, failures))
               for _ in range(options.threads)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for failure in failures:
        print(failure, file=sys.stderr)
    sys.exit(bool(failures))


main()
