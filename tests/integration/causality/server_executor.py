#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server_executor.py PORT ORIGIN: as server_threads.py, but an executor's threads make the calls.

The executor makes a thread when a request finds none idle, and that thread
later makes calls for other requests, also while the first is still unanswered.
"""
import concurrent.futures
import http.server
import sys
import urllib.parse
import urllib.request

executor = concurrent.futures.ThreadPoolExecutor(4)


def call(n, c):
    with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/hop?n={n}&c={c}") as r:
        r.read()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        n = urllib.parse.parse_qs(self.path.partition("?")[2])["n"][0]
        for c in range(2):
            executor.submit(call, n, c).result()
        body = f"n={n}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
