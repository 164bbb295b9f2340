#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Requests that differ in an id have one name, as AUTOTRACE_ROUTES says it, on both sides; without it, or
# with a path that no route has, none has its path for a name.
. "$(dirname "$0")/lib.sh"
need curl
origin
attributes=http.route,url.template
export AUTOTRACE_ROUTES="@$dir/routes"
cat >"$dir/routes" <<'END'
# what the origin has
GET /status/{code}
GET|POST /echo
/files/{rest...}; /users/{id}.json
END

ours=--anywhere
sends "curl" curl -sS "$url/status/200" "$url/status/404?a=/b" "$url/ok" <<'END'
CLIENT GET [unknown_service:curl] UNSET

CLIENT GET /status/{code} [unknown_service:curl] ERROR url.template=/status/{code}

CLIENT GET /status/{code} [unknown_service:curl] UNSET url.template=/status/{code}
END

sends "another method" curl -sS -d x=1 "$url/status/200" <<'END'
CLIENT POST [unknown_service:curl] UNSET
END

export AUTOTRACE_ROUTES_GUESS=true
sends "a guess" curl -sS "$url/status/200" "$url/empty/550e8400-e29b-41d4-a716-446655440000" <<'END'
CLIENT GET /empty/{id} [unknown_service:curl] UNSET url.template=/empty/{id}

CLIENT GET /status/{code} [unknown_service:curl] UNSET url.template=/status/{code}
END
unset AUTOTRACE_ROUTES_GUESS
ours=

sends "urllib" /usr/bin/python3 -c "
import urllib.request
for n in 200, 204:
    urllib.request.urlopen('$url/status/%d' % n).read()" <<'END'
CLIENT GET /status/{code} [unknown_service:python] UNSET url.template=/status/{code}

CLIENT GET /status/{code} [unknown_service:python] UNSET url.template=/status/{code}
END

if command -v node >/dev/null; then
	sends "node" node -e "require('http').get('$url/status/200', r => r.resume())" <<'END'
CLIENT GET /status/{code} [unknown_service:node] UNSET url.template=/status/{code}
END
fi

requests() {
	local close='Host: h\r\nConnection: close\r\n\r\n'

	ask "GET /users/7.json HTTP/1.1\r\n$close"
	ask "GET /users/8.json?sure HTTP/1.1\r\n$close"
	ask "GET /files/a/b HTTP/1.1\r\n$close"
	ask "GET /raw/path HTTP/1.1\r\n$close"
}
served() {
	cat <<'END'
SERVER GET [server] UNSET

SERVER GET /files/{rest...} [server] UNSET http.route=/files/{rest...}

SERVER GET /users/{id}.json [server] UNSET http.route=/users/{id}.json

SERVER GET /users/{id}.json [server] UNSET http.route=/users/{id}.json
END
}

mkdir -p "$dir/www"
no_origin
mask='s/[0-9]+\/[A-Z][a-z]+\/2[0-9]{3} [0-9:]+/TIME/'
serves "http.server" /usr/bin/python3 -m http.server --bind 127.0.0.1 --directory "$dir/www" PORT < <(served)

if command -v nginx >/dev/null; then
	server_port=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$server_port; root $dir/www; }"
	serves "nginx" nginx -c "$dir/nginx.conf" < <(served)
fi
