#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# apt over TLS (GnuTLS), from a repository on this machine; nothing of the system's apt is read or
# written.
. "$(dirname "$0")/lib.sh"
need apt-get dpkg-deb dpkg-scanpackages

mkdir -p "$dir/package/DEBIAN" "$dir/www" "$dir/state/lists/partial" "$dir/cache/archives/partial" "$dir/etc"
cat >"$dir/package/DEBIAN/control" <<'END'
Package: nothing
Version: 1
Architecture: all
Maintainer: Nobody <nobody@example.org>
Description: nothing
END
dpkg-deb --root-owner-group -b "$dir/package" "$dir/www/nothing_1_all.deb" >/dev/null
cd "$dir/www" || exit 1
dpkg-scanpackages . >Packages 2>/dev/null
printf 'SHA256:\n %s %s Packages\n' "$(sha256sum <Packages | cut -c-64)" "$(wc -c <Packages)" >Release
touch "$dir/status"
chmod -R a+rwX "$dir"

certificate
origin --tls "$dir/tls" --root "$dir/www"
echo "deb [trusted=yes] $url ./" >"$dir/sources.list"
cat >"$dir/apt.conf" <<END
Dir::State "$dir/state";
Dir::State::status "$dir/status";
Dir::Cache "$dir/cache";
Dir::Etc::sourcelist "$dir/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::main "-";
Dir::Etc::parts "-";
Dir::Log "$dir";
APT::Sandbox::User "";
APT::Architecture "amd64";
Acquire::Languages "none";
Acquire::PDiffs "false";
DPkg::Lock::Timeout "0";
Acquire::https::CaInfo "$dir/tls/cert.pem";
END
export APT_CONFIG=$dir/apt.conf
mask='s/Fetched .*/Fetched/; s/localhost:[0-9]+/HOST/'
attributes=http.response.status_code,url.full
before=forget
forget() {
	rm -rf "$dir"/state/lists/[!p]* "$dir"/cache/*.bin "$dir"/cache/archives/*.deb
}

sends "update" apt-get update <<'END'
CLIENT GET [unknown_service:http] ERROR http.response.status_code=404 url.full=https://localhost:PORT/./InRelease

CLIENT GET [unknown_service:http] ERROR http.response.status_code=404 url.full=https://localhost:PORT/./Release.gpg

CLIENT GET [unknown_service:http] UNSET http.response.status_code=200 url.full=https://localhost:PORT/./Packages

CLIENT GET [unknown_service:http] UNSET http.response.status_code=200 url.full=https://localhost:PORT/./Release
END
