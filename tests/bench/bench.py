# SPDX-License-Identifier: Apache-2.0
"""bench.py BUILD [PART...]: what it costs, beside the plain program. run.sh starts it.

Nearly everything is measured three times, in turn: plain, with a preload that is
empty, and with ours. What the empty one seems to add is what the machine's noise
comes to.
"""
import glob
import os
import platform
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time

import secure
from beside import Figure, added_row, clean_environment, in_turn, line, print_aims, row, spread, title
from proc import Nginx, cpu_ns, resident, tasks, wakes

build = os.path.abspath(sys.argv[1])
library = os.path.join(build, "libautotrace.so")
compiler = os.environ.get("CC", "gcc").split()
plain = clean_environment()
folder = tempfile.mkdtemp()
os.chmod(folder, 0o777)
nobody = "http://127.0.0.1:1"
begin = time.monotonic()
sleeping = []


def path(name):
    return os.path.join(folder, name)


def program(name):
    return os.path.join(build, "tests/bench", name)


empty = {**plain, "LD_PRELOAD": path("empty.so")}
# What any library costs that has a thread: libc's calls take locked steps as soon as there are two. It
# has descriptors of its own, as the exporter's, since the kernel's take some more where they are shared.
threaded = {**plain, "LD_PRELOAD": path("threaded.so")}
THREADED = """
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <unistd.h>
static void *sleeps(void *unused) { unshare(CLONE_FILES); pause(); return unused; }
__attribute__((constructor)) static void begin(void) { pthread_t t; pthread_create(&t, NULL, sleeps, NULL); }
"""


def output(*command, **kw):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=100, **kw).stdout


def nginx(name, env):
    return Nginx(folder, name, env)


def with_us(name, **settings):
    """The environment of a traced program; what it says at its end goes to NAME.log."""
    return {
        **plain,
        "LD_PRELOAD": library,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "AUTOTRACE_STATS": "true",
        "AUTOTRACE_LOG": path(name + ".log"),
        **settings,
    }


def said(name):
    """The counters of all processes that were called so, added up."""
    counters = {}
    try:
        with open(path(name + ".log")) as log:
            for text in log:
                match = re.match(r"autotrace\[\d+\]: (.*): (\d+)$", text)
                if match:
                    counters[match[1]] = counters.get(match[1], 0) + int(match[2])
    except FileNotFoundError:
        pass
    return counters


def became_of(name):
    counters = said(name).items()
    return ", ".join(f"{what} {n}" for what, n in counters if what.startswith("spans")) or "no spans"


def load_average():
    now = os.getloadavg()[0]
    busy = "; a busy machine, see what empty seems to add" if now > os.cpu_count() else ""
    return f"load average {now:.2f}{busy}"


