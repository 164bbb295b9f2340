# SPDX-License-Identifier: Apache-2.0
"""python_asyncio.py PORT: asyncio streams; the answer is the request line."""
import asyncio
import signal
import sys


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 4 if b"Content-Length: 4" in head else 0
            body = head.split(b"\r\n")[0] + await reader.readexactly(length)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
            if not head.startswith(b"HEAD"):
                writer.write(body)
            await writer.drain()
            if b"close" in head or b"HTTP/1.0" in head:
                break
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, server.close)
    try:
        await server.serve_forever()
    except asyncio.CancelledError:
        pass


asyncio.run(main())
