#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# gRPC, in the clear and inside TLS: calls of every kind, in Python (C core) and in node, and through nginx.
. "$(dirname "$0")/lib.sh"
/usr/bin/python3 -c 'import grpc' 2>/dev/null || skip "python3-grpcio is not installed"
python="/usr/bin/python3 $here/servers/echo_grpc.py"
node="node --no-warnings $here/servers/echo_grpc.js"
export NODE_PATH=$top/build/deps/npm-grpc/node_modules
has_node=
command -v node >/dev/null && [ -d "$NODE_PATH/@grpc/grpc-js" ] && has_node=1
attributes=rpc.system.name,rpc.status_code,server.address,error.type

back_pid=
back() { # command: a server that is not traced, until the next
	[ -z "$back_pid" ] || stop "$back_pid"
	port=$(free_port)
	$1 serve "$port" $tls &
	back_pid=$!
	running="$running $back_pid"
	ready "$port" "$back_pid" || skip "the server does not start"
}

calls() { # SERVICE: the spans of a client
	local name of="rpc.system.name=grpc rpc.status_code"

	for name in Chat Collect; do
		printf '%s\n\n' "CLIENT demo.Echo/$name [$1] UNSET $of=OK server.address=127.0.0.1"
	done
	printf '%s\n\n' "CLIENT demo.Echo/Fail [$1] ERROR $of=NOT_FOUND server.address=127.0.0.1 error.type=NOT_FOUND"
	printf '%s\n\n' "CLIENT demo.Echo/Many [$1] UNSET $of=OK server.address=127.0.0.1"
	echo "CLIENT demo.Echo/Unary [$1] UNSET $of=OK server.address=127.0.0.1"
}

# What a server has of the same; NOT_FOUND is no fault of its own.
served() {
	calls server | sed -e 's/^CLIENT/SERVER/' -e 's/ERROR/UNSET/' -e 's/ error.type=.*//'
}

each_of_the_other() { # WHAT
	back "$python"
	sends "$1: a client in Python" $python call "$port" $tls < <(calls unknown_service:python)
	[ "$has_node" ] &&
		sends "$1: a client in node, of a server in Python" $node call "$port" $tls < <(calls unknown_service:node)
	requests() { $python call "$port" $tls; }
	serves "$1: a server in Python" $python serve PORT $tls < <(served)
	[ "$has_node" ] || return
	serves "$1: a server in node, of a client in Python" $node serve PORT $tls < <(served)
	back "$node"
	sends "$1: a client in Python, of a server in node" $python call "$port" $tls < <(calls unknown_service:python)
}

tls=
each_of_the_other "in the clear"

certificate
tls=$dir/tls
plain_node=$node
if system_node; then
	node="${node[*]} --no-warnings $here/servers/echo_grpc.js"
else
	has_node=
fi
each_of_the_other "inside TLS"
tls= node=$plain_node
command -v node >/dev/null && [ -d "$NODE_PATH/@grpc/grpc-js" ] && has_node=1

# ---- one trace ----

if command -v nginx >/dev/null; then
	back_port=$(free_port) proxy_port=$(free_port)
	nginx_conf 1 "server {
		listen 127.0.0.1:$proxy_port http2;
		location / { grpc_pass grpc://127.0.0.1:$back_port; }
	}"
	chain() {
		fresh_spans
		under traced back
		"${env[@]}" $python serve "$back_port" &
		local back=$!
		under traced proxy
		"${env[@]}" nginx -c "$dir/nginx.conf" &
		local proxy=$!
		running="$running $back $proxy"
		ready "$back_port" $back && ready "$proxy_port" $proxy || return 1
		traced client $python call "$proxy_port" >/dev/null
		wait_for 5 tree_is_there
		stop $proxy $back
		same_tree
	}
	of="rpc.system.name=grpc rpc.status_code"
	for method in Chat Collect Fail Many Unary; do
		status=OK client=UNSET error=
		[ $method = Fail ] && status=NOT_FOUND client=ERROR error=" error.type=NOT_FOUND"
		cat <<END
CLIENT demo.Echo/$method [client] $client $of=$status server.address=127.0.0.1$error
  SERVER demo.Echo/$method [proxy] UNSET $of=$status server.address=127.0.0.1
    CLIENT demo.Echo/$method [proxy] $client $of=$status server.address=127.0.0.1$error
      SERVER demo.Echo/$method [back] UNSET $of=$status server.address=127.0.0.1

END
	done | sed '$d' >"$dir/want"
	check "from Python through nginx to Python" chain
fi
