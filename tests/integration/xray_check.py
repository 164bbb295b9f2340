#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""xray_check.py SCHEMA FILE: every line of FILE is a document that X-Ray takes.

By its schema, but for what that says of `cause`; and by the developer guide's words where the
schema is silent. Prints how many there were, and exits with 1 when one is wrong.
"""
import json
import re
import sys

import jsonschema

schema = json.load(open(sys.argv[1]))
for where in schema["properties"], schema["definitions"]["subsegment"]["properties"]:
    del where["cause"]
segment = jsonschema.Draft4Validator(schema)
subsegment = jsonschema.Draft4Validator(
    {**schema["definitions"]["subsegment"], "definitions": schema["definitions"]})
ID = re.compile("[0-9a-f]{16}$")
TRACE_ID = re.compile("1-[0-9a-f]{8}-[0-9a-f]{24}$")


def guide(d):
    """What is wrong by the guide, as texts."""
    if not ID.match(d["id"]) or not TRACE_ID.match(d["trace_id"]):
        yield "ids"
    if "parent_id" in d and not ID.match(d["parent_id"]):
        yield "parent_id"
    if d.get("type") == "subsegment":
        if "parent_id" not in d:
            yield "a subsegment without a parent"
    elif "type" in d or "namespace" in d:
        yield "a segment with what a subsegment has"
    if d.get("namespace", "aws") not in ("aws", "remote"):
        yield "namespace"
    if "end_time" not in d or d["end_time"] < d["start_time"]:
        yield "end_time"
    if d["bytes"] > 65507:
        yield "longer than a datagram"
    if len(d.get("links", [])) > 20 or any(not ID.match(x["id"]) or not TRACE_ID.match(x["trace_id"])
                                           for x in d.get("links", [])):
        yield "links"
    if d.get("throttle") and not d.get("error"):
        yield "throttle without error"
    if any(key.startswith("AWS.") for space in d.get("metadata", {}).values() for key in space):
        yield "reserved key"
    exceptions = d.get("cause", {}).get("exceptions", [])
    if "cause" in d and not exceptions:
        yield "an empty cause"
    for e in exceptions:
        if not ID.match(e["id"]) or not isinstance(e["type"], str) or not isinstance(e["message"], str):
            yield "exception"
        if any(not isinstance(frame.get("label", ""), str) for frame in e.get("stack", [])):
            yield "stack"


def problems(d):
    if "bad" in d:
        yield f"no document: {d}"
        return
    for error in list(segment.iter_errors(d)) + (list(subsegment.iter_errors(d)) if "type" in d else []):
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message[-200:]}"
    yield from guide(d)


nr = bad = 0
for line in open(sys.argv[2]):
    document = json.loads(line)
    nr += 1
    for problem in problems(document):
        bad += 1
        if bad < 20:
            print(f"  {document.get('name')!r}: {problem}")
print(f"{nr} documents" + (f", {bad} problems" if bad else ""))
sys.exit(bad != 0 or nr == 0)
