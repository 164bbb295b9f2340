#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Spans over TLS and packed: to a collector with a CA of its own, by name and by address, with a client's
# certificate; and what becomes of them where something of that is wrong: the program is as it is
# without us, one line says why, and every span is counted.
. "$(dirname "$0")/lib.sh"
need curl openssl
[ -f "$build/libautotrace-tls.so" ] || skip "libautotrace-tls.so is not built"
origin

# ---- certificates: a CA, and whom it signs -------------------------------------------------------
pki=$dir/pki
mkdir "$pki"
ca() { # NAME
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$pki/$1.key" -out "$pki/$1.pem" \
		-subj "/O=test/CN=$1" 2>/dev/null || skip "no certificates"
}
signed() { # NAME KEY-KIND EXTENSION [DAYS]
	openssl req -new -newkey "${@:2:1}" ${ec:+-pkeyopt ec_paramgen_curve:prime256v1} -nodes \
		-keyout "$pki/$1.key" -out "$pki/$1.csr" -subj "/O=test/CN=$1" 2>/dev/null &&
		openssl x509 -req -in "$pki/$1.csr" -CA "$pki/ca.pem" -CAkey "$pki/ca.key" -CAcreateserial \
			-days "${4:-3650}" -extfile <(echo "$3") -out "$pki/$1.pem" 2>/dev/null ||
		skip "no certificates"
}
ca ca
ca stranger
signed server rsa:2048 subjectAltName=DNS:localhost,IP:127.0.0.1
ec=1 signed curve ec subjectAltName=DNS:localhost,IP:127.0.0.1
signed another rsa:2048 subjectAltName=DNS:elsewhere.example,IP:192.0.2.1
signed old rsa:2048 subjectAltName=DNS:localhost -1
signed client rsa:2048 extendedKeyUsage=clientAuth
ec=1 signed client_ec ec extendedKeyUsage=clientAuth
openssl ec -aes128 -passout pass:x -in "$pki/client_ec.key" -out "$pki/locked.key" 2>/dev/null

# ---- the collector -------------------------------------------------------------------------------
collector=
collector() { # option...
	[ -z "$collector" ] || stop "$collector"
	rm -rf "$dir/got"
	mkdir "$dir/got"
	/usr/bin/python3 "$here/collector.py" "$dir/got" "$@" &
	collector=$!
	running="$running $collector"
	wait_for 10 test -e "$dir/got/port" || skip "the collector does not start"
	at=$(cat "$dir/got/port")
}

# exported variable...: a curl, that must be as it is without us; what we say goes to $dir/log
exported() {
	: >"$dir/log"
	curl -sS "$url/ok" "$url/status/404" >"$dir/plain.out" 2>"$dir/plain.err"
	env LD_PRELOAD="$library" AUTOTRACE_LOG="$dir/log" AUTOTRACE_STATS=true AUTOTRACE_EXIT_FLUSH_MS=20000 \
		OTEL_EXPORTER_OTLP_PROTOCOL=http/json "$@" \
		curl -sS "$url/ok" "$url/status/404" >"$dir/out" 2>"$dir/err"
	same "standard output" "$dir"/{plain.out,out} && same "standard error" "$dir"/{plain.err,err}
}

