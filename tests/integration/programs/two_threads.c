/* SPDX-License-Identifier: Apache-2.0 */
/* One thread writes the requests of a connection, another reads the answers. */
#include "net.h"

#include <pthread.h>

static int fd;

static void *reads(void *unused)
{
	read_oks(fd, 6);
	return unused;
}

int main(int argc, char **argv)
{
	pthread_t reader;

	fd = argc > 1 ? connect_to(argv[1]) : -1;
	if (pthread_create(&reader, NULL, reads, NULL))
		die("pthread_create");
	for (int i = 0; i < 5; i++) {
		if (send(fd, GET, sizeof(GET) - 1, 0) < 0)
			die("send");
		usleep(50000);
	}
	shutdown(fd, SHUT_WR);
	pthread_join(reader, NULL);
	return 0;
}
