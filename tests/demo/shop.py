# SPDX-License-Identifier: Apache-2.0
"""shop: a service of Python's standard library; asks two others for every request."""
import http.server
import sys
import urllib.error
import urllib.request


class Shop(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        answers = []
        for service in sys.argv[2:]:
            try:
                answers.append(urllib.request.urlopen(service + self.path).read().decode().strip())
            except urllib.error.HTTPError as e:
                answers.append(f"{service.rpartition(':')[2]} said {e.code}")
        body = ("; ".join(answers) + "\n").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Shop).serve_forever()
