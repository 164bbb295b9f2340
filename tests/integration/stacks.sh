#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Where in the program a request was made: of programs with and without frame pointers, debug information
# and symbols; from handlers, small stacks, libraries that go, and code that nothing is known of.
. "$(dirname "$0")/lib.sh"
need "${CXX:-g++}" objcopy strip addr2line c++filt
[ -f "$build/libautotrace-stacks.so" ] || skip "libautotrace-stacks.so is not built"
origin
source=$here/programs/stacks.c

line() { # MARK [FILE]
	grep -n "// $1\$" "${2:-$source}" | cut -d : -f 1
}

c() { # NAME flag...
	local name=$1
	shift
	"${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra -pthread -o "$dir/$name" "$source" "$@" -ldl || fail
}

# stacks HOW command...: those that are to be are on stdin. What libc does is its own matter.
stacks() {
	local how=$1 status
	shift
	fresh_spans
	under traced ""
	timeout -k 2 "$limit" "${env[@]}" AUTOTRACE_STACKS="$how" ${redact:+AUTOTRACE_REDACT="$redact"} \
		${depth:+AUTOTRACE_STACK_DEPTH=$depth} AUTOTRACE_LOG="$dir/log" "$@" >"$dir/out" 2>&1 </dev/null
	status=$?
	[ $status = 0 ] || { echo "  exit code $status"; tail -n 5 "$dir/out"; return 1; }
	/usr/bin/python3 "$here/stacks.py" "$spans" | sed -E -e 's/ < (main|main\+|thread|in_coroutine) < .*/ < \1/' \
		-e 's/called> < .* < interr/called> < LIBC < interr/' -e "$tree_mask" >"$dir/got"
	[ "${SHOW:-}" ] && cat "$dir/got"
	diff -u - "$dir/got" | sed 's/^/  /'
	return "${PIPESTATUS[0]}"
}

redact=
depth=
where="ask stacks.c:$(line SEND)"
usual="ask < inner < aligned < sized"

for flags in "-O2 -fomit-frame-pointer" "-O2 -fno-omit-frame-pointer" -O0; do
	# shellcheck disable=SC2086
	c plain $flags
	check "of a program built with $flags" stacks all "$dir/plain" "$port" plain \
		<<<"/ok|$where|$usual < main"
	check "in a signal's handler" stacks all "$dir/plain" "$port" signal \
		<<<"/signal|$where|ask < on_signal < <signal handler called> < LIBC < interrupted < signals < main"
done
c plain -O2

other="ask < on_signal < <signal handler called> < LIBC < interrupted < signals < on_other_stack"
check "in a handler that has a stack of its own" stacks all "$dir/plain" "$port" altstack \
	<<<"/signal|$where|$other < main"
check "on a thread with a stack of 16 KiB" stacks all "$dir/plain" "$port" thread \
	<<<"/thread|$where|$usual < thread"
check "on stacks of the program's own making, each with nothing readable behind it" \
	stacks all "$dir/plain" "$port" coroutine \
	< <(for _ in 1 2 3; do echo "/coroutine|$where|$usual < in_coroutine"; done)
check "through and from code that nothing is said of, whatever its frame pointer is" \
	stacks all "$dir/plain" "$port" made < <(
	echo "/made|$where|ask < inner < ? < from_made_code < main"
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		echo "/lost|$where|ask < inner < ?"
		echo "/lost|$where|ask < inner < call_with"
	done)
depth=5
check "as deep as was asked for" stacks all "$dir/plain" "$port" deep \
	<<<"/deep|$where|ask < deep < deep < deep < deep"
depth=
c gone -O2
check "of a program whose file is gone" stacks all "$dir/gone" "$port" unlink \
	<<<"/unlinked|$where|ask < inner < main"
cat >"$dir/plugin.c" <<END
void plugin_calls(void (*ask)(const char *)) { ask("/plugin"); __asm__ volatile(""); }
END
"${CC:-cc}" -O2 -g -fPIC -shared -o "$dir/plugin.so" "$dir/plugin.c" || fail
check "in a library that is unloaded before anybody looks" stacks all "$dir/plain" "$port" "$dir/plugin.so" \
	<<<"/plugin|$where|ask < plugin_calls < main"

