#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""ebpf_sums.py FILE CHECK...: what the kernel saw, as it stands on the spans of a file.

    one PATH        how many spans of a server there are for it: 1
    whole PATH      each of its spans has sums, and all of its time is on the CPU, waiting or blocked
    at-least PATH KEY SECONDS, at-most PATH KEY SECONDS
    within PATH KEY KEY           the one is no more than the other
    count PATH CALL N
    rtt PATH MICROSECONDS         what it asked took that long to the other and back; and it has one of its own
    partial PATH, not-partial PATH
    none PATH       has no sums
    below PATH NAME N [SECONDS]   has so many spans below it that are calls of this name, each as long
    strace PATH LOG CALL...       no more time than strace saw, and not much less
    perf PATH LOG CALL...         as much time as perf trace -s saw in the thread that made the calls, and none other did
    perf-longest PATH LOG CALL    as much as the longest that it saw, beside which the others are short
    perf-slow PATH LOG CALL       what took long took as long as the longest that it saw
    every PATH CALL N             each of its spans that is not marked has so many of this call
    marked PATH MOST              at most so many of its spans are marked
"""
import json
import re
import sys

spans = []
for line in open(sys.argv[1]):
    for group in json.loads(line)["resourceSpans"]:
        for span in group["scopeSpans"][0]["spans"]:
            span["of"] = {a["key"]: next(iter(a["value"].values())) for a in span.get("attributes", [])}
            spans.append(span)


def of_path(path):
    found = [s for s in spans if s["kind"] == 2 and s["of"].get("url.path") == path]
    if not found:
        fail(f"no span of {path}")
    return found


def fail(why):
    print(f"  {why}")
    sys.exit(1)


def number(span, key):
    return float(span["of"].get(f"autotrace.{key}", 0))


def seconds(span):
    return (int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"])) / 1e9


def demand(truth, span, why):
    if not truth:
        lines = "\n".join(f"    {k}={v}" for k, v in span["of"].items() if k.startswith("autotrace"))
        fail(f"{span['of'].get('url.path')}: {why}; it took {seconds(span)}\n{lines}")


def seen_by_strace(log, call):
    """Of each call that came to its end, the seconds."""
    lines = open(log).read()
    # a call during which another thread was told of has its end, and its time, on another line
    found = re.findall(rf"(?:^|\s)(?:<\.\.\. )?{call}(?:\(| resumed).*<([0-9.]+)>$", lines, re.M)
    return [float(text) for text in found]


def strace(path, log, *calls):
    for call in calls:
        there = seen_by_strace(log, call)
        for span in of_path(path):
            nr = int(span["of"].get(f"autotrace.syscall.{call}.count", 0))
            ours = number(span, f"syscall.{call}.duration")
            # strace has the longest: others of the call are not of the span
            theirs = sum(sorted(there)[-nr:])
            demand(nr and len(there) >= nr, span, f"{call}: {nr} calls, strace saw {len(there)}")
            demand(theirs * 0.25 - 0.02 <= ours <= theirs * 1.02 + 0.001, span, f"{call}: strace has {theirs}")


def seen_by_perf(log, call):
    """Calls, seconds in all and of the longest, of the thread that most of them are of."""
    columns = r"^ +%s +(\d+) +\d+ +([0-9.]+) +[0-9.]+ +[0-9.]+ +([0-9.]+)" % call
    threads = re.split(r"^ \S.* \(\d+\), \d+ events", open(log).read(), flags=re.M)
    rows = [row for row in (re.search(columns, text, re.M) for text in threads if " fsync " in text) if row]
    if len(rows) != 1:
        fail(f"perf trace saw {call} in {len(rows)} threads that also have fsync")
    return int(rows[0][1]), float(rows[0][2]) / 1e3, float(rows[0][3]) / 1e3


def perf(path, log, *calls):
    for call in calls:
        nr, theirs, _ = seen_by_perf(log, call)
        for span in of_path(path):
            ours = number(span, f"syscall.{call}.duration")
            print(f"  {call}: {ours * 1e3:.3f} ms, perf trace {theirs * 1e3:.3f} ms in {nr} calls")
            demand(int(span["of"].get(f"autotrace.syscall.{call}.count", 0)) == nr, span, f"{call}: perf saw {nr}")
            demand(abs(ours - theirs) <= 0.02 * theirs + 0.0002 * nr, span, f"{call}: perf has {theirs}")


def perf_slow(path, log, call):
    _, _, longest = seen_by_perf(log, call)
    for span in of_path(path):
        took = [seconds(s) for s in spans if s.get("parentSpanId") == span["spanId"] and s["name"] == call]
        demand(len(took) == 1 and abs(took[0] - longest) <= 0.02 * longest, span, f"{took}, perf trace has {longest}")


def perf_longest(path, log, call):
    _, _, longest = seen_by_perf(log, call)
    for span in of_path(path):
        ours = number(span, f"syscall.{call}.duration")
        nr = int(number(span, f"syscall.{call}.count"))
        print(f"  {call}: {ours * 1e3:.3f} ms in {nr} calls, perf trace {longest * 1e3:.3f} ms the longest")
        # the others are waits for the interpreter's lock, which it hands over every 5 ms
        most = longest * 1.02 + 0.0002 + 0.005 * (nr - 1)
        demand(longest * 0.98 - 0.0002 <= ours <= most, span, f"{call}: perf has {longest}")


def is_marked(span):
    return span["of"].get("autotrace.syscall.partial") is True


def every(path, call, n):
    for span in of_path(path):
        got = int(span["of"].get(f"autotrace.syscall.{call}.count", 0))
        demand(got == int(n) or is_marked(span), span, f"{got} of {call}")


def marked(path, most):
    nr = sum(is_marked(span) for span in of_path(path))
    print(f"  {nr} of {len(of_path(path))} are marked")
    if nr > int(most):
        fail("too many")


def rtt(path, of_other):
    for span in of_path(path):
        below = [s for s in spans if s.get("parentSpanId") == span["spanId"] and s["kind"] == 3]
        demand(len(below) == 1, span, f"{len(below)} requests below it")
        demand(abs(number(below[0], "tcp.rtt") - float(of_other) / 1e6) < 1e-9, below[0], f"it was {of_other}")
        demand(0 < number(span, "tcp.rtt") < 0.05, span, "no round-trip time")


args = sys.argv[2:]
check = args.pop(0)
if check == "strace":
    strace(*args)
elif check == "every":
    every(*args)
elif check == "perf":
    perf(*args)
elif check == "perf-longest":
    perf_longest(*args)
elif check == "perf-slow":
    perf_slow(*args)
elif check == "marked":
    marked(*args)
elif check == "rtt":
    rtt(*args)
elif check == "below":
    path, name, n = args[:3]
    for span in of_path(path):
        below = [s for s in spans if s.get("parentSpanId") == span["spanId"] and s["kind"] == 1 and s["name"] == name]
        demand(len(below) == int(n), span, f"{len(below)} calls of {name} below it")
        for one in below:
            demand(one["traceId"] == span["traceId"], span, "another trace")
            demand(seconds(one) >= float(args[3]) if len(args) > 3 else True, one, "too short")
            early = int(span["startTimeUnixNano"]) - int(one["startTimeUnixNano"])
            demand(early < 2000000, span, f"{name} began {early} ns before it")
else:
    for span in of_path(args[0]):
        sums = [k for k in span["of"] if re.match(r"autotrace\.(syscall\..*\.count|cpu\.|blocked\.|runqueue\.)", k)]
        if check == "one":
            demand(len(of_path(args[0])) == 1, span, "is not the only one")
        elif check == "whole":
            parts = sum(number(span, f"{part}.duration") for part in ("cpu", "runqueue", "blocked"))
            demand(sums and abs(parts - seconds(span)) < 0.002 + 0.05 * seconds(span), span, f"the parts are {parts}")
        elif check == "at-least":
            demand(number(span, args[1]) >= float(args[2]), span, f"less than {args[2]}")
        elif check == "at-most":
            demand(number(span, args[1]) <= float(args[2]), span, f"more than {args[2]}")
        elif check == "within":
            demand(number(span, args[1]) <= number(span, args[2]), span, f"{args[1]} is more than {args[2]}")
        elif check == "count":
            got = int(number(span, f"syscall.{args[1]}.count"))
            demand(got == int(args[2]), span, f"{got} of {args[1]}")
        elif check == "partial":
            demand(is_marked(span), span, "is not marked")
        elif check == "not-partial":
            demand(not is_marked(span), span, "is marked")
        elif check == "none":
            demand(not sums, span, "has sums")
        else:
            fail(f"no check {check}")
