#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A program that takes system calls from itself is not killed for one of ours.
. "$(dirname "$0")/lib.sh"
origin
program takes_calls
one="CLIENT GET [unknown_service:takes_calls] UNSET http.response.status_code=200 url.full=http://h/ok"

sends "others kill: what was done before is told" "$program" kill "$port" <<<"$one"
sends "the same, by number" "$program" syscall "$port" <<<"$one"
sends "the same, and it ends itself" "$program" raise "$port" <<<"$one"
sends "before there is anything to tell" "$program" early "$port" </dev/null
sends "others fail, also those that we must have" "$program" errno "$port" <<<"$one"
sends "those that tell whether an exec will succeed" "$program" looks "$port" <<END
$one

${one/ http.response.status_code=200/}
END
sends "one that only what a profiler can read needs" "$program" maps "$port" <<<"$one"
