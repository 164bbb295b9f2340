# SPDX-License-Identifier: Apache-2.0
"""pycurl: pycurl_client.py URL"""
import io
import sys
import threading

import pycurl

url = sys.argv[1]


def handle(path, **options):
    easy = pycurl.Curl()
    easy.body = io.BytesIO()
    for name, value in dict(URL=url + path, WRITEDATA=easy.body, HTTPHEADER=["X-Own: 1"], NOSIGNAL=1,
                            SSL_VERIFYPEER=0, SSL_VERIFYHOST=0, **options).items():
        easy.setopt(getattr(pycurl, name), value)
    return easy


def perform(easy):
    try:
        easy.perform()
    except pycurl.error as error:
        print("error", error.args[0])
    return easy.getinfo(pycurl.RESPONSE_CODE), easy.body.getvalue()


easy = handle("/ok")
print(*perform(easy))
easy.setopt(pycurl.HTTPHEADER, ["X-Own: 2"])
print(*perform(easy))
easy.unsetopt(pycurl.HTTPHEADER)
print(*perform(easy))
print(*perform(handle("/redirect", FOLLOWLOCATION=1)))
easy.reset()
easy.close()
print(*perform(handle("/echo", POSTFIELDS="a=1")))
print(*perform(handle("/slow", TIMEOUT_MS=1500)))

threads = [threading.Thread(target=perform, args=[handle(f"/ok?thread{i}")]) for i in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

multi = pycurl.CurlMulti()
handles = [handle(f"/ok?{i}") for i in range(20)]
for easy in handles:
    multi.add_handle(easy)
running = len(handles)
while running:
    _, running = multi.perform()
    _, good, bad = multi.info_read()
    for easy in good:
        multi.remove_handle(easy)
    if bad:
        print(bad)
    if running:
        multi.select(1.0)
while handles_left := multi.info_read()[1]:
    for easy in handles_left:
        multi.remove_handle(easy)
print([easy.body.getvalue() for easy in handles].count(b"ok\n"))
