#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""aws.py DIR: answers as services of AWS do, in their three protocols, by plain HTTP.

Listens on a free port of 127.0.0.1, written to DIR/port. What has `missing` in its path or
body is refused in the protocol's own form. /status/N answers N, whoever asks.
"""
import http.server
import json
import os
import sys
import urllib.parse

RESULTS = {
    "GetItem": {"Item": {"id": {"S": "7"}}},
    "SendMessage": {"MessageId": "m1", "MD5OfMessageBody": "5d41402abc4b2a76b9719d911017c592"},
    "GetSecretValue": {"ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf", "Name": "db",
                       "SecretString": "s"},
    "StartExecution": {"executionArn": "arn:x", "startDate": 1.5},
    "PutEvents": {"FailedEntryCount": 0, "Entries": [{"EventId": "e"}]},
    "PutRecord": {"ShardId": "s", "SequenceNumber": "1"},
}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self, status, kind, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(b"" if self.command == "HEAD" else body.encode())

    def json(self, operation, is_missing):
        kind = "application/x-amz-json-1.0"
        if is_missing:
            self.answer(400, kind, '{"__type":"com.amazonaws.v1#ResourceNotFoundException","message":"no such thing"}',
                        x_amzn_RequestId="RID-JSON")
        else:
            self.answer(200, kind, json.dumps(RESULTS.get(operation, {})), x_amzn_RequestId="RID-JSON")

    def query(self, action, is_missing):
        if is_missing:
            self.answer(400, "text/xml", "<ErrorResponse><Error><Type>Sender</Type><Code>NotFound</Code>"
                        "<Message>no such thing</Message></Error><RequestId>r</RequestId></ErrorResponse>",
                        x_amzn_RequestId="RID-QUERY")
        else:
            self.answer(200, "text/xml", f"<{action}Response><{action}Result><MessageId>m1</MessageId>"
                        f"</{action}Result></{action}Response>", x_amzn_RequestId="RID-QUERY")

    def s3(self, is_missing):
        ids = {"x_amz_request_id": "RID-S3", "x_amz_id_2": "ID2"}
        if is_missing:
            self.answer(404, "application/xml", "<?xml version='1.0'?>\n<Error><Code>NoSuchKey</Code>"
                        "<Message>no such thing</Message></Error>", **ids)
        elif self.headers.get("x-amz-copy-source"):
            self.answer(200, "application/xml", "<CopyObjectResult><ETag>0</ETag></CopyObjectResult>", **ids)
        elif self.command == "GET":
            self.answer(200, "application/xml", "<ListBucketResult></ListBucketResult>", **ids)
        else:
            self.answer(200, "application/xml", "", ETag='"0"', **ids)

    def function(self, is_missing):
        if is_missing:
            self.answer(404, "application/json", '{"Type":"User","Message":"no such thing"}',
                        x_amzn_RequestId="RID-REST", x_amzn_ErrorType="ResourceNotFoundException:http://x/")
        else:
            self.answer(200, "application/json", "{}", x_amzn_RequestId="RID-REST")

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
        is_missing = "missing" in body + self.path
        if self.path.startswith("/status/"):
            self.answer(int(self.path[8:].split("?")[0]), "text/plain", "status\n")
        elif "/s3/aws4_request" in self.headers.get("Authorization", ""):
            self.s3(is_missing)
        elif self.headers.get("X-Amz-Target"):
            self.json(self.headers["X-Amz-Target"].split(".")[1], is_missing)
        elif self.path.startswith("/2015-03-31/"):
            self.function(is_missing)
        else:
            self.query(urllib.parse.parse_qs(body).get("Action", ["None"])[0], is_missing)

    do_GET = do_PUT = do_DELETE = do_HEAD = do_POST

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(f"{sys.argv[1]}/port.new", "w") as f:
    f.write(str(server.server_address[1]))
os.rename(f"{sys.argv[1]}/port.new", f"{sys.argv[1]}/port")
server.serve_forever()
