#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# 200 requests, many at once, by threads and by event loops: each has its own span and its own header.
. "$(dirname "$0")/lib.sh"
origin --apart
tree_mask='s/\?[0-9]+/?N/'

got() { # SERVICE
	times 200 "CLIENT GET [unknown_service:$1] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok?N"
}

sends "python, eight threads" /usr/bin/python3 "$here/clients/python.py" threads "$url" < <(got python)
sends "curl, a hundred at once" curl -s -Z --parallel-max 100 --no-progress-meter "$url/ok?[1-200]" < <(got curl)

command -v node >/dev/null &&
	sends "node, all at once" node --no-warnings "$here/clients/node.js" many "$url" < <(got node)

command -v java >/dev/null &&
	sends "java, all at once" java -XX:TieredStopAtLevel=1 "$here/clients/Client.java" many "$url" < <(got java)
