#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TLS that cannot be looked into, since it is compiled into the program: a span of what is seen of
# it from outside, and nothing of ours on the wire.
. "$(dirname "$0")/lib.sh"
need node
ldd "$(command -v node)" 2>/dev/null | grep -q libssl && skip "this node has its TLS from a library"
certificate
origin --tls "$dir/tls"
attributes=error.type,server.address,server.port,tls.protocol.version,tls.established
export NODE_EXTRA_CA_CERTS=$dir/tls/cert.pem NODE_NO_WARNINGS=1

sends "node: a span for the connection, however many requests are in it" node -e "
const https = require('https'), agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
const get = (path, next) => https.get({ host: 'localhost', port: ${url##*:}, path, agent }, r => {
	let s = ''; r.on('data', d => s += d); r.on('end', () => { console.log(s); next(); }); });
get('/ok', () => get('/chunked', () => setImmediate(() => agent.destroy())));" <<'END'
CLIENT TLS localhost [unknown_service:node] UNSET server.address=localhost server.port=PORT tls.protocol.version=1.3 tls.established=true
END

sends "node: the server breaks off" node -e "
require('https').get('$url/reset', r => { r.on('error', e => console.log(e.code)); r.resume(); })
	.on('error', e => console.log(e.code));" <<'END'
CLIENT TLS localhost [unknown_service:node] ERROR error.type=connection_reset server.address=localhost server.port=PORT tls.protocol.version=1.3 tls.established=true
END

for version in 1.2 1.3; do
	sends "node: a certificate that it does not trust, TLS $version" \
		env -u NODE_EXTRA_CA_CERTS node --tls-max-v$version -e "
require('https').get('$url/ok').on('error', e => console.log(e.code));" <<END
CLIENT TLS localhost [unknown_service:node] ERROR error.type=handshake_failure server.address=localhost server.port=PORT tls.protocol.version=$version tls.established=false
END
done

no_origin
old=$(free_port)
openssl s_server -quiet -no_tls1_3 -accept "$old" -cert "$dir/tls/cert.pem" -key "$dir/tls/key.pem" </dev/null >/dev/null 2>&1 &
running="$running $!"
ready "$old" $!
sends "node: the server refuses the version" node -e "
require('https').get({ host: 'localhost', port: $old, minVersion: 'TLSv1.3' }).on('error', e => console.log(e.code));" <<'END'
CLIENT TLS localhost [unknown_service:node] ERROR error.type=protocol_version server.address=localhost server.port=PORT tls.established=false
END

check "doctor says so of node" grep -q "TLS that is compiled into it" <("$autotrace" doctor node)
! command -v curl >/dev/null ||
	check "and of curl that its TLS is seen" grep -q "The same inside TLS" <("$autotrace" doctor curl)
exit
