#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# git over plain HTTP: the dumb protocol, and the smart one of git http-backend as a CGI program.
# The requests are made by git-remote-http, a child of a child of what is started.
. "$(dirname "$0")/lib.sh"
need git lighttpd
ours=--anywhere
git config --global user.name Nobody
git config --global user.email nobody@example.org
git config --global init.defaultBranch main
git config --global safe.directory '*'
git init -q "$dir/work"
seq 1000 >"$dir/work/file"
git -C "$dir/work" add file
git -C "$dir/work" commit -q -m one
git clone -q --bare "$dir/work" "$dir/www/repo.git"
git -C "$dir/www/repo.git" repack -a -d -q
git -C "$dir/www/repo.git" update-server-info
git -C "$dir/www/repo.git" config http.receivepack true

attributes=http.response.status_code,url.full
tree_mask='s/pack-[0-9a-f]{40}/pack-ID/; s/[0-9a-f]{2}\/[0-9a-f]{38}/ID/'
before=forget
forget() {
	rm -rf "$dir/clone"
}

origin --root "$dir/www"

sends "clone, the dumb protocol" git clone -q "$url/repo.git" "$dir/clone" <<'END'
CLIENT GET [unknown_service:git-remote-http] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/repo.git/objects/ID

CLIENT GET [unknown_service:git-remote-http] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/repo.git/objects/info/alternates

CLIENT GET [unknown_service:git-remote-http] ERROR http.response.status_code=404 url.full=http://127.0.0.1:PORT/repo.git/objects/info/http-alternates

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/repo.git/HEAD

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/repo.git/info/refs?service=git-upload-pack

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/repo.git/objects/info/packs

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/repo.git/objects/pack/pack-ID.idx

CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/repo.git/objects/pack/pack-ID.pack
END
check "the clone is whole" cmp "$dir/work/file" "$dir/clone/file"

# From here on the server is lighttpd, which keeps no captures.
no_origin
port=$(free_port)
cat >"$dir/lighttpd.conf" <<END
server.modules = ("mod_cgi", "mod_alias", "mod_setenv")
server.bind = "127.0.0.1"
server.port = $port
server.document-root = "$dir/www"
alias.url = ("/git" => "$(git --exec-path)/git-http-backend")
cgi.assign = ("" => "")
setenv.add-environment = ("GIT_PROJECT_ROOT" => "$dir/www", "GIT_HTTP_EXPORT_ALL" => "1", "HOME" => "$dir")
END
lighttpd -D -f "$dir/lighttpd.conf" >"$dir/lighttpd.log" 2>&1 &
running="$running $!"
ready "$port" $! || fail
smart=http://127.0.0.1:$port/git/repo.git

sends "ls-remote" git ls-remote "$smart" <<'END'
CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/info/refs?service=git-upload-pack

CLIENT POST [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/git-upload-pack
END

sends "clone, the smart protocol" git clone -q "$smart" "$dir/clone" <<'END'
CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/info/refs?service=git-upload-pack

CLIENT POST [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/git-upload-pack

CLIENT POST [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/git-upload-pack
END
check "the clone is whole" cmp "$dir/work/file" "$dir/clone/file"

before=another_commit
another_commit() {
	git -C "$dir/work" reset -q --hard
	git -C "$dir/www/repo.git" update-ref refs/heads/main "$(git -C "$dir/work" rev-list --max-parents=0 HEAD)"
	git -C "$dir/work" commit -q --allow-empty -m another
}
sends "push" git -C "$dir/work" push -q "$smart" main <<'END'
CLIENT GET [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/info/refs?service=git-receive-pack

CLIENT POST [unknown_service:git-remote-http] UNSET http.response.status_code=200 url.full=http://127.0.0.1:PORT/git/repo.git/git-receive-pack
END
