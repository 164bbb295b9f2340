#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Requests that are made amid the calls of a GnuTLS session, in functions of the program's own that
# GnuTLS calls: each has its own span, and is answered by its own answer.
. "$(dirname "$0")/lib.sh"
[ -f /usr/include/gnutls/gnutls.h ] || skip "GnuTLS's headers are not installed"
certificate
origin --tls "$dir/tls" --apart
program gnutls_nested -lgnutls
attributes=http.response.status_code,url.full

plain=$(free_port)
/usr/bin/python3 -c '
import socket, sys
listener, nr = socket.create_server(("127.0.0.1", int(sys.argv[1]))), 0
while True:
    with listener.accept()[0] as asked:
        head, nr = asked.recv(4096), nr + 1
        with open(f"{sys.argv[2]}/clear-{nr:02}", "wb") as file:
            file.write(head)
        asked.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
' "$plain" "$dir/origin/captured" &
running="$running $!"
ready "$plain" $! || fail

sends "requests amid others" "$program" "$port" "$plain" < <(
	for url in http://h/{amid-hands,amid-hands-too,pull,push,verify} https://h/ok?{a,b,c,d,verify}; do
		echo "CLIENT GET [unknown_service:gnutls_nested] UNSET http.response.status_code=200 url.full=$url"
		[ "$url" = "https://h/ok?verify" ] || echo
	done)
exit
