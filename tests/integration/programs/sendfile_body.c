/* SPDX-License-Identifier: Apache-2.0 */
/* sendfile_body PORT FILE: its first 1000 bytes as a body by sendfile, the next by splice, then a GET. */
#include "net.h"

#include <sys/sendfile.h>

static const char head[] = "POST /ok HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n";

int main(int argc, char **argv)
{
	int fd = argc > 2 ? connect_to(argv[1]) : -1, file = open(argv[2], O_RDONLY), pipes[2];

	say("send", send(fd, head, sizeof(head) - 1, MSG_MORE));
	say("sendfile", sendfile(fd, file, NULL, 1000));
	read_ok(fd);
	if (pipe(pipes))
		die("pipe");
	say("send", send(fd, head, sizeof(head) - 1, 0));
	say("splice", splice(file, NULL, pipes[1], NULL, 1000, 0));
	say("splice", splice(pipes[0], NULL, fd, NULL, 1000, 0));
	read_ok(fd);
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	return 0;
}
