#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A custom runtime in Perl, on HTTP::Tiny.
use strict;
use warnings;
use HTTP::Tiny;

$| = 1;
my $api = "http://$ENV{AWS_LAMBDA_RUNTIME_API}/2018-06-01/runtime/invocation";
my $http = HTTP::Tiny->new(timeout => 3600);

while (1) {
    my $next = $http->get("$api/next");
    exit 1 unless $next->{success};
    my $id = $next->{headers}{"lambda-runtime-aws-request-id"};
    my $ok = $http->get("$ENV{DOWN}/ok")->{status};
    my $echo = $http->post("$ENV{DOWN}/echo", { content => "for " . length $next->{content} })->{content};
    print "$ok $echo\n";
    $http->post("$api/$id/response", { content => '{"statusCode": 201}' });
}
