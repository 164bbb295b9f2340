# SPDX-License-Identifier: Apache-2.0
"""origin.py FOLDER FILE: says its two ports, of which the second is inside TLS (FOLDER/cert.pem, key.pem).

Answers every request with its first line; FILE has path and traceparent of each.
"""
import http.server
import ssl
import sys
import threading


class Origin(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        text = self.requestline.encode() + b"\n"
        with open(sys.argv[2], "a") as asked:
            asked.write(f"{self.path} {self.headers.get('traceparent')}\n")
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def date_time_string(self, timestamp=None):
        return "Thu, 01 Jan 1970 00:00:00 GMT"

    def log_message(self, *_):
        pass


class Secure(http.server.ThreadingHTTPServer):
    def finish_request(self, request, client_address):
        super().finish_request(tls.wrap_socket(request, server_side=True), client_address)


tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[1] + "/cert.pem", sys.argv[1] + "/key.pem")
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Origin)
secure = Secure(("127.0.0.1", 0), Origin)
threading.Thread(target=secure.serve_forever, daemon=True).start()
print(server.server_port, secure.server_port, flush=True)
server.serve_forever()
