/* SPDX-License-Identifier: Apache-2.0 */
/*
 * origin PORT [MAX_US]: the far end of every chain. A thread a connection; each
 * answer waits up to MAX_US microseconds, so that answers overtake each other, or
 * as long as it is asked for with &ms=.
 */
#include "wire.h"

#include <pthread.h>

static unsigned max_us = 2000;

static void *serve(void *arg)
{
	struct conn c = { .fd = (int)(long)arg };
	unsigned seed = c.fd;
	struct request r;

	while (next_request(&c, &r)) {
		if (r.ms)
			usleep(r.ms * 1000);
		else if (max_us)
			usleep(rand_r(&seed) % max_us);
		if (!put_answer(c.fd, &r) || r.close)
			break;
	}
	close(c.fd);
	return NULL;
}

int main(int argc, char **argv)
{
	int fd = listen_on(argv[1]);
	pthread_t t;

	if (argc > 2)
		max_us = atoi(argv[2]);
	for (;;) {
		int c = accept(fd, NULL, NULL);

		if (c < 0 || pthread_create(&t, NULL, serve, (void *)(long)c))
			die("origin");
		pthread_detach(t);
	}
}
