#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How TLS sessions end, and change in the middle: certificates that are refused, and those that are
# demanded, alerts, cut connections, renegotiation, new keys; clients by OpenSSL and GnuTLS. Every
# call says what it says without us, and a span what went wrong.
. "$(dirname "$0")/lib.sh"
. "$here/tls/ends.sh"

hands="INTERNAL TLS client handshake localhost [unknown_service:_ends] ERROR error.type"
got="CLIENT GET [unknown_service:_ends]"
ok="$got UNSET http.response.status_code=200 url.full=https://h"
client "a certificate that has expired" expired "" "" <<<"$hands=certificate_expired"
client "a certificate of another name" misnamed "" "" <<<"$hands=hostname_mismatch"
client "a certificate that nobody vouches for" unknown "" "" <<<"$hands=unable_to_get_issuer_certificate"
client "a certificate that is looked at afterwards" expired look "" <<<"$hands=certificate_expired"
client "a certificate that is demanded" good "" demand \
	<<<"$got ERROR url.full=https://h/1 error.type=certificate_required tls.protocol.version=1.3"
of_gnutls='s/handshake_failure/decode_error/'
client "a certificate that is demanded, TLS 1.2" good "" "demand old" <<<"$hands=handshake_failure"
client "an answer that is cut" good "" cut \
	<<<"$got ERROR http.response.status_code=200 url.full=https://h/1 error.type=connection_closed tls.protocol.version=1.3"
client "an answer that ends with a connection that is cut" good "" open \
	<<<"$ok/1 autotrace.incomplete=true tls.protocol.version=1.3"
client "an answer that ends with the connection" good "" closed <<<"$ok/1 tls.protocol.version=1.3"
client "hands that the client shakes anew" good "renegotiate old" "" < <(both "$ok/" " tls.protocol.version=1.2")
client "hands that the server shakes anew" good "twice old" "renegotiate" < <(both "$ok/" " tls.protocol.version=1.2")
client "keys that the client makes anew" good "update" "" < <(both "$ok/" " tls.protocol.version=1.3")
client "keys that the server makes anew" good "twice" "update" < <(both "$ok/" " tls.protocol.version=1.3")

# What a network does: what is given to it in place of a server.
no_server() { # HOW: goes amid the handshake
	port=$(free_port)
	back /usr/bin/python3 -c '
import socket, struct, sys, time
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    peer, _ = listener.accept()
    peer.recv(4096)
    if sys.argv[2] == "reset":
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()' "$port" "$1"
}
for by in openssl gnutls; do
	for how in reset closed; do
		no_server $how
		sends "$by: hands that are $how" "${!by}" client "$port" "$dir/good" \
			<<<"${hands/_ends/${by}_ends}=connection_$how"
	done
	# a byte of the answer is another one on its way
	port=$(free_port)
	back "${!by}" server "$port" "$dir/good"
	behind=$port port=$(free_port)
	/usr/bin/python3 -c '
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = listener.accept()
    server = socket.create_connection(("127.0.0.1", int(sys.argv[2])))
    asked = threading.Event()
    def up():
        heard = b""
        while got := client.recv(65536):
            heard += got
            at = nr = 0
            while len(heard) >= at + 5 and len(heard) >= at + 5 + int.from_bytes(heard[at + 3:at + 5], "big"):
                nr += heard[at] == 23
                at += 5 + int.from_bytes(heard[at + 3:at + 5], "big")
            if nr > 1: # its Finished, and a request
                asked.set()
            server.sendall(got)
        server.shutdown(socket.SHUT_WR)
    threading.Thread(target=up, daemon=True).start()
    while got := server.recv(65536):
        if asked.is_set():
            got = got[:-1] + bytes([got[-1] ^ 1])
        client.sendall(got)
    client.close()' "$port" "$behind" &
	running="$running $!"
	ready "$port" $! || fail
	sends "$by: an answer that is garbled" "${!by}" client "$port" "$dir/good" \
		<<<"${got/_ends/${by}_ends} ERROR url.full=https://h/1 error.type=bad_record_mac tls.protocol.version=1.3"
done
exit
