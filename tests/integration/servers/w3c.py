# SPDX-License-Identifier: Apache-2.0
"""w3c.py PORT: as programs/w3c_service.c, by http.server and urllib."""
import http.server
import sys
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        for url in body.decode().split():
            urllib.request.urlopen(url).read()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
