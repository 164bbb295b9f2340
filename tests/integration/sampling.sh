#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Which requests are recorded, what the next service is told of that, and what is counted.
. "$(dirname "$0")/lib.sh"
need curl
origin
parent=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331

# ---- one request of curl's: its flag, its tracestate, its spans ---------------------------------

# sampled CLAIM "FLAGS SPANS TRACESTATE" [VARIABLE=value...]
sampled() {
	local claim=$1 want=$2 flags state got
	shift 2
	rm -f "$dir/origin/captured/"* "$spans"
	under traced ""
	"${env[@]}" "$@" curl -sS "$url/ok" >/dev/null
	wait_for 5 all_captured
	flags=$(cat "$dir/origin/captured/"* | tr -d '\r' | sed -n 's/^traceparent: .*-//p')
	state=$(cat "$dir/origin/captured/"* | tr -d '\r' | sed -n 's/^tracestate: //p')
	got="$flags $(grep -o '"spanId"' "$spans" 2>/dev/null | wc -l) ${state:-none}"
	[ "$got" = "$want" ] || echo "  $got, not $want"
	[ "$got" = "$want" ]
	tell "$claim" $?
}

ratio() { # SAMPLER RATIO
	variables=(OTEL_TRACES_SAMPLER="$1" OTEL_TRACES_SAMPLER_ARG="$2")
}

sampled "nothing is set: no tracestate is made" "03 1 none"
ratio traceidratio 1
sampled "a ratio is told" "03 1 ot=th:0" "${variables[@]}"
ratio parentbased_traceidratio 1
sampled "a ratio at the root is told" "03 1 ot=th:0" "${variables[@]}"
ratio parentbased_traceidratio 0.5
sampled "what the parent decided stays" "01 1 foo=1,ot=th:c" TRACEPARENT=$parent-01 \
	TRACESTATE=foo=1,ot=th:c "${variables[@]}"
sampled "what the parent refused, too" "00 0 foo=1" TRACEPARENT=$parent-00 \
	TRACESTATE=foo=1 "${variables[@]}"
ratio traceidratio 0.5
sampled "the explicit random number decides" "01 1 ot=rv:80000000000000;th:8,foo=1" TRACEPARENT=$parent-00 \
	TRACESTATE='foo=1,ot=rv:80000000000000;th:c' "${variables[@]}"
sampled "and refuses, and stays" "00 0 ot=rv:7fffffffffffff,foo=1" TRACEPARENT=$parent-01 \
	TRACESTATE='foo=1,ot=th:c;rv:7fffffffffffff' "${variables[@]}"
sampled "the random flag is the parent's" "03 1 ot=rv:80000000000000;th:8" TRACEPARENT=$parent-02 \
	TRACESTATE='ot=rv:80000000000000' "${variables[@]}"
sampled "over the limit" "02 0 none" AUTOTRACE_RATE_LIMIT=0
sampled "within it, and how likely that was is not known" "03 1 none" AUTOTRACE_RATE_LIMIT=1 \
	OTEL_TRACES_SAMPLER=traceidratio
sampled "the limit is not for what the parent decided" "01 1 none" AUTOTRACE_RATE_LIMIT=0 \
	TRACEPARENT=$parent-01

sampled "a rule for a path" "02 0 none" AUTOTRACE_SAMPLING_RULES='path=/o? ratio=0'
sampled "a rule for another" "03 1 none" AUTOTRACE_SAMPLING_RULES='path=/x ratio=0; host=h ratio=0'
sampled "a rule for a host, before the sampler" "03 1 ot=th:0" OTEL_TRACES_SAMPLER=always_off \
	AUTOTRACE_SAMPLING_RULES='kind=client host=127.0.0.1 path=/ok ratio=1'
printf '%s\n' '# none of these' 'host=127.* ratio=0' >"$dir/rules"
sampled "rules in a file" "02 0 none" AUTOTRACE_SAMPLING_RULES="$dir/rules"
sampled "rules in a file, marked as one" "02 0 none" AUTOTRACE_SAMPLING_RULES="@$dir/rules"
echo '{"version":2,"rules":[{"host":"*","http_method":"*","url_path":"/OK","fixed_target":0,"rate":0}],
	"default":{"fixed_target":1,"rate":1}}' >"$dir/rules.json"
