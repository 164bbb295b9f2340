# SPDX-License-Identifier: Apache-2.0
"""stacks.py SPANS: the stacks of the spans in a file, one a line, without what libc is called:

PATH|function file:line|frame < frame < ...
"""
import json
import os
import re
import sys

for line in open(sys.argv[1]):
    for resource in json.loads(line)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                has = {a["key"]: list(a["value"].values())[0] for a in span["attributes"]}
                where = has.get("code.function.name", "-")
                if "code.file.path" in has:
                    where += " %s:%s" % (os.path.basename(has["code.file.path"]),
                                         has.get("code.line.number", "?"))
                frames = []
                for frame in has.get("code.stacktrace", "").split("\n"):
                    frame = re.sub(r"\+0x[0-9a-f]+( \(.*\))?$", "+", frame)
                    frame = re.sub(r"^0x[0-9a-f]+$", "?", frame)
                    frames.append(frame if frame.startswith("<signal") else re.sub(r" \(.*\)$", "", frame))
                path = re.sub(r"^\w+://[^/]*", "", has.get("url.full", span["name"]))
                print("%s|%s|%s" % (path, where, " < ".join(frames)))
