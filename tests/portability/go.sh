# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2154
#
# For run.sh: what Go builds, which no library is preloaded into, under `autotrace run --ebpf`. The compiler is Debian's,
# unpacked in BUILD/portability/go; nothing of it is installed here.

# go_compiler: in $GOROOT; or why says why not
go_compiler() {
	local root=$build/portability/go version package

	version=$(apt-cache show golang-go 2>/dev/null | sed -n 's/^Depends:.*golang-\([0-9.]*\)-go.*/\1/p' | head -n 1)
	why="no golang-go to be had"
	[ "$version" ] || return 1
	GOROOT=$root/usr/lib/go-$version
	[ -e "$root/ready" ] && return
	rm -rf "$root"
	mkdir -p "$root"
	(cd "$root" && apt-get -q -q download "golang-$version-go" "golang-$version-src") >"$build/portability.log" 2>&1 || return
	for package in "$root"/*.deb; do dpkg-deb -x "$package" "$root" || return; done
	rm -f "$root"/*.deb
	touch "$root/ready"
}

go_answers() { # PORT PATH [option...]
	curl -sS -m 20 -o /dev/null "${@:3}" "http://127.0.0.1:$1$2"
}

go_free_port() {
	/usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

go_spans() { # as they are to be, sorted
	local of='[unknown_service:program] UNSET' as='http.response.status_code=200' i

	{
		echo "INTERNAL program $of"
		for i in many0 many1 many2 many3 many4 many5 many6 many7 ok ok ok ok ok; do
			echo "  CLIENT GET $of $as url.full=http://127.0.0.1:PORT/$i autotrace.observed=true"
		done
		for i in many notes quick tls work work work work work; do
			echo "  SERVER GET $of $as url.path=/$i autotrace.observed=true"
		done
	} | LC_ALL=C sort
}

# go_part PORT CGO: one that answers; whether it has a libc
go_part() {
	local other=$1 cgo=$2 root=$build/portability/go port runner asking=() i

	GOROOT=$GOROOT GOCACHE=$root/cache CGO_ENABLED=$cgo GO111MODULE=off "$GOROOT/bin/go" build -o "$root/program" \
		"$here/go.go" >"$build/portability.log" 2>&1 || { echo "FAIL  go: no program, see $build/portability.log"; bad=1; return; }
	port=$(go_free_port)
	rm -f "$root/spans.jsonl"
	"$build/autotrace" run --ebpf --json "$root/spans.jsonl" -- "$root/program" "$port" "$other" "$root/file" \
		>"$root/out" 2>"$root/err" </dev/null &
	runner=$!
	for _ in {1..200}; do go_answers "$port" /quick 2>/dev/null && break || sleep 0.1; done
	if grep -q 'autotrace: --ebpf:' "$root/err"; then
		echo "skip  go: $(sed -n 's/autotrace: --ebpf: //p' "$root/err")"
	fi
	for i in work many tls notes; do go_answers "$port" /$i; done
	for i in 1 2 3 4; do
		go_answers "$port" /work &
		asking+=($!)
	done
	wait "${asking[@]}"
	go_answers "$port" /quit 2>/dev/null
	wait "$runner"
	grep -q 'autotrace: --ebpf:' "$root/err" && return
	go_spans >"$root/want"
	"$build/autotrace" show --tree --mask-ports --attributes http.response.status_code,url.full,url.path,autotrace.observed \
		"$root/spans.jsonl" | LC_ALL=C sort >"$root/got"
	if diff "$root/want" "$root/got"; then echo "ok    go, cgo $cgo: its requests, and nothing else"; else
		echo "FAIL  go, cgo $cgo: not its requests"
		bad=1
	fi
}
