#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""largest_trace.py DIR TOTAL LEAST MOST: that many spans in all, and so many in the largest trace."""
import collections
import glob
import json
import sys

sizes = collections.Counter()
for path in glob.glob(sys.argv[1] + "/*.jsonl"):
    for line in open(path):
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                sizes.update(s["traceId"] for s in scope["spans"])
total, largest = sum(sizes.values()), max(sizes.values(), default=0)
print(f"  {total} spans in {len(sizes)} traces, {largest} in the largest")
sys.exit(total < int(sys.argv[2]) or not int(sys.argv[3]) <= largest <= int(sys.argv[4]))