check "none where none are asked for" stacks off "$dir/plain" "$port" plain <<<"/ok|-|"
check "none of what was well" stacks error "$dir/plain" "$port" plain <<<"/ok|-|"
check "of what was slow" stacks slow:0 "$dir/plain" "$port" plain <<<"/ok|$where|$usual < main"
check "not of what was not slow" stacks slow:100000 "$dir/plain" "$port" plain <<<"/ok|-|"
no=$(free_port)
check "of a connect that failed" stacks error "$dir/plain" "$no" plain \
	<<<"socket connect 127.0.0.1:$no|ask stacks.c:$(line CONNECT)|$usual < main"
check "a wrong word: none" stacks slow:often "$dir/plain" "$port" plain <<<"/ok|-|"
check "and it is said" grep -q 'AUTOTRACE_STACKS=slow:often: .* there are none' "$dir/log"
redact='attribute:code.file.path=drop; attribute:code.line.number; attribute:code.stacktrace'
check "what must not leave" stacks all "$dir/plain" "$port" plain <<<"/ok|ask|REDACTED"
redact=
mkdir -p "$dir/alone"
cp "$library" "$dir/alone"
library=$dir/alone/libautotrace.so
check "without the object the program runs, and is traced" stacks all "$dir/plain" "$port" plain <<<"/ok|-|"
check "and it is said what is missing" grep -q 'AUTOTRACE_STACKS needs libautotrace-stacks.so' "$dir/log"
library=$build/libautotrace.so

COLUMNS=200 "$autotrace" run --stacks --html "$dir/page.html" -- "$dir/plain" "$port" plain 2>"$dir/drawn"
check "autotrace run --stacks draws it" grep -qF "at ask ($source:$(line SEND))" "$dir/drawn"
check "on the page, too" grep -qF ">ask ($source:$(line SEND))</span>" "$dir/page.html"
COLUMNS=200 "$autotrace" run --stacks=error -- "$dir/plain" "$port" plain 2>"$dir/drawn"
check "of errors there are none" grep -q 'GET h/ok' "$dir/drawn"
check "and no line of them" test "$(grep -cF "at ask" "$dir/drawn")" = 0

# ---- debug information -------------------------------------------------------------------------

cxx() { # NAME flag...
	local name=$1
	shift
	"${CXX:-g++}" -std=gnu++17 -O2 -o "$dir/$name" "$here/programs/stacks.cc" "$@" || fail
}

method="shop::Stock<long>::fetch"
at="stacks.cc:$(line SEND "$here/programs/stacks.cc")"
found="/7|$method $at|$method < shop::order < main"
lost="/7|shop+OFFSET|shop+ < shop+ < shop+"

for flags in -g "-g -gdwarf-5 -gz" "-g -gdwarf-4" "-g -gdwarf-3" "-g -gdwarf-2 -gstrict-dwarf" "-g1" \
	"-g -no-pie -fno-pie" "-g -static-libstdc++"; do
	# shellcheck disable=SC2086
	cxx shop $flags
	check "C++ built with $flags" stacks all "$dir/shop" "$port" <<<"$found"
done
cxx shop -g -fno-omit-frame-pointer -Wl,--no-eh-frame-hdr
check "by frame pointers, where there is no table" stacks all "$dir/shop" "$port" <<<"$found"
cxx shop
check "C++ without lines" stacks all "$dir/shop" "$port" <<<"/7|$method|$method+ < shop::order+ < main+"
strip "$dir/shop"
stripped='s/shop\+0x[0-9a-f]+/shop+OFFSET/; s/(( < )?shop\+){3}.*/shop+ < shop+ < shop+/'
tree_mask=$stripped
check "C++ without symbols: the file and the offset" stacks all "$dir/shop" "$port" <<<"$lost"
offset=$(grep -o 'shop+0x[0-9a-f]*' "$spans" | head -1 | cut -d + -f 2)
tree_mask=
cxx shop
check "which addr2line takes" test "$(addr2line -f -e "$dir/shop" "$offset" | head -1 | c++filt -p)" = "$method"

# ---- functions that were put into others ------------------------------------------------------