def machine():
    with open("/proc/cpuinfo") as info:
        model = re.search(r"model name\s*: (.*)", info.read())
    version = output(*compiler, "--version").splitlines()[0]
    print(f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores")
    print(f"Linux {platform.release()}, {' '.join(platform.libc_ver())}, {version}")
    print(f"before the run: {load_average()}")
    print("Medians of rounds in turn; in brackets the least and the greatest of parts of the run.")
    print("plain: no preload; empty: a preload library with nothing in it; ours: libautotrace.so")


# ---- parts -------------------------------------------------------------------------------------


def size():
    stripped = path("stripped.so")
    subprocess.run(["strip", "--strip-unneeded", "-o", stripped, library], check=True)
    kb = os.path.getsize(stripped) / 1000
    title("size")
    line("libautotrace.so, stripped", f"{kb:.0f} kB", "under 400 kB", kb < 400)


def spawned(runs, seconds, environments, *command):
    """Microseconds of the command's runs with each of the environments, from start to end."""
    words = []
    for env in environments:
        words.append(" ".join(f"{k}={v}" for k, v in env.items() if plain.get(k) != v))
    out = output(program("spawn"), str(runs), str(seconds), *words, "--", *command, env=plain)
    return [Figure(map(float, text.split())) for text in out.splitlines()]


def start():
    origin = nginx("origin", plain)
    ours = {**plain, "LD_PRELOAD": library, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
    down = {**ours, "OTEL_EXPORTER_OTLP_ENDPOINT": nobody}
    title("start to end of a process, us", "plain", "empty", "ours", "added")
    bare, hollow, traced = spawned(500, 5, [plain, empty, ours], "/bin/true")
    added_row("/bin/true, ours beside empty", [bare, hollow, traced], 100, to=1)
    added_row("  ours beside plain", [bare, hollow, traced])
    added_row("  empty beside plain", [bare, hollow])
    curl = ["curl", "-s", origin.url]
    bare, hollow, up, off = spawned(120, 8, [plain, empty, ours, down], *curl)
    added_row("curl, one GET over plain HTTP", [bare, hollow, up], 500)
    added_row("curl, collector down", [bare, hollow, off], 500)
    added_row("  empty beside plain", [bare, hollow])
    origin.end()


def counted(command, env, kinds):
    """Instructions of one of each kind, by callgrind, where the machine counts none itself."""
    for old in glob.glob(path("callgrind.*")):
        os.remove(old)
    # the second round of each: by then nothing is done for the first time
    asked = "".join(f"{kind}\n{kind}\n" for kind in kinds)
    valgrind = ["valgrind", "--tool=callgrind", "--separate-threads=yes", "--log-file=/dev/null"]
    valgrind += ["--toggle-collect=counted_round", "--dump-after=counted_round"]
    answers = output(*valgrind, f"--callgrind-out-file={path('callgrind')}", *command, env=env, input=asked)
    instructions = {}
    for i, kind in enumerate(kinds):
        with open(path(f"callgrind.{2 * i + 2}-01")) as profile:
            n = int(re.search(r"^totals: (\d+)", profile.read(), re.M)[1])
        instructions[kind] = n / int(answers.splitlines()[2 * i].split()[2])
    return instructions


def instructions_of(commands, kinds, found):
    """As in_turn found them, else by callgrind: {(name, kind): instructions}."""
    if found or not shutil.which("valgrind"):
        return found
    for name, (command, env) in commands.items():
        # there the exporter's thread gets few turns: room for all
        env = {**env, "OTEL_BSP_MAX_QUEUE_SIZE": "8192"} if "LD_PRELOAD" in env else env
        for kind, n in counted(command, env, kinds).items():
            found[name, kind] = n
    return found


def counted_by(found):
    if found:
        return "counted by the processor, user space"
    return "by callgrind, without the kernel and the vDSO" if shutil.which("valgrind") else ""


def instruction_row(name, instructions, kind, ours, digits=0):
    if instructions:
        cells = [instructions[key, kind] for key in ("plain", "empty", ours)]
        row(name, [f"{c:.{digits}f}" for c in cells], f"{cells[2] - cells[0]:+.{digits}f}")


def calls():
    names = output(program("calls"), "names").splitlines()
    command = [program("calls")]
    commands = {"plain": (command, plain), "empty": (command, empty), "ours": (command, with_us("calls"))}
    kinds = range(len(names))
    ns, found = in_turn(commands, kinds, 320, 12, starts=6)
    title("a call on a descriptor of no interest, ns", "plain", "empty", "ours", "added")
    for kind, name in zip(kinds, names):
        added_row(name, [ns[key, kind] for key in commands], 5, 1)
    noise = [(ns["empty", kind] - ns["plain", kind]).median for kind in kinds]
    line("  what empty seems to add, all of them", f"{min(noise):+.1f}..{max(noise):+.1f}")
    by = counted_by(found)
    instructions = instructions_of(commands, kinds, found)
    title("instructions of such a call", "plain", "empty", "ours", f"added, {by}")
    for kind, name in zip(kinds, names):
        instruction_row(name, instructions, kind, "ours", 1)


SORTS = [
    ("traced, exported", {}, 400),
    ("not sampled", {"OTEL_TRACES_SAMPLER": "always_off"}, 100),
    ("not traced (AUTOTRACE_PROBES=none)", {"AUTOTRACE_PROBES": "none"}, 100),
]


def exchange(end, where="heap", threads=1):
    return [program("exchange"), end, where, str(threads)]


def requests_of(end):
    commands = {"plain": (exchange(end), plain), "empty": (exchange(end), empty)}
    for name, settings, _ in SORTS:
        commands[name] = (exchange(end), with_us(end + name[:5], **settings))
    commands["threaded"] = (exchange(end), threaded)
    commands["mapped"] = (exchange(end, "mapped"), with_us("mapped"))
    ns, found = in_turn(commands, [1], 200, 8)
    title(f"one {end} request on its thread, ns", "plain", "empty", "ours", "added")
    beside = [ns["plain", 1], ns["empty", 1]]
    for name, _, target in SORTS:
        added_row(name, [*beside, ns[name, 1]], target)
    added_row("traced, sent from mapped memory", [*beside, ns["mapped", 1]], 400)
    added_row("  empty beside plain", beside)
    added_row("  empty, with a thread that sleeps, beside plain", [beside[0], ns["threaded", 1]])
    line("  of those traced", became_of(end + SORTS[0][0][:5]))
    by = counted_by(found)
    instructions = instructions_of(commands, [1], found)
    title(f"instructions of one {end} request", "plain", "empty", "ours", f"added, {by}")
    for name, _, _ in SORTS:
        instruction_row(name, instructions, 1, name)
    instruction_row("traced, sent from mapped memory", instructions, 1, "mapped")


def requests():
    for end in "client", "server":
        requests_of(end)


def two_threads():
    title("two threads at once, ns a request", "", "alone", "two")
    for end in "client", "server":
        command = exchange(end, "heap", 2)
        commands = {"plain": (command, plain), "empty": (command, empty), "ours": (command, with_us("two" + end))}
        ns, _ = in_turn(commands, [1, 2], 200, 5)
        more = [ns["ours", n] - ns["plain", n] for n in (1, 2)]
        # the ratio of what is added, and not of the kernel's work, which hides it
        ratio = more[1].median / max(more[0].median, 1)
        cells = ["", *[f"{f.median:.0f}" for f in more]]
        row(f"added to a {end} request", cells, f"{ratio:.2f} times", "at most 1.5", ratio <= 1.5)
        for name in commands:
            alone, two = ns[name, 1], ns[name, 2]
            cells = ["", f"{alone.median:.0f}", f"{two.median:.0f}"]
            row(f"  the whole request, {name}", cells, spread(two / alone, 2, "") + " times")
        line("  of ours", became_of("two" + end))


def answer_one(listener, context):
    """A collector with TLS, on one connection."""
    peer = context.wrap_socket(listener.accept()[0], server_side=True)
    with peer, peer.makefile("rb", 1 << 20) as lines:
        length = 0
        while head := lines.readline().lower():
            if head.startswith(b"content-length:"):
                length = int(head[15:])
            if head == b"\r\n":
                lines.read(length)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def over_tls():
    secure.prepare(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path("cert.pem"), path("key.pem"))
    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=answer_one, args=(listener, context), daemon=True).start()
    port = str(listener.getsockname()[1])
    return output(program("encode"), "tls", port, path("cert.pem"), env=plain).splitlines()


def by_grpc():
    """To gRPC's own server for node, where it is there."""
    here = os.path.dirname(os.path.abspath(__file__))
    modules = here + "/../../build/deps/npm-grpc/node_modules"
    if not shutil.which("node") or not os.path.isdir(modules + "/@grpc/grpc-js"):
        return []
    os.mkdir(path("grpc"))
    server = ["node", here + "/../integration/servers/otlp_grpc.js", path("grpc"), "ok"]
    server = subprocess.Popen(server, env={**plain, "NODE_PATH": modules})
    try:
        while not os.path.exists(path("grpc/port")) and server.poll() is None:
            time.sleep(0.05)
        with open(path("grpc/port")) as port:
            return output(program("encode"), "grpc", port.read(), "none", env=plain).splitlines()
    finally:
        server.kill()
        server.wait()


def export():
    lines = output(program("encode"), env=plain).splitlines() + over_tls() + by_grpc()
    answers = [text.split("\t") for text in lines]
    sizes, sides = answers[0], answers[1:]
    title("the exporter, ns a span", "", "CPU", "clock")
    for name, clock, cpu in sides:
        million = 1e3 / float(cpu)
        is_whole = name.endswith("TCP")
        text = f"{million:.2f} million/s of CPU"
        row(name, ["", cpu, clock], text, "at least 2" if is_whole else "", million >= 2 if is_whole else None)
    line("  bytes of such a span", f"record {sizes[1]}, protobuf {sizes[2]}, JSON {sizes[3]}")


def profiled():
    between, from_none, same, off = map(float, output(program("profiled"), env=plain).split("\t"))
    title("thread context, ns a change", "", "CPU")
    for name, ns in ("one span to another", between), ("one span and none", from_none):
        row(name, ["", f"{ns - off:.1f}"], "", "under 5", ns - off < 5)
    row("the same again", ["", f"{same - off:.1f}"], "")


def watched():
    """What the kernel's programs add to a system call, beside others that watch them."""
    got = output(program("ebpf"), env=plain).rstrip("\n").split("\t")
    title("a system call that does nothing, seen from the kernel, ns", "", "a call")
    if got[0] == "no":
        line("  not here", got[1])
        return
    none, others, idle, in_span = map(float, got)
    row("nobody watches", ["", f"{none:.0f}"], "")
    row("another process is watched", ["", f"{others:.0f}"], f"{others - none:+.0f}")
    row("this one is, in no span", ["", f"{idle:.0f}"], f"{idle - none:+.0f}")
    added = in_span - none
    row("this one is, in a span", ["", f"{in_span:.0f}"], f"{added:+.0f}", "under 400", added < 400)
    for name, command in ("strace -f -c", ["strace", "-f", "-c", "-o", "/dev/null"]), (
        "perf trace -s",
        ["perf", "trace", "-s", "-o", "/dev/null", "--"],
    ):
        if not shutil.which(command[0]):
            line(f"  {name}", "is not installed")
            continue
        try:
            ns = float(output(*command, program("ebpf"), "alone", env=plain, stderr=subprocess.DEVNULL))
        except (subprocess.SubprocessError, ValueError):
            line(f"  {name}", "does not run here")
            continue
        row(f"  by {name}", ["", f"{ns:.0f}"], f"{ns - none:+.0f}")


def by_the_kernel():
    """A function that tells nobody of its calls: breakpoints where it begins and where it returns."""
    got = output(program("ebpf"), "function", env=plain).rstrip("\n").split("\t")
    title("a call of a function that the kernel follows, ns of CPU", "", "a call")
    if got[0] == "no":
        line("  not here", got[1])
        return
    none, idle, in_span = map(float, got)
    row("not followed", ["", f"{none:.0f}"], "")
    row("in no span", ["", f"{idle:.0f}"], f"{idle - none:+.0f}")
    row("in a span", ["", f"{in_span:.0f}"], f"{in_span - none:+.0f}")


def followed_by(name, flags, settings):
    """followed.c, built so that its functions are seen: ns of one that is followed, and of one that is not."""
    here = os.path.dirname(os.path.abspath(__file__))
    source = os.path.join(here, "followed.c")
    common = [*compiler, "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-I", os.path.join(here, "../.."), source]
    if name == "library":
        subprocess.run([*common, "-DLIBRARY", "-fPIC", "-shared", "-o", path("libfollowed.so")], check=True)
        flags = ["-DPROGRAM", f"-L{folder}", "-lfollowed", f"-Wl,-rpath,{folder}"]
    subprocess.run([*common, "-o", path("followed"), *flags], check=True)
    runs = [output(path("followed"), env=settings, cwd=folder).split("\t") for _ in range(3)]
    return [sorted(float(run[i]) for run in runs)[1] for i in range(2)]


def followed():
    title("a call of a function, ns of CPU", "plain", "unset", "beside", "followed")
    ways = {
        "-finstrument-functions": ["-finstrument-functions"],
        "-pg": ["-pg"],
        "-fpatchable-function-entry": ["-fpatchable-function-entry=16"],
        "library": [],
    }
    for name, flags in ways.items():
        ours = with_us("followed", OTEL_BSP_MAX_QUEUE_SIZE="65536", OTEL_BSP_SCHEDULE_DELAY="100")
        asks = {**ours, "AUTOTRACE_FUNCTIONS": "libfollowed.so:asked_for" if name == "library" else "asked_for"}
        one, unset, asked = (followed_by(name, flags, env) for env in (plain, ours, asks))
        cells = [f"{one[1]:.1f}", f"{unset[1]:.1f}", f"{asked[1]:.1f}"]
        row(name, cells, f"{asked[0]:.0f} ns")
    line("  of ours", became_of("followed"))
    by_the_kernel()


def stacks():
    object = os.path.join(os.path.dirname(library), "libautotrace-stacks.so")
    answers = output(program("stacks"), object, "5", "10", "20", env=plain).splitlines()
    title("a request's stack, ns of its thread", "", "CPU")
    for depth, ns in (text.split("\t") for text in answers):
        if depth == "first":
            row("10 frames for the first time", ["", ns], "")
        else:
            is_aimed = depth == "10"
            row(f"{depth} frames", ["", ns], "", "under 300" if is_aimed else "", float(ns) < 300 if is_aimed else None)


def parse():
    title("reading one request head, beside a grammar library")
    for text in output(program("http1_parse"), env=plain).splitlines():
        print("  " + text)


def idle():
    """Processes that do nothing, and what they come to."""
    environments = {"plain": plain, "empty": empty, "ours": with_us("idle")}
    pids = {name: [] for name in environments}
    for _ in range(7):
        for name, env in environments.items():
            process = subprocess.Popen(["sleep", "300"], env=env)
            sleeping.append(process)
            pids[name].append(process.pid)
    time.sleep(0.5)
    memory = {name: [resident(pid) for pid in of] for name, of in pids.items()}
    title("an idle process (sleep)", "plain", "empty", "ours", "added")
    added_row("resident, kB", [Figure(m[0] for m in of) for of in memory.values()], 300)
    added_row("  of it private to the process, kB", [Figure(m[1] for m in of) for of in memory.values()])
    started = [len(tasks(pids[name][0])) for name in pids]
    row("threads before the first span", started, f"{started[2] - started[0]:+d}", "0", started[2] == started[0])
    wake_ups("wake-ups in 3 s", {name: of[0] for name, of in pids.items()}, "0")
    end_sleeping()


def end_sleeping():
    while sleeping:
        process = sleeping.pop()
        process.kill()
        process.wait()


def wake_ups(name, pids, target=""):
    before = {key: wakes(pid) for key, pid in pids.items()}
    time.sleep(3)
    n = [wakes(pid) - before[key] for key, pid in pids.items()]
    row(name, n, f"{n[-1] - n[0]:+d}", target, n[-1] <= n[0] if target else None)


def functions():
    """A function on Lambda's Runtime API, started anew and asked some times."""
    daemon = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)  # what nobody reads is dropped
    daemon.bind(("127.0.0.1", 0))
    function = {**plain, "AWS_LAMBDA_FUNCTION_NAME": "f", "_HANDLER": "bootstrap"}
    ours = {**function, "LD_PRELOAD": library}
    environments = {
        "plain": function,
        "empty": {**function, "LD_PRELOAD": path("empty.so")},
        "xray": {**ours, "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}"},
        "otlp": {**ours, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url},
    }
    words = [" ".join(f"{k}={v}" for k, v in env.items() if plain.get(k) != v) for env in environments.values()]
    out = output(program("lambda"), "api", "200", "20", "8", *words, "--", program("lambda"), "function", env=plain)
    figures = [Figure(map(float, text.split())) for text in out.splitlines()]
    start, gap, memory = (dict(zip(environments, figures[i::3])) for i in range(3))
    beside = "plain", "empty"
    sends = ("xray", "X-Ray"), ("otlp", "OTLP")
    title("a Lambda function", "plain", "empty", "ours", "added")
    for key, name in sends:
        figures = [start[k] for k in (*beside, key)]
        added_row(f"start to first `next`, {name}, beside empty, us", figures, 500, to=1)
    added_row("  empty beside plain", [start[k] for k in beside])
    for key, name in sends:
        added_row(f"its response to the next `next`, {name}, us", [gap[k] for k in (*beside, key)])
    added_row("  empty beside plain", [gap[k] for k in beside])
    for key, name in sends:
        added_row(f"resident after 8 invocations, {name}, kB", [memory[k] for k in (*beside, key)])
    if shutil.which("zip"):
        said = output(os.path.join(os.path.dirname(__file__), "../../.ci/lambda-layer"), library, path("layer.zip"))
        line("the layer", f"{os.path.getsize(path('layer.zip')) / 1000:.0f} kB" if said else "")
    daemon.close()


