#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""collector.py PORT JOURNAL: takes OTLP protobuf, and says in JOURNAL what it did with each span.

Lines of standard input are how it is to behave from then on; it ends with that:

    live     200, each time in another of the forms that HTTP has for it
    slow     200, a byte every 5 ms
    partial  200, and a third of the spans rejected
    503      and 502, 504; half of them with Retry-After: 1
    429      half of them with Retry-After: 1
    400
    silent   connections are accepted, and nothing is read or answered
    garbage  answers that are none, or hardly
    trickle  a byte a second is answered; or, on every second connection, read

A line of the journal is one batch: WHAT PHASE PID ACCEPTED REJECTED. WHAT is
`?` just before the last byte of an answer that settles the batch is sent and
`!` just after; a `?` alone is a collector that was killed between the two. `-`
is a batch that was read and is not settled: it may come again. `x`: not OTLP.
"""
import heapq
import os
import selectors
import socket
import sys
import time

phase = "live"
nr_batches = 0
timers = []  # (when, number, function)
selector = selectors.DefaultSelector()
journal = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


# ---- protobuf ----------------------------------------------------------------------------------


def varint(b, at):
    value = shift = 0
    while True:
        byte = b[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(b, at, end):
    """(tag, begin, end) of what is length-delimited; the other fields are passed over."""
    while at < end:
        tag, at = varint(b, at)
        kind = tag & 7
        if kind == 2:
            length, at = varint(b, at)
            yield tag >> 3, at, at + length
            at += length
        elif kind == 0:
            _, at = varint(b, at)
        else:
            at += {1: 8, 5: 4}[kind]
    if at != end:
        raise ValueError("a message that is not as long as it said")


def pid_of(b, begin, end):
    for number, at, to in fields(b, begin, end):
        pair = list(fields(b, at, to)) if number == 1 else []
        if len(pair) == 2 and b[pair[0][1] : pair[0][2]] == b"process.pid":
            return varint(b, pair[1][1] + 1)[0]
    raise ValueError("no process.pid")


def read_batch(b):
    """The process, and how many spans."""
    pid = spans = 0
    for _, at, end in fields(b, 0, len(b)):
        for number, inner, to in fields(b, at, end):
            if number == 1:
                pid = pid_of(b, inner, to)
            elif number == 2:
                spans += sum(field == 2 for field, _, _ in fields(b, inner, to))
    return pid, spans


# ---- answers -----------------------------------------------------------------------------------

OK = b"HTTP/1.1 200 OK\r\n"
FORMS_OF_OK = [
    OK + b"Content-Length: 0\r\n\r\n",
    OK + b"Content-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length:0\r\n\r\n",
    OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n\x0a\x00",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    OK + b"Connection: close\r\nContent-Length: 0\r\n\r\n",
]
AGAIN = {"503": [503, 502, 504], "429": [429]}
# What is sent, and how it is to be taken: accepted, refused, or not settled.
GARBAGE = [
    (b"\x00\x01\x02 what do you want of me? \xff\r\n\r\n", "refused"),
    (b"hello" * 40, "not settled"),
    (OK + b"Content-Length: 9\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff", "accepted"),
    (b"HTTP/1.1 9\r\nContent-Length: 0\r\n\r\n", "refused"),
    (OK + b"X: " + b"y" * 200000, "not settled"),
    (OK + b"\r\n\x0a\x7f", "accepted"),
    (b"", "not settled"),
    # what looks like the answer to the next request comes after it
    (b"\r\n\r\n".join([b"no HTTP at all, but long enough", OK[:-2]]), "refused"),
]


def partial(rejected):
    message = b"\x08" + write_varint(rejected) + b"\x12\x08too many"
    body = b"\x0a" + bytes([len(message)]) + message
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


def write_varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def note(what, *numbers):
    os.write(journal, " ".join(map(str, (what, phase) + numbers)).encode() + b"\n")


class Conn:
    def __init__(self, sock, number):
        self.sock = sock
        self.is_odd = number & 1
        self.data = bytearray()
        self.is_dirty = False  # it must not outlive the phase
        selector.register(sock, selectors.EVENT_READ, self.readable)

    def close(self):
        if self in conns:
            conns.remove(self)
            try:
                selector.unregister(self.sock)
            except KeyError:
                pass
            self.sock.close()

    def readable(self):
        if phase == "silent" or (phase == "trickle" and self.is_odd):
            self.is_dirty = True
            selector.unregister(self.sock)
            if phase == "trickle":
                self.sip()
            return
        try:
            data = self.sock.recv(1 << 20)
        except OSError:
            data = b""
        if not data:
            self.close()
            return
        self.data += data
        self.take()

    def sip(self):
        """Reads a byte a second."""
        try:
            if self in conns and self.sock.recv(1):
                after(1, self.sip)
        except OSError:
            self.close()

    def take(self):
        blank = self.data.find(b"\r\n\r\n")
        if blank < 0:
            return
        head = bytes(self.data[:blank]).lower()
        at = head.find(b"content-length:") + 15
        end = blank + 4 + int(head[at:].split(b"\r\n", 1)[0])
        if len(self.data) < end:
            return
        body = bytes(self.data[blank + 4 : end])
        del self.data[:end]
        try:
            pid, spans = read_batch(body)
        except (ValueError, IndexError, KeyError) as error:
            note("x", repr(error).replace(" ", "_"), 0, 0)
            self.close()
            return
        self.answer(pid, spans)

    def answer(self, pid, spans):
        global nr_batches
        nr_batches += 1
        if phase == "live":
            form = FORMS_OF_OK[nr_batches % len(FORMS_OF_OK)]
            self.settle(form, pid, spans, 0, b"Connection: close" in form)
        elif phase == "partial":
            self.settle(partial(spans // 3), pid, spans - spans // 3, spans // 3)
        elif phase == "slow":
            self.is_dirty = True
            self.piecewise(FORMS_OF_OK[0], 0.005, lambda last: self.settle(last, pid, spans, 0))
        elif phase == "400":
            self.settle(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", pid, 0, spans)
        elif phase in AGAIN:
            code = AGAIN[phase][nr_batches % len(AGAIN[phase])]
            later = b"Retry-After: 1\r\n" if nr_batches // 3 % 2 else b""
            note("-", pid, spans, 0)
            self.put(b"HTTP/1.1 %d Later\r\n%sContent-Length: 0\r\n\r\n" % (code, later))
        elif phase == "garbage":
            self.put_garbage(*GARBAGE[nr_batches % len(GARBAGE)], pid, spans)
        elif phase == "trickle":
            self.is_dirty = True
            note("-", pid, spans, 0)
            self.piecewise(FORMS_OF_OK[0], 1, self.put)

    def put_garbage(self, text, taken_as, pid, spans):
        if taken_as == "not settled":
            note("-", pid, spans, 0)
            self.put(text)
            self.close()
            return
        accepted = spans if taken_as == "accepted" else 0
        first, _, more = text.partition(b"enough\r\n\r\n")
        self.settle(first + (b"enough\r\n\r\n" if more else b""), pid, accepted, spans - accepted)
        if more:
            after(0.01, lambda: self.put(more + b"\r\nContent-Length: 0\r\n\r\n"))
        elif b"Content-Length" not in text and taken_as == "accepted":
            self.close()

    def piecewise(self, text, every, last):
        """A byte at a time; the last one by another function."""
        if self not in conns:
            return
        if len(text) == 1:
            last(text)
        elif self.put(text[:1]):
            after(every, lambda: self.piecewise(text[1:], every, last))

    def settle(self, text, pid, accepted, rejected, closes=False):
        if self.peer_is_gone():
            note("-", pid, accepted + rejected, 0)
            self.close()
            return
        note("?", pid, accepted, rejected)
        if self.put(text):
            note("!", pid, accepted, rejected)
        else:
            note("-", pid, accepted + rejected, 0)
        if closes:
            self.close()

    def peer_is_gone(self):
        try:
            return self not in conns or not self.sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def put(self, text):
        try:
            if self not in conns:
                return False
            self.sock.sendall(text)
            return True
        except OSError:
            self.close()
            return False


# ---- the loop ----------------------------------------------------------------------------------

conns = set()
nr_conns = nr_timers = 0


def after(seconds, function):
    global nr_timers
    nr_timers += 1
    heapq.heappush(timers, (time.monotonic() + seconds, nr_timers, function))


def accept():
    global nr_conns
    sock, _ = listener.accept()
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    nr_conns += 1
    conns.add(Conn(sock, nr_conns))


def command():
    global phase
    text = os.read(0, 64).decode().split()
    if not text:
        sys.exit()
    phase = text[-1]
    # what was asked in a phase without answers is asked again, not answered late
    for conn in [c for c in conns if c.is_dirty]:
        conn.close()


def run_timers():
    while timers and timers[0][0] <= time.monotonic():
        heapq.heappop(timers)[2]()
    return max(0, timers[0][0] - time.monotonic()) if timers else None


listener = socket.socket()
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind(("127.0.0.1", int(sys.argv[1])))
listener.listen(128)
selector.register(listener, selectors.EVENT_READ, accept)
selector.register(0, selectors.EVENT_READ, command)
while True:
    for key, _ in selector.select(run_timers()):
        if key.fd in selector.get_map() and selector.get_map()[key.fd] is key:
            key.data()
