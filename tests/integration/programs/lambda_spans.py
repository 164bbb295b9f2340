#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lambda_spans.py FILE ATTRIBUTE...: what a function sent, as lines: depth by indentation, sorted by time.

The service's own segments (made up by the command) are left out, but a span whose parent
is one of them is shown with a '*'."""
import json
import sys

spans = {}
own = set()
for line in open(sys.argv[1]):
    for resource in json.loads(line)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                attributes = {a["key"]: list(a["value"].values())[0] for a in span.get("attributes", [])}
                if scope.get("scope", {}).get("name") == "AWS::Lambda":
                    own.add(span["spanId"])
                    continue
                span["attributes"] = attributes
                spans[span["spanId"]] = span


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
        show(span, 0, "*" if span.get("parentSpanId") else "")
