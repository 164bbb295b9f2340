#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One trace through TLS at every step: curl, nginx, a threaded Python service that asks by requests,
# and one of asyncio, which has no descriptor for its sessions. Several at once: each with its own.
# Then curl by HTTP/2, and a gRPC service that the Python one calls.
. "$(dirname "$0")/lib.sh"
need curl nginx
/usr/bin/python3 -c 'import requests' 2>/dev/null || skip "python3-requests is not installed"
certificate
chmod a+rx "$dir" "$dir/tls"
chmod a+r "$dir/tls"/*
front=$(free_port) middle=$(free_port) back=$(free_port) rpc=$(free_port)
fresh_spans

cat >"$dir/back.py" <<'END'
import asyncio, ssl, sys
async def serve(reader, writer):
    head = await reader.readuntil(b"\r\n\r\n")
    await asyncio.sleep(0.01)
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nback\n")
    await writer.drain()
    writer.close()
async def main():
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[2])
    await (await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), ssl=tls)).serve_forever()
asyncio.run(main())
END
cat >"$dir/rpc.py" <<'END'
import concurrent.futures, grpc, sys
echo = grpc.unary_unary_rpc_method_handler(lambda request, context: b"rpc of " + request + b"\n")
server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("demo.Echo", {"Unary": echo}),))
with open(sys.argv[2], "rb") as both:
    pem = both.read()
server.add_secure_port(f"localhost:{sys.argv[1]}", grpc.ssl_server_credentials([(pem, pem)]))
server.start()
server.wait_for_termination()
END
cat >"$dir/middle.py" <<'END'
import http.server, requests, ssl, sys
channel = None
def call(text):
    global channel
    import grpc
    if not channel:
        with open(sys.argv[3], "rb") as both:
            channel = grpc.secure_channel(f"127.0.0.1:{sys.argv[4]}", grpc.ssl_channel_credentials(both.read()))
    return channel.unary_unary("/demo.Echo/Unary")(text)
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path.startswith("/rpc"):
            got = call(self.path.encode())
        else:
            got = requests.get(f"https://localhost:{sys.argv[2]}{self.path}", verify=sys.argv[3]).content
        self.send_response(200)
        self.send_header("Content-Length", str(len(got)))
        self.end_headers()
        self.wfile.write(got)
    def log_message(self, *args):
        pass
class Server(http.server.ThreadingHTTPServer):
    def finish_request(self, sock, address): # the handshake in the request's thread
        super().finish_request(tls.wrap_socket(sock, server_side=True), address)
tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
tls.load_cert_chain(sys.argv[3])
Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
END
nginx_conf 1 "server {
	listen 127.0.0.1:$front ssl http2;
	ssl_certificate $dir/tls/cert.pem;
	ssl_certificate_key $dir/tls/key.pem;
	ssl_protocols TLSv1.2 TLSv1.3;
	location / { proxy_pass https://localhost:$middle; }
}"

start() { # SERVICE PORT command...
	under traced "$1"
	"${env[@]}" "${@:3}" >/dev/null 2>&1 &
	running="$running $!"
	ready "$2" $! || exit 1
}
start back "$back" /usr/bin/python3 "$dir/back.py" "$back" "$dir/tls/both.pem"
start middle "$middle" /usr/bin/python3 "$dir/middle.py" "$middle" "$back" "$dir/tls/both.pem" "$rpc"
start front "$front" nginx -c "$dir/nginx.conf"

ask_front() {
	traced curl curl -sS --http1.1 --cacert "$dir/tls/cert.pem" "https://localhost:$front/$1"
}

expected() {
	for n; do
		cat <<END
CLIENT GET [curl] UNSET http.response.status_code=200
  SERVER GET [front] UNSET http.response.status_code=200 url.path=/$n
    CLIENT GET [front] UNSET http.response.status_code=200
      SERVER GET [middle] UNSET http.response.status_code=200 url.path=/$n
        CLIENT GET [middle] UNSET http.response.status_code=200
          SERVER GET [back] UNSET http.response.status_code=200 url.path=/$n
END
		[ "$n" = "${!#}" ] || echo
	done
}
attributes=http.response.status_code,url.path

check "the answer comes through" [ "$(ask_front 1)" = back ]
expected 1 >"$dir/want"
wait_for 10 tree_is_there
check "one trace through four programs" same_tree

fresh_spans
asked=
for n in 1 2 3 4 5 6; do
	ask_front $n >"$dir/answer$n" &
	asked="$asked $!"
done
# shellcheck disable=SC2086
wait $asked
expected 1 2 3 4 5 6 >"$dir/want"
wait_for 10 tree_is_there
check "six at once, each its own" same_tree

/usr/bin/python3 -c 'import grpc' 2>/dev/null || exit
start rpc "$rpc" /usr/bin/python3 "$dir/rpc.py" "$rpc" "$dir/tls/both.pem"
fresh_spans
attributes=network.protocol.version,http.response.status_code,url.path,rpc.system.name,rpc.status_code
ask_rpc() {
	traced curl curl -sS --http2 --cacert "$dir/tls/cert.pem" "https://localhost:$front/rpc$1"
}
check "the answer of gRPC comes through" [ "$(ask_rpc 1)" = "rpc of /rpc1" ]
check "and once more, over the channel that is there" [ "$(ask_rpc 2)" = "rpc of /rpc2" ]
for n in 1 2; do
	cat <<END
CLIENT GET [curl] UNSET network.protocol.version=2 http.response.status_code=200
  SERVER GET [front] UNSET network.protocol.version=2 http.response.status_code=200 url.path=/rpc$n
    CLIENT GET [front] UNSET network.protocol.version=1.0 http.response.status_code=200
      SERVER GET [middle] UNSET network.protocol.version=1.0 http.response.status_code=200 url.path=/rpc$n
        CLIENT demo.Echo/Unary [middle] UNSET rpc.system.name=grpc rpc.status_code=OK
          SERVER demo.Echo/Unary [rpc] UNSET rpc.system.name=grpc rpc.status_code=OK
END
	[ $n = 2 ] || echo
done >"$dir/want"
wait_for 10 tree_is_there
check "one trace: curl by HTTP/2, nginx, Python, gRPC, all of it in TLS" same_tree
exit
