# SPDX-License-Identifier: Apache-2.0
"""ledger: what became of the spans of a process, by its own account and by the collector's."""
import collections
import re

COUNTER = re.compile(r"^autotrace\[(\d+)\]: (.+): (\d+)$", re.M)
# columns of the table; other causes are summed up as the last one
CAUSES = {
    "queue full": "full",
    "rejected by the backend": "rejected",
    "backend not reached": "unreached",
    "not sent before the exit limit": "at exit",
}
COLUMNS = [*CAUSES.values(), "other"]
NEVER_OPENED = "spans lost: too many open at once"


def read_counters(text):
    """What AUTOTRACE_STATS made each process say at its end: {pid: {what: n}}."""
    counters = collections.defaultdict(collections.Counter)
    for pid, what, n in COUNTER.findall(text):
        counters[int(pid)][what] += int(n)
    return counters


class Journal:
    """What the collector did with what it was sent (collector.py)."""

    def __init__(self, text):
        self.accepted, self.rejected, self.unsure = (collections.Counter() for _ in range(3))
        self.by_phase = collections.defaultdict(collections.Counter)
        self.malformed = []
        self.heard_at_the_end = set()  # whose spans were accepted in the last phase
        self.phase = self.asked = None
        for line in text.splitlines():
            what, phase, *rest = line.split()
            if what == "x":
                self.malformed.append(line)
            else:
                self.add(what, phase, *map(int, rest))
        self.settle(None)

    def add(self, what, phase, pid, accepted, rejected):
        if phase != self.phase:
            self.phase = phase
            self.heard_at_the_end = set()
        if what == "?":
            self.settle((phase, pid, accepted + rejected))
            return
        if self.asked and self.asked[:2] == (phase, pid):
            self.asked = None  # this line says what became of it
        self.settle(None)
        tally = self.by_phase[phase]
        if what == "-":
            tally["not settled"] += accepted
            return
        tally["accepted"] += accepted
        tally["rejected"] += rejected
        self.accepted[pid] += accepted
        self.rejected[pid] += rejected
        if accepted:
            self.heard_at_the_end.add(pid)

    def settle(self, asked):
        """A `?` that nothing follows: killed meanwhile. Of these spans either account is right."""
        if self.asked:
            self.unsure[self.asked[1]] += self.asked[2]
        self.asked = asked


class Account:
    """One process, or several added up."""

    def __init__(self, pids, counters, journal):
        self.lost = collections.Counter()
        self.ended = self.sent = 0
        for pid in pids:
            self.ended += counters[pid]["spans ended"]
            self.sent += counters[pid]["spans accepted by the backend"]
            for what, n in counters[pid].items():
                if re.match("spans (lost|discarded): ", what) and what != NEVER_OPENED:
                    self.lost[CAUSES.get(what.split(": ")[1], "other")] += n
        self.accepted, self.rejected, self.unsure = (
            sum(tally[pid] for pid in pids)
            for tally in (journal.accepted, journal.rejected, journal.unsure)
        )

    def adds_up(self):
        return (
            self.ended == self.sent + sum(self.lost.values())
            and self.accepted <= self.sent <= self.accepted + self.unsure
            and self.rejected <= self.lost["rejected"] <= self.rejected + self.unsure
        )

    def __str__(self):
        return "".join(
            f"{n:>10}"
            for n in (self.ended, self.sent, self.accepted, *(self.lost[k] for k in COLUMNS))
        )