inlined=$here/programs/stacks_inlined.cc

# As addr2line -i has them. What libstdc++ has between them is its own matter.
as_inlined() {
	tree_mask='s/(<unnamed>|each\(int\)::[^:]*)::operator\(\)/lambda/; s/std::for_each<.*> < each/std < each/'
	stacks all "$1" "$port" <<<"/inlined|shop::fetch stacks_inlined.cc:$(line SEND "$inlined")|shop::fetch < shop::order < lambda < std < each < main"
	status=$?
	tree_mask=
	return $status
}

calls_at() { # MARK: a frame of that line
	grep -q "$1 ($inlined:$(line "$2" "$inlined"))" "$spans"
}

for flags in -gdwarf-5 "-gdwarf-5 -gz" -gdwarf-4 -gdwarf-3 clang; do
	compiler=${CXX:-g++} how=$flags
	[ "$flags" = clang ] && { compiler=${CLANG:-clang}++ how=-g; }
	"$compiler" --version >/dev/null 2>&1 || continue
	# shellcheck disable=SC2086
	"$compiler" -std=gnu++17 -O2 $how -o "$dir/inlined" "$inlined" || fail
	check "inlined functions, built with $flags" as_inlined "$dir/inlined"
	check "each at the line that calls the next" calls_at shop::order FETCH
done

# A unit that was compiled by a relative path says where: DWARF 5 in .debug_line, older ones in .debug_info.
cp "$inlined" "$dir/here.cc"
for flags in -gdwarf-5 -gdwarf-4 -gdwarf-3; do
	(cd "$dir" && "${CXX:-g++}" -std=gnu++17 -O2 $flags -o inlined here.cc) || fail
	stacks all "$dir/inlined" "$port" >/dev/null <<<""
	check "a relative path, $flags" grep -qF "\"$dir/here.cc\"" "$spans"
done

# dwz makes debug information smaller: what is there twice in a file is so once, what several have is in another.
need dwz
for flags in -gdwarf-5 -gdwarf-4; do
	for name in inlined like_it; do "${CXX:-g++}" -std=gnu++17 -O2 $flags -o "$dir/$name" "$inlined" || fail; done
	mkdir -p "$dir/moved"
	(cd "$dir" && dwz -m moved/common -M ../moved/common inlined like_it) || fail
	mkdir -p "$dir/with"
	mv "$dir/inlined" "$dir/with"
	readelf --string-dump=.gnu_debugaltlink "$dir/with/inlined" | grep -q common || fail
	check "inlined functions in a common file, $flags" as_inlined "$dir/with/inlined"
	check "each at its line, $flags" calls_at shop::order FETCH
	cp "$dir/like_it" "$dir/moved/common"
	check "one that is not that file is not believed, $flags" eval '! as_inlined "$dir/with/inlined" >/dev/null'
	rm "$dir/moved/common"
	stacks all "$dir/with/inlined" "$port" >/dev/null <<<""
	check "one that is not there is no harm, $flags" grep -q 'stacks_inlined.cc' "$spans"
done

separate() { # flag...: what is separate is in $dir/shop.debug
	cxx shop -g "$@"
	objcopy --only-keep-debug "$dir/shop" "$dir/shop.debug" || fail
	strip "$dir/shop"
	objcopy --add-gnu-debuglink="$dir/shop.debug" "$dir/shop" || fail
}

separate
check "a debug file beside it" stacks all "$dir/shop" "$port" <<<"$found"
mkdir -p "$dir/.debug"
mv "$dir/shop.debug" "$dir/.debug"
check "in the folder .debug" stacks all "$dir/shop" "$port" <<<"$found"
rm -r "$dir/.debug"

# Where distributions put them: by the id alone.
by_id() {
	local id folder status
	separate
	id=$(readelf -n "$dir/shop" | sed -n 's/.*Build ID: //p')
	folder=/usr/lib/debug/.build-id/${id:0:2}
	mkdir -p "$folder" 2>/dev/null || return 77
	mv "$dir/shop.debug" "$folder/${id:2}.debug" || return 77
	objcopy --remove-section=.gnu_debuglink "$dir/shop"
	stacks all "$dir/shop" "$port" <<<"$found"
	status=$?
	rm "$folder/${id:2}.debug"
	rmdir --ignore-fail-on-non-empty -p "$folder" 2>/dev/null
	return $status
}
if [ -w /usr/lib ]; then
	check "in the folder for all, by its build id" by_id
