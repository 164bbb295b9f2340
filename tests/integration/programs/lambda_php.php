<?php
// SPDX-License-Identifier: Apache-2.0
// A custom runtime in PHP. "streams": file_get_contents; "curl": two handles that are kept, as Bref has them.
$api = "http://" . getenv("AWS_LAMBDA_RUNTIME_API") . "/2018-06-01/runtime/invocation";
$down = getenv("DOWN");
$uses_curl = $argv[1] == "curl";
$kept = [];

function by_streams(string $url, ?string $body): array {
    $how = $body === null ? [] : ["method" => "POST", "content" => $body, "header" => "Content-Type: text/plain"];
    $answer = file_get_contents($url, false, stream_context_create(["http" => $how + ["timeout" => 60]]));
    return [$answer, $http_response_header];
}

function by_curl(string $url, ?string $body, string $handle): array {
    global $kept;
    $fields = [];
    $curl = $kept[$handle] ??= curl_init();
    curl_reset($curl);
    curl_setopt($curl, CURLOPT_URL, $url);
    curl_setopt($curl, CURLOPT_RETURNTRANSFER, true);
    if ($body !== null)
        curl_setopt($curl, CURLOPT_POSTFIELDS, $body);
    curl_setopt($curl, CURLOPT_HEADERFUNCTION, function ($curl, $line) use (&$fields) {
        $fields[] = trim($line);
        return strlen($line);
    });
    return [curl_exec($curl), $fields];
}

function ask(string $url, ?string $body = null, string $handle = "web"): array {
    global $uses_curl;
    return $uses_curl ? by_curl($url, $body, $handle) : by_streams($url, $body);
}

function id_in(array $fields): string {
    foreach ($fields as $field)
        if (stripos($field, "Lambda-Runtime-Aws-Request-Id:") === 0)
            return trim(substr($field, 30));
    exit("no id\n");
}

while (true) {
    [$event, $fields] = ask("$api/next", null, "next");
    $id = id_in($fields);
    echo trim(ask("$down/ok")[0]), " ", ask("$down/echo", "for " . strlen($event))[0], "\n";
    ask("$api/$id/response", json_encode(["statusCode" => 201]), "response");
}
