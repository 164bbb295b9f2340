#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# How TLS sessions end, and change in the middle: certificates that are refused, and those that are
# demanded, alerts, cut connections, renegotiation, new keys; servers by OpenSSL and GnuTLS. Every
# call says what it says without us, and a span what went wrong.
. "$(dirname "$0")/lib.sh"
. "$here/tls/ends.sh"

# Of a server's handshakes there are spans where they are asked for.
export AUTOTRACE_PROBES=http,tls
hands="INTERNAL TLS server handshake [server] ERROR error.type"
got="SERVER GET [server]"
shook="INTERNAL TLS server handshake [server] UNSET tls.protocol.version"
ok="$got UNSET http.response.status_code=200 url.path="
of_gnutls=s/certificate_expired/bad_certificate/ by_gnutls=s/certificate_expired/bad_record_mac/ both_gnutls=$of_gnutls
server "a certificate that has expired" expired "" "" <<<"$hands=certificate_expired"
by_gnutls=s/bad_certificate/bad_record_mac/ both_gnutls=s/no/no/
server "a certificate of another name" misnamed "" "" <<<"$hands=bad_certificate"
of_gnutls=s/unknown_ca/bad_certificate/ by_gnutls=s/unknown_ca/bad_record_mac/ both_gnutls=$of_gnutls
server "a certificate that nobody vouches for" unknown "" "" <<<"$hands=unknown_ca"
server "a certificate that is demanded" good "" demand <<<"$hands=certificate_required"
server "a certificate that is demanded, TLS 1.2" good "" "demand old" <<<"$hands=certificate_required"
export AUTOTRACE_PROBES=http
server "an answer that is cut" good "" cut <<<"$got UNSET http.response.status_code=200 url.path=/1 autotrace.incomplete=true tls.protocol.version=1.3"
server "an answer that ends with the connection" good "" closed <<<"${ok}/1 tls.protocol.version=1.3"
server "hands that the client shakes anew" good "renegotiate old" "" < <(both "$ok/" " tls.protocol.version=1.2")
server "hands that the server shakes anew" good "twice old" "renegotiate" < <(both "$ok/" " tls.protocol.version=1.2")
server "keys that the client makes anew" good "update" "" < <(both "$ok/" " tls.protocol.version=1.3")
server "keys that the server makes anew" good "twice" "update" < <(both "$ok/" " tls.protocol.version=1.3")

# A client that says hello, and goes.
requests() {
	/usr/bin/python3 -c '
import socket, ssl, sys
out, context = ssl.MemoryBIO(), ssl.create_default_context()
try:
    context.wrap_bio(ssl.MemoryBIO(), out, server_hostname="localhost").do_handshake()
except ssl.SSLWantReadError:
    pass
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
peer.sendall(out.read())
peer.shutdown(socket.SHUT_WR)
while peer.recv(4096): pass' "$port"
}
export AUTOTRACE_PROBES=http,tls
for by in openssl gnutls; do
	serves "$by: a client that says hello, and goes" "${!by}" server PORT "$dir/good" <<<"$hands=connection_closed"
done
exit
