#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The span of a process (the probe `process`): how it ended, and who started it.
. "$(dirname "$0")/lib.sh"
need bash perl
attributes=process.exit.code,error.type

ended() { # CLAIM CODE command...
	local claim=$1 code=$2 name=${3##*/} error=UNSET type=
	shift 2
	[ "$code" = 0 ] || { error=ERROR; type=" error.type=exit_code"; }
	sends "$claim" env AUTOTRACE_PROBES=process "$@" <<<"INTERNAL $name [unknown_service:$name] $error process.exit.code=$code$type"
}
ended "main returns" 1 /bin/false
ended "main returns 0" 0 /bin/true
ended "exit, and its own words" 2 /bin/ls /nonexistent
ended "exit by an interpreter" 7 /usr/bin/perl -e 'print "x"; exit 7'
ended "SIGTERM, by the default" 143 /usr/bin/perl -e 'kill TERM => $$'

# bash becomes the last of them
sends "a shell that becomes another program" env AUTOTRACE_PROBES=process /bin/bash -c '/bin/true; exec /bin/false' <<'END'
INTERNAL bash [unknown_service:bash] UNSET
  INTERNAL false [unknown_service:false] ERROR process.exit.code=1 error.type=exit_code
  INTERNAL true [unknown_service:true] UNSET process.exit.code=0
END
sends "a program that cannot become another" env AUTOTRACE_PROBES=process /usr/bin/perl -e 'exec "/nonexistent"; exit 3' <<'END'
INTERNAL perl [unknown_service:perl] ERROR process.exit.code=3 error.type=exit_code
END
