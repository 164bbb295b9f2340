#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server_asyncio.py PORT ORIGIN [HOST]: asyncio streams in both directions.

With a name for HOST the look-up runs in a thread of the loop's executor.
"""
import asyncio
import re
import sys

host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"


async def read_message(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"Content-Length: (\d+)", head)
    return head, await reader.readexactly(int(length[1])) if length else b""


async def call(n, c):
    reader, writer = await asyncio.open_connection(host, int(sys.argv[2]))
    writer.write(f"GET /hop?n={n}&c={c} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await read_message(reader)
    writer.close()


async def serve(reader, writer):
    try:
        while True:
            head, _ = await read_message(reader)
            n = int(re.search(rb"n=(\d+)", head)[1])
            for c in range(2):
                await call(n, c)
            body = f"n={n}\n"
            writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    except asyncio.IncompleteReadError:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=64)
    await server.serve_forever()


asyncio.run(main())
