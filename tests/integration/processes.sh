#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Children, ends, descriptors and threads: a process is what it would be.
. "$(dirname "$0")/lib.sh"

# A child's environment: with a parent of our own there is a work for it to belong to.
program child
parent=0af7651916cd43dd8448eb211c80319c
for how in fork execl vfork spawn system popen; do
	sends "no work, nothing in the environment: $how" "$program" $how </dev/null
done
export TRACEPARENT=00-$parent-b7ad6b7169203331-01
for how in fork execl vfork spawn system popen own; do
	sends "the context that was there goes on: $how" "$program" $how </dev/null
done
unset TRACEPARENT

program quiet
sends "no thread and no descriptor before the first span" "$program" </dev/null

origin
sends "no descriptor in the program's way after it" "$program" "$port" < <(times 1 "CLIENT GET [unknown_service:quiet] UNSET http.response.status_code=200 url.full=http://h/ok")

program closes_all
sends "all descriptors closed, and others put in their place" "$program" "$port" \
	< <(times 5 "CLIENT GET [unknown_service:closes_all] UNSET http.response.status_code=200 url.full=http://h/ok")

program forks
sends "fork: each process tells what it did" "$program" "$port" \
	< <(times 4 "CLIENT GET [unknown_service:forks] UNSET http.response.status_code=200 url.full=http://h/ok")

program ends
for how in return exit _exit quick_exit abort term pipe segv fault taken given-back thread exec; do
	sends "what was done is told at the end: $how" "$program" "$port" $how \
		< <(times 1 "CLIENT GET [unknown_service:ends] UNSET http.response.status_code=200 url.full=http://h/ok")
done
for how in exec _exit; do
	sends "what is not done is told before another program takes its place, or the end: $how" \
		"$program" "$port" "$how in between" <<'END'
CLIENT GET [unknown_service:ends] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:ends] UNSET url.full=http://h/slow
END
done
