# SPDX-License-Identifier: Apache-2.0
"""soak.py LIBRARY FOLDER SECONDS: starts everybody, has the collector misbehave, and adds up.

    wrk ----> nginx, two workers ----> origin         everything but wrk and the
    client -> front ----------------> origin behind   collector is preloaded
    short clients, one after the other, ask front: one always ends in the middle of it

What the collector does with spans it writes down itself (collector.py); what a
process thinks became of its spans it says at its end. run.sh starts this.
"""
import collections
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

from ledger import COLUMNS, NEVER_OPENED, Account, Journal, read_counters

library, folder, seconds = sys.argv[1], sys.argv[2], max(20, float(sys.argv[3]))
here = os.path.dirname(os.path.abspath(__file__))

CONNS = 24  # of wrk
FAULTS = ["killed", "503", "429", "400", "silent", "garbage", "trickle", "slow", "partial"]
OUR_FDS = 400  # the exporter's descriptors begin here
EXIT_FLUSH_MS = 500
GROWTH = {"kb": 256, "fds": 4, "threads": 0}  # from the first third to the last, at most

SETTINGS = {
    "OTEL_TRACES_SAMPLER": "always_on",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "1000",
    "OTEL_BSP_EXPORT_TIMEOUT": "2000",
    "OTEL_BSP_SCHEDULE_DELAY": "200",
    "AUTOTRACE_STATS": "true",
    "AUTOTRACE_EXIT_FLUSH_MS": str(EXIT_FLUSH_MS),
}

NGINX = """
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.errors warn;
events {{ worker_connections 512; }}
http {{
	access_log off;
	keepalive_requests 1000000000;
	client_body_temp_path {folder}/nginx.1;
	proxy_temp_path {folder}/nginx.2;
	fastcgi_temp_path {folder}/nginx.3;
	uwsgi_temp_path {folder}/nginx.4;
	scgi_temp_path {folder}/nginx.5;
	client_body_buffer_size 128k;
	proxy_buffers 16 16k;
	upstream origin {{
		server 127.0.0.1:{origin};
		keepalive 64;
		keepalive_requests 1000000000;
	}}
	server {{
		listen 127.0.0.1:{port} reuseport;
		location / {{
			proxy_pass http://origin;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
		}}
	}}
}}
"""


def path(name):
    return os.path.join(folder, name)


def text_of(name):
    try:
        with open(path(name), errors="replace") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def said(name):
    """Each line of "requests 5 wrong 0" as a dictionary, by who wrote it."""
    lines = text_of(name + ".out").splitlines()
    found = ({k: float(v) for k, v in re.findall(r"([a-z]+) ([\d.]+)", line)} for line in lines)
    return [line for line in found if "wrong" in line]


# ---- what is in /proc --------------------------------------------------------------------------


def everybody():
    """{pid: (state, parent, group)}"""
    stats = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as f:
                state, parent, group = f.read().rsplit(")", 1)[1].split()[:3]
            stats[int(pid)] = state, int(parent), int(group)
        except OSError:
            pass
    return stats


def children(parent):
    return sorted(pid for pid, stat in everybody().items() if stat[1] == parent)


def listens(port):
    with open("/proc/net/tcp") as f:
        return re.search(rf":{port:04X} [0-9A-F:]+ 0A ", f.read()) is not None


class Sample:
    def __init__(self, pid):
        with open(f"/proc/{pid}/status") as f:
            status = f.read()
        self.when = time.monotonic()
        self.kb = int(re.search(r"VmRSS:\s*(\d+)", status)[1])
        self.threads = int(re.search(r"Threads:\s*(\d+)", status)[1])
        fds = os.listdir(f"/proc/{pid}/fd")
        self.fds = len(fds)
        self.ours = sum(int(fd) >= OUR_FDS for fd in fds)


# ---- everybody ---------------------------------------------------------------------------------


def dies_with_us():
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def environment(name):
    ours = ("OTEL_", "AUTOTRACE_", "TRACE", "LD_", "BAGGAGE")
    keep = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    if not name:
        return keep
    return {
        **keep,
        **SETTINGS,
        "LD_PRELOAD": library,
        "OTEL_SERVICE_NAME": name,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port_of['collector']}",
        "AUTOTRACE_LOG": path("counters"),
    }


