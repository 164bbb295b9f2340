/* SPDX-License-Identifier: Apache-2.0 */
/* life_secure PORT: what a program finds that may do more than who started it; a request. */
#include "net.h"

#include <dirent.h>
#include <sys/auxv.h>

static long entries(const char *folder)
{
	DIR *dir = opendir(folder);
	long n = -2;

	while (dir && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int fd = argc > 1 ? connect_to(argv[1]) : -1;

	fprintf(stderr, "secure: %ld\n", (long)getauxval(AT_SECURE));
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	close(fd);
	usleep(200000);
	say("threads", entries("/proc/self/task"));
	say("descriptor", open("/dev/null", O_RDONLY));
	return 0;
}
