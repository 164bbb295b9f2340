#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# autotrace lambda, with runtimes of a shell and curl, of C over sockets, and of Python: what they are
# told and asked, what is reported of them, and the exit code. Spans of the library are not looked at.
. "$(dirname "$0")/lib.sh"
need curl pgrep
program lambda_c
sh=$here/programs/lambda_sh
py=$here/programs/lambda_py.py
export AUTOTRACE_LIBRARY=$library
for name in $(compgen -e | grep '^AWS_'); do unset "$name"; done
cd "$dir" || fail

# lambda STATUS [option...] -- BOOTSTRAP...: runs it; out, err and responses are left in $dir
lambda() {
	local want=$1
	shift
	timeout -k 2 60 "$autotrace" lambda --responses "$dir/responses" --json "$dir/spans" "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null
	local got=$?
	[ $got = "$want" ] || { echo "  exit code $got, not $want"; sed 's/^/  /' "$dir/out" "$dir/err"; return 1; }
}

# told FILE TEXT: it is those lines, with ids, times and numbers taken out
told() {
	sed -E -e 's/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/ID/g' \
		-e 's/1-[0-9a-f]{8}-[0-9a-f]{24}/TRACE/; s/(SegmentId: |Parent=)[0-9a-f]{16}/\1SEGMENT/' \
		-e 's/[0-9]+(\.[0-9]+)? (ms|MB)/N \2/g; s/^[0-9T:.-]+Z /TIME /' \
		-e 's/\t$//' -e '/^trace /,$d' -e '/^$/d' "$1" >"$dir/masked"
	printf '%s' "$2" | diff -u - "$dir/masked" | sed 1,2d | sed 's/^/  /'
	[ "${PIPESTATUS[1]}" = 0 ]
}

# reports LINE...: what standard error was to hold, before the drawing
reports() {
	told "$dir/err" "$(printf '%s\n' "$@")
"
}

says() { # FILE LINE...
	local file=$1
	shift
	told "$dir/$file" "$(printf '%s\n' "$@")
"
}

start="START RequestId: ID Version: \$LATEST"
end="END RequestId: ID"
report=$'REPORT RequestId: ID\tDuration: N ms\tBilled Duration: N ms\tMemory Size: N MB\tMax Memory Used: N MB'
first=$report$'\tInit Duration: N ms'
xray=$'XRAY TraceId: TRACE\tSegmentId: SEGMENT\tSampled: true'
echo '{"n":1}' >e1
echo '{"n":2}' >e2

shell_bootstrap() {
	lambda 0 --event e1 --event e2 --invocations 3 --memory 256 -- "$sh" &&
		says out "up as function.handler in $dir" &&
		says responses 'answer to {"n":1}' 'answer to {"n":2}' 'answer to {"n":1}' &&
		reports "$start" 'told {"n":1}' "$end" "$first" "$xray" \
			"$start" 'told {"n":2}' "$end" "$report" "$xray" \
			"$start" 'told {"n":1}' "$end" "$report" "$xray"
}
check "a shell with a curl a call" shell_bootstrap

c_bootstrap() { # [option...]
	lambda 0 --invocations 3 "$@" -- "$program" fine && says responses '{}' '{}' '{}' &&
		reports "$start" "$end" "$first" "$xray" "$start" "$end" "$report" "$xray" \
			"$start" "$end" "$report" "$xray"
}
check "C over one connection" c_bootstrap
check "C over a connection a call" c_bootstrap --no-keep-alive
check "events in chunks" c_bootstrap --chunked
check "spans by OTLP" c_bootstrap --otlp

large_event() {
	head -c 60000 /dev/zero | tr '\0' x >large
	lambda 0 --event large -- "$program" fine && [ "$(wc -c <responses)" = 60001 ]
}
check "an event of 60000 bytes" large_event

