#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The same requests, told to X-Ray by its own SDKs and by us: where fields mean the same, they
# say the same, but for what is listed here. (A 4xx is the caller's error and no fault: the developer
# guide says so, and the SDKs add the fault for the exception that they raise.)
. "$(dirname "$0")/lib.sh"
. "$here/xray/lib.sh"
no_sdk=1
modules=$top/build/deps/npm-aws/node_modules
aws_services

# compared CLAIM command...: the daemon's address is added for the SDK's run
compared() {
	local claim=$1
	shift
	cat >"$dir/want"
	fresh_daemon
	"$@" "$url" "$daemon" >"$dir/said" 2>&1 || cat "$dir/said"
	wait_for 10 has_documents 1
	mv "$documents" "$dir/theirs"
	fresh_daemon
	X_AMZN_TRACE_ID="Root=1-$(printf %08x "$(date +%s)")-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1" \
		documented shop "$@" "$url" >/dev/null 2>&1
	documents_are 6
	/usr/bin/python3 "$here/xray/compared.py" "$documents" "$dir/theirs" 2>&1 |
		sed "s/:$port/:PORT/" >"$dir/got"
	same "the differences" "$dir/want" "$dir/got"
	tell "$claim" $?
}

if /usr/bin/python3 -c 'import aws_xray_sdk, boto3, requests' 2>/dev/null; then
	no_sdk=
	compared "Python's SDK" /usr/bin/python3 "$here/clients/xray_sdk.py" <<'END'
GetItem' fault: ours None, theirs True
GetItem' cause.exceptions.0.message: ours no such thing, theirs An error occurred (ResourceNotFoundException) when calling the GetItem operation: no such thing
END
fi

if command -v node >/dev/null && [ -d "$modules/aws-xray-sdk-core" ]; then
	# which leaves the port and the query out of a URL
	no_sdk=
	compared "node's SDK" node "$here/clients/xray_sdk.js" "$modules" <<'END'
/status/200 http.request.url: ours http://127.0.0.1:PORT/status/200?a=b, theirs http://127.0.0.1/status/200
/status/404 http.request.url: ours http://127.0.0.1:PORT/status/404?a=b, theirs http://127.0.0.1/status/404
/status/429 http.request.url: ours http://127.0.0.1:PORT/status/429?a=b, theirs http://127.0.0.1/status/429
/status/503 http.request.url: ours http://127.0.0.1:PORT/status/503?a=b, theirs http://127.0.0.1/status/503
GetItem' fault: ours None, theirs True
END
fi
[ -z "$no_sdk" ] || skip "no X-Ray SDK is installed"
