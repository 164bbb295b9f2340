# SPDX-License-Identifier: Apache-2.0
"""xray_sdk.py URL [DAEMON]: some requests, and by the X-Ray SDK itself where a daemon is named."""
import contextlib
import sys

url = sys.argv[1]
if len(sys.argv) > 2:
    from aws_xray_sdk.core import patch, xray_recorder

    xray_recorder.configure(service="shop", sampling=False, daemon_address=sys.argv[2], plugins=())
    patch(("requests", "botocore"))
    xray_recorder.begin_segment("shop")

import boto3
import requests

for status in 200, 404, 429, 503:
    requests.get(f"{url}/status/{status}?a=b")
dynamodb = boto3.client("dynamodb", endpoint_url=url, region_name="eu-west-1", aws_access_key_id="AK",
                        aws_secret_access_key="SK")
for table in "pets", "missing":
    with contextlib.suppress(dynamodb.exceptions.ResourceNotFoundException):
        dynamodb.get_item(TableName=table, Key={"id": {"S": "7"}})
if len(sys.argv) > 2:
    xray_recorder.end_segment()
