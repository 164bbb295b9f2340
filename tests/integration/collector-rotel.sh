#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A collector that nobody here wrote takes what is exported, and prints it.
. "$(dirname "$0")/lib.sh"
need curl
rotel=$(compgen -G "$top/build/deps/npm/node_modules/@streamfold/rotel-linux-*/bin/rotel-agent" | head -n 1)
[ "$rotel" ] || skip "rotel is not installed (make deps)"
"$rotel" version >/dev/null 2>&1 || skip "rotel does not run here"
origin
otlp=$(free_port)
grpc=$(free_port)
"$rotel" start --exporter blackhole --debug-log traces --debug-log-verbosity detailed \
	--otlp-http-endpoint "127.0.0.1:$otlp" --otlp-grpc-endpoint "127.0.0.1:$grpc" >>"$dir/rotel.log" 2>&1 &
running="$running $!"
ready "$otlp" $! || fail

# exported PROTOCOL PORT: what the collector prints of one curl, ids and numbers of this run taken out;
# and host.id, which not every machine has
exported() {
	: >"$dir/rotel.log"
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$2" \
		OTEL_EXPORTER_OTLP_PROTOCOL="$1" OTEL_SERVICE_NAME=asking AUTOTRACE_EXIT_FLUSH_MS=5000 \
		OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,team=a%2Cb \
		TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 \
		curl -sS "$url/status/404" >/dev/null
	wait_for 5 grep -q "Name: connect.end" "$dir/rotel.log"
	sleep 0.2
	sed -E -e "s/127.0.0.1:$port/127.0.0.1:PORT/" -e "s/Int\\($port\\)/Int(PORT)/" \
		-e 's/(pid: Int)\([0-9]+\)/\1(PID)/' -e 's/((instance.id|host.name|host.id|sdk.version): Str).*/\1/' \
		-e 's/^(InstrumentationScope libautotrace).*/\1/' -e 's/(time|Timestamp): [0-9]+/\1/' \
		-e 's/Double\([0-9.e-]+\)/Double/' -e 's/^( *ID +: )[0-9a-f]{16}$/\1ID/' \
		-e '/host.id: Str/d' -e 's/(host.arch: Str).*/\1/' "$dir/rotel.log" >"$dir/printed"
}

cat >"$dir/want" <<'END'
ResourceSpans #0
Resource SchemaURL: 
Resource attributes:
     -> service.name: Str(asking)
     -> service.instance.id: Str
     -> process.pid: Int(PID)
     -> process.executable.name: Str(curl)
     -> process.executable.path: Str(/usr/bin/curl)
     -> process.command: Str(curl)
     -> host.name: Str
     -> host.arch: Str
     -> os.type: Str(linux)
     -> deployment.environment.name: Str(test)
     -> team: Str(a,b)
     -> telemetry.sdk.name: Str(autotrace)
     -> telemetry.sdk.language: Str(c)
     -> telemetry.sdk.version: Str
ScopeSpans #0
ScopeSpans SchemaURL: https://opentelemetry.io/schemas/1.45.0
InstrumentationScope libautotrace
Span #0
    Trace ID       : 0af7651916cd43dd8448eb211c80319c
    Parent ID      : b7ad6b7169203331
    ID             : ID
    Name           : GET
    Kind           : SPAN_KIND_CLIENT
Start time
End time
    Status code    : STATUS_CODE_ERROR
    Status message : 
Attributes:
     -> http.request.method: Str(GET)
     -> server.address: Str(127.0.0.1)
     -> server.port: Int(PORT)
     -> network.peer.address: Str(127.0.0.1)
     -> network.peer.port: Int(PORT)
     -> network.protocol.version: Str(1.1)
     -> url.full: Str(http://127.0.0.1:PORT/status/404)
     -> autotrace.connect.duration: Double
     -> http.response.status_code: Int(404)
     -> error.type: Str(404)
     -> http.response.body.size: Int(7)
     -> autotrace.http.response.first_byte: Double
     -> autotrace.http.total.duration: Double
Events:
SpanEvent #0
     -> Name: connect.start
     -> Timestamp
     -> DroppedAttributesCount: 0
SpanEvent #1
     -> Name: connect.end
     -> Timestamp
     -> DroppedAttributesCount: 0
END
for protocol in http/protobuf http/json grpc; do
	to=$otlp
	[ $protocol != grpc ] || to=$grpc
	exported $protocol "$to"
	check "$protocol is accepted and printed" same "what the collector prints" "$dir/want" "$dir/printed"
done
