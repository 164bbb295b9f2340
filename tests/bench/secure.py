# SPDX-License-Identifier: Apache-2.0
"""secure: what HTTPS, HTTP/2 and libcurl's multi interface cost, parts of bench.py's."""
import os
import re
import shutil
import subprocess
import time

from beside import Figure, added_row, row, spread, title
from proc import Nginx, free_port, listens

ROUNDS = 7
SERVER = """
	server {{
		listen 127.0.0.1:{port} ssl http2;
		ssl_certificate {folder}/cert.pem;
		ssl_certificate_key {folder}/key.pem;
		root {folder}/www;
	}}
"""


def prepare(folder):
    """A certificate, and what is asked for: 1 KB and 1 MB."""
    if os.path.exists(folder + "/www"):
        return
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "9", "-subj", "/CN=localhost"]
        + ["-keyout", folder + "/key.pem", "-out", folder + "/cert.pem"],
        check=True, stderr=subprocess.DEVNULL,
    )
    os.mkdir(folder + "/www")
    for name, size in ("1k", 1 << 10), ("1m", 1 << 20):
        with open(f"{folder}/www/{name}", "wb") as out:
            out.write(b"x" * size)
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)


def nginx(folder, name, env):
    """Its TLS port; the other one is as in every nginx here."""
    port = free_port()
    return port, Nginx(folder, name, env, SERVER.format(folder=folder, port=port))


def ran(command, env):
    """Nanoseconds by the clock, and of CPU, of all that the command did."""
    begin = time.monotonic_ns()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"bench: {command[0]} ended with {status}")
    return time.monotonic_ns() - begin, (usage.ru_utime + usage.ru_stime) * 1e9


def rounds(environments, ask):
    """What ask(name, env) gives, once in every round for each, which begin in turn: {name: [...]}."""
    names = list(environments)
    got = {name: [] for name in names}
    for i in range(-1, ROUNDS):
        for k in range(len(names)):
            name = names[(i + k) % len(names)]
            value = ask(name, environments[name])
            if i >= 0:  # the first round is for what is done once
                got[name].append(value)
    return got


def https(folder, plain, environments):
    prepare(folder)
    port, origin = nginx(folder, "secure", plain)
    title("HTTPS by curl and OpenSSL, CPU us a request", *environments, "added")
    for name, n, what in ("1k", 2000, "1 KB"), ("1m", 200, "1 MB"):
        command = ["curl", "-sk", "--http1.1", "-o", "/dev/null", f"https://127.0.0.1:{port}/{name}?[1-{n}]"]
        got = rounds(environments, lambda _, env: ran(command, env)[1] / n / 1e3)
        figures = [Figure(of) for of in got.values()]
        added_row(f"a kept connection, body of {what}", figures, None, 1)
        added_row("  empty beside plain", figures[:2], None, 1)
    origin.end()


def kept_row(name, got):
    """Something a second, and how much of the plain is left."""
    figures = {key: Figure(of) for key, of in got.items()}
    for key in ("ours", "empty"):
        kept = Figure(100 * v for v in (figures[key] / figures["plain"]).values)
        cells = [f"{f.median:.0f}" for f in figures.values()] if key == "ours" else []
        row(name if key == "ours" else "  empty beside plain", cells, spread(kept, 1, "") + " %")


def multi(folder, plain, environments):
    prepare(folder)
    origin = Nginx(folder, "multi", plain)
    n = 2000
    title("libcurl's multi interface, transfers/s", *environments, "beside plain")
    command = ["curl", "-sZ", "--parallel-max", "100", "-o", "/dev/null", f"{origin.url}/?[1-{n}]"]
    kept_row("curl -Z, 100 at once", rounds(environments, lambda _, env: n * 1e9 / ran(command, env)[0]))
    origin.end()


class Nghttpd:
    def __init__(self, folder, env):
        self.port = free_port()
        command = ["nghttpd", "-d", folder + "/www", str(self.port), folder + "/key.pem", folder + "/cert.pem"]
        self.process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        Nginx.started.append(self)
        for _ in range(500):
            time.sleep(0.02)
            if listens(self.port):
                return
        raise SystemExit("bench: nghttpd does not start")

    def end(self):
        Nginx.started.remove(self)
        self.process.kill()
        self.process.wait()


def h2load(port, env):
    command = ["h2load", "-n", "6000", "-c", "4", "-m", "20", f"https://127.0.0.1:{port}/1k"]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=env).stdout
    return float(re.search(r"([\d.]+) req/s", out)[1])


def http2(folder, plain, environments):
    if not shutil.which("h2load") or not shutil.which("nghttpd"):
        return
    prepare(folder)
    title("HTTP/2 inside TLS under h2load, requests/s", *environments, "beside plain")
    for what in "nghttpd", "nginx":
        ports, started = {}, []
        for name, env in environments.items():
            if what == "nginx":
                ports[name], server = nginx(folder, "h2" + name, env)
            else:
                server = Nghttpd(folder, env)
                ports[name] = server.port
            started.append(server)
        kept_row(what, rounds(environments, lambda name, _: h2load(ports[name], plain)))
        for server in started:
            server.end()
