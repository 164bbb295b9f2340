# SPDX-License-Identifier: Apache-2.0
"""python_aiohttp.py PORT FOLDER"""
import sys

from aiohttp import web


async def post(request):
    return web.Response(body=await request.read())


app = web.Application()
app.router.add_post("/ok", post)
app.router.add_static("/", sys.argv[2])
web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)
