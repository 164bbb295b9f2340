#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""w3c_driver.py PORT: the vectors of W3C trace-context, put to a service and seen in the calls that it makes."""
import http.server
import re
import socket
import sys
import threading

T = "12345678901234567890123456789012"
T2 = "12345678901234567890123456789011"
P = "1234567890123456"
VALID = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
KEY_CHARS = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE_CHARS = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) not in ",=")


class Receiver(http.server.BaseHTTPRequestHandler):
    calls = []

    def do_GET(self):
        Receiver.calls.append(self.headers)
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Call:
    """One call that the service made: what its headers say."""

    def __init__(self, headers):
        values = headers.get_all("traceparent") or []
        if len(values) != 1 or not VALID.fullmatch(values[0]):
            raise AssertionError(f"not one valid traceparent: {values}")
        self.trace, self.parent, flags = VALID.fullmatch(values[0]).groups()
        self.flags = int(flags, 16)
        if not int(self.trace, 16) or not int(self.parent, 16):
            raise AssertionError(f"an id of zeros: {values[0]}")
        states = headers.get_all("tracestate") or []
        if "" in states:
            raise AssertionError("an empty tracestate")
        self.state = ",".join(states)
        self.members = [tuple(m.lstrip(" \t").rstrip(" \t").split("=", 1))
                        for m in self.state.split(",") if m.strip(" \t")]
        self.value = dict(self.members)


def ask(port, back, headers, nr=1):
    Receiver.calls.clear()
    body = f"http://127.0.0.1:{back}/\n" * nr
    head = "".join(f"{name}: {value}\r\n" if name else value for name, value in headers)
    request = f"POST / HTTP/1.1\r\nHost: h\r\n{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
    with socket.create_connection(("127.0.0.1", port)) as s:
        s.sendall(request.encode("latin-1"))
        while s.recv(65536):
            pass
    if len(Receiver.calls) != nr:
        raise AssertionError(f"{len(Receiver.calls)} calls")
    return [Call(headers) for headers in Receiver.calls]


def is_true(what, detail=""):
    if not what:
        raise AssertionError(detail)


def parent(version="00", trace=T, span=P, flags="01", name="traceparent"):
    return (name, f"{version}-{trace}-{span}-{flags}")


def state(value, name="tracestate"):
    return (name, value)


VECTORS = []


def vector(group, name, headers, check, nr=1):
    VECTORS.append((f"{group}: {name}", headers, check, nr))


def same(calls):
    is_true(all(c.trace == T for c in calls), f"trace id {calls[0].trace}, not that of the request")
    is_true(all(c.parent != P for c in calls), "the parent id was passed on")


def new(*traces):
    def check(calls):
        for trace in traces or (T,):
            is_true(all(c.trace != trace for c in calls), f"trace id {trace} was taken over")
    return check


def kept(**values):
    def check(calls):
        same(calls)
        for key, value in values.items():
            is_true(calls[0].value.get(key) == value, f"{key} in tracestate {calls[0].state!r}")
    return check


def lacks(*keys):
    def check(calls):
        same(calls)
        for key in keys:
            is_true(key not in calls[0].value, f"{key!r} in tracestate {calls[0].state!r}")
    return check


def traceparents():
    vector("none", "no header", [], lambda calls: None)
    vector("continue", "valid", [parent()], same)
    for name in ("TraceParent", "TrAcEpArEnT", "TRACEPARENT"):
        vector("names", name, [parent(name=name)], same)
    for name in ("trace-parent", "trace.parent"):
        vector("wrong names", name, [parent(name=name)], new())
    vector("duplicate", "two traceparents", [parent(trace=T2), parent()], new(T, T2))
    for trail in (".", "-what-the-future-will-be-like"):
        vector("version 00", "trailing " + trail, [("traceparent", f"00-{T}-{P}-01{trail}")], new())
    for value, check in (("", same), ("-what-the-future-will-be-like", same), (".what-the-future", new())):
        vector("version cc", "followed by " + repr(value), [("traceparent", f"cc-{T}-{P}-01{value}")], check)
    for version in ("ff", ".0", "0.", "000", "0000", "0"):
        vector("version", version, [parent(version)], new())
    vector("trace id", "zeros", [parent(trace="0" * 32)], new("0" * 32))
    for c in (".", "A", "g"):
        bad = c + T[1:]
        vector("trace id", "with " + c, [parent(trace=bad)], new(bad, bad.lower()))
    long = T + "3"
    vector("trace id", "33 digits", [parent(trace=long)], new(long[:32], long[1:]))
    vector("trace id", "31 digits", [parent(trace=T[:31])], new("0" + T[:31], T[:31] + "0"))
    vector("parent id", "zeros", [parent(span="0" * 16)], new())
    for bad in ("." + P[1:], "A" + P[1:], P + "7", P[:15]):
        vector("parent id", bad, [parent(span=bad)], new())
    for flags in (".0", "0.", "001", "1"):
        vector("flags", flags, [parent(flags=flags)], new())
    for before, after in ((" ", ""), ("\t", ""), ("", " "), ("", "\t"), ("\t ", " \t")):
        vector("OWS", repr(before + "..." + after),
               [("", f"traceparent:{before}00-{T}-{P}-01{after}\r\n")], same)
    vector("random flag", "02", [parent(flags="02")],
           lambda calls: (same(calls), is_true(calls[0].flags & 2, "it is gone")))


