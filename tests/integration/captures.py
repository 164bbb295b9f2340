#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""captures.py PLAIN TRACED SPANS [--mask REGEX]: what reached the server, with and without the library.

PLAIN and TRACED are folders with one file a connection (origin.py). Without the
one traceparent line that is ours in each request, the bytes must be the same;
the line stands last in its head; and its ids are those of the client spans in
SPANS that had an answer, one each. MASK is for what the program itself makes up
anew in each run, a multipart boundary say.
"""
import collections
import json
import os
import re
import sys

CLIENT = 3
OURS = re.compile(rb"traceparent: 00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]\r\n(?=\r\n)")


def connections(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            yield file.read()


def spans(path):
    if not os.path.exists(path):
        return
    for line in open(path):
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                yield from scope["spans"]


def was_answered(span):
    return any(a["key"] == "http.response.status_code" for a in span.get("attributes", []))


def compare_bytes(plain, traced):
    """Connections come in any order: as many of each content."""
    missing = collections.Counter(plain) - collections.Counter(traced)
    extra = collections.Counter(traced) - collections.Counter(plain)
    if not missing and not extra:
        return True
    for what, which in (("only without the library", missing), ("only with it", extra)):
        for content in list(which)[:3]:
            print(f"  {what}: {content[:1500]!r}{' ...' if len(content) > 1500 else ''}")
    return False


def compare_ids(on_wire, path):
    client = {(s["traceId"], s["spanId"]): s for s in spans(path) if s["kind"] == CLIENT}
    good = True
    for ids in on_wire:
        if ids not in client:
            print(f"  on the wire and no client span: {ids}")
            good = False
    for ids, span in client.items():
        if was_answered(span) and ids not in on_wire:
            print(f"  a client span and not on the wire: {ids}")
            good = False
    if len(set(on_wire)) != len(on_wire):
        print("  the same ids twice on the wire")
        good = False
    return good


def main():
    plain_dir, traced_dir, path = sys.argv[1:4]
    mask = re.compile(sys.argv[5].encode()) if sys.argv[4:5] == ["--mask"] else None
    masked = (lambda c: mask.sub(b"MASKED", c)) if mask else (lambda c: c)
    traced = list(connections(traced_dir))
    on_wire = [(m[1].decode(), m[2].decode()) for c in traced for m in OURS.finditer(c)]
    good = compare_bytes([masked(c) for c in connections(plain_dir)],
                         [masked(OURS.sub(b"", c)) for c in traced])
    good = compare_ids(on_wire, path) and good
    sys.exit(not good)


main()
