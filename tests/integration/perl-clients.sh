#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
. "$(dirname "$0")/lib.sh"
need perl
origin

perl -MHTTP::Tiny -e1 2>/dev/null && sends "HTTP::Tiny" env PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 perl "$here/clients/perl.pl" Tiny "$url" <<'END'
CLIENT GET [unknown_service:perl] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END

perl -MLWP -e1 2>/dev/null && sends "LWP" perl "$here/clients/perl.pl" LWP "$url" <<'END'
CLIENT GET [unknown_service:perl] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/status/404 error.type=404

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/chunked

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/ok

CLIENT GET [unknown_service:perl] UNSET http.response.status_code=302 url.full=http://127.0.0.1:PORT/redirect

CLIENT POST [unknown_service:perl] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/echo
END
