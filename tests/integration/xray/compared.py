#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""compared.py OURS THEIRS: where two senders' subsegments of the same requests differ, in the
fields that mean the same. A request is known by its path, or its operation and its number."""
import json
import sys
import urllib.parse

FIELDS = ["type", "namespace", "error", "throttle", "fault", "http.request.method", "http.request.url",
          "http.response.status", "http.response.content_length", "aws.operation", "aws.region",
          "aws.request_id", "aws.table_name", "cause.exceptions.0.type", "cause.exceptions.0.message",
          "cause.exceptions.0.remote"]


def get(document, path):
    for part in path.split("."):
        if isinstance(document, list):
            document = document[0] if document else None
        elif isinstance(document, dict):
            document = document.get(part)
        else:
            return None
    return document


def flat(document):
    yield document
    for inner in document.get("subsegments", []):
        yield from flat({"type": "subsegment", **inner})


def requests(file):
    found = {}
    for line in open(file):
        for d in flat(json.loads(line)):
            if d.get("type") != "subsegment":
                continue
            operation = get(d, "aws.operation")
            url = get(d, "http.request.url") or ""
            key = operation or urllib.parse.urlsplit(url).path
            while operation and key in found:
                key += "'"
            if key:
                found[key] = d
    return found


ours, theirs = requests(sys.argv[1]), requests(sys.argv[2])
for key in sorted(ours.keys() | theirs.keys()):
    if key not in ours or key not in theirs:
        print(f"{key}: only {'ours' if key in ours else 'theirs'}")
        continue
    for field in FIELDS:
        a, b = get(ours[key], field), get(theirs[key], field)
        if field == "http.request.method" and isinstance(b, str):
            b = b.upper()
        # what they do not say of it cannot differ
        if b is not None and a != b and not (b is False and a is None):
            print(f"{key} {field}: ours {a}, theirs {b}")
        elif a and b is None and field in ("error", "throttle", "fault"):
            print(f"{key} {field}: ours alone")