sampled "X-Ray's local rules" "02 0 none" AUTOTRACE_SAMPLING_RULES="$dir/rules.json"
sampled "rules in a file that is not there" "03 1 none" AUTOTRACE_SAMPLING_RULES=@/none

# ---- a server -----------------------------------------------------------------------------------

log=$dir/log

# served CLAIM [VARIABLE=value...] with the test's functions `requests` and `holds`
served() {
	local claim=$1
	shift
	rm -f "$dir/origin/captured/"* "$log"
	fresh_spans
	under traced server
	"${env[@]}" AUTOTRACE_LOG="$log" AUTOTRACE_STATS=true "$@" "${server[@]}" >"$dir/out" 2>&1 &
	local pid=$!
	running="$running $pid"
	ready "$port" $pid && requests >/dev/null 2>&1
	stop $pid
	holds || { head -c 600 "$dir/out"; false; }
	tell "$claim" $?
}

counted() { # "WHAT" in the log of a process that counted any
	local n
	n=$(sed -n "s/^autotrace\[[0-9]*\]: $1: //p" "$log" | awk '{ n += $1 } END { print n + 0 }')
	[ "$n" = "$2" ] || { echo "  $1: $n, not $2"; false; }
}

flags_sent() { # how often a flag went out to the origin
	cat "$dir/origin/captured/"* | tr -d '\r' | grep -c "^traceparent: .*-$1\$"
}

spans_of() { # KIND: 2 a server's, 3 a client's
	grep -o "\"kind\":$1" "$spans" | wc -l
}

is() { # WHAT GOT WANTED
	[ "$2" = "$3" ] || { echo "  $1: $2, not $3"; false; }
}

ask_many() { # N PATH
	local i
	for ((i = 0; i < $1; i++)); do curl -sS "http://127.0.0.1:$port$2"; done
}

