#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check.py DIR --requests A B [--calls K] [--roots P Q] [--unasked N]

Compares the spans of all processes (OTLP JSON lines, DIR/*.jsonl) with the truth.
A and B: requests sent one at a time (numbers from 0) and many at a time (numbers
from 1000000). Each goes to the service `front`, which makes K calls to `back`:

    driver -> front server(n) -> front client(n, c) -> back server(n, c)

Every span must be there once and name as its parent the span before it in this
chain, in the same trace. A wrong parent always fails. A missing one (a root) is
tolerated for P % and Q % of the client spans. Calls that no request asked for
(/hop?unasked=N) must be roots, and at least N of them must have been made.
"""
import argparse
import collections
import glob
import json
import re
import sys

INTERNAL, SERVER, CLIENT = 1, 2, 3
MANY = 1000000


class Span:
    def __init__(self, service, s):
        at = {a["key"]: next(iter(a["value"].values())) for a in s.get("attributes", [])}
        self.service, self.kind = service, s["kind"]
        self.trace, self.id = s["traceId"], s["spanId"]
        self.parent = s.get("parentSpanId", "")
        self.start, self.end = int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"])
        self.url = at.get("url.full") or at.get("url.query") or at.get("rpc.method") or ""
        self.n, self.c, self.unasked = (self.number(k) for k in ("n", "c", "unasked"))

    def number(self, key):
        found = re.search(rf"(?:^|[?&]){key}=(\d+)", self.url)
        return int(found[1]) if found else None

    def place(self):
        """What must be there once: its place in the chain of its request."""
        c = self.c
        if c is None and (self.service, self.kind) != ("front", SERVER):
            c = 0  # a proxy passes the request on as it came
        return (self.service, self.kind, self.n, c)

    def __str__(self):
        kind = {SERVER: "server", CLIENT: "client"}.get(self.kind, "internal")
        return f"{self.service} {kind} {self.url} [{self.trace[-6:]} {self.id}]"


def read(directory):
    for path in glob.glob(directory + "/*.jsonl"):
        for line in open(path):
            for resource in json.loads(line)["resourceSpans"]:
                at = {a["key"]: a["value"] for a in resource["resource"]["attributes"]}
                service = at["service.name"]["stringValue"]
                for scope in resource["scopeSpans"]:
                    yield from (Span(service, s) for s in scope["spans"])


class Check:
    def __init__(self, options):
        self.options = options
        self.spans = list(read(options.dir))
        self.by_id = {s.id: s for s in self.spans}
        self.failures = collections.Counter()
        self.told = collections.Counter()

    def fail(self, what, detail):
        self.failures[what] += 1
        self.told[what] += 1
        if self.told[what] <= 3:
            print(f"  {what}: {detail}")

    def real_parent(self, span):
        """The nearest ancestor that is no internal span of the process (as for a command run)."""
        parent = self.by_id.get(span.parent)
        while parent and parent.kind == INTERNAL:
            parent = self.by_id.get(parent.parent)
        return parent

    def expected(self):
        """Every place in the chain, with the place of its parent."""
        one, many = self.options.requests
        for n in [*range(one), *range(MANY, MANY + many)]:
            yield ("front", SERVER, n, None), None
            for c in range(self.options.calls):
                yield ("front", CLIENT, n, c), ("front", SERVER, n, None)
                yield ("back", SERVER, n, c), ("front", CLIENT, n, c)

    def check_entry(self, span):
        """The first server span: the driver's traceparent for odd numbers, a root for even ones."""
        n = span.n
        if n % 2 == 0:
            if span.parent:
                self.fail("wrong parent", f"{span} came without one, names {span.parent}")
        elif not span.parent:
            self.fail("inbound traceparent lost", f"{span}")
        elif (span.trace, span.parent) != (f"ca{n:030x}", f"ca{n:014x}"):
            self.fail("wrong parent", f"{span}: not the driver's")

    def check_link(self, span, parent_place):
        """True when the parent is right, False when it is missing."""
        if not span.parent:
            return False
        parent = self.real_parent(span)
        if not parent:
            self.fail("unknown parent", f"{span} names {span.parent}")
        elif parent.place() != parent_place:
            self.fail("wrong parent", f"{span} names {parent}")
        elif parent.trace != span.trace:
            self.fail("parent in another trace", f"{span} names {parent}")
        elif span.start < parent.start:
            self.fail("starts before its parent", f"{span} names {parent}")
        return True

    def check_requests(self):
        places = collections.defaultdict(list)
        for s in self.spans:
            if s.n is not None and s.kind != INTERNAL:
                places[s.place()].append(s)
        right, roots = collections.Counter(), collections.Counter()
        for place, parent_place in self.expected():
            found = places.pop(place, [])
            if len(found) != 1:
                self.fail("spans missing" if not found else "spans twice", f"{place}")
                continue
            if parent_place is None:
                self.check_entry(found[0])
                continue
            of = ("many" if place[2] >= MANY else "one", "client" if place[1] == CLIENT else "server")
            (right if self.check_link(found[0], parent_place) else roots)[of] += 1
        for place in places:
            self.fail("span nobody asked for", f"{place}")
        return right, roots

    def check_unasked(self):
        client = [s for s in self.spans if s.unasked is not None and s.kind == CLIENT]
        for s in client:
            if s.parent:
                self.fail("wrong parent", f"{s} is nobody's work, names {self.by_id.get(s.parent)}")
        for s in self.spans:
            if s.unasked is not None and s.kind == SERVER:
                self.check_link(s, ("front", CLIENT, None, s.c))
        if len(client) < self.options.unasked:
            self.fail("spans missing", f"{len(client)} unasked calls of {self.options.unasked}")
        return len(client)

    def run(self):
        right, roots = self.check_requests()
        unasked = self.check_unasked()
        for phase, tolerated in zip(("one", "many"), self.options.roots):
            r, m = right[phase, "client"], roots[phase, "client"]
            share = 100 * m / (r + m) if r + m else 0
            print(f"  {phase:4} at a time: {r:5} right, {m:5} roots ({share:.0f} %, {tolerated} % tolerated)")
            if share > tolerated:
                self.fail("too many roots", f"{phase} at a time")
            if roots[phase, "server"]:
                self.fail("context not carried over the wire", f"{roots[phase, 'server']} times")
        if unasked:
            print(f"  {unasked} calls that were nobody's work")
        for what, times in self.failures.items():
            print(f"  FAILED {what}: {times}")
        print(f"  {len(self.spans)} spans: {'FAILED' if self.failures else 'ok'}")
        return bool(self.failures)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("dir")
    p.add_argument("--requests", type=int, nargs=2, required=True)
    p.add_argument("--calls", type=int, default=2)
    p.add_argument("--roots", type=float, nargs=2, default=(0, 0))
    p.add_argument("--unasked", type=int, default=0)
    sys.exit(Check(p.parse_args()).run())


main()
