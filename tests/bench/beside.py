# SPDX-License-Identifier: Apache-2.0
"""beside: runs things side by side, in turn, and prints what one adds to the other.

A figure is the median of its rounds. Behind it in brackets stand the least and
the greatest: of the rounds where they are few, else of the medians of five
equal parts of the run, one after the other.
"""
import contextlib
import os
import statistics
import subprocess
import time

PARTS = 5
aims = []  # of every row that has a target: part, name, what was measured, target, verdict
part = ""


def parts_of(values):
    if len(values) < 4 * PARTS:
        return values
    n = len(values) // PARTS
    return [statistics.median(values[i * n : (i + 1) * n]) for i in range(PARTS)]


class Figure:
    """A median and its spread, of rounds that were made in turn with those of others."""

    def __init__(self, values):
        self.values = list(values)
        self.median = statistics.median(self.values)
        self.least = min(parts_of(self.values))
        self.most = max(parts_of(self.values))

    def __sub__(self, other):
        return Figure(a - b for a, b in zip(self.values, other.values))

    def __truediv__(self, other):
        return Figure(a / b for a, b in zip(self.values, other.values))


def spread(figure, digits=0, sign="+"):
    return "{:{s}.{d}f} ({:{s}.{d}f}..{:{s}.{d}f})".format(figure.median, figure.least, figure.most, s=sign, d=digits)


def title(text, *columns):
    global part
    part = text.split(",")[0]
    cells = "".join(f"{c:>9}" for c in list(columns[:3]) + [""] * (3 - len(columns)))
    print(f"\n{text:<46}{cells}   {columns[3] if len(columns) > 3 else ''}".rstrip(), flush=True)


def row(name, cells, said, target="", met=None):
    """Figures of plain, empty and ours, as far as there are such; then what it comes to."""
    verdict = {True: "met", False: "NOT MET", None: ""}[met]
    columns = "".join(f"{c:>9}" for c in list(cells) + [""] * (3 - len(cells)))
    print(f"  {name:<44}{columns}   {said:<28}{target:<16}{verdict}".rstrip(), flush=True)
    if met is not None:
        aims.append((part, name, said, target, verdict))


def added_row(name, figures, target=None, digits=0, to=0):
    """What the last of the figures adds to figures[to]; the target is the most that may be."""
    more = figures[-1] - figures[to]
    wanted = "" if target is None else f"at most +{target}"
    cells = [f"{f.median:.{digits}f}" if f else "" for f in figures]
    row(name, cells, spread(more, digits), wanted, None if target is None else more.median <= target)


def line(name, said, target="", met=None):
    """A figure that has nothing beside it."""
    row(name, [], said, target, met)


def print_aims():
    print(f"\n{'targets':<76} {'measured':<28}target")
    for of, name, said, target, verdict in aims:
        text = f"{of}: {name.strip()}"
        print(f"  {text:<74} {said:<28}{target:<16}{verdict}".rstrip())
    met = sum(aim[4] == "met" for aim in aims)
    print(f"\n{met} targets met, {len(aims) - met} not met")


class Asked:
    """A program that does a round for each line it is given (bench.h)."""

    def __init__(self, command, env):
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=env, stdin=pipe, stdout=pipe, text=True)

    def round(self, kind):
        """Nanoseconds and instructions, below 0 where nothing counts these."""
        self.process.stdin.write(f"{kind}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().split()
        if not answer:
            raise SystemExit(f"bench: {self.process.args} ended")
        return float(answer[0]), float(answer[1])

    def end(self):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def in_turn(commands, kinds, rounds, seconds, starts=4):
    """What rounds of the commands {name: (command, env)} took: {(name, kind): Figure}, and the
    same of instructions, or {} where they are not counted.

    Every round asks each of them once, and begins with another one. They are started anew some
    times: where the kernel has put a process's memory also tells in what it costs. There are
    fewer rounds where they would take longer than `seconds`."""
    values = {(name, kind): [] for name in commands for kind in kinds}
    names = list(commands)
    for _ in range(starts):
        with contextlib.ExitStack() as stack:
            asked = {}
            for name, how in commands.items():
                asked[name] = Asked(*how)
                stack.callback(asked[name].end)
            for kind in kinds:
                for name in names:
                    asked[name].round(kind)
            end = time.monotonic() + seconds / starts
            for i in range(-(-rounds // starts)):
                if i > 1 and time.monotonic() > end:
                    break
                for kind in kinds:
                    for k in range(len(names)):
                        name = names[(i + k) % len(names)]
                        values[name, kind].append(asked[name].round(kind))
    ns = {key: Figure(v[0] for v in all_of) for key, all_of in values.items()}
    if any(v[1] < 0 for all_of in values.values() for v in all_of):
        return ns, {}
    return ns, {key: statistics.median(v[1] for v in all_of) for key, all_of in values.items()}


def clean_environment():
    """What the caller has set must not tell in the result."""
    ours = ("OTEL_", "AUTOTRACE_", "TRACE", "LD_", "BAGGAGE", "http_proxy", "MAKE", "MFLAGS", "BENCH")
    keep = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    keep["LC_ALL"] = "C"
    return keep
