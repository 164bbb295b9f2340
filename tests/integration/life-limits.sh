#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that may have little: of descriptors, memory, threads, files or rights. They are as they
# would be; what there is to tell is told where that can be.
. "$(dirname "$0")/lib.sh"
program life_old
old=$program
program life_limits
origin

get="CLIENT GET [unknown_service:life_limits] UNSET http.response.status_code=200 url.full=http://h/ok"
# by another name where it is not known who the program is
tree_mask='s/\[unknown_service(:life_limits)?\]/[unknown_service:life_limits]/'

life_collector 0 "$spans"
sent=(env OTEL_TRACES_EXPORTER=otlp OTEL_EXPORTER_OTLP_PROTOCOL=http/json OTEL_BSP_SCHEDULE_DELAY=20
	OTEL_EXPORTER_OTLP_ENDPOINT="$collector")

sends "16 descriptors, and all are the program's" "${sent[@]}" "$program" "$port" few < <(times 22 "$get")
sends "a descriptor as high as may be" "${sent[@]}" "$program" "$port" high < <(times 2 "$get")
sends "the same, to a file" "$program" "$port" high < <(times 2 "$get")
sends "no descriptors of our own" "$old" container "${sent[@]}" "$program" "$port" high < <(times 2 "$get")
sends "one thread is left read, write and exit" "${sent[@]}" "$program" "$port" strict < <(times 2 "$get")

# Where our tables do not fit there are no spans: it is the program that counts.
runs_the_same() { # command...
	run_client plain "$@"
	run_client traced "$@"
	same "standard output" "$dir"/{plain,traced}/out && same "standard error" "$dir"/{plain,traced}/err &&
		same "exit code" "$dir"/{plain,traced}/status
}
for kib in 8000 16000 24000 40000 80000 200000; do
	check "$kib KiB of addresses" runs_the_same \
		sh -c 'ulimit -v $0; exec "$@"' $kib "${sent[@]}" "$program" "$port" memory
done
sends "200000 KiB of addresses, most of which it takes" \
	bash -c 'ulimit -v 200000; exec "$@"' 0 "${sent[@]}" "$program" "$port" addresses < <(times 2 "$get")

# What is mapped and not used counts here, and where the kernel does not overcommit.
sends "12 MiB of data" bash -c 'ulimit -d 12288; exec "$@"' 0 "${sent[@]}" "$program" "$port" plain < <(times 3 "$get")

of_core() { # less than 16 MiB of what can be written go into a core
	traced core awk '
		/^[0-9a-f]+-[0-9a-f]+ / { writable = $2 ~ /w/ }
		/^Size:/ { kib = $2 }
		/^VmFlags:/ && writable && !/ dd( |$)/ { sum += kib }
		END { exit sum >= 16384 }' /proc/self/smaps
}
check "what is mapped and not used is in no core" of_core

[ "$(id -u)" = 0 ] || skip "the rest takes root"
limits=$program
need setpriv unshare mount
program=$limits # which need has used
mkdir "$dir/empty"
chmod 755 "$dir"
sends "its one thread is in real time" "${sent[@]}" "$program" "$port" "real time" < <(times 2 "$get")
sends "chroot into an empty folder" \
	"${sent[@]}" "$program" "$port" chroot "$dir/empty" < <(times 3 "$get")
sends "chroot before there is a span" \
	"${sent[@]}" "$program" "$port" "chroot first" "$dir/empty" < <(times 3 "$get")
sends "it becomes another user" "${sent[@]}" "$program" "$port" setuid < <(times 3 "$get")
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
cp "$library" "$program" "$dir"
library=$dir/libautotrace.so
sends "it may make no threads any more" \
	"${nobody[@]}" "${sent[@]}" "$dir/life_limits" "$port" "no threads" < <(times 3 "$get")
check "it may make none at all" runs_the_same "${nobody[@]}" bash -c 'ulimit -u 0; exec "$@"' 0 \
	"${sent[@]}" "$dir/life_limits" "$port" "no threads"

# in a file system of its own: without $1
without() {
	local what=$1
	shift
	within=(unshare -m sh -c "$what"'; exec "$@"' 0)
	"${within[@]}" true 2>/dev/null
}
no_proc='mount -t tmpfs none /proc'
no_shm='mount -t tmpfs none /dev && mknod /dev/null c 1 3'
read_only='mount --make-rprivate / && mount -o remount,bind,ro /'
for what in no_proc no_shm read_only; do
	if without "${!what}"; then
		sends "${what/_/ }" "${within[@]}" "${sent[@]}" "$program" "$port" plain < <(times 3 "$get")
	else
		echo "skipped $what: it cannot be arranged here"
	fi
done

group=/sys/fs/cgroup/memory/life-limits-$$
if mkdir "$group" 2>/dev/null && echo 12M >"$group/memory.limit_in_bytes"; then
	sends "12 MiB of memory" sh -c "echo \$\$ >$group/cgroup.procs; exec \"\$@\"" 0 \
		"${sent[@]}" "$program" "$port" plain < <(times 3 "$get")
else
	echo "skipped: no memory group can be made here"
fi
rmdir "$group" 2>/dev/null
