# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2154
#
# For run.sh: a release's base for aarch64 on a machine that is none, whose programs qemu runs; the tree
# cross-built for it; and what is tried there beyond what all bases are. (Emulated: nothing of it says how
# fast it is, and memory is as strongly ordered as this machine's.)

# arm64_emulator: the kernel gives aarch64's programs to qemu, or why says why not. What was not so before is
# taken back at the end.
arm64_emulator() {
	local magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
	local mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
	local binfmt=/proc/sys/fs/binfmt_misc

	[ "$(uname -m)" != aarch64 ] || return 0
	# of this alone, and not for everybody: with it come registrations of other machines' programs
	command -v qemu-aarch64-static >/dev/null || DEBIAN_FRONTEND=noninteractive apt-get -q -q -y install \
		--no-install-recommends qemu-user-static >/dev/null
	command -v qemu-aarch64-static >/dev/null || { why="no qemu-aarch64-static here"; return 1; }
	[ -e $binfmt/register ] || mount -t binfmt_misc none $binfmt 2>/dev/null
	[ -e $binfmt/register ] || { why="the kernel has no binfmt_misc"; return 1; }
	grep -qs '^interpreter .*qemu-aarch64' $binfmt/* && return 0
	# shellcheck disable=SC2064
	trap "echo -1 >$binfmt/autotrace-arm64" EXIT
	# F: opened now, so that it need not be in the base
	echo ":autotrace-arm64:M::$magic:$mask:$(command -v qemu-aarch64-static):F" >$binfmt/register
}

# arm64_base ROOT RELEASE PACKAGES: unpacked and not configured, which takes long when it is emulated
arm64_base() {
	local root=$1 package link

	debootstrap --foreign --arch=arm64 --variant=minbase --include="$3" "$2" "$root" || return
	for package in "$root"/var/cache/apt/archives/*.deb; do
		dpkg-deb --fsys-tarfile "$package" | tar -x --keep-directory-symlink -C "$root" || return
	done
	rm -f "$root"/var/cache/apt/archives/*.deb
	cp "$root/usr/share/base-passwd/passwd.master" "$root/etc/passwd"
	cp "$root/usr/share/base-passwd/group.master" "$root/etc/group"
	# the linker would look for where these lead to outside
	find "$root/usr/lib/aarch64-linux-gnu" -maxdepth 1 -type l -lname '/*' | while read -r link; do
		ln -sfnr "$root$(readlink "$link")" "$link"
	done
}

# arm64_build ROOT: all of it, in BUILD/aarch64
arm64_build() {
	make -C "$here/../.." -j"$(nproc)" CC=aarch64-linux-gnu-gcc BUILD="$build/aarch64" all >"$build/portability.log" 2>&1 ||
		{ echo "FAIL  the tree does not build for aarch64, see $build/portability.log"; return 1; }
	cp "$build/aarch64/libautotrace"*.so "$build/aarch64/autotrace" "$1/"
}

arm64_cc() {
	aarch64-linux-gnu-gcc --sysroot="$arm64_root" -std=gnu11 -D_GNU_SOURCE "$@"
}

# Those of which the machine matters, and threads; what forks in threads or keeps to times is not emulated well.
arm64_unit_tests() {
	local suite=$1 include=$build/portability/include pattern

	mkdir -p "$include"
	ln -sfn "$arm64_root"/usr/include/{cmocka.h,cmocka_pbc.h,nghttp2,zlib.h,zconf.h} "$include/"
	C_INCLUDE_PATH=$include make -C "$here/../.." -j"$(nproc)" CC=aarch64-linux-gnu-gcc BUILD="$build/aarch64" \
		LDFLAGS="--sysroot=$arm64_root" unit >"$build/portability.log" 2>&1 ||
		{ echo "FAIL  $suite: unit tests do not build, see $build/portability.log"; bad=1; return; }
	cp "$build/aarch64/tests/unit" "$arm64_root/unit"
	for pattern in 'collect_*' 'map_*' 'ring_*' 'pool_*' 'http1_*' 'sending_*' 'work_*'; do
		if chroot "$arm64_root" /unit "$pattern" >"$build/portability.log" 2>&1; then
			echo "ok    $suite: $(grep -c '^ok' "$build/portability.log") unit tests $pattern"
		else
			echo "FAIL  $suite: unit tests $pattern:"
			grep -v '^ok' "$build/portability.log"
			bad=1
		fi
	done
	if QEMU_PAGESIZE=65536 chroot "$arm64_root" /unit 'map_*' >/dev/null 2>&1; then
		echo "ok    $suite: pages of 64 KiB"
	else
		echo "FAIL  $suite: pages of 64 KiB"
		bad=1
	fi
}

# Signed return addresses, handlers, other stacks.
arm64_stacks() {
	local suite=$1 flags how chain want
	local usual="ask < inner < aligned < sized"
	local handler="ask < on_signal < <signal handler called> < LIBC < interrupted < signals"

	for flags in -O2 "-O2 -mbranch-protection=standard" "-O0 -mbranch-protection=pac-ret+leaf+b-key"; do
		# shellcheck disable=SC2086
		arm64_cc -g $flags -pthread -o "$arm64_root/stacks" "$here/../integration/programs/stacks.c" -ldl || bad=1
		for how in plain signal altstack thread coroutine; do
			chroot "$arm64_root" env LD_PRELOAD=/libautotrace.so AUTOTRACE_STACKS=all \
				OTEL_TRACES_EXPORTER=otlp/file AUTOTRACE_FILE=/spans.jsonl \
				AUTOTRACE_EXIT_FLUSH_MS=10000 /stacks "$port" $how
			chain=$(/usr/bin/python3 "$here/../integration/stacks.py" "$arm64_root/spans.jsonl" | cut -d '|' -f 3 |
				sed -E -e 's/called> < .* < interr/called> < LIBC < interr/' \
					-e 's/ < on_other_stack//' -e 's/ < (main|thread|in_coroutine) < .*/ < \1/' | sort -u)
			rm -f "$arm64_root/spans.jsonl"
			case $how in
			plain) want="$usual < main" ;;
			signal | altstack) want="$handler < main" ;;
			thread) want="$usual < thread" ;;
			coroutine) want="$usual < in_coroutine" ;;
			esac
			if [ "$chain" = "$want" ]; then echo "ok    $suite: stacks ($flags): $how"; else
				echo "FAIL  $suite: stacks ($flags): $how: $chain"
				bad=1
			fi
		done
	done
}