def start(name, *command, traced=True, **kw):
    """What it says goes to NAME.out and NAME.err."""
    with open(path(name + ".out"), "a") as out, open(path(name + ".err"), "a") as err:
        return subprocess.Popen(
            [str(word) for word in command],
            env=environment(name if traced else None),
            cwd=folder,
            stdout=out,
            stderr=err,
            preexec_fn=dies_with_us,
            **kw,
        )


def wait_until(what, limit, question, *args):
    end = time.monotonic() + limit
    while not question(*args):
        if time.monotonic() > end:
            raise SystemExit(f"soak: {what}")
        time.sleep(0.02)


def end_of(process, limit):
    """Its exit code; one that does not end is killed, and that is then told by the code."""
    try:
        return process.wait(limit)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class Collector:
    def __init__(self):
        self.phase = "live"
        self.start()

    def start(self):
        command = "/usr/bin/python3", f"{here}/collector.py", port_of["collector"], path("journal")
        self.process = start("collector", *command, traced=False, stdin=subprocess.PIPE)
        wait_until("the collector does not start", 10, listens, port_of["collector"])

    def turn(self, phase):
        was, self.phase = self.phase, phase
        if phase == was:
            return
        if phase == "killed":
            self.process.kill()
            self.process.wait()
            return
        if was == "killed":
            self.start()
        self.process.stdin.write(phase.encode() + b"\n")
        self.process.stdin.flush()

    def end(self):
        self.process.stdin.close()
        return end_of(self.process, 10)


class ShortClient:
    """Asks a few times; and how long it takes to end then, but for its waiting for a processor."""

    def __init__(self, phase):
        self.phase = phase
        self.process = start("short", path("pool"), "client", port_of["front"], -10, 2)
        self.pid = self.process.pid
        self.ended = None
        threading.Thread(target=self.wait, daemon=True).start()

    def wait(self):
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        ended = time.monotonic()
        try:
            with open(f"/proc/{self.pid}/schedstat") as f:
                self.kept_waiting = int(f.read().split()[1]) / 1e9
        except OSError:
            self.kept_waiting = 0
        self.code = self.process.wait()
        self.ended = ended


def schedule():
    """(when, phase): alive for a while at both ends, and all faults in turn between."""
    ends = min(20, max(5, seconds / 10))
    phases = (FAULTS + ["live"]) * max(1, round((seconds - 2 * ends) / 90))
    each = (seconds - 2 * ends) / (len(phases) - 1)
    return [(0, "live")] + [(ends + i * each, phase) for i, phase in enumerate(phases)]


class Soak:
    def __init__(self):
        self.collector = Collector()
        pool = path("pool")
        self.servers = {
            "origin": start("origin", pool, "origin", port_of["origin"]),
            "origin behind": start("origin behind", pool, "origin", port_of["behind"]),
            "front": start("front", pool, "front", port_of["front"], port_of["behind"]),
            "nginx": start("nginx", "nginx", "-c", path("nginx.conf")),
        }
        self.master = self.servers["nginx"].pid
        for port in port_of.values():
            wait_until("a server does not start", 10, listens, port)
        wait_until("nginx has no workers", 10, lambda: len(children(self.master)) == 2)
        self.workers = children(self.master)
        self.names = {pid: f"nginx worker {i + 1}" for i, pid in enumerate(self.workers)}
        self.names.update({p.pid: n for n, p in self.servers.items() if n != "nginx"})
        self.shorts = []

    def load(self):
        wrk = ["wrk", "-t", 1, "-c", CONNS, "-d", f"{seconds:.0f}s", "--timeout", "10s"]
        wrk += ["-s", f"{here}/wrk.lua", f"http://127.0.0.1:{port_of['nginx']}"]
        self.begin = time.monotonic()
        self.loads = {
            "wrk": start("wrk", *wrk, traced=False),
            "client": start("client", path("pool"), "client", port_of["front"], seconds, 8),
        }
        self.names[self.loads["client"].pid] = "client"
        self.samples = {pid: [] for pid in [*self.names, self.master]}

    def run(self):
        self.load()
        plan = collections.deque(schedule())
        next_sample = self.begin
        while time.monotonic() < self.begin + seconds:
            now = time.monotonic()
            if plan and now - self.begin >= plan[0][0]:
                self.collector.turn(plan.popleft()[1])
            if now >= next_sample:
                next_sample = now + min(3, seconds / 60)
                self.sample()
            if not self.shorts or self.shorts[-1].ended:
                self.shorts.append(ShortClient(self.collector.phase))
            time.sleep(0.1)
        self.end()

    def sample(self):
        for pid, taken in self.samples.items():
            try:
                taken.append(Sample(pid))
            except (OSError, TypeError):
                pass  # it ended: its exit code tells

    def end(self):
        codes = {name: end_of(load, 30) for name, load in self.loads.items()}
        wait_until("a short client does not end", 30, lambda: self.shorts[-1].ended)
        codes.update({f"short client {s.pid}": s.code for s in self.shorts})
        time.sleep(1.5)  # the collector lives: what is waiting is sent
        group = os.getpgrp()
        self.zombies = [p for p, s in everybody().items() if s[2] == group and s[0] == "Z"]
        self.same_workers = children(self.master) == self.workers
        for name, server in self.servers.items():
            server.send_signal(signal.SIGQUIT if name == "nginx" else signal.SIGTERM)
        codes.update({name: end_of(server, 20) for name, server in self.servers.items()})
        codes["collector"] = self.collector.end()
        self.bad_codes = {name: code for name, code in codes.items() if code}


