# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# Sourced by tests/integration/lambda-*.sh: a function is run by autotrace lambda, with an empty
# library in the place of ours and with ours. What it says and answers, how Lambda reports it, and
# what it sends must be the same; and its spans those of standard input.
#
#   invokes CLAIM [option...] -- BOOTSTRAP... <<TREE
#   event TEXT          one more event for the next `invokes`: they take turns
#   spans_only=1        only the spans are compared
#   attributes=...      as names with blanks between; see programs/lambda_spans.py
#   own=...             a sed script over output and reports, for what differs from run to run
#
# $url is the origin's, which the function has as DOWN.
. "$(dirname "${BASH_SOURCE[0]}")/../lib.sh"

attributes="faas.coldstart http.response.status_code error.type"
spans_only=
own=
events=()
for name in $(compgen -e | grep '^AWS_'); do unset "$name"; done

echo | "${CC:-cc}" -shared -x c -o "$dir/empty.so" - || fail

event() {
	local file=$dir/event-$((${#events[@]} / 2))
	printf '%s' "$1" >"$file"
	events+=(--event "$file")
}

# Ids, times and numbers are taken out, and the drawing.
reported() { # FILE
	sed -E -e 's/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/ID/g' \
		-e 's/1-[0-9a-f]{8}-[0-9a-f]{24}/TRACE/; s/(SegmentId: |Parent=)[0-9a-f]{16}/\1SEGMENT/' \
		-e 's/[0-9]+(\.[0-9]+)? (ms|MB)/N \2/g; s/^[0-9T:.-]+Z /TIME /' \
		-e '/^trace /,$d' -e '/^autotrace: .* sent no spans/d' -e '/^$/d' -e "$own" -i "$1"
}

run_function() { # HOW LIBRARY [option...] -- BOOTSTRAP...
	local to=$dir/$1 lib=$2
	shift 2
	rm -rf "$to"
	mkdir -p "$to"
	touch "$to/responses"
	(cd "$to" && AUTOTRACE_LIBRARY=$lib timeout -k 2 80 "$autotrace" lambda "${events[@]}" --env "DOWN=${url:-}" \
		--responses "$to/responses" --json "$to/json" "$@" >"$to/out" 2>"$to/err" </dev/null
		echo $? >"$to/status")
	keep_captures "$to"
	cp "$to/err" "$dir/times"
	reported "$to/err"
	[ -z "$own" ] || sed -E -e "$own" -i "$to/out" "$to/responses"
}

same_run() {
	local good=0
	same "standard output" "$dir"/{plain,traced}/out || good=1
	same "reports" "$dir"/{plain,traced}/err || good=1
	same "exit code" "$dir"/{plain,traced}/status || good=1
	same "responses" "$dir"/{plain,traced}/responses || good=1
	[ ! -d "$dir/origin" ] ||
		/usr/bin/python3 "$here/captures.py" "$dir/plain/captured" "$dir/traced/captured" "$dir/traced/json" \
			${capture_mask:+--mask "$capture_mask"} $ours || good=1
	return $good
}

invokes() {
	local claim=$1 good=0
	shift
	cat >"$dir/want"
	[ "$spans_only" ] || run_function plain "$dir/empty.so" "$@"
	run_function traced "$library" "$@"
	[ "$spans_only" ] || same_run || good=1
	# shellcheck disable=SC2086
	/usr/bin/python3 "$here/programs/lambda_spans.py" "$dir/traced/json" $attributes 2>&1 |
		sed -E 's/127.0.0.1:[0-9]+/127.0.0.1:PORT/' >"$dir/got"
	same_tree || good=1
	[ "${SHOW:-}" ] && head -c 2000 "$dir"/traced/{out,err,responses,status}
	tell "$claim" $good
	events=()
}
