#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A function that sends X-Ray's header itself, as runtimes that know of it do; the event says how."""
import http.client
import json
import os

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
SIGNED = "AWS4-HMAC-SHA256 Credential=AK/20261121/eu-west-1/s3/aws4_request, SignedHeaders=host;{}, Signature=x"

while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    response = api.getresponse()
    event = json.loads(response.read())
    trace = response.headers["Lambda-Runtime-Trace-Id"]
    headers = {"X-Amzn-Trace-Id": trace + ";Lineage=a87bd80c:1|68fd508a:5"}
    if event["how"] == "other parent":
        parent = trace.split("Parent=")[1][:16]
        headers["X-Amzn-Trace-Id"] = trace.replace(parent, "53995c3f42cd8ad8")
    elif event["how"].startswith("signed"):
        headers["Authorization"] = SIGNED.format(event["how"].split()[1])
    down = http.client.HTTPConnection(os.environ["DOWN"])
    down.request("GET", "/ok", headers=headers)
    down.getresponse().read()
    down.close()
    api.request("POST", f"/2018-06-01/runtime/invocation/{response.headers['Lambda-Runtime-Aws-Request-Id']}/response", trace)
    api.getresponse().read()