waterfall() {
	local tree

	lambda 0 --html page -- "$program" fine && grep -q '<html' page &&
		grep -q 'Initialization' err || return
	tree=$("$autotrace" show --tree --attributes "" "$dir/spans" | grep -A3 '^SERVER')
	[ "$tree" = "SERVER function [function] UNSET
  INTERNAL Initialization [function] UNSET
  INTERNAL Invocation [function] UNSET
  INTERNAL Overhead [function] UNSET" ] || { echo "$tree"; return 1; }
}
check "its own segment is drawn and written" waterfall

told_headers() {
	lambda 0 --name thing --client-context '{"a":1}' --cognito '{"b":2}' "$@" -- "$py" headers
}
headers_of_next() {
	local deadline

	told_headers && deadline=$(sed -n 's/^Lambda-Runtime-Deadline-Ms //p' out) &&
		[ $((deadline - $(date +%s) * 1000)) -lt 4000 ] &&
		[ $((deadline - $(date +%s) * 1000)) -gt -8000 ] &&
		sed -i 's/^\(Lambda-Runtime-Deadline-Ms\) .*/\1 N/' out &&
		says out "Lambda-Runtime-Aws-Request-Id ID" 'Lambda-Runtime-Client-Context {"a":1}' \
			'Lambda-Runtime-Cognito-Identity {"b":2}' "Lambda-Runtime-Deadline-Ms N" \
			"Lambda-Runtime-Invoked-Function-Arn arn:aws:lambda:us-east-1:123456789012:function:thing" \
			"Lambda-Runtime-Trace-Id Root=TRACE;Parent=SEGMENT;Sampled=1" &&
		told_headers --sampled 0 && grep -q 'Sampled=0$' out && grep -q 'Sampled: false' err &&
		told_headers --sampled none && ! grep -q 'Trace-Id' out && ! grep -q XRAY err
}
check "the headers of an event" headers_of_next

environment() {
	# those that Lambda does not set on such a runtime are ours to take out
	AWS_EXECUTION_ENV=x _X_AMZN_TRACE_ID=x TRACEPARENT=x MY=1 \
		lambda 0 --env MY=own --env TZ --env MY_OTHER=a=b --timeout 7 -- "$py" environment || return
	sed -i -E 's/127.0.0.1:[0-9]+/ADDRESS/; s/(_PORT=).*/\1PORT/; s,[0-9]{4}/[0-9]{2}/[0-9]{2},DAY,; s/[0-9a-f]{32}$/ID/' out
	says out AWS_DEFAULT_REGION=us-east-1 AWS_LAMBDA_FUNCTION_MEMORY_SIZE=128 AWS_LAMBDA_FUNCTION_NAME=function \
		'AWS_LAMBDA_FUNCTION_VERSION=$LATEST' AWS_LAMBDA_INITIALIZATION_TYPE=on-demand \
		AWS_LAMBDA_LOG_FORMAT=Text AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/function \
		'AWS_LAMBDA_LOG_STREAM_NAME=DAY/[$LATEST]ID' AWS_LAMBDA_RUNTIME_API=ADDRESS AWS_REGION=us-east-1 \
		AWS_XRAY_CONTEXT_MISSING=LOG_ERROR AWS_XRAY_DAEMON_ADDRESS=ADDRESS LAMBDA_RUNTIME_DIR="$here/programs" \
		LAMBDA_TASK_ROOT="$dir" LD_PRELOAD="$library" MY=own MY_OTHER=a=b OTEL_TRACES_EXPORTER=xray \
		_AWS_XRAY_DAEMON_ADDRESS=127.0.0.1 _AWS_XRAY_DAEMON_PORT=PORT _HANDLER=function.handler
}
check "the environment" environment

# ---- what goes wrong ---------------------------------------------------------------------------

an_error() {
	lambda 1 -- "$py" error &&
		reports "$start" "$end" "$first"$'\tStatus: error\tError Type: Function.Tea' "$xray" &&
		grep -q 'Function.Tea: out of tea' err
}
check "an invocation that fails" an_error

init_error() {
	lambda 1 -- "$py" init_error && says out '202 {"status":"OK"}' '202 {"status":"OK"}' &&
		reports $'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.NoSuchHandler' \
			"$start" "$end" "$report"$'\tStatus: error\tError Type: Runtime.NoSuchHandler' "$xray"
}
check "an Init that fails" init_error

exits=$'Status: error\tError Type: Runtime.ExitError'
early_exit() {
	lambda 1 -- "$program" early &&
		reports $'INIT_REPORT Init Duration: N ms\tPhase: init\t'"$exits" "$start" \
			"RequestId: ID Error: Runtime exited with error: exit status 3" Runtime.ExitError \
			"$end" "$report	$exits" "$xray"
}
check "one that ends before it asks" early_exit

never_asks() {
	lambda 1 --init-timeout 0.5 --timeout 0.5 -- "$program" never &&
		reports $'INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: timeout' "$start" \
			"TIME ID Task timed out after 0.50 seconds" "$end" "$report"$'\tStatus: timeout' "$xray"
}
check "one that never asks" never_asks

times_out() {
	lambda 1 --timeout 1 --invocations 2 -- "$program" deaf &&
		reports "$start" "TIME ID Task timed out after 1.00 seconds" "$end" "$first"$'\tStatus: timeout' "$xray" \
			"$start" "TIME ID Task timed out after 1.00 seconds" "$end" "$report"$'\tStatus: timeout' "$xray" &&
		! pgrep -f "^$program deaf" >/dev/null
}
check "one that takes too long" times_out

quits() {
	lambda 1 -- "$program" quits && says responses '{}' &&
		reports "$start" "RequestId: ID Error: Runtime exited without providing a reason" Runtime.ExitError \
			"$end" "$first	$exits" "$xray"
}
check "one that answers and ends" quits

# The first one's answer is an empty line, which `told` takes out.
crashes() {
	rm -f mark
	lambda 1 --env MARK="$dir/mark" --invocations 2 -- "$program" once && says responses '{}' &&
		reports "$start" "RequestId: ID Error: Runtime exited with error: signal: Segmentation fault" \
			Runtime.ExitError "$end" "$first	$exits" "$xray" "$start" "$end" "$report" "$xray"
}
check "one that crashes gets a new sandbox" crashes

not_there() {
	lambda 127 -- ./nothing && grep -q '^autotrace: ./nothing: No such file' err && lambda 126 -- /etc/passwd
}
check "one that is not there" not_there

calls_out_of_turn() {
	local state='{"errorMessage":"State transition is not allowed","errorType":"InvalidStateTransition"}'

	lambda 0 -- "$program" twice &&
		says out "again: HTTP/1.1 403 $state" \
			'whose: HTTP/1.1 400 {"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}' \
			"late: HTTP/1.1 403 $state" "nowhere: HTTP/1.1 404" &&
		lambda 0 -- "$py" impatient && says out "403 InvalidStateTransition" &&
		lambda 0 -- "$py" mode && says out 400 202
}
check "calls out of turn are refused" calls_out_of_turn

too_large() {
	lambda 1 --invocations 2 --timeout 20 -- "$py" large && says out 202 413 &&
		[ "$(wc -c <responses)" = $((6 * 1024 * 1024 + 102)) ] &&
		reports "$start" "$end" "$first" "$xray" "$start" "$end" \
			"$report"$'\tStatus: error\tError Type: Function.ResponseSizeTooLarge' "$xray"
}
check "a response of more than 6 MB" too_large

streams() {
	lambda 0 -- "$py" stream && says out "HTTP/1.1 202 Accepted" && says responses "one two three" &&
		lambda 1 -- "$py" stream_fails && says responses "one two three" &&
		grep -q 'Function.Broke: broke off' err
}
check "streamed responses, and one that fails half way" streams

# ---- the life of a sandbox ---------------------------------------------------------------------

frozen() {
	lambda 0 --freeze=400 --invocations 3 -- "$py" frozen && says responses ran "stood still" "stood still" &&
		lambda 0 --invocations 2 -- "$py" frozen && says responses ran ran &&
		lambda 0 --freeze=100 --invocations 3 -- "$sh" && says responses "answer to {}" "answer to {}" "answer to {}"
}
check "frozen between invocations" frozen

concurrent() { # HOW
	lambda 0 --timeout 20 --concurrency 4 --invocations 8 -- "$py" "$1" && [ "$(grep -c '^{}$' responses)" = 8 ] &&
		[ "$(grep -c '^REPORT' err)" = 8 ] &&
		[ "$(awk '/^START/ { n++ } /^END/ { n-- } n > most { most = n } END { print most }' err)" = 4 ]
}
check "several at once, in threads" concurrent concurrent
check "several at once, in processes" concurrent workers

snapstart() {
	lambda 0 --snapstart --invocations 2 -- "$py" restore && says out "restored 200" &&
		reports "$start" "$end" "$report"$'\tRestore Duration: N ms\tBilled Restore Duration: N ms' "$xray" \
			"$start" "$end" "$report" "$xray" &&
		lambda 1 --snapstart -- "$py" restore_fails && says out 202 202 &&
		grep -q 'Status: error.*Runtime.RestoreError' err
}
check "SnapStart" snapstart

internal() {
	lambda 0 -- "$py" internal &&
		says out "403 ShutdownEventNotSupportedForInternalExtension" \
			'200 {"functionName":"function","functionVersion":"$LATEST","handler":"function.handler"}' SIGTERM &&
		lambda 0 --freeze=50 -- "$py" internal && grep -q SIGTERM out &&
		lambda 0 -- "$py" stubborn && ! pgrep -f "^/usr/bin/python3 $py stubborn" >/dev/null
}
check "an internal extension without events" internal

external() {
	lambda 0 --extension theirs --invocations 2 -- "$py" external &&
		says out "INVOKE X-Amzn-Trace-Id" "INVOKE X-Amzn-Trace-Id" "SHUTDOWN SPINDOWN" &&
		awk '/^REPORT/ { split($0, p, "Duration: "); if (p[2] + 0 < 400) exit 1 }' err
}
check "an extension with INVOKE and SHUTDOWN" external

segments() {
	local tree

	lambda 0 --env AUTOTRACE_DISABLED=true -- "$py" segments || return
	tree=$("$autotrace" show --tree --attributes http.response.status_code "$dir/spans" |
		sed -n '/^SERVER/,/^$/p')
	[ "$tree" = "SERVER function [function] UNSET
  INTERNAL ## handler [function] UNSET
    CLIENT api.test [function] ERROR http.response.status_code=503
  INTERNAL Initialization [function] UNSET
  INTERNAL Invocation [function] UNSET
  INTERNAL Overhead [function] UNSET
  UNSPECIFIED by OTLP [other] UNSET" ] || { echo "$tree"; return 1; }
	grep -q "^autotrace: 2 requests or datagrams could not be read" err &&
		grep -q "^autotrace: 1 datagrams of unsampled spans left out" err
}
check "X-Ray documents, and OTLP through the daemon" segments

is_gone() {
	! pgrep -f "^$program deaf" >/dev/null
}
interrupted() {
	"$autotrace" lambda --timeout 30 -- "$program" deaf >out 2>err &
	local pid=$!
	wait_for 10 grep -q START err
	kill -INT $pid
	wait $pid
	[ $? = 130 ] && wait_for 5 is_gone
}
check "interrupted, it takes the sandbox with it" interrupted

wrong_options() {
	local option
	for option in --nonsense --invocations=0 --invocations=x --timeout=0 --sampled=2 --memory=; do
		lambda 2 "$option" -- true && [ "$(wc -l <err)" = 1 ] || return
	done
	lambda 2 && lambda 2 --freeze --concurrency 2 -- true && lambda 125 --event /no/such -- true
}
check "wrong options" wrong_options