SECONDS = 1
ROUNDS = 12
ROUNDS_LEAST = 3  # where the run is late already: the whole of it is to take less than four minutes
LATE = 170


class Load:
    """One of the nginx workers that are loaded in turn."""

    def __init__(self, name, env):
        self.nginx = nginx(name, env)
        self.worker = self.nginx.worker
        self.threads = len(tasks(self.worker))
        self.rps, self.cpu, self.exporter = [], [], []
        self.memory = 0
        self.wrk(1)

    def wrk(self, seconds):
        out = output("wrk", "-t1", "-c16", f"-d{seconds}s", self.nginx.url, env=plain)
        match = re.search(r"(\d+) requests in ([\d.]+)(m?s)", out)
        return int(match[1]), float(match[2]) / (1000 if match[3] == "ms" else 1)

    def round(self):
        before = cpu_ns(self.worker)
        n, seconds = self.wrk(SECONDS)
        after = cpu_ns(self.worker)
        self.rps.append(n / seconds)
        self.cpu.append((after[0] - before[0]) / n)
        self.exporter.append((after[1] - before[1]) / n)
        self.memory = max(self.memory, resident(self.worker)[0])


SERVED = [
    ("up", "traced, collector up", True),
    ("down", "traced, collector down", True),
    ("unsampled", "not sampled", False),
]