origin_port=$port
if command -v nginx >/dev/null; then
	port=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$port; location / { proxy_pass http://127.0.0.1:$origin_port; } }"
	server=(nginx -c "$dir/nginx.conf")

	requests() { ask_many 20 /ok; }
	holds() {
		is "server spans" "$(spans_of 2)" 1 && is "client spans" "$(spans_of 3)" 1 &&
			is "sampled requests" "$(flags_sent 03)" 1 && is "others" "$(flags_sent 02)" 19 &&
			counted "traces not sampled: over the rate limit" 19
	}
	served "nginx: one trace in a thousand seconds, and the others are told so" AUTOTRACE_RATE_LIMIT=0.001
	served "the same beside a sampler" AUTOTRACE_RATE_LIMIT=0.001 OTEL_TRACES_SAMPLER=always_on
fi

if command -v nginx >/dev/null; then
	requests() {
		ask_many 3 /ok?1
		ask_many 3 /echo
		curl -sS -X POST -d x "http://127.0.0.1:$port/echo"
		curl -sS -H "traceparent: $parent-01" "http://127.0.0.1:$port/ok"
	}
	holds() {
		is "server spans" "$(spans_of 2)" 3 && is "client spans" "$(spans_of 3)" 3 &&
			is "sampled requests" "$(flags_sent 03)" 2 && is "others" "$(flags_sent 02)" 5 &&
			is "of the parent's" "$(flags_sent 01)" 1 &&
			is "lines of warnings" "$(grep -c "is left out" "$log")" 1 &&
			grep -q "AUTOTRACE_SAMPLING_RULES=path=/x: .*this rule is left out" "$log"
	}
	served "nginx: rules by method, path and service" OTEL_SERVICE_NAME=shop \
		AUTOTRACE_SAMPLING_RULES='service=order ratio=1; path=/x; method=POST path=/echo ratio=1
			service=shop path=/ok* rate=0.001; kind=server ratio=0'
fi

# ---- by outcome ---------------------------------------------------------------------------------

traces_kept_by() { counted "traces kept: $1" "$2"; }

if command -v nginx >/dev/null; then
	requests() { ask_many 10 /ok && ask_many 2 /status/500; }
	holds() {
		is "server spans" "$(spans_of 2)" 2 && is "client spans" "$(spans_of 3)" 2 &&
			is "requests that may be decided on again" "$(flags_sent 03)" 12 &&
			traces_kept_by "an error" 2 && counted "traces dropped by their outcome" 10 &&
			counted "spans dropped with them" 20 && counted "spans ended" 4
	}
	served "nginx: every trace with an error, and no other" AUTOTRACE_KEEP=error

	requests() { ask_many 40 /ok && ask_many 2 /status/503; }
	holds() {
		/usr/bin/python3 - "$spans" "$dir/origin/captured" <<-'END'
			import json, os, re, sys

			spans = [s for line in open(sys.argv[1]) for r in json.loads(line)["resourceSpans"]
			         for scope in r["scopeSpans"] for s in scope["spans"]]
			sent = b"".join(open(os.path.join(sys.argv[2], f), "rb").read() for f in os.listdir(sys.argv[2]))
			requests = re.findall(rb"GET (\S+) .*?traceparent: 00-([0-9a-f]{32})-", sent, re.S)
			assert len(requests) == 42, len(requests)
			assert sent.count(b"tracestate: ot=th:0\r\n") == 42
			want = {}
			for path, trace in requests:
			    if path.startswith(b"/status"):
			        want[trace.decode()] = "ot=th:0"
			    elif int(trace[18:], 16) >= 1 << 55:
			        want[trace.decode()] = "ot=th:8"
			got = {}
			for s in spans:
			    got.setdefault(s["traceId"], []).append(s.get("traceState"))
			assert got == {trace: [state, state] for trace, state in want.items()}, (got, want)
		END
	}
	served "nginx: half of all and every error, and how many each stands for" AUTOTRACE_KEEP=error,50%

	requests() { ask_many 3 /ok && ask_many 1 /slow; }
	holds() {
		is "server spans" "$(spans_of 2)" 1 && is "client spans" "$(spans_of 3)" 1 &&
			traces_kept_by slow 1 && counted "traces dropped by their outcome" 3
	}
	served "nginx: what is slow for its path" AUTOTRACE_KEEP=slow:100s,slow:/sl*:1ms
	served "nginx: what is slow for all others" AUTOTRACE_KEEP=slow:1ms,slow:/ok:100s
fi

# A server that asks the origin, and then hangs, becomes another program, or ends.
cat >"$dir/server.py" <<'END'
import http.server, os, signal, sys, time, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        for i in range(int(self.headers.get("Calls", 1))):
            urllib.request.urlopen("http://127.0.0.1:" + sys.argv[2] + "/ok").read()
        if self.path == "/exec":
            os.execv("/bin/true", ["true"])
        if self.path == "/exit":
            os._exit(3)
        if self.path == "/term":
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(60)
        if self.path == "/fork":
            if not os.fork():
                os._exit(0)
            os.wait()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass

if sys.argv[3] != "term":
    signal.signal(signal.SIGTERM, lambda *args: sys.exit())
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
END
port=$(free_port)
for way in exec exit term; do
	server=(/usr/bin/python3 "$dir/server.py" "$port" "$origin_port" $way)
	requests() { ask_many 2 /ok; ask_many 1 "/$way"; }
	holds() {
		is "server spans" "$(spans_of 2)" 1 && is "client spans" "$(spans_of 3)" 1 &&
			grep -q "\"/$way\"" "$spans"
	}
	served "a server that ends by $way: what is not decided is kept" AUTOTRACE_KEEP=error
done

server=(/usr/bin/python3 "$dir/server.py" "$port" "$origin_port" quits)
requests() { ask_many 4 /fork; }
holds() {
	is "spans" "$(spans_of .)" 0 && counted "traces dropped by their outcome" 4 &&
		counted "spans dropped with them" 8
}
served "a server that forks in requests: what waits is told by nobody else" AUTOTRACE_KEEP=error

requests() { curl -sS -H "Calls: 9" "http://127.0.0.1:$port/ok"; }
holds() {
	is "spans" "$(spans_of .)" 0 && counted "traces decided before their end: no room to wait" 1 &&
		counted "spans dropped with them" 10
}
served "a request that makes more calls than may wait" AUTOTRACE_KEEP=error AUTOTRACE_KEEP_SPANS=32
holds() {
	is "spans" "$(spans_of .)" 10 && counted "traces decided before their end: no room to wait" 1 &&
		traces_kept_by "in the share of all" 1
}
served "the same, in the share of all" AUTOTRACE_KEEP=100% AUTOTRACE_KEEP_SPANS=32

# ---- those who say what is sampled ----------------------------------------------------------------

# answers.py FOLDER: to /NAME the file of that name; what was asked is put down, a line each.
cat >"$dir/answers.py" <<'END'
import http.server, os, sys

folder = sys.argv[1] + "/"

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        with open(folder + "asked", "a") as f:
            f.write((self.path + " " + body.decode()).rstrip() + "\n")
        with open(folder + self.path.split("?")[0], "rb") as f:
            answer = f.read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *args):
        pass

