#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lambda_spans.py FILE ATTRIBUTE...: what a function sent, as lines: depth by indentation, sorted by time.

The service's own segments (made up by the command) are left out. A span is marked whose parent
is one of them, with a '*' where that is this very invocation's, else with a '!'; and with a '^'
where the parent is somebody else's."""
import json
import sys

spans = {}
own = {}
for line in open(sys.argv[1]):
    for resource in json.loads(line)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                span["attributes"] = {a["key"]: list(a["value"].values())[0] for a in span.get("attributes", [])}
                if scope.get("scope", {}).get("name") == "AWS::Lambda":
                    own[span["spanId"]] = span
                    continue
                if span["spanId"] in spans:
                    print("twice:", span["name"])
                spans[span["spanId"]] = span


def mark_of(span):
    if not span.get("parentSpanId"):
        return ""
    segment = own.get(span["parentSpanId"])
    if not segment:
        return "^"
    of = span["attributes"].get("faas.invocation_id")
    is_its_own = span["traceId"] == segment["traceId"] and of in (None, segment["attributes"]["faas.invocation_id"])
    return "*" if is_its_own else "!"


def show(span, depth, mark=""):
    values = " ".join(f"{key}={span['attributes'][key]}" for key in sys.argv[2:] if key in span["attributes"])
    failed = " ERROR" if span.get("status", {}).get("code") == 2 else ""
    links = f" links={len(span['links'])}" if span.get("links") else ""
    print("  " * depth + f"{mark}{span['name']}{failed}{links} {values}".rstrip())
    children = [s for s in spans.values() if s.get("parentSpanId") == span["spanId"]]
    for child in sorted(children, key=lambda s: int(s["startTimeUnixNano"])):
        show(child, depth + 1)


for span in sorted(spans.values(), key=lambda s: int(s["startTimeUnixNano"])):
    if span.get("parentSpanId") not in spans:
        show(span, 0, mark_of(span))
