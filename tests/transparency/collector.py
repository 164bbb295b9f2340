#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""collector.py PORT_FILE COUNT_FILE: takes whatever is posted, and keeps count of the requests."""
import http.server
import os
import sys

port_file, count_file = sys.argv[1:]
count = 0


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        global count
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()
        count += 1
        with open(count_file, "w") as f:
            f.write(str(count))

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(port_file + ".new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(port_file + ".new", port_file)
server.serve_forever()
