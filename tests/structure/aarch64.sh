#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The library builds for aarch64 without a warning, and is there what it is here: it needs libc alone, nothing
# newer than glibc 2.17, exports the names of the hook table and no other, and loads where pages are 64 KiB.
set -u
cd "$(dirname "$0")/../.." || exit 1
compiler=aarch64-linux-gnu-gcc
command -v $compiler >/dev/null || { echo "no $compiler here"; exit 77; }
build=build/werror-aarch64
library=$build/libautotrace.so
nm=$($compiler -print-prog-name=nm)
objdump=$($compiler -print-prog-name=objdump)
bad=0

make -j"$(nproc)" CC=$compiler BUILD=$build WERROR=1 CFLAGS=-O2 "$library" || exit 1

needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | xargs)
[ "$needed" = libc.so.6 ] || { echo "needs: $needed"; bad=1; }

# 2.17 is the first that there was for it
versions=$($objdump -T "$library" | grep -oE 'GLIBC_[0-9.]+' | sort -u | xargs)
[ "$versions" = GLIBC_2.17 ] || { echo "of glibc: $versions"; bad=1; }

unwanted='__.*_chk|__stack_chk_.*|malloc|calloc|realloc|free|pthread_create|__tls_get_addr|__getauxval'
$nm -D --undefined-only --format=posix "$library" | grep -v ' w ' | cut -d ' ' -f 1 | cut -d @ -f 1 |
	grep -xE "$unwanted" | sed 's/^/imports /' | grep . && bad=1

sed -nE 's/^.*global:|local:.*$//g; s/;/\n/gp' "$build/autotrace.map" | sed 's/[^A-Za-z0-9_]//g' | grep . | sort |
	diff -u --label 'the hook table' --label 'exported' - \
		<($nm -D --defined-only --format=posix "$library" | cut -d ' ' -f 1 | sort) || bad=1

[ "$(readelf -lW "$library" | awk '$1 == "LOAD" { print $NF }' | sort -u)" = 0x10000 ] ||
	{ echo "is not aligned to pages of 64 KiB"; bad=1; }
readelf -rW "$library" | grep -q 'R_AARCH64_TLSDESC .*otel_thread_ctx_v1' ||
	{ echo "otel_thread_ctx_v1 is not found by a descriptor"; bad=1; }
exit $bad
