#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# AUTOTRACE_LOGS=inject: lines that are written while a request is served carry the ids of its span; no
# other does, and nothing else is changed.
. "$(dirname "$0")/lib.sh"
need curl
export AUTOTRACE_LOGS=inject
attributes=url.path

cat >"$dir/server.py" <<'END'
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        print("serving", self.path, flush=True)
        print(json.dumps({"path": self.path, "nested": {"a": "}"}}), flush=True)
        os.write(1, b"in two ")
        os.write(1, b"parts\n")
        assert os.writev(1, [b"by wri", b"tev\n"]) == 10
        assert os.write(1, b"x" * 5000 + b"\n") == 5001
        assert os.write(2, b"counted\n") == 8
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")
    def log_message(self, *args):
        pass
print("before", flush=True)
server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
for i in range(int(sys.argv[2])):
    server.handle_request()
print("after", flush=True)
END
cat >"$dir/server.js" <<'END'
const server = require("http").createServer((req, res) => {
	console.log("serving %s", req.url);
	console.log(JSON.stringify({ path: req.url }));
	res.end("ok\n", () => { if (req.url === "/two") { console.log("after"); server.close(); } });
});
console.log("before");
server.listen(+process.argv[2], "127.0.0.1");
END

# logged CLAIM command...: what it says, with each id as the path of the span that it names
logged() {
	local claim=$1 how pid
	shift
	fresh_spans
	for how in plain traced; do
		port=$(free_port)
		under "$how" server
		"${env[@]}" "${@//PORT/$port}" >"$dir/$how.log" 2>&1 &
		pid=$!
		running="$running $pid"
		ready "$port" "$pid"
		curl -s -H "Connection: close" "http://127.0.0.1:$port/one" "http://127.0.0.1:$port/two" >"$dir/$how.got"
		wait_for 10 is_gone "$pid"
		stop "$pid"
	done
	same "the answers" "$dir"/{plain,traced}.got
	/usr/bin/python3 - "$spans" "$dir/traced.log" >"$dir/named" <<'END'
import json, re, sys
paths = {}
for line in open(sys.argv[1]):
    for r in json.loads(line)["resourceSpans"]:
        for s in r["scopeSpans"][0]["spans"]:
            path = [a["value"]["stringValue"] for a in s["attributes"] if a["key"] == "url.path"]
            paths[s["traceId"], s["spanId"]] = path[0] if path else "none"
for line in open(sys.argv[2]):
    line = re.sub("trace_id=(\w+) span_id=(\w+)", lambda m: "<" + paths.get(m.groups(), "?") + ">", line)
    line = re.sub(r'"trace_id":"(\w+)","span_id":"(\w+)"', lambda m: "<" + paths.get(m.groups(), "?") + ">", line)
    print(re.sub("x{4999,5001}", "xxx", line), end="")
END
	cat >"$dir/want"
	same "the log" "$dir/want" "$dir/named"
	tell "$claim" $?
	sed -E 's/,?"?trace_id("?[:=]"?)[0-9a-f]{32}"?[ ,]"?span_id"?[:=]"?[0-9a-f]{16}"?//; s/ $//' "$dir/traced.log" >"$dir/without"
	check "$claim: nothing else is changed" same "the log" "$dir/plain.log" "$dir/without"
}

logged "Python" /usr/bin/python3 "$dir/server.py" PORT 2 <<'END'
before
serving /one </one>
{"path": "/one", "nested": {"a": "}"},</one>}
in two parts
by writev </one>
xxx
counted </one>
serving /two </two>
{"path": "/two", "nested": {"a": "}"},</two>}
in two parts
by writev </two>
xxx
counted </two>
after
END

if command -v node >/dev/null; then
	logged "node" node "$dir/server.js" PORT <<'END'
before
serving /one </one>
{"path":"/one",</one>}
serving /two </two>
{"path":"/two",</two>}
after
END
fi

# By stdio a line carries the ids of the request in which it is printed, whenever it leaves its buffer.
stdio_lines() { # PATH
	cat <<END
serving $1 5 1.50 <$1>
by puts <$1>
by fputs <$1>
{"by":"fwrite",<$1>}
two <$1>
lines $1 <$1>
in parts
begun by putchar
xxx
to stderr <$1>
returned 20 1 1 4 15 5000 10 0
by dprintf 1 <$1>
END
}
for flags in "" "-D_FORTIFY_SOURCE=2"; do
	# shellcheck disable=SC2086
	program log_stdio $flags
	{ echo before; stdio_lines /one; stdio_lines /two; echo after; } >"$dir/lines"
	logged "stdio${flags:+, fortified}" "$program" PORT 2 <"$dir/lines"
done

unset AUTOTRACE_LOGS
requests() {
	ask "GET /one HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
	ask "GET /two HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
}
serves "not asked for, nothing is changed" /usr/bin/python3 "$dir/server.py" PORT 3 <<'END'
SERVER GET [server] UNSET url.path=/one

SERVER GET [server] UNSET url.path=/two
END
