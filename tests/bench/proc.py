# SPDX-License-Identifier: Apache-2.0
"""proc: what the kernel says of a process, and an nginx that is started and asked."""
import os
import re
import signal
import socket
import subprocess
import time


def children(pid):
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat") as stat:
                if stat.read().rsplit(")", 1)[1].split()[1] == str(pid):
                    found.append(int(entry))
        except OSError:
            pass
    return found


def tasks(pid):
    return [f"/proc/{pid}/task/{task}" for task in os.listdir(f"/proc/{pid}/task")]


def cpu_ns(pid):
    """Of all its threads, and of the exporter's among them."""
    whole = exporter = 0
    for task in tasks(pid):
        with open(task + "/schedstat") as stat:
            ns = int(stat.read().split()[0])
        with open(task + "/comm") as comm:
            exporter += ns if comm.read().strip() == "autotrace" else 0
        whole += ns
    return whole, exporter


def wakes(pid):
    """Context switches of all its threads so far."""
    n = 0
    for task in tasks(pid):
        with open(task + "/status") as status:
            n += sum(map(int, re.findall(r"ctxt_switches:\s*(\d+)", status.read())))
    return n


def resident(pid):
    """Kilobytes: resident, and those of them that are this process's alone."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        text = rollup.read()
    own = sum(map(int, re.findall(r"^Private_\w+:\s*(\d+)", text, re.M)))
    return int(re.search(r"^Rss:\s*(\d+)", text, re.M)[1]), own


def listens(port):
    with open("/proc/net/tcp") as table:
        return f":{port:04X} 00000000:0000 0A" in table.read()


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/{name}.pid;
error_log stderr crit;
events {{ worker_connections 256; }}
http {{
	access_log off;
	keepalive_requests 100000000;
	client_max_body_size 0;
	client_body_temp_path {folder}/{name}.1;
	proxy_temp_path {folder}/{name}.2;
	fastcgi_temp_path {folder}/{name}.3;
	uwsgi_temp_path {folder}/{name}.4;
	scgi_temp_path {folder}/{name}.5;
	server {{
		listen 127.0.0.1:{port};
		location / {{ return 200 "hello\\n"; }}
		location = /v1/traces {{ return 200; }}
	}}
	{more}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Nginx:
    """One worker, which answers what it is asked, and takes spans as a collector would."""

    started = []

    def __init__(self, folder, name, env, more=""):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        conf = f"{folder}/{name}.conf"
        with open(conf, "w") as out:
            out.write(NGINX.format(folder=folder, name=name, port=self.port, more=more))
        self.master = subprocess.Popen(["nginx", "-c", conf], env=env, stdin=subprocess.DEVNULL)
        Nginx.started.append(self)
        for _ in range(500):
            time.sleep(0.02)
            workers = children(self.master.pid)
            if workers and listens(self.port):
                self.worker = workers[0]
                return
        raise SystemExit("bench: nginx does not start")

    def end(self):
        Nginx.started.remove(self)
        self.master.send_signal(signal.SIGTERM)
        try:
            self.master.wait(10)
        except subprocess.TimeoutExpired:
            for pid in children(self.master.pid):
                os.kill(pid, signal.SIGKILL)
            self.master.kill()
            self.master.wait()
