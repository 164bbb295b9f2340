#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Python's ssl module, which is loaded late and calls the _ex forms; asyncio and aiohttp, which have
# no descriptor for their session: they encrypt in one call, and send in another.
. "$(dirname "$0")/lib.sh"
certificate
origin --tls "$dir/tls"
python=/usr/bin/python3
has() { $python -c "import $1" 2>/dev/null; }
export SSL_CERT_FILE=$dir/tls/cert.pem REQUESTS_CA_BUNDLE=$dir/tls/cert.pem
attributes=http.response.status_code,url.full,error.type,network.peer.address,tls.protocol.version

sends "urllib" $python -c "
import urllib.request
print(urllib.request.urlopen('$url/ok').read())
print(len(urllib.request.urlopen('$url/echo', data=b'x' * 300000).read()))" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

has requests &&
sends "requests, a session of three" $python -c "
import requests
s = requests.Session()
print(s.get('$url/ok').text, s.post('$url/echo', data='a' * 70000).text, s.get('$url/chunked').text)" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/chunked network.peer.address=127.0.0.1

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.peer.address=127.0.0.1
END

sends "a head in several writes, the body in one with its end" $python -c "
import ssl, socket
raw = socket.create_connection(('localhost', $port))
s = ssl.create_default_context().wrap_socket(raw, server_hostname='localhost')
for part in b'POST /echo HTT', b'P/1.1\r\nHost: h\r\n', b'Content-Length: 40000\r\nConnection: close\r\n\r\n' + b'z' * 40000:
    s.sendall(part)
got = b''
while more := s.recv(1000): got += more
print(len(got))" <<'END'
CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=https://h/echo network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

sends "two requests in one write" $python -c "
import ssl, socket
raw = socket.create_connection(('localhost', $port))
s = ssl.create_default_context().wrap_socket(raw, server_hostname='localhost')
one = b'GET /ok?%d HTTP/1.1\r\nHost: h\r\n'
print(s.send(one % 1 + b'\r\n' + one % 2 + b'Connection: close\r\n\r\n'))
got = b''
while more := s.recv(1000): got += more
print(got)" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://h/ok?1 network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://h/ok?2 network.peer.address=127.0.0.1
END

sends "asyncio: a session without a descriptor" $python -c "
import asyncio
async def main():
    r, w = await asyncio.open_connection('localhost', $port, ssl=True)
    w.write(b'POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 90000\r\nConnection: close\r\n\r\n' + b'q' * 90000)
    print(len(await r.read()))
    w.close()
asyncio.run(main())" <<'END'
CLIENT POST [unknown_service:python] UNSET http.response.status_code=200 url.full=https://h/echo network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

# How it ended the descriptor tells, and nobody asks the session any more.
for how in "reset connection_reset" "cut connection_closed"; do
	sends "asyncio: ${how% *} amid the answer" $python -c "
import asyncio
async def main():
    r, w = await asyncio.open_connection('localhost', $port, ssl=True)
    w.write(b'GET /${how% *} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n')
    try:
        print(await r.read())
    except OSError as e:
        print(e)
    w.close()
asyncio.run(main())" <<END
CLIENT GET [unknown_service:python] ERROR http.response.status_code=200 url.full=https://h/${how% *} error.type=${how#* } network.peer.address=127.0.0.1 tls.protocol.version=1.3
END
done

# Ended without being closed in order, as TLS has it: what there was may not have been all.
attributes=$attributes,autotrace.incomplete
sends "asyncio: an answer that ends with the connection, which is cut" $python -c "
import asyncio
async def main():
    r, w = await asyncio.open_connection('localhost', $port, ssl=True)
    w.write(b'GET /close HTTP/1.1\r\nHost: h\r\n\r\n')
    print(await r.read())
    w.close()
asyncio.run(main())" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://h/close network.peer.address=127.0.0.1 tls.protocol.version=1.3 autotrace.incomplete=true
END

origin --tls "$dir/tls" --apart
has aiohttp &&
sends "aiohttp, a reset amid the answer" $python -c "
import aiohttp, asyncio, ssl
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ssl.create_default_context())) as s:
        try:
            async with s.get('$url/reset') as r:
                print(await r.text())
        except aiohttp.ClientError as e:
            print(type(e).__name__)
asyncio.run(main())" <<'END'
CLIENT GET [unknown_service:python] ERROR http.response.status_code=200 url.full=https://localhost:PORT/reset error.type=connection_reset network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

has aiohttp &&
sends "aiohttp, four at once" $python -c "
import aiohttp, asyncio, ssl
async def main():
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=ssl.create_default_context())) as s:
        async def get(i):
            async with s.get('$url/ok?%d' % i) as r:
                return await r.text()
        print(await asyncio.gather(*(get(i) for i in range(4))))
asyncio.run(main())" <<'END'
CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?0 network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?1 network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?2 network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT GET [unknown_service:python] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?3 network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

mask='s/0x[0-9a-f]+/ADDRESS/g; s/line [0-9]+/line N/; s/_ssl.c:[0-9]+/_ssl.c/'
unset SSL_CERT_FILE
sends "a certificate that is not trusted" $python -c "
import ssl, socket
raw = socket.create_connection(('localhost', $port))
try:
    ssl.create_default_context().wrap_socket(raw, server_hostname='localhost')
except ssl.SSLError as e:
    print(e.errno, e.reason, e.verify_code)
" <<'END'
INTERNAL TLS client handshake localhost [unknown_service:python] ERROR error.type=self_signed_certificate network.peer.address=127.0.0.1
END
exit
