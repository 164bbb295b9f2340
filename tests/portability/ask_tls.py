# SPDX-License-Identifier: Apache-2.0
"""ask_tls.py urllib|asyncio PORT: one request inside TLS, on a descriptor or on memory."""
import asyncio
import ssl
import sys
import urllib.request

how, port = sys.argv[1:]
tls = ssl.create_default_context(cafile="/cert.pem")


async def streams():
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    writer.write(b"GET /asyncio HTTP/1.0\r\nHost: 127.0.0.1:%s\r\n\r\n" % port.encode())
    print((await reader.read()).decode())
    writer.close()


if how == "asyncio":
    asyncio.run(streams())
else:
    with urllib.request.urlopen(f"https://127.0.0.1:{port}/urllib", context=tls) as answer:
        print(answer.status, answer.read().decode())
