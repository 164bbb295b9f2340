/* SPDX-License-Identifier: Apache-2.0 */
/*
 * signals_handler PORT: requests, while the handler of a timer at 1 kHz makes requests of its own
 * on another connection. Each answer is compared, and errno in the handler's caller is its own.
 */
#include "net.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include <time.h>

static int other;
static volatile sig_atomic_t nr_asked, nr_wrong;

static bool asks(int fd)
{
	static const char head[] = "GET /ok HTTP/1.1\r\nHost: h\r\n\r\n";
	char answer[ANSWER_LEN];
	size_t done = 0;
	ssize_t n;

	if (send(fd, head, sizeof(head) - 1, 0) != (ssize_t)sizeof(head) - 1)
		return false;
	while (done < ANSWER_LEN) {
		n = recv(fd, answer + done, ANSWER_LEN - done, 0);
		if (n <= 0)
			return false;
		done += (size_t)n;
	}
	return memcmp(answer, ANSWER, ANSWER_LEN) == 0;
}

static void handler(int number)
{
	int saved = errno;

	(void)number;
	if (!asks(other))
		nr_wrong++;
	nr_asked++;
	errno = saved;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { { 0, 0 }, { 0, 0 } };
	time_t end = time(NULL) + 2;
	long nr = 0, wrong = 0;
	int fd;

	if (argc < 2)
		return 2;
	other = connect_to(argv[1]);
	fd = connect_to(argv[1]);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	while (time(NULL) < end) {
		nr++;
		wrong += !asks(fd);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	say("enough", nr > 50 && nr_asked > 50);
	say("wrong", wrong);
	say("wrong in the handler", nr_wrong);
	fd = connect_to(argv[1]);
	say("after it", asks(fd));
	return 0;
}
