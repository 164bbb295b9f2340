#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lambda_numbers.py FILE INVOCATIONS CALLS ROOTS: whose children the calls of many invocations are.

A call names the request id of the invocation that it is made in. It is that one's child,
or nobody's: of these there may be as many as ROOTS per cent, and none may be another's."""
import json
import sys

file, invocations, calls, roots = sys.argv[1], *map(int, sys.argv[2:])
spans = {}
for line in open(file):
    for resource in json.loads(line)["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                if scope.get("scope", {}).get("name") != "AWS::Lambda":
                    span["is"] = {a["key"]: list(a["value"].values())[0] for a in span.get("attributes", [])}
                    spans[span["spanId"]] = span

of = {i: s["is"]["faas.invocation_id"] for i, s in spans.items() if "faas.invocation_id" in s["is"]}
made = [s for s in spans.values() if "?" in s["is"].get("url.full", "")]
alone = [s for s in made if not s.get("parentSpanId")]
wrong = [s for s in made if s.get("parentSpanId") and of.get(s["parentSpanId"]) != s["is"]["url.full"].split("?")[1]]
print(f"  {len(of)} invocations, {len(made)} calls, {len(alone)} nobody's, {len(wrong)} another's")
sys.exit(len(of) != invocations or len(made) != calls or bool(wrong) or 100 * len(alone) > roots * calls)
