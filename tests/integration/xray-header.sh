#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A function that copies the header it was given into its own requests: these get our span as the
# Parent, in place; what is signed, or somebody else's, is left. There is never a second one.
. "$(dirname "$0")/lib.sh"
origin

# sends_header CLAIM HOW options...: as it arrived. PARENT: what Lambda gave; SPAN: the client span's
sends_header() {
	local claim=$1
	printf '{"how": "%s"%s}' "$2" "${event_too:-}" >"$dir/event"
	shift 2
	cat >"$dir/want"
	rm -f "$dir/origin/captured"/* "$dir/json"
	timeout 60 "$autotrace" lambda --event "$dir/event" --env "DOWN=127.0.0.1:$port" --json "$dir/json" "$@" \
		-- "$here/programs/lambda_header.py" >"$dir/out" 2>"$dir/err" </dev/null
	wait_for 10 all_captured
	/usr/bin/python3 - "$dir/json" "$dir/origin/captured" >"$dir/got" <<-'END'
		import glob, json, re, sys
		spans = [s for line in open(sys.argv[1]) for r in json.loads(line)["resourceSpans"]
		         for c in r["scopeSpans"] for s in c["spans"]]
		client = [s for s in spans if s["kind"] == 3]
		by_id = {s["spanId"]: "SPAN" for s in client}
		root = {s["traceId"] for s in client or spans}
		head = "".join(open(f).read() for f in glob.glob(sys.argv[2] + "/*"))
		for line in head.splitlines():
		    if re.match("(x-amzn-trace-id|traceparent)", line, re.I):
		        line = re.sub(r"\b[0-9a-f]{16}\b", lambda m: by_id.get(m[0], "PARENT"), line)
		        print(re.sub(r"1-[0-9a-f]{8}-[0-9a-f]{24}|\b[0-9a-f]{32}\b", lambda m: "ROOT"
		                     if m[0].replace("1-", "", 1).replace("-", "") in root else "OTHER", line))
		print(len(client), "span")
	END
	same "what arrived" "$dir/want" "$dir/got"
	tell "$claim" $?
}

sends_header "X-Ray" plain <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=SPAN;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
1 span
END
sends_header "OTLP, in the trace that Lambda made" plain --otlp <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=SPAN;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
1 span
END
sends_header "OTLP, where Lambda does not sample and we do" plain --otlp --sampled 0 <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=SPAN;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
1 span
END
sends_header "a signature that does not cover it" "signed x-amz-date" <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=SPAN;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
1 span
END
sends_header "a signature that covers it" "signed x-amzn-trace-id" <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=PARENT;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
traceparent: 00-ROOT-SPAN-01
1 span
END
sends_header "the program traces itself" "other parent" <<'END'
X-Amzn-Trace-Id: Root=ROOT;Parent=PARENT;Sampled=1
0 span
END
event_too=', "headers": {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}'
sends_header "OTLP, in the caller's trace: X-Ray's own goes on beside it" plain --otlp <<'END'
X-Amzn-Trace-Id: Root=OTHER;Parent=PARENT;Sampled=1;Lineage=a87bd80c:1|68fd508a:5
traceparent: 00-ROOT-SPAN-01
1 span
END
