/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_seen serve PORT FILE OTHER: answers requests one by one; of /work it first sleeps three
 * times for 20 ms, writes to FILE and has it written to the disk five times, asks the server at
 * port OTHER, and computes for 50 ms of its own time. Of /quick it makes ten calls that take nothing.
 * Of /corrupt it first makes nonsense of where its thread shows its span, and makes calls; of
 * /right it sets that right again; of /quit it ends.
 * kernel_seen slow PORT MS: a server that answers after so long.
 */
#include "net.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <time.h>

static volatile unsigned long sum;

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compute(void)
{
	double end = own_time() + 0.05;

	while (own_time() < end)
		for (int i = 0; i < 100000; i++)
			sum += (unsigned long)i;
}

static void ask(const char *port)
{
	int fd = connect_to(port);

	send(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1, 0);
	read_to(fd, "ok\n");
	close(fd);
}

static void work(const char *file, const char *other)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (int i = 0; i < 3; i++)
		usleep(20000);
	for (int i = 0; i < 5; i++) {
		if (write(fd, "line\n", 5) != 5)
			die("write");
		fsync(fd);
	}
	close(fd);
	ask(other);
	compute();
}

/* As the library would never leave it: memory that is not there, ids of nobody's, other bytes. */
static void corrupt(void)
{
	static struct {
		unsigned char ids[24], valid, flags, more[4096];
	} garbage;
	void **shown = dlsym(RTLD_DEFAULT, "otel_thread_ctx_v1");
	void *bad[] = { (void *)8, (void *)-1,		 (void *)0xffff888000000000,
			&garbage,  (char *)&garbage + 1, shown };

	if (!shown)
		return;
	for (int i = 0; i < 60000; i++) {
		for (int k = 0; k < 24; k++)
			garbage.ids[k] = (unsigned char)(i >> k % 13);
		garbage.valid = (unsigned char)(i % 3);
		garbage.flags = (unsigned char)(i % 5);
		*shown = bad[(unsigned)i % 6];
		syscall(SYS_getppid);
	}
}

/* In the way of the library: it is shown again with the next span. */
static void *kept;
static void set_right(bool corrupts)
{
	void **shown = dlsym(RTLD_DEFAULT, "otel_thread_ctx_v1");

	if (shown && corrupts)
		kept = *shown;
	else if (shown && kept)
		*shown = kept;
}

static int listen_at(const char *port)
{
	struct sockaddr_in address = at_port(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64))
		die("listen");
	return listener;
}

static void answer(int fd, const char *head, char **argv)
{
	if (!strcmp(argv[1], "slow"))
		usleep((useconds_t)atoi(argv[3]) * 1000);
	else if (strstr(head, "work"))
		work(argv[3], argv[4]);
	else if (strstr(head, "quit"))
		exit(0);
	else if (strstr(head, "corrupt")) {
		set_right(true);
		corrupt();
	} else if (strstr(head, "right"))
		set_right(false);
	else if (strstr(head, "quick"))
		for (int i = 0; i < 10; i++)
			syscall(SYS_getppid);
	send(fd, ANSWER, ANSWER_LEN, 0);
}

static void serve(char **argv)
{
	int listener = listen_at(argv[2]), fd;

	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		const char *head = read_to(fd, "\r\n\r\n");

		while (*head) {
			answer(fd, head, argv);
			head = strstr(head, "close") ? "" : read_to(fd, "\r\n\r\n");
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	if (argc < 4)
		return 2;
	serve(argv);
	return 0;
}
