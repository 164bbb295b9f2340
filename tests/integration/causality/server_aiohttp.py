#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""server_aiohttp.py PORT ORIGIN: aiohttp as server and as client, with its pool of connections."""
import sys

from aiohttp import ClientSession, web


async def serve(request):
    n = request.query["n"]
    for c in range(2):
        async with request.app["session"].get(f"http://127.0.0.1:{sys.argv[2]}/hop?n={n}&c={c}") as r:
            await r.read()
    return web.Response(text=f"n={n}\n")


async def with_session(app):
    app["session"] = ClientSession()
    yield
    await app["session"].close()


app = web.Application()
app.router.add_get("/hop", serve)
app.cleanup_ctx.append(with_session)
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
