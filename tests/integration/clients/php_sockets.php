<?php
// SPDX-License-Identifier: Apache-2.0
// The sockets extension, a library that PHP loads with RTLD_DEEPBIND.
[$_, $url] = $argv;
$at = parse_url($url);
$socket = socket_create(AF_INET, SOCK_STREAM, SOL_TCP);
var_dump(socket_connect($socket, $at['host'], $at['port']));
$request = "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
var_dump(socket_send($socket, $request, strlen($request), 0));
$all = '';
while (socket_recv($socket, $some, 4096, 0) > 0)
	$all .= $some;
echo substr($all, strpos($all, "\r\n\r\n") + 4);
