#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""captures.py PLAIN TRACED SPANS [--mask REGEX]: what reached the server, with and without the library.

PLAIN and TRACED are folders with one file a connection (origin.py). Without the
one traceparent line that is ours in each request (or X-Ray's in a Lambda function,
or both) the bytes must be the same; it stands last in its head; and its ids are
those of the client spans in SPANS that had an answer, one each. A traceparent that is there without the
library too is either left as it is, or stands for the request that is passed on:
then the same line, in the same place, names our span in the same trace.
--anywhere: our line stands where the program (libcurl) has put it, and not last;
--again: for all requests of one transfer it is the same.
MASK is for what the program itself makes up anew in each run, a multipart
boundary say.
"""
import collections
import json
import os
import re
import sys

CLIENT = 3
ANY = re.compile(rb"(?i)(traceparent: *00-)([0-9a-f]{32})-([0-9a-f]{16})(?=-[0-9a-f]{2}\r\n)")
XRAY = re.compile(rb"(?i)x-amzn-trace-id: Root=1-([0-9a-f]{8})-([0-9a-f]{24});Parent=([0-9a-f]{16});Sampled=[01]")
OURS = re.compile(rb"(x-amzn-trace-id: [!-~]+\r\n|traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-0[0-3]\r\n){1,2}(?=\r\n)")
if "--anywhere" in sys.argv:
    OURS = re.compile(OURS.pattern.removesuffix(rb"(?=\r\n)"))


def connections(folder):
    for name in sorted(os.listdir(folder)):
        with open(os.path.join(folder, name), "rb") as file:
            if content := file.read():
                yield content


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
            print(f"  {what}: {content[:800]!r}{' ...' if len(content) > 800 else ''}")
    return False


def compare_ids(on_wire, path):
    client = {(s["traceId"], s["spanId"]): s for s in spans(path) if s["kind"] == CLIENT}
    # of one without a parent an X-Ray document does not say so
    roots = {(s["traceId"], s["spanId"]) for s in spans(path) if not s.get("parentSpanId")}
    answered = {ids for ids, span in client.items() if was_answered(span)}
    wrong = {
        "on the wire and no client span": set(on_wire) - set(client) - roots,
        "a client span and not on the wire": answered - set(on_wire),
        "more than once on the wire": "--again" not in sys.argv and {ids for ids in on_wire if on_wire.count(ids) > 1},
    }
    for what, which in wrong.items():
        for ids in list(which or [])[:3]:
            print(f"  {what}: {ids}")
    return not any(wrong.values())


def ids_in(contents):
    w3c = [(m[2].decode(), m[3].decode()) for c in contents for m in ANY.finditer(c)]
    xray = [((m[1] + m[2]).decode(), m[3].decode()) for c in contents for m in XRAY.finditer(c)]
    return w3c + [ids for ids in xray if ids not in w3c]


def main():
    plain, traced = (list(connections(folder)) for folder in sys.argv[1:3])
    mask = re.compile(sys.argv[5].encode()) if sys.argv[4:5] == ["--mask"] else None
    own = ids_in(plain)
    passed_on = {trace.encode() for trace, _ in own}

    def without_ours(content):
        content = ANY.sub(lambda m: m[1] + m[2] + b"-X" if m[2] in passed_on else m[0], content)
        content = OURS.sub(b"", content)
        return mask.sub(b"MASKED", content) if mask else content

    good = compare_bytes([without_ours(c) for c in plain], [without_ours(c) for c in traced])
    good = compare_ids([ids for ids in ids_in(traced) if ids not in own], sys.argv[3]) and good
    sys.exit(not good)


main()
