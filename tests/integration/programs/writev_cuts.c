/* SPDX-License-Identifier: Apache-2.0 */
/* writev of a request in three pieces, cut at every place, an empty piece between. */
#include "net.h"

int main(int argc, char **argv)
{
	static char request[] = GET_CLOSE;
	size_t len = sizeof(request) - 1;

	for (size_t cut = 0; argc > 1 && cut <= len; cut++) {
		size_t half = cut / 2;
		struct iovec iov[] = { { request, half },
				       { NULL, 0 },
				       { request + half, cut - half },
				       { request + cut, len - cut } };
		int fd = connect_to(argv[1]);

		say("writev", writev(fd, iov, 4));
		read_ok(fd);
		close(fd);
	}
	return 0;
}
