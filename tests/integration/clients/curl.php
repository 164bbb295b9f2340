<?php
# SPDX-License-Identifier: Apache-2.0
# php's curl extension: curl.php URL
function say($easy, $body) {
	$request = preg_replace('/[0-9.]+:[0-9]+/', 'HOST', curl_getinfo($easy, CURLINFO_HEADER_OUT) ?: '');
	echo curl_errno($easy), ' ', curl_getinfo($easy, CURLINFO_RESPONSE_CODE), ' ', trim($body ?: ''), "\n", $request;
}

function handle($url, $options = []) {
	$easy = curl_init($url);
	curl_setopt_array($easy, [CURLOPT_RETURNTRANSFER => true, CURLOPT_SSL_VERIFYPEER => false,
		CURLOPT_SSL_VERIFYHOST => 0, CURLOPT_HTTPHEADER => ['X-Own: 1']] + $options);
	return $easy;
}

$url = $argv[1];
$easy = handle("$url/ok");
say($easy, curl_exec($easy));
$copy = curl_copy_handle($easy);
curl_setopt($easy, CURLOPT_HTTPHEADER, ['X-Own: 2', 'X-Other: 3']);
curl_setopt($easy, CURLOPT_POSTFIELDS, 'a=1');
say($easy, curl_exec($easy));
curl_reset($easy);
curl_setopt_array($easy, [CURLOPT_URL => "$url/empty", CURLOPT_RETURNTRANSFER => true, CURLOPT_SSL_VERIFYPEER => false,
	CURLOPT_SSL_VERIFYHOST => 0]);
say($easy, curl_exec($easy));
curl_close($easy);
say($copy, curl_exec($copy));

# a handle that shows its headers has them as it made them
$shows = handle("$url/ok?shown", [CURLINFO_HEADER_OUT => true]);
say($shows, curl_exec($shows));

$multi = curl_multi_init();
$handles = [];
for ($i = 0; $i < 5; $i++)
	curl_multi_add_handle($multi, $handles[] = handle("$url/ok?$i"));
do {
	curl_multi_exec($multi, $running);
	while ($message = curl_multi_info_read($multi))
		if ($message['result'] !== CURLE_OK)
			echo "failed\n";
	if ($running)
		curl_multi_select($multi, 1);
} while ($running);
foreach ($handles as $easy) {
	echo curl_multi_getcontent($easy);
	curl_multi_remove_handle($multi, $easy);
}
