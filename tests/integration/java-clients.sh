#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need java
origin
java="java -XX:TieredStopAtLevel=1 -Xshare:auto $here/clients/Client.java"

sends "HttpClient" $java HttpClient "$url" <<'END'
CLIENT GET [unknown_service:java] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunks

CLIENT GET [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:java] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

sends "URLConnection" $java URLConnection "$url" <<'END'
CLIENT GET [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:java] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:java] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
