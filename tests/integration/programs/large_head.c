/* SPDX-License-Identifier: Apache-2.0 */
/* large_head PORT LENGTH PIECE: a head of that many bytes, written in pieces of that many. */
#include "net.h"

int main(int argc, char **argv)
{
	size_t len = argc > 3 ? (size_t)atol(argv[2]) : 0, piece = len ? (size_t)atol(argv[3]) : 0;
	char *head = malloc(len + 1);
	int fd = connect_to(argv[1]);
	long sum = 0;

	strcpy(head, "GET /ok HTTP/1.1\r\nHost: h\r\nCookie: ");
	memset(head + strlen(head), 'c', len - strlen(head));
	memcpy(head + len - 4, "\r\n\r\n", 4);
	for (size_t at = 0; at < len; at += piece)
		sum += send(fd, head + at, len - at < piece ? len - at : piece, 0);
	say("sent", sum);
	read_ok(fd);
	return 0;
}