def served_row(name, figures, said, target, met):
    row(name, [f"{f.median:.0f}" for f in figures], said, target if met is not None else "", met)


def served_rows(loads):
    title("nginx under wrk, one worker, kept connections", "plain", "empty", "ours", "beside plain")
    rps = {key: Figure(load.rps) for key, load in loads.items()}
    cpu = {key: Figure(load.cpu) for key, load in loads.items()}
    for key, name, is_aim in [*SERVED, ("empty", "  empty beside plain", False)]:
        kept = Figure(100 * v for v in (rps[key] / rps["plain"]).values)
        more = Figure(100 * v - 100 for v in (cpu[key] / cpu["plain"]).values)
        keys = ("plain", "empty") if key == "empty" else ("plain", "empty", key)
        met = kept.median >= 97 if is_aim else None
        served_row(name + ", requests/s", [rps[k] for k in keys], spread(kept, 1, "") + " %", "97 % kept", met)
        met = more.median <= 5 if is_aim else None
        served_row(name + ", CPU ns a request", [cpu[k] for k in keys], spread(more, 1) + " %", "at most +5 %", met)
    for key, name, _ in SERVED[:2]:
        line(f"  {name}: of it the exporter's thread", spread(Figure(loads[key].exporter), 0, "") + " ns")


