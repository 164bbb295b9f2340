# SPDX-License-Identifier: Apache-2.0
"""Says its port, and answers every request with its first line."""
import http.server


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = self.requestline.encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
print(server.server_port, flush=True)
server.serve_forever()
