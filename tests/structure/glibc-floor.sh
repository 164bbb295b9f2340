#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# One file for every glibc since 2.17: nothing newer is required, nothing but libc is
# needed, and neither fortify, the stack protector nor the heap is in it. The same of the object beside it.
set -u
# of another machine's objects: that machine's
objdump=${OBJDUMP:-objdump} nm=${NM:-nm}
bad=0

check() # LIBRARY
{
	local library=$1

	for version in $($objdump -T "$library" | grep -oE 'GLIBC_[0-9.]+' | cut -d _ -f 2 | sort -uV); do
		[ "$(printf '%s\n' "$version" 2.17 | sort -V | tail -n 1)" = 2.17 ] && continue
		echo "newer than glibc 2.17:"
		$objdump -T "$library" | grep -F "GLIBC_$version)"
		bad=1
	done

	needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort | xargs)
	[ "$needed" = "libc.so.6" ] || { echo "needs: $needed"; bad=1; }

	# pthread_create is libpthread's before glibc 2.34, and the program may not have that loaded.
	unwanted='__.*_chk|__stack_chk_.*|malloc|calloc|realloc|free|strdup|strndup|posix_memalign|aligned_alloc'
	unwanted="$unwanted|pthread_create|__tls_get_addr"
	# what is weak may be missing
	$nm -D --undefined-only --format=posix "$library" | grep -v ' w ' | cut -d ' ' -f 1 | cut -d @ -f 1 |
		grep -xE "$unwanted" | sed 's/^/imports /' | grep . && bad=1

	readelf -d "$library" | grep -q TEXTREL && { echo "has text relocations"; bad=1; }
	readelf -lW "$library" | grep GNU_STACK | grep -q RWE && { echo "asks for an executable stack"; bad=1; }
}

# a layer for Lambda has the last one not: nothing can be loaded into the kernel there
for object in libautotrace.so libautotrace-config.so libautotrace-tls.so libautotrace-stacks.so $(cd "$AUTOTRACE_BUILD" && ls libautotrace-ebpf.so 2>/dev/null); do
	check "$AUTOTRACE_BUILD/$object"
done

# It reaches the world by what the library hands it, and by nothing else. (vsnprintf: nghttp2, for a callback that
# nobody has set.)
calls=$($nm -D --undefined-only --format=posix "$AUTOTRACE_BUILD/libautotrace-tls.so" | grep -v ' w ' |
	cut -d ' ' -f 1 | cut -d @ -f 1 | grep -vxE 'mem(chr|cmp|cpy|move|set)|str(chr|cmp|len|ncmp)|mmap|munmap|syscall|vsnprintf')
[ -z "$calls" ] || { echo "libautotrace-tls.so calls: $calls"; bad=1; }
exit $bad