def tracestates():
    vector("tracestate", "without a traceparent", [state("foo=1")],
           lambda calls: is_true("foo" not in calls[0].value, calls[0].state))
    vector("tracestate", "with one", [parent(), state("foo=1,bar=2")], kept(foo="1", bar="2"))
    for name in ("TraceState", "TrAcEsTaTe", "TRACESTATE"):
        vector("tracestate names", name, [parent(), state("foo=1", name)], kept(foo="1"))
    for name in ("trace-state", "trace.state"):
        vector("tracestate wrong names", name, [parent(), state("foo=1", name)], lacks("foo"))
    vector("empty tracestate", "alone", [parent(), state("")], same)
    vector("empty tracestate", "before another", [parent(), state(""), state("foo=1")], kept(foo="1"))
    vector("empty tracestate", "behind another", [parent(), state("foo=1"), state("")], kept(foo="1"))
    vector("three tracestates", "joined in order",
           [parent(), state("foo=1"), state("bar=2"), state("congo=3")],
           lambda calls: (same(calls), is_true([m[0] for m in calls[0].members if m[0] in ("foo", "bar", "congo")]
                                               == ["foo", "bar", "congo"], calls[0].state)))
    for name, headers in (("same", ["foo=1,foo=1"]), ("other", ["foo=1,foo=2"]),
                          ("same, two headers", ["foo=1", "foo=1"]), ("other, two headers", ["foo=1", "foo=2"])):
        vector("duplicate keys", name, [parent(), *map(state, headers)],
               lambda calls: (same(calls), is_true("foo" in calls[0].value, calls[0].state)))
    vector("all characters", "keys", [parent(), state(f"{KEY_CHARS}=1,{KEY_CHARS}@a-z*/=2")],
           lambda calls: kept(**{KEY_CHARS: "1", KEY_CHARS + "@a-z*/": "2"})(calls))
    vector("all characters", "value", [parent(), state(f"foo={VALUE_CHARS}")], kept(foo=VALUE_CHARS))
    for value in ("foo=1 \t , \t bar=2, \t baz=3", "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
                  "\tfoo=1,bar=2,baz=3 ", "foo=1,bar=2,,baz=3"):
        vector("OWS around members", repr(value), [parent(), state(value)], kept(foo="1", bar="2", baz="3"))
    for key in ("foo ", "FOO", "foo.bar"):
        vector("wrong key", key, [parent(), state(key + "=1")], lacks(key, key.strip(), key.lower()))
    vector("wrong key", "@foo: all is dropped", [parent(), state("@foo=1,bar=2")], lacks("@foo", "bar"))
    members = [f"bar{n:02}={n:02}" for n in range(1, 34)]
    vector("members", "32 over 4 headers", [parent()] + [state(",".join(members[n:n + 8])) for n in range(0, 32, 8)],
           kept(**{f"bar{n:02}": f"{n:02}" for n in range(1, 33)}))
    vector("members", "33", [parent(), state(",".join(members))], lacks(*(m[:5] for m in members)))
    vector("key length", "256", [parent(), state("z" * 256 + "=1")], kept(**{"z" * 256: "1"}))
    vector("key length", "257", [parent(), state("foo=1," + "z" * 257 + "=1")], lacks("foo", "z" * 257))
    vector("value", "with =", [parent(), state("foo=bar=baz")], lacks("foo"))
    vector("value", "empty", [parent(), state("foo=,bar=3")], lacks("foo", "bar"))


def several_calls():
    def three(calls):
        is_true(len({c.parent for c in calls}) == 3, "parent ids not different")

    vector("three calls", "valid parent", [parent()], lambda calls: (same(calls), three(calls)), 3)
    vector("three calls", "no parent", [], three, 3)
    vector("three calls", "illegal parent", [("traceparent", f"00-{T}-{P}-01.")], lambda calls: (new()(calls), three(calls)), 3)


def baggage():
    def is_kept(text):
        return lambda calls: is_true(Receiver.calls[0].get("baggage") == text, Receiver.calls[0].get("baggage"))

    vector("baggage", "passed on", [parent(), ("baggage", "a=1,b=2;p=q")], is_kept("a=1,b=2;p=q"))
    vector("baggage", "without a traceparent", [("baggage", "a=1")], is_kept("a=1"))


def main():
    receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=receiver.serve_forever, daemon=True).start()
    traceparents()
    tracestates()
    several_calls()
    baggage()
    wrong = 0
    for name, headers, check, nr in VECTORS:
        try:
            check(ask(int(sys.argv[1]), receiver.server_port, headers, nr))
        except (AssertionError, OSError) as error:
            wrong += 1
            print(f"  {name}: {error}")
    print(f"  {len(VECTORS)} vectors, {wrong} wrong")
    sys.exit(wrong > 0)


main()
