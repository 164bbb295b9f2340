#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A node whose OpenSSL is the system's, as Debian's: its sessions are on memory, and libuv moves what is
# encrypted. Client and server, HTTP/1.1 and HTTP/2.
. "$(dirname "$0")/lib.sh"
system_node || skip "no node whose TLS is the system's (make deps)"
certificate
attributes=http.response.status_code,url.full,url.path,error.type,tls.protocol.version,network.protocol.version
export NODE_EXTRA_CA_CERTS=$dir/tls/cert.pem NODE_NO_WARNINGS=1

cat >"$dir/ask.js" <<'END'
const https = require('https');
const base = process.argv[2];
const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
const one = (path, body, options) => new Promise((resolve) => {
	const asked = https.request(base + path, { agent, method: body ? 'POST' : 'GET', ...options }, (answer) => {
		let text = '';

		answer.setEncoding('utf8');
		answer.on('data', (part) => { text += part; });
		answer.on('error', (error) => console.log(path, error.code));
		answer.on('close', () => resolve(console.log(path, answer.statusCode, text.length)));
	});

	asked.on('error', (error) => resolve(console.log(path, error.code)));
	asked.end(body);
});

(async () => {
	await one('/ok');
	await one('/chunked');
	await one('/echo', 'n'.repeat(200000));
	await one('/ok?old', null, { agent: null, maxVersion: 'TLSv1.2' });
	await one('/reset', null, { agent: null });
	await one('/ok?untrusted', null, { agent: null, ca: [] , servername: 'other.example' });
	console.log((await (await fetch(base + '/ok?fetched')).text()).length);
	agent.destroy();
})();
END
origin --tls "$dir/tls"
sends "https" "${node[@]}" "$dir/ask.js" "$url" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=200 url.full=https://localhost:PORT/reset error.type=connection_reset tls.protocol.version=1.3 network.protocol.version=1.1

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://localhost:PORT/chunked network.protocol.version=1.1

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok tls.protocol.version=1.3 network.protocol.version=1.1

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?fetched tls.protocol.version=1.3 network.protocol.version=1.1

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://localhost:PORT/ok?old tls.protocol.version=1.2 network.protocol.version=1.1

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=https://localhost:PORT/echo network.protocol.version=1.1
END
no_origin

port=$(free_port)
both="${node[*]} $here/servers/http2_node.js"
$both serve "$port" "$dir/tls" &
running="$running $!"
ready "$port" $! || fail
sends "a client of HTTP/2" $both ask "$port" "$dir/tls" <<'END'
CLIENT GET [unknown_service:node] ERROR http.response.status_code=503 url.full=https://127.0.0.1:PORT/deny error.type=503 network.protocol.version=2

CLIENT GET [unknown_service:node] ERROR url.full=https://127.0.0.1:PORT/cut error.type=connection_closed network.protocol.version=2

CLIENT GET [unknown_service:node] ERROR url.full=https://127.0.0.1:PORT/reset error.type=INTERNAL_ERROR network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo tls.protocol.version=1.3 network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo?1 network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo?2 network.protocol.version=2

CLIENT GET [unknown_service:node] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo?3 network.protocol.version=2

CLIENT POST [unknown_service:node] UNSET http.response.status_code=200 url.full=https://127.0.0.1:PORT/echo network.protocol.version=2
END
stop $!
requests() {
	$both ask "$port" "$dir/tls"
}
serves "a server of HTTP/2" $both serve PORT "$dir/tls" <<'END'
SERVER GET [server] ERROR http.response.status_code=503 url.path=/deny error.type=503 network.protocol.version=2

SERVER GET [server] ERROR url.path=/reset error.type=INTERNAL_ERROR network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2

SERVER GET [server] UNSET http.response.status_code=200 url.path=/echo tls.protocol.version=1.3 network.protocol.version=2

SERVER GET [server] UNSET url.path=/cut network.protocol.version=2

SERVER POST [server] UNSET http.response.status_code=200 url.path=/echo network.protocol.version=2
END

cat >"$dir/serve.js" <<'END'
const fs = require('fs'), https = require('https');
const [port, folder] = process.argv.slice(2);
const read = (name) => fs.readFileSync(`${folder}/${name}.pem`);
https.createServer({ cert: read('cert'), key: read('key') }, (asked, answer) => {
	asked.resume();
	asked.on('end', () => answer.end('x'.repeat(+asked.url.slice(1))));
}).listen(port, '127.0.0.1');
process.on('SIGTERM', () => process.exit(0));
END
requests() {
	curl -sS --http1.1 --cacert "$dir/tls/cert.pem" "https://localhost:$port/10" "https://localhost:$port/300000" | md5sum
	curl -sS --http1.1 --tls-max 1.2 --cacert "$dir/tls/cert.pem" -d body "https://localhost:$port/20" -o -
}
serves "a server" "${node[@]}" "$dir/serve.js" PORT "$dir/tls" <<'END'
SERVER GET [server] UNSET http.response.status_code=200 url.path=/10 tls.protocol.version=1.3 network.protocol.version=1.1

SERVER GET [server] UNSET http.response.status_code=200 url.path=/300000 network.protocol.version=1.1

SERVER POST [server] UNSET http.response.status_code=200 url.path=/20 tls.protocol.version=1.2 network.protocol.version=1.1
END
exit
