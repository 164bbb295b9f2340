#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every header compiles with nothing before it.
set -u
cd "$(dirname "$0")/../.." || exit 1
bad=0

for header in $(find propagator export preload ebpf tools -name '*.h' ! -name '*.bpf.h' | sort); do
	"${CC:-gcc}" -std=gnu11 -D_GNU_SOURCE -I. -isystem build/deps/cjson -isystem build/deps/bearssl/inc -Wall -Wextra -Werror \
		-fsyntax-only -x c "$header" || bad=1
done
exit $bad
