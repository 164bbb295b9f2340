#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# libcurl as php and Python bring it: by dlopen, into nobody's search but their own; in clear and over
# TLS. And git, which has GnuTLS's.
. "$(dirname "$0")/lib.sh"
need openssl
certificate
ours="--anywhere --again"
attributes=http.response.status_code,http.request.resend_count,url.full,error.type

has_php() {
	command -v php >/dev/null && php -r 'exit(extension_loaded("curl") ? 0 : 1);'
}

has_pycurl() {
	/usr/bin/python3 -c 'import pycurl' 2>/dev/null
}

gets() { # PATH [ATTRIBUTE]
	echo "CLIENT GET [unknown_service:$by] UNSET http.response.status_code=200 ${2:+$2 }url.full=$scheme://127.0.0.1:PORT$1"
	echo
}

php_spans() {
	for path in /ok /ok "/ok?0" "/ok?1" "/ok?2" "/ok?3" "/ok?4" ${1:+"$1"}; do gets "$path"; done
	gets /empty | sed s/=200/=204/
	gets /ok | sed 's/GET/POST/;$d'
}

python_spans() {
	echo "CLIENT GET [unknown_service:python] ERROR url.full=$scheme://127.0.0.1:PORT/slow error.type=CURLE_OPERATION_TIMEDOUT"
	echo
	gets /ok http.request.resend_count=1
	for path in /ok /ok /ok $(printf '/ok?%d\n' {0..19} | sort) /ok?thread{0..3}; do gets "$path"; done
	[ -z "${1:-}" ] || gets "$1" | sed s/=200/=302/
	gets /echo | sed 's/GET/POST/;$d'
}

for scheme in http https; do
	# over TLS, the wire not looked at: one span for each transfer
	if [ $scheme = https ]; then
		export AUTOTRACE_PROBES=curl
		origin --apart --tls "$dir/tls"
		url=https://127.0.0.1:$port
	else
		origin --apart
	fi
	by=php
	[ $scheme = https ] && shown= || shown="/ok?shown"
	has_php && sends "php, $scheme" php "$here/clients/curl.php" "$url" < <(php_spans "$shown")
	by=python
	[ $scheme = https ] && redirect= || redirect=/redirect
	has_pycurl && sends "pycurl, $scheme" /usr/bin/python3 "$here/clients/pycurl_client.py" "$url" \
		< <(python_spans $redirect)
done

command -v git >/dev/null || exit
git init -q "$dir/work"
seq 1000 >"$dir/work/file"
git -C "$dir/work" add file
git -C "$dir/work" -c user.name=N -c user.email=n@example.org commit -q -m one
git clone -q --bare "$dir/work" "$dir/repo.git"
git -C "$dir/repo.git" repack -a -d -q
git -C "$dir/repo.git" update-server-info
git config --global http.sslVerify false
before=forget
forget() {
	rm -rf "$dir/clone"
}
origin --apart --tls "$dir/tls" --root "$dir"
url=https://127.0.0.1:$port
attributes=http.response.status_code
tree_mask=
sends "git clone, https" git clone -q "$url/repo.git" "$dir/clone" <<END
$(times 3 "CLIENT GET [unknown_service:git-remote-http] ERROR http.response.status_code=404")

$(times 5 "CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200")
END
check "the clone is whole" cmp "$dir/work/file" "$dir/clone/file"
