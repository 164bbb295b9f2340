#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What a process's start costs, by what can be counted: pages that are touched for the first time
# (each a fault of microseconds), names that the dynamic linker looks up for us, and our own search
# of libc's table, which leaves nothing to ask it by dlsym.
set -u
library=$AUTOTRACE_BUILD/libautotrace.so
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0
nm -D "$library" | grep -qE '__(a|t|ub)san_' && exit 77

/usr/bin/python3 - "$library" >"$dir/faults" <<'EOF'
import os, sys
def faults(env):
    least = 1 << 30
    for _ in range(20):
        pid = os.posix_spawn("/bin/true", ["true"], env)
        least = min(least, os.wait4(pid, 0)[2].ru_minflt)
    return least
print(faults({"LD_PRELOAD": sys.argv[1]}) - faults({}))
EOF
[ "$(cat "$dir/faults")" -le 16 ] || { echo "/bin/true touches $(cat "$dir/faults") pages more"; bad=1; }

# What a process runs through at its start lies side by side: the kernel maps 64 KiB around each page
# that is touched, and two of those hold all of it.
env -i LD_PRELOAD="$library" /bin/sleep 10 &
pid=$!
sleep 0.3
text=$(awk -v library="$library" '/^[0-9a-f]+-/ { of = $NF == library && $2 ~ /x/ } of && /^Rss:/ { print $2 }' \
	"/proc/$pid/smaps")
kill "$pid"
wait "$pid" 2>/dev/null
[ "${text:-999}" -le 128 ] || { echo "$text kB of the library's text are mapped in a process that does nothing"; bad=1; }

# By path it is known what it is; the kernel makes two of /proc's files for the question.
if command -v strace >/dev/null; then
	strace -f -e trace=readlink,readlinkat,openat -o "$dir/calls" env LD_PRELOAD="$library" /bin/true
	grep -qE '/proc/self' "$dir/calls" && { echo "/proc is asked"; bad=1; }
fi

eager=$(readelf -rW "$library" | grep -cE 'R_[A-Z0-9_]*(GLOB_DAT|ABS64|_64) ')
[ "$eager" -le 60 ] || { echo "$eager names are looked up at start"; bad=1; }

env LD_DEBUG=symbols LD_PRELOAD="$library" /bin/true 2>"$dir/symbols"
if ! grep -q 'symbol=' "$dir/symbols"; then
	echo "no dynamic linker of glibc's: names are not counted"
else
	for name in recv sendmsg epoll_wait __recvfrom_chk getaddrinfo; do
		grep -q "symbol=$name;" "$dir/symbols" && { echo "the dynamic linker was asked for $name"; bad=1; }
	done
fi
exit $bad