fi

separate -Wl,--build-id=none
check "known by its sum where it has no id" stacks all "$dir/shop" "$port" <<<"$found"
tree_mask=$stripped
printf x >>"$dir/shop.debug"
check "another one is not believed" stacks all "$dir/shop" "$port" <<<"$lost"
separate
cxx other -g -DOTHER
objcopy --only-keep-debug "$dir/other" "$dir/shop.debug"
printf '\0' | dd of="$dir/shop.debug" bs=1 seek="$(($(grep -obUaP 'GNU\x00' "$dir/shop.debug" | sed -n '2s/:.*//p') + 6))" \
	conv=notrunc 2>/dev/null
check "nor one with another id" stacks all "$dir/shop" "$port" <<<"$lost"
separate
/usr/bin/python3 - "$dir/shop.debug" <<END || fail
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at = len(data) // 3
data[at:] = bytes((i * 37 + 11) % 256 for i in range(len(data) - at))
open(sys.argv[1], "wb").write(data)
END
check "one that is broken is no harm" stacks all "$dir/shop" "$port" <<<"$lost"
tree_mask=

# ---- other programs ----------------------------------------------------------------------------

program curl_lib -l:libcurl.so.4
tree_mask='s/^([^|]*\|[a-z_]+ curl_lib\.c):[0-9]+\|[^<]* < (.* < )?main$/\1|BY WAY OF libcurl/'
check "of a transfer: the program's function that asked libcurl for it" \
	stacks all "$program" reused "$url/ok" <<<"/ok|perform curl_lib.c|BY WAY OF libcurl"
tree_mask=

traced_nginx() {
	fresh_spans
	under traced nginx
	AUTOTRACE_STACKS=all "${env[@]}" nginx -c "$dir/nginx.conf" 2>/dev/null &
	local pid=$! status=0
	running="$running $pid"
	ready "$nginx_port" "$pid" && curl -s -o /dev/null "http://127.0.0.1:$nginx_port/ok" || status=1
	stop "$pid"
	[ $status = 0 ] && /usr/bin/python3 "$here/stacks.py" "$spans" >"$dir/got" &&
		grep -qE '^/ok\|(ngx_|nginx\+)[^|]*\|((ngx_[a-z0-9_]*|nginx)\+? < ){4,}' "$dir/got" && return
	cat "$dir/got"
	return 1
}

if command -v nginx >/dev/null && command -v curl >/dev/null; then
	nginx_port=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$nginx_port; location / { proxy_pass $url; } }"
	check "of what nginx asks for others" traced_nginx
fi

# ---- other languages ---------------------------------------------------------------------------

home=$(getent passwd "$(id -u)" | cut -d : -f 6)
if HOME=$home rustc --version >/dev/null 2>&1; then
	for mangling in legacy v0; do
		HOME=$home RUSTC_BOOTSTRAP=1 rustc -Z unstable-options -O -g -C symbol-mangling-version=$mangling -o "$dir/rust" "$here/programs/stacks.rs" 2>/dev/null || fail
		tree_mask='s/^([^|]*\|)<?(stacks::stock::Client)>?(::fetch)[^|]*\|.*/\1\2\3/'
		check "Rust, $mangling: not what its library does" stacks all "$dir/rust" "$port" <<<"/rust|stacks::stock::Client::fetch"
	done
fi
tree_mask='s/^([^|]*\|).* < _PyEval_EvalFrameDefault.*/\1EVAL/'
check "python3: frames of C" stacks all /usr/bin/python3 -c \
	"import urllib.request; urllib.request.urlopen('http://127.0.0.1:$port/ok')" <<<"/ok|EVAL"
if command -v php >/dev/null; then
	tree_mask='s/^([^|]*\|)php.*execute_ex.*/\1EXECUTE/'
	check "PHP: frames of C" stacks all php -r "file_get_contents('http://127.0.0.1:$port/php');" <<<"/php|EXECUTE"
fi
tree_mask=
