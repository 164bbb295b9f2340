#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libcurl in a C program: a transfer's span is that of the request that is seen on the wire, and has
# what libcurl says of it; the program's own list of headers is as it was.
. "$(dirname "$0")/lib.sh"
need curl
program curl_lib -l:libcurl.so.4
ours=--anywhere
attributes=http.response.status_code,http.request.resend_count,url.full,error.type,autotrace.incomplete
origin
nobody=$(free_port)

ok="CLIENT GET [unknown_service:curl_lib] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT"

sends "a handle that is used again" "$program" reused "$url/ok" "$url/big" "$url/empty" "$url/status/404" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

$ok/big

$ok/ok

${ok/200/204}/empty
END

sends "redirects that are followed, twice" "$program" redirected "$url/redirect" <<END
${ok/status_code=200/status_code=200 http.request.resend_count=1}/ok

${ok/status_code=200/status_code=200 http.request.resend_count=1}/ok

${ok/200/302}/redirect

${ok/200/302}/redirect
END

sends "a program that begins to look at its heads amid a transfer" "$program" shown "$url/redirect" <<END
$ok/ok

$ok/ok

${ok/200/302}/redirect

${ok/200/302}/redirect
END

capture_mask='cnonce="[^"]*"|response="[^"]*"'
sends "a round of authentication" "$program" digest "$url/digest" <<END
CLIENT GET [unknown_service:curl_lib] ERROR http.response.status_code=401 url.full=http://127.0.0.1:PORT/digest error.type=401

${ok/status_code=200/status_code=200 http.request.resend_count=1}/digest
END
capture_mask=

sends "a time limit" "$program" timed "$url/slow" <<END
CLIENT GET [unknown_service:curl_lib] ERROR url.full=http://127.0.0.1:PORT/slow error.type=CURLE_OPERATION_TIMEDOUT
END

sends "a server that is not there" "$program" reused "http://127.0.0.1:$nobody/x" <<END
CLIENT GET [unknown_service:curl_lib] ERROR url.full=http://127.0.0.1:PORT/x error.type=CURLE_COULDNT_CONNECT
END

sends "a name that is not found, and what is no URL" "$program" reused "http://not..found/x" "http://[::1/x" <<END
CLIENT GET [unknown_service:curl_lib] ERROR url.full=http://[::1/x error.type=CURLE_URL_MALFORMAT

CLIENT GET [unknown_service:curl_lib] ERROR url.full=http://not..found/x error.type=CURLE_COULDNT_RESOLVE_HOST
END

sends "a body that the program refuses is no error" "$program" refused-by-callback "$url/ok" <<END
$ok/ok
END

sends "a transfer that the program stops is none either" "$program" stopped-by-callback "$url/reset" <<END
$ok/reset autotrace.incomplete=true
END

sends "options of every type" "$program" options "$url/ok" <<END
${ok/UNSET/ERROR}/ok error.type=CURLE_RANGE_ERROR

$ok/ok
END

sends "a trace header of the program's own" "$program" own-header "$url/ok" <<END
END

sends "a list that is changed and freed in the transfer" "$program" changed-list "$url/ok" <<END
$(times 2 "$ok/ok")
END

sends "a copy that is made in a transfer" "$program" copied "$url/ok" <<END
$(times 2 "$ok/ok")
END

sends "a transfer within another" "$program" nested "$url/ok" "$url/empty" <<END
$ok/ok

${ok/200/204}/empty
END

sends "a fork within a transfer" "$program" forked "$url/ok" "$url/empty" <<END
$ok/ok

$ok/ok

${ok/200/204}/empty
END

sends "a jump out of a transfer" "$program" jumped "$url/ok" "$url/empty" <<END
$ok/ok

${ok/200/204}/empty
END

sends "a connection that the program uses itself" "$program" connected-only "$url/ok" <<END
${ok/127.0.0.1:PORT/h}/ok
END

sends "files are no transfers of ours" "$program" reused "file://$dir/origin/port" <<END
END

origin --apart
sends "200 at once" "$program" many "$url/ok" 200 <<END
$(for i in {0..199}; do echo "$ok/ok?$i"; done | sort | sed '$!G')
END

sends "100 by socket_action and epoll" "$program" by-sockets "$url/ok" 100 <<END
$(for i in {0..99}; do echo "$ok/ok?$i"; done | sort | sed '$!G')
END

sends "one list of headers for 8 threads" "$program" shared-list "$url/ok" <<END
$(times 160 "$ok/ok")
END

sends "handles that are taken out" "$program" taken-out "$url/ok" "$url/slow" <<END
$ok/ok

CLIENT GET [unknown_service:curl_lib] UNSET url.full=http://127.0.0.1:PORT/slow autotrace.incomplete=true
END

# With no other probe there is a span where libcurl's handle is known, and none where it is not.
export AUTOTRACE_PROBES=curl AUTOTRACE_STATS=true AUTOTRACE_LOG=$dir/log
sends "6000 handles, one after the other" "$program" churned "$url/ok" <<END
$ok/ok
END
check "all were followed" eval '! grep "not followed" "$dir/log"'

sends "5000 handles at once" "$program" too-many "$url/ok" <<END
$ok/ok
END
check "those that were not are counted" grep -q "not followed: too many" "$dir/log"
