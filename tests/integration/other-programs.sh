#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Programs that are no clients or servers of HTTP, or not that alone: what they say, write and leave
# behind is the same, with all that we can look at looked at.
. "$(dirname "$0")/lib.sh"
export AUTOTRACE_PROBES=http,dns,connect
tree_mask='/^INTERNAL socket connect/d; /^$/d; s/\[unknown_service:nc\.[a-z]*\]/[unknown_service:nc]/'
origin
export -f listens wait_for

# has PROGRAM...: whether these can be tried; tells of those that cannot
has() {
	local program

	for program; do
		command -v "$program" >/dev/null || { echo "skipped: $program is not installed"; return 1; }
	done
	export free=$(free_port)
}

# runs CLAIM SCRIPT: with nothing to be seen in it but what standard input says
runs() {
	sends "$1" bash -c "cd '$dir'; $2"
}

get='printf "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"'
seen() { # SERVICE
	echo "CLIENT GET [unknown_service:$1] UNSET http.response.status_code=200 url.full=http://h/ok"
}

runs "bash's own sockets, written by its stdout: left alone" "exec 3<>/dev/tcp/127.0.0.1/$port; $get >&3; cat <&3; exec 3>&-; exec echo end" </dev/null

if has nc; then
	runs "nc" "$get | nc -N 127.0.0.1 $port" < <(seen nc)
	runs "nc, a server" "seq 20000 | nc -l -N 127.0.0.1 $free >got & wait_for 10 listens $free
		seq 3000 | nc -N 127.0.0.1 $free >none; wait; md5sum <got" </dev/null
fi

if has socat; then
	runs "socat" "$get | socat -t5 - TCP:127.0.0.1:$port" < <(seen socat)
	runs "socat, a terminal and a program in it" \
		"socat -t1 'EXEC:\"sh -c \\\"echo in; tty >/dev/null && cat\\\"\",pty,setsid' STDIO </dev/null" </dev/null
fi

if has redis-server redis-cli redis-benchmark; then
	runs "redis" "redis-server --port $free --save '' --logfile log & wait_for 10 listens $free
		redis-cli -p $free set a b; redis-cli -p $free get a; redis-cli -p $free bgsave
		redis-benchmark -p $free -n 2000 -t set,get -q >/dev/null; echo \$?
		redis-cli -p $free shutdown nosave; wait; echo \$?; rm -f log dump.rdb" </dev/null
fi

if has memcached nc; then
	runs "memcached" "memcached -u nobody -p $free -l 127.0.0.1 & wait_for 10 listens $free
		printf 'set a 0 0 5\r\nhello\r\nget a\r\nquit\r\n' | nc -N 127.0.0.1 $free
		kill \$!; wait; echo \$?" </dev/null
fi

if has valgrind; then
	program quiet
	runs "valgrind has nothing to say of the library" "valgrind -q $program" </dev/null
fi

if has screen; then
	export SCREENDIR=$dir/screen
	mkdir -m 700 "$SCREENDIR"
	runs "screen" "screen -dmS x sh -c 'echo hello >made; sleep 60'; wait_for 10 test -s made; cat made
		screen -S x -X quit; wait_for 10 test -z \"\$(ls screen)\"; rm made" </dev/null
fi

if has start-stop-daemon; then
	runs "start-stop-daemon" "start-stop-daemon --start --background --make-pidfile --pidfile $dir/pid \
		--startas /bin/sh -- -c 'echo up >$dir/made; exec sleep 60'
		wait_for 10 test -s made; cat made; start-stop-daemon --status --pidfile $dir/pid; echo \$?
		start-stop-daemon --stop --retry 5 --pidfile $dir/pid; echo \$?; rm -f made pid" </dev/null
fi

runs "a daemon by two forks, all descriptors closed" "perl -MPOSIX -e '
		exit if fork; POSIX::setsid(); exit if fork; POSIX::close(\$_) for 0..1023;
		open STDIN, q(</dev/null); open STDOUT, q(>new); print q(x); close STDOUT; rename q(new), q(made)'
	wait_for 10 test -s made; cat made; rm made" </dev/null

# a proxy's header goes on with its own span in it, not with the one that the client was told of
same_captures() { :; }
if has socat; then
	runs "socat, a process for each of a proxy's connections" \
		"socat TCP-LISTEN:$free,fork,reuseaddr TCP:127.0.0.1:$port & wait_for 10 listens $free
		for i in 1 2 3; do $get | socat -t5 - TCP:127.0.0.1:$free; done; kill \$!; wait \$!; echo \$?" <<END
$(times 3 "CLIENT GET [unknown_service:socat] UNSET http.response.status_code=200 url.full=http://h/ok
  SERVER GET [unknown_service:socat] UNSET http.response.status_code=200 url.path=/ok
    CLIENT GET [unknown_service:socat] UNSET http.response.status_code=200 url.full=http://h/ok" | grep .)
END
fi

# ---- ssh, and rsync over it ---------------------------------------------------------------------

has sshd ssh ssh-keygen rsync && [ "$(id -u)" = 0 ] || exit
mkdir -p /run/sshd
ssh-keygen -q -N "" -t ed25519 -f "$dir/key"
cat >"$dir/sshd_config" <<END
ListenAddress 127.0.0.1
Port $free
HostKey $dir/key
AuthorizedKeysFile $dir/key.pub
StrictModes no
UsePAM no
PidFile none
Subsystem sftp internal-sftp
END
cat >"$dir/ssh_config" <<END
Host h
HostName 127.0.0.1
Port $free
IdentityFile $dir/key
UserKnownHostsFile /dev/null
StrictHostKeyChecking no
LogLevel ERROR
END
over_ssh() { # CLAIM SCRIPT
	runs "$1" "$(command -v sshd) -D -f $dir/sshd_config & wait_for 10 listens $free
		ssh() { command ssh -F $dir/ssh_config \"\$@\"; }
		$2
		kill %1; wait; echo \$?"
}
over_ssh "ssh, a command's output, errors and exit code" "ssh h 'echo out; echo error >&2; exit 7'; echo \$?" </dev/null
over_ssh "ssh, much through a pipe" "seq 200000 | ssh h cat | md5sum" </dev/null
over_ssh "ssh, a terminal" "ssh -tt h 'tty >/dev/null && echo it is one'" </dev/null
over_ssh "rsync over ssh" "mkdir a b; seq 5000 >a/x; seq 70000 >a/y
	for i in 1 2; do rsync -ai -e 'ssh -F $dir/ssh_config' a/ h:$dir/b/; done; md5sum b/*; rm -r a b" </dev/null