server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open(folder + "port.new", "w") as f:
    f.write(str(server.server_port))
os.rename(folder + "port.new", folder + "port")
server.serve_forever()
END

answers() { # FOLDER with what is answered
	/usr/bin/python3 "$dir/answers.py" "$1" &
	running="$running $!"
	wait_for 10 test -e "$1/port" || skip "the server of answers does not start"
}

# ---- X-Ray's own rules ----------------------------------------------------------------------------

rule() { # NAME PRIORITY PATH RATE
	printf '{"SamplingRule":{"RuleName":"%s","Priority":%s,"URLPath":"%s","FixedRate":%s,"ReservoirSize":0,
		"ServiceName":"*","ServiceType":"*","Host":"*","HTTPMethod":"*","ResourceARN":"*","Version":1,
		"Attributes":{}}}' "$@"
}

asked() { grep -q "$1" "$dir/daemon/asked" 2>/dev/null; }

if command -v nginx >/dev/null; then
	port=$(sed -n 's/.*listen 127.0.0.1:\([0-9]*\);.*/\1/p' "$dir/nginx.conf")
	server=(nginx -c "$dir/nginx.conf")
	mkdir "$dir/daemon"
	echo "{\"SamplingRuleRecords\":[$(rule Default 10000 '*' 0),$(rule ok 1 /ok 1)]}" >"$dir/daemon/GetSamplingRules"
	echo '{"SamplingTargetDocuments":[],"LastRuleModification":1,"UnprocessedStatistics":[]}' \
		>"$dir/daemon/SamplingTargets"
	answers "$dir/daemon"
	requests() {
		ask_many 1 /echo # one a second, before there are rules
		wait_for 20 asked GetSamplingRules
		sleep 2 # the answer is read
		ask_many 5 /ok
		ask_many 4 /echo
		curl -sS -H "traceparent: $parent-00" "http://127.0.0.1:$port/ok"
		wait_for 30 asked '/SamplingTargets .*"RuleName":"ok","RequestCount":5,"SampledCount":5'
	}
	holds() {
		is "server spans" "$(spans_of 2)" 6 && is "client spans" "$(spans_of 3)" 6 &&
			is "sampled requests" "$(flags_sent 03)" 6 && is "others" "$(flags_sent 02)" 4 &&
			is "of the parent's" "$(flags_sent 00)" 1 &&
			asked '"RuleName":"Default","RequestCount":4,"SampledCount":0' &&
			is "asked for rules" "$(grep -c GetSamplingRules "$dir/daemon/asked")" 1
	}
	served "nginx: rules that X-Ray's daemon gives, and is told the outcome of" OTEL_TRACES_SAMPLER=xray \
		OTEL_TRACES_SAMPLER_ARG="endpoint=http://127.0.0.1:$(cat "$dir/daemon/port")"

	requests() { ask_many 6 /ok; }
	holds() {
		[ "$(spans_of 2)" -ge 1 ] && is "lines" "$(grep -c "sampling rules could not be had" "$log")" 1
	}
	served "nginx: no daemon, and one a second" OTEL_TRACES_SAMPLER=xray \
		AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:1
fi

# ---- Jaeger's strategies --------------------------------------------------------------------------