# A server, its workers, and the path by which a request's context comes in and goes on.
arm64_nginx() {
	local suite=$1 trace=0af7651916cd43dd8448eb211c80319c from tree pid

	from=$(/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
	cat >"$arm64_root/nginx.conf" <<-END
		user root; daemon off; worker_processes 2; pid /nginx.pid; error_log /nginx.log;
		events {}
		http { access_log off;
		server { listen 127.0.0.1:$from; location / { proxy_pass http://127.0.0.1:$port; } } }
	END
	chroot "$arm64_root" env LD_PRELOAD=/libautotrace.so OTEL_TRACES_EXPORTER=otlp/file \
		AUTOTRACE_FILE=/spans.jsonl nginx -c /nginx.conf &
	pid=$!
	for _ in {1..300}; do
		kill -0 $pid 2>/dev/null || break
		curl -s -o /dev/null -H "traceparent: 00-$trace-b7ad6b7169203331-01" "http://127.0.0.1:$from/nginx" && break
		sleep 0.2
	done
	kill -QUIT $pid
	wait $pid
	tree=$("$build/autotrace" show --tree --attributes http.response.status_code "$arm64_root/spans.jsonl" 2>&1 | sed 's/\[.*\]//g')
	if [[ "$tree" = *"SERVER GET"*200*"  CLIENT GET"*200* ]] &&
		grep -q "^/nginx 00-$trace-" "$build/portability/asked"; then
		echo "ok    $suite: nginx: a request, and what it asks for it"
	else
		echo "FAIL  $suite: nginx: $tree"
		bad=1
	fi
	rm -f "$arm64_root/spans.jsonl"
}

# What functions can be followed is said, and those that tell of themselves are.
arm64_functions() {
	local suite=$1 said

	printf 'void work(void) { __asm__ volatile(""); }\nint main(void) { work(); return 0; }\n' >"$arm64_root/work.c"
	arm64_cc -finstrument-functions -o "$arm64_root/work" "$arm64_root/work.c"
	said=$(chroot "$arm64_root" env LD_PRELOAD=/libautotrace.so OTEL_TRACES_EXPORTER=otlp/stdout \
		AUTOTRACE_LOG=stderr AUTOTRACE_FUNCTIONS=work /work 2>&1)
	if [[ "$said" = *"calls between libraries are not followed: there is no code for it for this processor"* &&
		"$said" = *'"name":"work"'* ]]; then
		echo "ok    $suite: functions: those that tell of themselves, and what cannot be is said"
	else
		echo "FAIL  $suite: functions: $said"
		bad=1
	fi
	said=$(chroot "$arm64_root" /autotrace doctor --functions work /work 2>&1)
	if [[ "$said" = *"work  built with -finstrument-functions"* ]]; then echo "ok    $suite: autotrace doctor"; else
		echo "FAIL  $suite: autotrace doctor: $said"
		bad=1
	fi
}

arm64_more() {
	local suite=$1

	for how in "subprocess.run(['curl', '-s', url])" "os.system('curl -s ' + url)" \
		"os.posix_spawn('/usr/bin/curl', ['curl', '-s', url], os.environ), os.wait()"; do
		try "$suite" "a child (${how%%(*})" python3 -c "import os, subprocess; url = 'http://127.0.0.1:$port/child'; ($how)"
		has_span "$suite" "a child (${how%%(*})"
	done
	try "$suite" node node -e "require('http').get('http://127.0.0.1:$port/node', r => r.pipe(process.stdout))"
	has_span "$suite" node
	arm64_nginx "$suite"
	arm64_stacks "$suite"
	arm64_functions "$suite"
	arm64_unit_tests "$suite"
}
