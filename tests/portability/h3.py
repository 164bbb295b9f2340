# SPDX-License-Identifier: Apache-2.0
"""h3.py PORT CERT KEY HEARD: a server of HTTP/3; PORT and HEARD are files, with its port, and path and traceparent of each."""
import asyncio
import sys

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ProtocolNegotiated


class Server(QuicConnectionProtocol):
    http = None

    def quic_event_received(self, event):
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic)
        for e in self.http.handle_event(event) if self.http else []:
            if isinstance(e, HeadersReceived):
                fields = dict(e.headers)
                with open(sys.argv[4], "ab") as heard:
                    heard.write(fields[b":path"] + b" " + fields.get(b"traceparent", b"none") + b"\n")
                self.http.send_headers(e.stream_id, [(b":status", b"200"), (b"content-length", b"3")])
                self.http.send_data(e.stream_id, b"ok\n", end_stream=True)
                self.transmit()


async def main():
    configuration = QuicConfiguration(is_client=False, alpn_protocols=H3_ALPN)
    configuration.load_cert_chain(sys.argv[2], sys.argv[3])
    server = await serve("127.0.0.1", 0, configuration=configuration, create_protocol=Server)
    with open(sys.argv[1], "w") as port:
        port.write(str(server._transport.get_extra_info("sockname")[1]))
    await asyncio.Future()


asyncio.run(main())