if command -v nginx >/dev/null; then
	strategies=$dir/strategies
	mkdir "$strategies"
	echo '{"strategyType":"PROBABILISTIC","operationSampling":{"defaultSamplingProbability":0,
		"perOperationStrategies":[{"operation":"GET /{what}","probabilisticSampling":{"samplingRate":1}},
			{"operation":"GET /echo","probabilisticSampling":{"samplingRate":0}}]}}' >"$strategies/sampling"
	answers "$strategies"
	jaeger="endpoint=http://127.0.0.1:$(cat "$strategies/port")/sampling"

	keeps() { # PATH...: asks, until the answer must have come
		rm -f "$dir/origin/captured/"*
		ask_many 1 "$1"
		[ "$(flags_sent 03)" = 1 ]
	}
	requests() {
		ask_many 3 /ok # nothing of it is kept; it starts what asks
		wait_for 30 test -e "$strategies/asked"
		wait_for 20 keeps /ok || return
		rm -f "$dir/origin/captured/"*
		rm -f "$spans"
		ask_many 5 /ok
		ask_many 4 /echo
		ask_many 3 /status/200
		curl -sS -H "traceparent: $parent-01" "http://127.0.0.1:$port/echo"
	}
	holds() {
		is "sampled requests" "$(flags_sent 03)" 5 && is "others" "$(flags_sent 02)" 7 &&
			is "of the parent's" "$(flags_sent 01)" 1 &&
			is "asked" "$(sort -u "$strategies/asked")" "/sampling?service=the%20shop"
	}
	served "nginx: a share for each operation, as Jaeger says it" OTEL_TRACES_SAMPLER=parentbased_jaeger_remote \
		OTEL_TRACES_SAMPLER_ARG="$jaeger,initialSamplingRate=0" OTEL_SERVICE_NAME='the shop'

	echo '{"strategyType":"SURPRISE"}' >"$strategies/sampling"
	rm "$strategies/asked"
	asked_thrice() { [ "$(wc -l <"$strategies/asked")" -ge 3 ] || { ask_many 1 /ok && false; }; }
	requests() {
		ask_many 1 /ok
		wait_for 30 test -e "$strategies/asked" && wait_for 30 asked_thrice
	}
	holds() {
		is "lines" "$(grep -c "Jaeger's sampling strategy is none that is known here: the initial rate is used" "$log")" 1 &&
			is "others" "$(flags_sent 02)" 0 && grep -q 'sampling strategies that were none: [1-9]' "$log"
	}
	served "nginx: an answer that is no strategy is told once, and the initial rate holds" \
		OTEL_TRACES_SAMPLER=jaeger_remote \
		OTEL_TRACES_SAMPLER_ARG="$jaeger,initialSamplingRate=1,pollingIntervalMs=100"

	requests() { ask_many 2 /ok; }
	holds() { is "sampled requests" "$(flags_sent 03)" 2; }
	served "nginx: nobody to ask" OTEL_TRACES_SAMPLER=jaeger_remote \
		OTEL_TRACES_SAMPLER_ARG="endpoint=http://127.0.0.1:1/s,initialSamplingRate=1"
fi

# By gRPC, as the specification has it: gRPC's own server for node.
export NODE_PATH=$top/build/deps/npm-grpc/node_modules
if command -v nginx >/dev/null && command -v node >/dev/null && [ -d "$NODE_PATH/@grpc/grpc-js" ]; then
	cat >"$dir/strategies.js" <<-'END'
		const fs = require('fs')
		const grpc = require('@grpc/grpc-js')
		const [dir] = process.argv.slice(2)
		const asIs = (bytes) => bytes
		const method = { path: '/jaeger.api_v2.SamplingManager/GetSamplingStrategy', requestStream: false,
		  responseStream: false, requestSerialize: asIs, requestDeserialize: asIs, responseSerialize: asIs,
		  responseDeserialize: asIs }
		const share = Buffer.alloc(9)
		share[0] = 0x09
		share.writeDoubleLE(1, 1)
		const server = new grpc.Server()
		server.addService({ GetSamplingStrategy: method }, { GetSamplingStrategy: (call, answer) => {
		  fs.appendFileSync(dir + '/asked', call.request.toString('hex') + '\n')
		  answer(null, Buffer.concat([Buffer.from([0x12, 9]), share]))
		} })
		server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, port) => {
		  fs.writeFileSync(dir + '/port.new', String(port))
		  fs.renameSync(dir + '/port.new', dir + '/port')
		})
	END
	mkdir "$dir/grpc"
	node "$dir/strategies.js" "$dir/grpc" &
	running="$running $!"
	wait_for 20 test -e "$dir/grpc/port" || skip "the server of strategies does not start"
	requests() {
		ask_many 2 /ok
		wait_for 30 test -e "$dir/grpc/asked"
		wait_for 20 keeps /ok
	}
	holds() {
		is "asked" "$(sort -u "$dir/grpc/asked")" "0a0473686f70" && is "sampled requests" "$(flags_sent 03)" 1
	}
	served "nginx: Jaeger's strategy by gRPC" OTEL_TRACES_SAMPLER=jaeger_remote OTEL_SERVICE_NAME=shop \
		OTEL_TRACES_SAMPLER_ARG="endpoint=http://127.0.0.1:$(cat "$dir/grpc/port"),initialSamplingRate=0"
fi
