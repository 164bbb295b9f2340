#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# price: a perl service that fails.
use strict;
use warnings;
use IO::Socket::INET;

my $listener = IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => $ARGV[0], Listen => 8,
	ReuseAddr => 1) or die $!;
while (my $client = $listener->accept) {
	my $head = '';
	while (sysread($client, $head, 4096, length $head)) { last if $head =~ /\r\n\r\n/ }
	syswrite($client, "HTTP/1.1 500 Internal Server Error\r\nContent-Length: 10\r\n"
		. "Connection: close\r\n\r\nno prices\n") if $head =~ /\r\n\r\n/;
	close $client;
}
