#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# `autotrace run --ebpf --stacks` of programs in several languages: what they write and answer is what it is
# without, byte for byte, and each request tells its system calls and where it was made.
. "$(dirname "$0")/lib.sh"
alone ebpf # the kernel is asked what is loaded
need curl "${CXX:-g++}" strip
origin

"$autotrace" run --ebpf -- true 2>"$dir/err"
if grep -q 'autotrace: --ebpf:' "$dir/err"; then
	skip "$(sed -n 's/autotrace: --ebpf: //p' "$dir/err")"
fi

# Of the spans with this path one has the sums of system calls (of a proxy it is the server's), and one the function.
cat >"$dir/tells.py" <<'END'
import json, re, sys
path, function = sys.argv[2:4]
sums = where = 0
for line in open(sys.argv[1]):
    for resource in json.loads(line)["resourceSpans"]:
        for span in [s for scope in resource["scopeSpans"] for s in scope["spans"]]:
            has = {a["key"]: list(a["value"].values())[0] for a in span["attributes"]}
            if path != re.sub(r"^\w+://[^/]*", "", has.get("url.full", has.get("url.path", ""))):
                continue
            sums += "autotrace.cpu.duration" in has and any(
                re.match(r"autotrace\.syscall\..*\.count$", key) for key in has)
            where += bool(re.search(function, has.get("code.stacktrace", "")))
if not (sums and where):
    sys.exit("system calls in %d spans, the function in %d" % (sums, where))
END

# shown CLAIM PATH FUNCTION command...
shown() {
	local claim=$1 path=$2 function=$3 plain traced good=0
	shift 3
	"$@" >"$dir/plain-out" 2>"$dir/plain-err" </dev/null
	plain=$?
	rm -f "$spans"
	AUTOTRACE_EXIT_FLUSH_MS=5000 "$autotrace" run --ebpf --stacks --json "$spans" --html "$dir/page.html" -- \
		"$@" >"$dir/traced-out" 2>"$dir/drawn" </dev/null
	traced=$?
	cmp "$dir/plain-out" "$dir/traced-out" || good=1
	[ $plain = $traced ] || { echo "  exit code $plain, and $traced"; good=1; }
	/usr/bin/python3 "$dir/tells.py" "$spans" "$path" "$function" || good=1
	grep -q ' at .*[a-z]' "$dir/drawn" || good=1
	[ $good = 0 ] || tail -n 20 "$dir/drawn"
	tell "$claim" $good
}

"${CXX:-g++}" -std=gnu++17 -O2 -g -o "$dir/shop" "$here/programs/stacks.cc" || fail
shown "C++ with debug information" /7 'shop::Stock<long>::fetch' "$dir/shop" "$port"
objcopy --only-keep-debug "$dir/shop" "$dir/shop.debug"
strip "$dir/shop"
shown "stripped" /7 'shop\+0x' "$dir/shop" "$port"
objcopy --add-gnu-debuglink="$dir/shop.debug" "$dir/shop"
shown "with a debug file" /7 'shop::Stock<long>::fetch' "$dir/shop" "$port"
shown "python3" /ok '_PyEval_EvalFrameDefault' /usr/bin/python3 -c \
	"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:$port/ok').read())"
command -v php >/dev/null &&
	shown "PHP" /ok 'execute_ex' php -r "echo file_get_contents('http://127.0.0.1:$port/ok');"
home=$(getent passwd "$(id -u)" | cut -d : -f 6)
if HOME=$home rustc --version >/dev/null 2>&1; then
	HOME=$home rustc -O -g -o "$dir/rust" "$here/programs/stacks.rs" 2>/dev/null || fail
	shown "Rust" /rust 'stacks::stock::Client.*fetch' "$dir/rust" "$port"
fi

if command -v nginx >/dev/null; then
	nginx_port=$(free_port)
	nginx_conf 1 "server { listen 127.0.0.1:$nginx_port; location / { proxy_pass $url; } }"
	# asked NAME [word...]: its answer, under these words, in $dir/NAME
	asked() {
		local name=$1
		shift
		"$@" nginx -c "$dir/nginx.conf" >"$dir/out" 2>"$dir/err" </dev/null &
		local server=$!
		running="$running $server"
		ready "$nginx_port" "$server" || fail
		# its worker is watched from behind its first span on
		for ((i = 0; i < 30; i++)); do
			curl -si "http://127.0.0.1:$nginx_port/ok" | grep -v '^Date:'
			sleep 0.1
		done >"$dir/$name"
		kill -QUIT "$(cat "$dir/nginx.pid" 2>/dev/null || echo "$server")"
		wait_for 20 is_gone "$server" || fail
		running=${running/ $server/}
	}
	asked plain
	rm -f "$spans"
	asked traced "$autotrace" run --ebpf --stacks --json "$spans" --
	check "nginx: the same answer" cmp "$dir/plain" "$dir/traced"
	check "and where it asks others" /usr/bin/python3 "$dir/tells.py" "$spans" /ok 'ngx_|nginx\+0x'
fi
