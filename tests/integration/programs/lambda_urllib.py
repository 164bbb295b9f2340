#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A custom runtime in Python, on urllib: a connection for each call."""
import json
import os
import urllib.request

API = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"


def ask(url, body=None):
    with urllib.request.urlopen(url, body) as answer:
        return answer.headers, answer.read()


while True:
    headers, event = ask(API + "next")
    print(ask(os.environ["DOWN"] + "/ok")[1].decode().strip(),
          ask(os.environ["DOWN"] + "/echo", b"for %d" % len(event))[1].decode(), flush=True)
    ask(API + headers["Lambda-Runtime-Aws-Request-Id"] + "/response", json.dumps({"statusCode": 201}).encode())