# Both requests are in what came, and nothing is lost.
arrived() {
	exported "$@" && wait_for 5 compgen -G "$dir/got/*.body" >/dev/null &&
		cat "$dir"/got/*.body | /usr/bin/python3 -c '
import json, sys
spans = [s for line in sys.stdin.read().replace("}{", "}\n{").split("\n")
         for r in json.loads(line)["resourceSpans"] for c in r["scopeSpans"] for s in c["spans"]]
assert len(spans) == 2, spans' && grep -q "spans accepted by the backend: 2" "$dir/log" ||
		{ cat "$dir/log"; return 1; }
}

# lost WHY variable...: none came, both are counted, and a line says why, once
lost() {
	local why=$1
	shift
	exported "$@" && ! compgen -G "$dir/got/*.body" >/dev/null &&
		grep -Eq "spans lost: .*: 2$" "$dir/log" && [ "$(grep -cF "$why" "$dir/log")" = 1 ] ||
		{ cat "$dir/log"; return 1; }
}

trusted=OTEL_EXPORTER_OTLP_CERTIFICATE=$pki/ca.pem
to() { echo "OTEL_EXPORTER_OTLP_ENDPOINT=https://$1:$at"; }

collector
check "gzip: what comes is what was sent" arrived OTEL_EXPORTER_OTLP_COMPRESSION=gzip \
	"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$at"
check "gzip: and is packed" grep -qi "^content-encoding: gzip" "$dir/got/000.head"

collector --tls "$pki/server.pem" "$pki/server.key"
check "a CA of its own, by name" arrived "$(to localhost)" "$trusted"
collector --tls "$pki/server.pem" "$pki/server.key"
check "by address" arrived "$(to 127.0.0.1)" "$trusted"
collector --tls "$pki/curve.pem" "$pki/curve.key"
check "a certificate with a curve, and gzip" arrived "$(to localhost)" "$trusted" \
	OTEL_EXPORTER_OTLP_COMPRESSION=gzip
check "one connection for it all" test "$(wc -l <"$dir/got/connections")" = 1
collector --tls "$pki/server.pem" "$pki/server.key"
check "the server's own certificate as what is trusted" lost "not signed by one that is trusted" \
	"$(to localhost)" OTEL_EXPORTER_OTLP_CERTIFICATE="$pki/curve.pem"
check "the variable for traces is the stronger one" arrived "$(to localhost)" \
	OTEL_EXPORTER_OTLP_CERTIFICATE=/none OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE="$pki/ca.pem"

certificate
collector --tls "$dir/tls/cert.pem" "$dir/tls/key.pem"
check "one that is signed by itself" arrived "$(to localhost)" \
	OTEL_EXPORTER_OTLP_CERTIFICATE="$dir/tls/cert.pem"

collector --tls "$pki/server.pem" "$pki/server.key"
check "the machine's own CAs, which did not sign it" lost "not signed by one that is trusted" "$(to localhost)"
check "another CA" lost "not signed by one that is trusted" "$(to localhost)" \
	OTEL_EXPORTER_OTLP_CERTIFICATE="$pki/stranger.pem"
check "a file of CAs that is not there" lost "cannot be opened" "$(to localhost)" \
	OTEL_EXPORTER_OTLP_CERTIFICATE="$pki/none.pem"
check "a file of CAs with none in it" lost "no certificate in the file" "$(to localhost)" \
	OTEL_EXPORTER_OTLP_CERTIFICATE="$here/lib.sh"
collector --tls "$pki/another.pem" "$pki/another.key"
check "a certificate for another name" lost "for another name" "$(to localhost)" "$trusted"
check "a certificate for another address" lost "for another name" "$(to 127.0.0.1)" "$trusted"
collector --tls "$pki/old.pem" "$pki/old.key"
check "a certificate that is expired" lost "expired" "$(to localhost)" "$trusted"

collector --tls "$pki/server.pem" "$pki/server.key" --client-ca "$pki/ca.pem"
for kind in client client_ec; do
	rm -f "$dir"/got/*.body
	check "a client's certificate ($kind)" arrived "$(to localhost)" "$trusted" \
		OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="$pki/$kind.pem" OTEL_EXPORTER_OTLP_CLIENT_KEY="$pki/$kind.key"
done
rm -f "$dir"/got/*.body
check "no client's certificate where one is asked for" lost "TLS with localhost: the" "$(to localhost)" "$trusted" \
	OTEL_BSP_EXPORT_TIMEOUT=300
check "a certificate without its key" lost "a certificate and its key go together" "$(to localhost)" "$trusted" \
	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="$pki/client.pem"
check "a key that is locked" lost "the client's key" "$(to localhost)" "$trusted" \
	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE="$pki/client_ec.pem" OTEL_EXPORTER_OTLP_CLIENT_KEY="$pki/locked.key"

collector --tls "$pki/server.pem" "$pki/server.key" --newest
check "a server that speaks TLS 1.3 alone" lost "TLS with localhost: the server" "$(to localhost)" "$trusted"
collector
check "a server that does not speak TLS" lost "TLS with localhost: " "$(to localhost)" "$trusted" \
	OTEL_BSP_EXPORT_TIMEOUT=1000

# ---- without the object --------------------------------------------------------------------------
mkdir "$dir/alone"
cp "$library" "$dir/alone/"
with=$library
library=$dir/alone/libautotrace.so
collector --tls "$pki/server.pem" "$pki/server.key"
check "without the object: nothing is sent" lost "cannot be loaded" "$(to localhost)" "$trusted"
check "without the object: nor in the clear" test "$(cat "$dir/got/connections" 2>/dev/null | wc -l)" = 0
collector
check "without the object: gzip is left out" arrived OTEL_EXPORTER_OTLP_COMPRESSION=gzip \
	"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:$at"
library=$with

# ---- a program that has a TLS of its own ---------------------------------------------------------
origin --tls "$dir/tls"
collector --tls "$pki/server.pem" "$pki/server.key"
nr_spans() { cat "$dir"/got/*.body | grep -o "\"spanId\"" | wc -l; }
has_spans() { [ "$(nr_spans)" = "$1" ]; }
own_tls() {
	cat >"$dir/many.py" <<'END'
import http.client, os, ssl, sys
context = ssl.create_default_context(cafile=sys.argv[2])
def ask():
    c = http.client.HTTPSConnection("localhost", int(sys.argv[1]), context=context)
    c.request("GET", "/ok")
    print(c.getresponse().read())
for i in range(20):
    ask()
child = os.fork() # of a process whose session is open
if child == 0:
    ask()
    sys.exit(0)
os.waitpid(child, 0)
ask()
END
	env LD_PRELOAD="$library" "$(to localhost)" "$trusted" OTEL_EXPORTER_OTLP_PROTOCOL=http/json \
		OTEL_BSP_SCHEDULE_DELAY=10 AUTOTRACE_EXIT_FLUSH_MS=20000 \
		/usr/bin/python3 -u "$dir/many.py" "$port" "$dir/tls/cert.pem" >"$dir/out" 2>"$dir/err"
	[ "$(grep -c ok "$dir/out")" = 22 ] && [ ! -s "$dir/err" ] || { cat "$dir/err"; return 1; }
	wait_for 5 has_spans 22 || { echo "  spans: $(nr_spans)"; cat "$dir/out" | sort | uniq -c; return 1; }
}
check "a program that speaks TLS by OpenSSL itself, and forks" own_tls
check "its two processes have a connection each" test "$(wc -l <"$dir/got/connections")" = 2
