#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A function that calls DynamoDB (or what answers as it) and another service, and fails when told to."""
import http.client
import json
import os
import urllib.request

api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
down = os.environ["DOWN"]
signed = "AWS4-HMAC-SHA256 Credential=AK/20261121/eu-west-1/dynamodb/aws4_request, SignedHeaders=host, Signature=x"


def ask(path, headers={}, data=None):
    return urllib.request.urlopen(urllib.request.Request(down + path, data, headers)).read()


def answer(call, body, headers={}):
    api.request("POST", f"/2018-06-01/runtime/invocation/{request_id}/{call}", json.dumps(body), headers)
    api.getresponse().read()


while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    response = api.getresponse()
    event = json.loads(response.read())
    request_id = response.headers["Lambda-Runtime-Aws-Request-Id"]
    ask("/ok", {"Authorization": signed, "X-Amz-Target": "DynamoDB_20120810.GetItem"}, b'{"TableName": "pets"}')
    if event.get("fail"):
        answer("error", {"errorType": "KeyError", "errorMessage": "no such pet", "stackTrace": ["handler:12"]},
               {"Lambda-Runtime-Function-Error-Type": "Unhandled"})
    else:
        ask("/ok?2")
        answer("response", {"statusCode": event.get("status", 200)})
