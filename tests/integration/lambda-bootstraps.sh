#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Custom runtimes as people write them: a loop in PHP, Perl, Python, and a shell with a process a call.
. "$(dirname "$0")/lambda/lib.sh"
origin
attributes="faas.trigger faas.coldstart http.route http.response.status_code error.type"
export PERL_HASH_SEED=0 PERL_PERTURB_KEYS=0 # its headers are in the order of a hash
rest='{"resource":"/pets/{id}","path":"/pets/7","httpMethod":"GET","headers":{},"requestContext":{"stage":"prod"}}'

two() { # SERVICE's answers: 201 of the function, for each of two invocations
	cat <<'END'
*init faas.coldstart=True
*/pets/id faas.trigger=http faas.coldstart=True http.route=/pets/{id} http.response.status_code=201
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
*/pets/id faas.trigger=http faas.coldstart=False http.route=/pets/{id} http.response.status_code=201
  127.0.0.1 http.response.status_code=200
  127.0.0.1 http.response.status_code=200
END
}

for command in "php -n $here/programs/lambda_php.php streams" \
	"php $here/programs/lambda_php.php curl" \
	"perl $here/programs/lambda_perl.pl" "$here/programs/lambda_urllib.py"; do
	case $command in
	php*streams) claim="PHP's streams" ;;
	php*) claim="PHP's curl"; php -r 'exit(!extension_loaded("curl"));' || continue ;;
	perl*) claim="Perl's HTTP::Tiny" ;;
	*) claim="Python's urllib" ;;
	esac
	command -v "${command%% *}" >/dev/null || continue
	# libcurl writes our header among those that it is given
	case $claim in *curl) ours=--anywhere ;; *) ours= ;; esac
	event "$rest"
	invokes "$claim" --invocations 2 -- $command < <(two)
	event "$rest"
	invokes "$claim, a connection a call, frozen in between" --no-keep-alive --freeze=50 --invocations 2 -- $command < <(two)
done

ours=
event "$rest"
invokes "a shell" --invocations 2 -- "$here/programs/lambda_handler_sh" <<'END'
*init faas.coldstart=True
*/pets/id faas.trigger=http faas.coldstart=True http.route=/pets/{id}
  127.0.0.1 http.response.status_code=200
*/pets/id faas.trigger=http faas.coldstart=False http.route=/pets/{id}
  127.0.0.1 http.response.status_code=200
END

event '{"hang": 1}'
event '{}'
invokes "a shell that takes too long: the next one tells of it" --timeout 1 -- "$here/programs/lambda_handler_sh" <<'END'
*init faas.coldstart=True
*function ERROR faas.trigger=other faas.coldstart=True error.type=timeout
  127.0.0.1 http.response.status_code=200
*init faas.coldstart=True
*function faas.trigger=other faas.coldstart=True
  127.0.0.1 http.response.status_code=200
END
