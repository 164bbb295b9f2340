#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Reads, descriptors, errors: what the calls of a program answer is the same with the library.
. "$(dirname "$0")/lib.sh"
origin

program peek
sends "poll, FIONREAD and MSG_PEEK tell the kernel's own counts" "$program" "$port" <<'END'
CLIENT GET [unknown_service:peek] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:peek] UNSET http.response.status_code=200 url.full=http://h/ok
END

program stdio_socket
sends "a stream on a socket" "$program" "$port" <<'END'
CLIENT GET [unknown_service:stdio_socket] UNSET http.response.status_code=200 url.full=http://h/ok
END

program dup_reuse
sends "dup, dup2, close, and a number used again" "$program" "$port" <<'END'
CLIENT GET [unknown_service:dup_reuse] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:dup_reuse] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:dup_reuse] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:dup_reuse] UNSET http.response.status_code=200 url.full=http://h/ok
END

program errnos
sends "what fails, and errno" "$program" "$port" <<'END'
CLIENT GET [unknown_service:errnos] ERROR url.full=http://h/ok error.type=broken_pipe

CLIENT GET [unknown_service:errnos] UNSET http.response.status_code=200 url.full=http://h/ok
END

program errno_kept
sends "what succeeds leaves errno as it was" "$program" "$port" < <(
	echo "? SERVER GET [unknown_service:errno_kept] UNSET http.response.status_code=200 url.path=/ok"
	for _ in {1..11}; do
		echo "  CLIENT GET [unknown_service:errno_kept] UNSET http.response.status_code=200 url.full=http://h/ok"
	done
)

program fortified -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
sends "the fortified forms" "$program" "$port" <<'END'
CLIENT GET [unknown_service:fortified] UNSET http.response.status_code=200 url.full=http://h/ok
END

program nonblocking_connect
sends "a connect that is under way" "$program" "$port" "$(free_port)" <<'END'
CLIENT GET [unknown_service:nonblocking_connect] UNSET http.response.status_code=200 url.full=http://h/ok

CLIENT GET [unknown_service:nonblocking_connect] UNSET http.response.status_code=200 url.full=http://h/ok

INTERNAL socket connect 127.0.0.1:PORT [unknown_service:nonblocking_connect] ERROR error.type=connection_refused
END

program timeouts
sends "waits that end without an answer" "$program" "$port" <<'END'
CLIENT GET [unknown_service:timeouts] ERROR url.full=http://h/slow?SO_RCVTIMEO error.type=timed_out

CLIENT GET [unknown_service:timeouts] ERROR url.full=http://h/slow?poll error.type=timed_out

CLIENT GET [unknown_service:timeouts] ERROR url.full=http://h/slow?select error.type=timed_out

CLIENT GET [unknown_service:timeouts] UNSET url.full=http://h/slow?given-up
END

program bad_memory
sends "memory that cannot be read" "$program" "$port" <<'END'
CLIENT GET [unknown_service:bad_memory] UNSET http.response.status_code=200 url.full=http://h/ok
END
