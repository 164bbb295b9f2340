#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Perl, Ruby, PHP and openssl itself as TLS clients, each by OpenSSL in its own way.
. "$(dirname "$0")/lib.sh"
certificate
origin --tls "$dir/tls"
export SSL_CERT_FILE=$dir/tls/cert.pem
attributes=http.response.status_code,url.full,error.type,network.peer.address,tls.protocol.version

if perl -MIO::Socket::SSL -e 1 2>/dev/null; then
	sends "Perl, IO::Socket::SSL" perl -MIO::Socket::SSL -e '
		my $s = IO::Socket::SSL->new(PeerAddr => "localhost:'"${url##*:}"'", SSL_ca_file => $ENV{SSL_CERT_FILE}) or die;
		print $s "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 20000\r\nConnection: close\r\n\r\n", "p" x 20000;
		print length(join "", <$s>), "\n"' <<'END'
CLIENT POST [unknown_service:perl] UNSET http.response.status_code=200 url.full=https://h/echo network.peer.address=127.0.0.1 tls.protocol.version=1.3
END
fi

if command -v ruby >/dev/null; then
	sends "Ruby, Net::HTTP" ruby -rnet/http -e '
		Net::HTTP.start("localhost", '"${url##*:}"', use_ssl: true) { |h|
			puts h.get("/ok").body, h.post("/echo", "r" * 30000).body.length }' <<'END'
CLIENT GET [unknown_service:ruby] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3

CLIENT POST [unknown_service:ruby] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.peer.address=127.0.0.1
END
fi

if command -v php >/dev/null; then
	sends "PHP, a stream" php -r '
		$c = stream_context_create(["ssl" => ["cafile" => getenv("SSL_CERT_FILE")]]);
		echo file_get_contents("'"$url"'/ok", false, $c);' <<'END'
CLIENT GET [unknown_service:php] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3
END
fi

mask='/^(read R|depth|verify|DONE)/d; s/[0-9a-f]{16,}/HEX/gI'
sends "openssl s_client" bash -c "(printf 'GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n'; sleep 0.5) |
	openssl s_client -quiet -connect localhost:${url##*:} 2>/dev/null" <<'END'
CLIENT GET [unknown_service:openssl] UNSET http.response.status_code=200 url.full=https://h/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3
END

if command -v ab >/dev/null; then
	mask='/^(Time|Requests|Transfer|Server|Document|Connect|Processing|Waiting|Total| *[0-9]|Percentage| +min)|seconds|Temp|:error:/d'
	origin --tls "$dir/tls" --apart
	sends "ab, twenty by five" ab -q -n 20 -c 5 "$url/ok" < <(times 20 "CLIENT GET [unknown_service:ab] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1 tls.protocol.version=1.3")
fi

# The tunnel of a proxy: TLS begins in the middle of a connection that was HTTP.
if command -v curl >/dev/null; then
	cat >"$dir/proxy.py" <<'END'
import socket, sys, threading
listener = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1] + ".new", "w").write(str(listener.getsockname()[1]))
import os; os.rename(sys.argv[1] + ".new", sys.argv[1])
def pump(a, b):
    try:
        while got := a.recv(65536): b.sendall(got)
    except OSError: pass
    try: b.shutdown(socket.SHUT_WR)
    except OSError: pass
while True:
    c, _ = listener.accept()
    head = b""
    while b"\r\n\r\n" not in head: head += c.recv(4096)
    host, port = head.split()[1].decode().split(":")
    u = socket.create_connection((host, int(port)))
    c.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    threading.Thread(target=pump, args=(c, u), daemon=True).start()
    threading.Thread(target=pump, args=(u, c), daemon=True).start()
END
	/usr/bin/python3 "$dir/proxy.py" "$dir/proxy-port" &
	running="$running $!"
	wait_for 10 test -e "$dir/proxy-port" || skip "no proxy"
	mask=
	no_origin # what the proxy was sent is not there to be compared
	mkdir "$dir/behind"
	/usr/bin/python3 "$here/origin.py" "$dir/behind" --tls "$dir/tls" &
	running="$running $!"
	wait_for 10 test -e "$dir/behind/port" || skip "no origin"
	attributes=http.response.status_code,url.full,network.peer.address
	sends "curl, through the tunnel of a proxy" \
		curl -sS --http1.1 --cacert "$dir/tls/cert.pem" -x "http://127.0.0.1:$(cat "$dir/proxy-port")" \
		"https://localhost:$(cat "$dir/behind/port")/ok" <<'END'
CLIENT CONNECT [unknown_service:curl] UNSET http.response.status_code=200 url.full=http://localhost:PORT network.peer.address=127.0.0.1

CLIENT GET [unknown_service:curl] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok network.peer.address=127.0.0.1
END
fi
exit