def served():
    environments = {
        "plain": plain,
        "empty": empty,
        "up": with_us("up"),
        "down": with_us("down", OTEL_EXPORTER_OTLP_ENDPOINT=nobody),
        "unsampled": with_us("unsampled", OTEL_TRACES_SAMPLER="always_off"),
    }
    loads = {name: Load(name, env) for name, env in environments.items()}
    names = list(loads)
    for i in range(ROUNDS):
        if i >= ROUNDS_LEAST and time.monotonic() > begin + LATE:
            break
        for k in range(len(names)):
            loads[names[(i + k) % len(names)]].round()
    served_rows(loads)
    title("that nginx besides", "plain", "empty", "ours", "added")
    started = [loads[key].threads for key in ("plain", "empty", "up")]
    row("threads before the first request", started, f"{started[2] - started[0]:+d}", "0", started[2] == started[0])
    for key, name, _ in SERVED[1::-1]:
        kb = [loads[k].memory for k in ("plain", "empty", key)]
        row(f"resident kB, {name}", kb, f"{kb[2] - kb[0]:+d}", "under +8000", kb[2] - kb[0] < 8000)
    time.sleep(6)  # what is left is sent within the delay of a batch, which is 5 s
    for key, name, target in ("up", "collector up", "0"), ("down", "down: it tries again", ""):
        wake_ups(f"wake-ups in 3 s, {name}", {k: loads[k].worker for k in ("plain", "empty", key)}, target)
    for load in loads.values():
        load.nginx.end()
    for key, name, _ in SERVED[:2]:
        line(f"  {name}", became_of(key))


