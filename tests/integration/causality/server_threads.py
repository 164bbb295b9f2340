#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server_threads.py PORT ORIGIN: http.server, a thread a connection, calls by urllib."""
import http.server
import sys
import urllib.parse
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        n = urllib.parse.parse_qs(self.path.partition("?")[2])["n"][0]
        for c in range(2):
            with urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/hop?n={n}&c={c}") as r:
                r.read()
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
