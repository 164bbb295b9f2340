# SPDX-License-Identifier: Apache-2.0
# perl.pl LIBRARY URL
use strict;
use warnings;
my ($library, $url) = @ARGV;

if ($library eq 'LWP') {
    require LWP::UserAgent;
    my $agent = LWP::UserAgent->new(keep_alive => 1);
    for my $path ('/ok', '/chunked', '/redirect', '/status/404') {
        my $response = $agent->get("$url$path");
        print $response->code, ' ', $response->content;
    }
    print $agent->post("$url/echo", [a => 1])->content, "\n";
} else {
    require HTTP::Tiny;
    my $agent = HTTP::Tiny->new;
    for my $path ('/ok', '/chunked', '/redirect', '/status/404') {
        my $response = $agent->get("$url$path");
        print $response->{status}, ' ', $response->{content};
    }
    print $agent->post("$url/echo", { content => 'body' })->{content}, "\n";
}
