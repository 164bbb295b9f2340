#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Other programs in this one's place: with the environment that the program has for them, after what
# was recorded is sent; where that fails, it goes on as before.
. "$(dirname "$0")/lib.sh"
origin
program life_static -static
static=$program
program life_secure
secure=$program
program life_exec

get="CLIENT GET [unknown_service:life_exec] UNSET http.response.status_code=200 url.full=http://h/ok"
mask="s#( ?)$library#\\1#; s# TRACE#TRACE#; s#libm.so.6 #libm.so.6#"

for way in execve execv execvp execvpe execl execlp execle fexecve execveat "execveat of a descriptor"; do
	kinds="same bare"
	[ "$way" = execve ] || [ "$way" = execvp ] && kinds="same bare other both"
	for kind in $kinds; do
		sends "$way, $kind" "$program" "$port" "$way" $kind <<<"$get"
	done
done
# the context goes along, and is all that is added: to an environment without it, too
export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
mask="$mask; s/TRACEPARENT=none/TRACEPARENT=$TRACEPARENT/"
tree_mask='s/^[?] //'
for way in execve execle execvp; do
	sends "$way, bare, in a trace" "$program" "$port" $way bare <<<"$get"
done
sends "it fails, in a trace" "$program" "$port" fails execve < <(yes "$get" | head -n 16)
unset TRACEPARENT
mask=
tree_mask=

sends "a static program" "$program" "$port" static "$static" <<<"$get"
for way in execve execvp execle execveat; do
	sends "it fails, and all goes on: $way" "$program" "$port" fails $way < <(times 16 "$get")
done
sends "it fails, which nobody could know: what was under way is told before" "$program" "$port" busy <<END
$get

${get/ http.response.status_code=200/}
END
export TRACEPARENT=00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
sends "no room for the context" "$program" "$port" full </dev/null
unset TRACEPARENT

# ---- a set-id program ---------------------------------------------------------------------------

# Linked with us, as it would be by /etc/ld.so.preload: LD_PRELOAD is not for such a program.
[ "$(id -u)" = 0 ] || skip "the rest takes root, to make a set-id program"
need setpriv
no_origin
chmod 711 "$dir"
mkdir "$dir/lib" "$dir/other"
cp "$library" "$dir/lib"
chmod 777 "$dir/other"
origin
cc=${CC:-cc}
"$cc" -D_GNU_SOURCE -o "$dir/secure" "$here/programs/life_secure.c" -L"$dir/lib" -Wl,--no-as-needed \
	-l:libautotrace.so -Wl,-rpath,"$dir/lib" || fail
nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)

# as_another: our variables are set, and nothing may come of them
as_another() {
	rm -f "$dir"/other/*
	env OTEL_TRACES_EXPORTER=otlp/file AUTOTRACE_FILE="$dir/other/spans" AUTOTRACE_LOG="$dir/other/log" \
		AUTOTRACE_STATS=true OTEL_BSP_SCHEDULE_DELAY=50 \
		"${nobody[@]}" "$dir/secure" "$port" >"$dir/out" 2>"$dir/err"
}

is_secure() {
	chmod 4755 "$dir/secure"
	"$secure" "$port" >"$dir/plain.out" 2>/dev/null
	as_another || return 1
	[ "$(cat "$dir/err")" = "secure: 1" ] || { cat "$dir/err"; return 77; }
	same "output" "$dir"/{plain.out,out} && [ -z "$(ls "$dir/other")" ]
}

# Otherwise the test would be of nothing.
is_not_secure() {
	chmod 755 "$dir/secure"
	as_another
	[ -s "$dir/other/spans" ] && [ -s "$dir/other/log" ]
}
check "a set-id program: nothing of ours is active" is_secure
check "the same without the bit has spans" is_not_secure
