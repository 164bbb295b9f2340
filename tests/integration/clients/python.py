# SPDX-License-Identifier: Apache-2.0
"""python.py LIBRARY URL: the same exchanges by each of Python's ways to speak HTTP."""
import sys
from urllib.parse import urlsplit


def by_http_client(url):
    import http.client

    connection = http.client.HTTPConnection(urlsplit(url).netloc)
    for method, path, body in (("GET", "/ok", None), ("POST", "/echo", b"body"), ("GET", "/chunked", None),
                               ("POST", "/echo", (b"some", b"pieces")), ("GET", "/status/404", None)):
        connection.request(method, path, body)
        response = connection.getresponse()
        print(response.status, response.read())


def by_urllib(url):
    import urllib.error
    import urllib.request

    for path, body in (("/ok", None), ("/echo", b"body"), ("/redirect", None), ("/status/404", None)):
        try:
            with urllib.request.urlopen(url + path, body) as response:
                print(response.status, response.read())
        except urllib.error.HTTPError as error:
            print(error)


def by_refused(url):
    import urllib.request

    try:
        urllib.request.urlopen(url)
    except OSError as error:
        print(error)


def by_requests(url):
    import requests

    with requests.Session() as session:
        for path in ("/ok", "/chunked", "/redirect", "/status/404"):
            response = session.get(url + path)
            print(response.status_code, response.content)
        print(session.post(url + "/echo", data={"a": "1"}).content)
        print(session.head(url + "/ok").headers)
        print(session.post(url + "/echo", data=iter([b"some", b"pieces"])).content)


def by_asyncio(url):
    import asyncio

    async def ask(path):
        reader, writer = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        writer.write(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        return answer

    async def all_at_once():
        print(await asyncio.gather(*(ask(f"/ok?{n}") for n in range(3))))

    asyncio.run(all_at_once())


def by_aiohttp(url):
    import aiohttp
    import asyncio

    async def ask():
        async with aiohttp.ClientSession() as session:
            for path in ("/ok", "/chunked", "/redirect", "/status/404"):
                async with session.get(url + path) as response:
                    print(response.status, await response.read())
            async with session.post(url + "/echo", data=b"body") as response:
                print(response.status, await response.read())

    asyncio.run(ask())


def by_httpx(url):
    import httpx

    with httpx.Client() as client:
        for path in ("/ok", "/chunked", "/status/404"):
            response = client.get(url + path)
            print(response.status_code, response.content)
        print(client.post(url + "/echo", content=b"body").content)


def by_threads(url):
    import concurrent.futures
    import urllib.request

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        paths = [f"{url}/ok?{n}" for n in range(200)]
        print(list(pool.map(lambda path: urllib.request.urlopen(path).read(), paths)))


globals()["by_" + sys.argv[1]](sys.argv[2])
