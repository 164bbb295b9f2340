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
"$rotel" start --exporter blackhole --debug-log traces --debug-log-verbosity detailed \
	--otlp-http-endpoint "127.0.0.1:$otlp" --otlp-grpc-endpoint "127.0.0.1:$(free_port)" >>"$dir/rotel.log" 2>&1 &
running="$running $!"
ready "$otlp" $! || exit

# exported PROTOCOL: what the collector prints of one curl, ids and numbers of this run taken out
exported() {
	: >"$dir/rotel.log"
	env LD_PRELOAD="$library" OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$otlp" \
		OTEL_EXPORTER_OTLP_PROTOCOL="$1" OTEL_SERVICE_NAME=asking AUTOTRACE_EXIT_FLUSH_MS=5000 \
		OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=test,team=a%2Cb \
		TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 \
		curl -sS "$url/status/404" >/dev/null
	wait_for 5 grep -q "Name: connect.end" "$dir/rotel.log"
	sleep 0.2
	sed -E -e "s/127.0.0.1:$port/127.0.0.1:PORT/" -e "s/Int\\($port\\)/Int(PORT)/" \
		-e 's/(pid: Int)\([0-9]+\)/\1(PID)/' -e 's/((instance.id|host.name|host.id|version): Str).*/\1/' \
		-e 's/^(InstrumentationScope libautotrace).*/\1/' -e 's/(time|Timestamp): [0-9]+/\1/' \
		-e 's/Double\([0-9.e-]+\)/Double/' -e 's/^( *ID +: )[0-9a-f]{16}$/\1ID/' \
		-e 's/(host.arch: Str).*/\1/' "$dir/rotel.log" >"$dir/printed"
}

cat >"$dir/want" <<'END'
END
for protocol in http/protobuf http/json; do
	exported $protocol
	check "$protocol is accepted and printed" same "what the collector prints" "$dir/want" "$dir/printed"
done