def dead():
    """Memory under load while nobody takes the spans: of DEAD_SECONDS, an hour by hand."""
    seconds = max(4, float(os.environ.get("DEAD_SECONDS", 8)))
    load = nginx("dead", with_us("dead", OTEL_EXPORTER_OTLP_ENDPOINT=nobody))
    at_first = resident(load.worker)[0]
    command = ["wrk", "-t1", "-c16", f"-d{seconds + 1:.0f}s", load.url]
    wrk = subprocess.Popen(command, env=plain, stdout=subprocess.DEVNULL)
    kb = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(min(1, seconds / 40))
        kb.append(resident(load.worker)[0])
    wrk.wait()
    load.end()
    # the first spans fill the queue, which is memory that stays
    first, last = (statistics.median(k) for k in (kb[len(kb) // 4 : len(kb) // 2], kb[-len(kb) // 4 :]))
    title(f"{seconds:.0f} s of load, the collector dead", "idle", "first", "last", "grown by")
    cells = [f"{k:.0f}" for k in (at_first, first, last)]
    row("resident kB of nginx's worker", cells, f"{last - first:+.0f}", "at most +256", last - first <= 256)
    row("  above the idle one", [], f"{max(kb) - at_first:+d}", "under +8000", max(kb) - at_first < 8000)
    line("  of its spans", became_of("dead"))


def beside_plain(part):
    """Of those that are in secure.py."""
    return lambda: part(folder, plain, {"plain": plain, "empty": empty, "ours": with_us(part.__name__)})


parts = {
    "size": size,
    "start": start,
    "lambda": functions,
    "idle": idle,
    "calls": calls,
    "requests": requests,
    "threads": two_threads,
    "export": export,
    "profiled": profiled,
    "ebpf": watched,
    "followed": followed,
    "stacks": stacks,
    "nginx": served,
    "dead": dead,
    "https": beside_plain(secure.https),
    "http2": beside_plain(secure.http2),
    "multi": beside_plain(secure.multi),
    "parse": parse,
}


def main():
    global collector
    wanted = sys.argv[2:] or list(parts)
    unknown = [name for name in wanted if name not in parts]
    if unknown:
        raise SystemExit(f"bench: no part {unknown[0]}; there are {' '.join(parts)}")
    for name, text in ("empty.so", ""), ("threaded.so", THREADED):
        command = [*compiler, "-shared", "-fPIC", "-o", path(name), "-x", "c", "-", "-lpthread"]
        subprocess.run(command, check=True, text=True, input=text)
    machine()
    collector = nginx("collector", plain)
    for name in wanted:
        if name in ("https", "http2", "multi", "parse") and name not in sys.argv[2:] and time.monotonic() > begin + LATE:
            print(f"\n{name}: left out, the run is late")
            continue
        parts[name]()
    print_aims()
    print(f"after {time.monotonic() - begin:.0f} s of it: {load_average()}")


def leave(*_):
    sys.exit(1)


for number in signal.SIGTERM, signal.SIGHUP, signal.SIGINT:
    signal.signal(number, leave)
try:
    main()
finally:
    end_sleeping()
    while Nginx.started:
        Nginx.started[-1].end()
    shutil.rmtree(folder, ignore_errors=True)
