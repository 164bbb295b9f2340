#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same as lambda_loop.js, on asyncio, with a connection for each call."""
import asyncio
import os
import sys

API = os.environ["AWS_LAMBDA_RUNTIME_API"]
DOWN = os.environ["DOWN"].removeprefix("http://")


async def ask(where, method, path):
    reader, writer = await asyncio.open_connection(*where.split(":"))
    writer.write(f"{method} {path} HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return dict(line.lower().split(": ", 1) for line in answer.decode().split("\r\n\r\n")[0].split("\r\n")[1:])


async def work(n):
    path = "/2018-06-01/runtime/invocation/"
    while True:
        request_id = (await ask(API, "GET", path + "next"))["lambda-runtime-aws-request-id"]
        await ask(DOWN, "GET", "/ok?" + request_id)
        if "timers" in sys.argv:
            await asyncio.sleep(n % 5 / 1000)
            await asyncio.gather(*(ask(DOWN, "GET", "/ok?" + request_id) for _ in range(2)))
        else:
            await ask(DOWN, "GET", "/ok?" + request_id)
            await ask(DOWN, "GET", "/ok?" + request_id)
        await ask(API, "POST", path + request_id + "/response")


async def main():
    await asyncio.gather(*(work(n) for n in range(int(os.environ["AWS_LAMBDA_MAX_CONCURRENCY"]))))


asyncio.run(main())
