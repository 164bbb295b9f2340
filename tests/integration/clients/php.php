<?php // SPDX-License-Identifier: Apache-2.0
$url = $argv[1];
foreach (['/ok', '/chunked', '/redirect', '/close'] as $path)
	echo file_get_contents($url . $path), "\n";
$post = stream_context_create(['http' => ['method' => 'POST', 'content' => 'body', 'ignore_errors' => true,
	'header' => 'Content-Type: text/plain']]);
echo file_get_contents("$url/echo", false, $post), "\n";
echo file_get_contents("$url/status/404", false, $post), "\n";
$stream = stream_socket_client(str_replace('http:', 'tcp:', $url));
fwrite($stream, "GET /ok HTTP/1.0\r\n");
fwrite($stream, "Host: h\r\n\r\n");
echo stream_get_contents($stream);
