#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What Lambda does not do, or should not: trace headers of every kind, events that are no JSON or large, a
# Runtime API that refuses, closes, or talks garbage, nobody who takes the spans. The function does
# what it does without us. It is killed when it asks for the next event: what is to be told has left by then.
. "$(dirname "$0")/lib.sh"
pkg-config --exists libcurl || skip "libcurl-dev is not installed"
program lambda_curl -lcurl
origin
attributes=faas.trigger,faas.coldstart,http.response.status_code,error.type
export AUTOTRACE_EXCLUDE='*/python3*' DOWN=$url DOWN_AWS=$url/ok
api=$here/programs/lambda_api.py
good="Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"

usual() {
	cat <<'END'
SERVER function [function] UNSET faas.trigger=other faas.coldstart=true
  CLIENT GET [function] UNSET http.response.status_code=200
INTERNAL init [function] UNSET faas.coldstart=true
END
}

# ---- headers: whether they lead, or are only linked to -------------------------------------------

long=$(printf 'Lineage=%02000d' 0)
for propagators in tracecontext,xray xray-lambda; do
	export OTEL_PROPAGATORS=$propagators
	sends "$propagators: none" "$api" -- "$program" < <(usual)
	while IFS= read -r value; do
		sends "$propagators: '${value:0:60}'" "$api" --trace "$value" -- "$program" < <(usual)
	done <<END

nonsense
Root=
Root=1-5759e988-bd862e3fe1be46a994272793
Root=1-5759e988-bd862e3fe1be46a99427279;Parent=53995c3f42cd8ad8;Sampled=1
Root=1-00000000-000000000000000000000000;Parent=0000000000000000;Sampled=1
Root=2-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8adX;Sampled=7
END
	[ $propagators = xray-lambda ] && tree_mask='s/^\? //' # their parent is the service's
	while IFS= read -r value; do
		sends "$propagators: '${value:0:60}'" "$api" --trace "$value" -- "$program" < <(usual)
	done <<END
$good
$good;$good
$good;$long
END
	sends "$propagators: two that contradict each other" "$api" --trace "$good" \
		--trace "Root=1-5759e989-bd862e3fe1be46a994272793;Parent=63995c3f42cd8ad8;Sampled=1" -- "$program" < <(usual)
	tree_mask=
done
unset OTEL_PROPAGATORS

# ---- events ---------------------------------------------------------------------------------------

events() { # CLAIM FILE [option...]
	local claim=$1 file=$2
	shift 2
	sends "$claim" "$api" --event "$file" "$@" -- "$program" < <(usual)
}
: >"$dir/empty"
head -c 100000 /dev/urandom | tr -d '\0' >"$dir/random"
head -c 300000 /dev/zero | tr '\0' '[' >"$dir/deep"
printf '{"requestContext":{"http":{"method":"' >"$dir/cut"
/usr/bin/python3 - "$dir" <<'END'
import json, sys
size = 6 * 1024 * 1024
open(sys.argv[1] + "/string", "w").write(json.dumps({"a": "x" * (size - 9)}))
open(sys.argv[1] + "/names", "w").write("{" + ",".join(f'"headers{i}":{{"traceparent":"{i}"}}' for i in range(140000)) + "}")
open(sys.argv[1] + "/records", "w").write(json.dumps({"Records": [{"messageId": str(i), "body": "{}"} for i in range(160000)]}))
open(sys.argv[1] + "/escapes", "w").write('{"a":"' + "\\n" * (size // 2 - 4) + '"}')
END
events "an empty event" "$dir/empty"
events "random bytes" "$dir/random"
events "brackets, 300000 deep" "$dir/deep"
events "an event that breaks off" "$dir/cut"
events "6 MiB in one string" "$dir/string"
events "6 MiB of escapes" "$dir/escapes"
events "6 MB of names" "$dir/names"
events "6 MB of records" "$dir/records"

# ---- the Runtime API --------------------------------------------------------------------------------

for how in 403 500 close garbage half; do
	sends "next is answered: $how" "$api" --then $how -- "$program" < <(usual)
done
for how in 400 403 413 500 close garbage; do
	case $how in close | garbage) why=connection_closed ;; *) why=$how ;; esac
	sends "a response is answered: $how" "$api" --answers $how -- "$program" <<END
SERVER function [function] ERROR faas.trigger=other faas.coldstart=true error.type=$why
  CLIENT GET [function] UNSET http.response.status_code=200
INTERNAL init [function] UNSET faas.coldstart=true
END
done