# ---- what came of it ---------------------------------------------------------------------------

failures = []


def verdict(claim, holds, why):
    print(f"  ok      {claim}" if holds else f"  FAILED  {claim}: {why}")
    if not holds:
        failures.append(claim)


def equal(claim, *numbers):
    verdict(claim, len(set(numbers)) == 1, numbers)


def empty(claim, found):
    verdict(claim, not found, found)


class Report:
    def __init__(self, soak):
        self.soak = soak
        self.counters = read_counters(text_of("counters"))
        self.journal = Journal(text_of("journal"))
        groups = {name: [pid] for pid, name in soak.names.items()}
        groups["short clients"] = {s.pid for s in soak.shorts}  # numbers come again
        self.accounts = {
            name: Account(pids, self.counters, self.journal) for name, pids in groups.items()
        }
        self.pool = {
            name: (said(name) or [{}])[0] for name in ("origin", "origin behind", "front", "client")
        }
        self.short = said("short")
        self.wrk = (said("wrk") or [{}])[0]
        self.exits = [
            (s.ended - line["end"] - s.kept_waiting, s.kept_waiting, s.phase)
            for s, line in zip(soak.shorts, self.short)
        ]

    def greatest(self, pid, what):
        """In the first third, and in the last."""
        taken = [(s.when - self.soak.begin, getattr(s, what)) for s in self.soak.samples[pid]]
        first = [n for when, n in taken if when < seconds / 3]
        last = [n for when, n in taken if when > seconds * 2 / 3]
        return max(first, default=0), max(last, default=0)

    def print_collector(self):
        print(f"\n{seconds:.0f} s. Spans that the collector")
        print(f"  {'':<16}{'accepted':>10}{'rejected':>10}   read, and did not settle")
        for phase in dict.fromkeys(phase for _, phase in schedule()):
            n = self.journal.by_phase[phase]
            print(f"  {phase:<16}{n['accepted']:>10}{n['rejected']:>10}{n['not settled']:>10}")

    def print_accounts(self):
        print("\nSpans that ended, and what became of them; accepted: by the collector's account")
        columns = "".join(f"{k:>10}" for k in ("ended", "sent", "accepted", *COLUMNS))
        print(f"  {'':<16}{columns}")
        for name, account in self.accounts.items():
            print(f"  {name:<16}{account}{'' if account.adds_up() else '   DO NOT ADD UP'}")

    def print_samples(self):
        print("\nThe greatest in the first third and in the last")
        print(f"  {'':<16}{'resident kB':>20}{'descriptors':>16}{'ours':>8}{'threads':>16}")
        for pid, name in {**self.soak.names, self.soak.master: "nginx master"}.items():
            kb, fds, threads = (self.greatest(pid, what) for what in GROWTH)
            ours = max((s.ours for s in self.soak.samples[pid]), default=0)
            print(
                f"  {name:<16}{kb[0]:>10}{kb[1]:>10}{fds[0]:>8}{fds[1]:>8}{ours:>8}"
                f"{threads[0]:>8}{threads[1]:>8}"
            )

    def print_requests(self):
        print(
            f"\nRequests: wrk {self.wrk.get('requests', 0):.0f},"
            f" client {self.pool['client'].get('requests', 0):.0f},"
            f" {len(self.soak.shorts)} short clients {sum(s['requests'] for s in self.short):.0f};"
            f" the slowest exit of these: {max(self.exits, default=[0])[0] * 1000:.0f} ms\n"
        )

    def judge_requests(self):
        errors = {k: n for k, n in self.wrk.items() if k not in ("requests", "right") and n}
        verdict(
            "wrk: every request is answered, and right",
            self.wrk.get("right") and not errors,
            errors or "none was",
        )
        for name in ("front", "client", "origin", "origin behind"):
            equal(f"{name}: none goes wrong", self.pool[name].get("wrong"), 0)
        equal("short clients: none goes wrong", len(self.short), len(self.soak.shorts))
        empty("and all are answered right", [s for s in self.short if s["wrong"]])
        for name in ("front", "origin", "origin behind"):
            equal(f"{name}: each carries one traceparent", self.pool[name].get("untraced"), 0)

    def judge_spans(self):
        made = {name: account.ended for name, account in self.accounts.items()}
        served = self.pool["origin"].get("requests", -1)
        asked = self.wrk.get("requests", 0)
        front = sum(s["requests"] for s in [self.pool["client"], *self.short] if s)
        workers = made["nginx worker 1"] + made["nginx worker 2"]
        empty("every batch is well-formed", self.journal.malformed)
        empty(
            "every span is accepted, or counted as lost by its cause",
            [name for name, account in self.accounts.items() if not account.adds_up()],
        )
        verdict(
            "origin is asked what wrk asked, and what was on its way at the end",
            asked <= served <= asked + CONNS,
            (asked, served),
        )
        equal("origin: a span a request", made["origin"], served)
        verdict(
            "nginx: two spans a request, but for those on their way at the end",
            abs(workers - 2 * served) <= 2 * CONNS,
            (workers, served),
        )
        clients = made["client"] + made["short clients"]
        equal("client and short clients: a span a request", clients, front)
        equal("front: two spans a request", made["front"], 2 * front)
        equal("origin behind: a span a request", made["origin behind"], front)
        empty("no span finds no room", [p for p, c in self.counters.items() if c[NEVER_OPENED]])
        refusing = ("503", "429", "400", "silent", "trickle")
        late = [phase for phase in refusing if self.journal.by_phase[phase]["accepted"]]
        empty("no span is taken where none is accepted", late)
        unheard = [n for p, n in self.soak.names.items() if p not in self.journal.heard_at_the_end]
        empty("everybody's spans are taken again at the end", unheard)

    def judge_processes(self):
        limit = EXIT_FLUSH_MS / 1000 + 0.5
        late = [e for e in self.exits if e[0] > limit]
        empty("no exit takes longer than its limit", late)
        for what, bound in GROWTH.items():
            title = {"kb": "kB resident", "fds": "descriptors", "threads": "threads"}[what]
            both = {name: self.greatest(pid, what) for pid, name in self.soak.names.items()}
            grown = {name: b for name, b in both.items() if not 0 < b[1] <= b[0] + bound}
            empty(f"at most {bound} {title} more in the last third", grown)
        names = self.soak.names.items()
        crowded = [n for p, n in names if any(s.ours > 1 for s in self.soak.samples[p])]
        empty("one descriptor of ours a process, at most", crowded)
        empty("no zombies", self.soak.zombies)
        verdict("nginx keeps the workers that it began with", self.soak.same_workers, "it does not")
        empty("everybody ends by itself, with status 0", self.soak.bad_codes)
        empty("no core", [name for name in os.listdir(folder) if name.startswith("core")])
        noisy = [n for n in os.listdir(folder) if n.endswith((".err", ".errors")) and text_of(n)]
        empty("nobody complains", {name: text_of(name)[:500] for name in noisy})

    def print(self):
        self.print_collector()
        self.print_accounts()
        self.print_samples()
        self.print_requests()
        self.judge_requests()
        self.judge_spans()
        self.judge_processes()
        print(f"\n{len(failures)} failed" if failures else "\nall hold")


def free_ports(*names):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: s.getsockname()[1] for name, s in zip(names, held)}
    for s in held:
        s.close()
    return ports


dies_with_us()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
port_of = free_ports("nginx", "origin", "front", "behind", "collector")
with open(path("nginx.conf"), "w") as conf:
    conf.write(NGINX.format(folder=folder, port=port_of["nginx"], origin=port_of["origin"]))
with open(path("counters"), "w"):
    os.chmod(path("counters"), 0o666)  # nginx's workers are somebody else
soak = Soak()
soak.run()
Report(soak).print()
sys.exit(1 if failures else 0)
