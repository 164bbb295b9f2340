<?php
# SPDX-License-Identifier: Apache-2.0
# Asks $_ENV's ORIGIN by curl for each request: alone, or several at once.
function handle($path) {
	$easy = curl_init(getenv('ORIGIN') . $path);
	curl_setopt_array($easy, [CURLOPT_RETURNTRANSFER => true, CURLOPT_SSL_VERIFYPEER => false, CURLOPT_SSL_VERIFYHOST => 0]);
	return $easy;
}

$number = $_SERVER['QUERY_STRING'];
echo curl_exec(handle("/ok?$number"));
$multi = curl_multi_init();
curl_multi_add_handle($multi, $one = handle("/ok?$number-1"));
curl_multi_add_handle($multi, $other = handle("/ok?$number-2"));
do {
	curl_multi_exec($multi, $running);
	if ($running)
		curl_multi_select($multi, 1);
} while ($running);
echo curl_multi_getcontent($one), curl_multi_getcontent($other);
