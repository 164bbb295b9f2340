#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lambda_front.py PORT_FILE FOLDER COMMAND...: what stands before a function: each request is an invocation.

COMMAND is run with the request's X-Amzn-Trace-Id behind --trace-header and its event, as of a function URL,
behind --event; the trace goes to FOLDER/N.json, and the answer is the function's.
"""
import http.server
import json
import os
import subprocess
import sys

port_file, folder, *command = sys.argv[1:]
count = 0


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        global count
        count += 1
        name = f"{folder}/{count}"
        headers = {key.lower(): value for key, value in self.headers.items()}
        with open(name + ".event", "w") as event:
            json.dump({"version": "2.0", "routeKey": "GET " + self.path, "rawPath": self.path, "headers": headers,
                       "requestContext": {"domainName": "x.lambda-url.eu-west-1.on.aws", "http": {
                           "method": "GET", "path": self.path, "protocol": "HTTP/1.1"}}}, event)
        words = [name if word == "NAME" else word for word in command]
        at = words.index("lambda") + 1
        words[at:at] = ["--event", name + ".event", "--json", name + ".json", "--responses", name + ".response"]
        if "x-amzn-trace-id" in headers:
            words[at:at] = ["--trace-header", headers["x-amzn-trace-id"]]
        status = subprocess.run(words, stdin=subprocess.DEVNULL, stderr=open(name + ".err", "w"),
                                stdout=open(name + ".out", "w")).returncode
        body = open(name + ".response", "rb").read()
        self.send_response(502 if status else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
with open(port_file + ".new", "w") as file:
    file.write(str(server.server_port))
os.rename(port_file + ".new", port_file)
server.serve_forever()
