/* SPDX-License-Identifier: Apache-2.0 */
/* quiet [PORT]: the threads and descriptors of a process; with PORT, after it has had a span. */
#include "net.h"

#include <dirent.h>

static long entries(const char *folder)
{
	DIR *dir = opendir(folder);
	long n = -3; /* the two dots and the folder's own descriptor */

	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	int fd, first = open("/dev/null", O_RDONLY);

	say("threads", entries("/proc/self/task") + 1);
	say("descriptors", entries("/proc/self/fd"));
	say("first free", first);
	close(first);
	if (argc > 1) {
		fd = connect_to(argv[1]);
		say("send", send(fd, GET, sizeof(GET) - 1, 0));
		read_ok(fd);
		close(fd);
		usleep(300000); /* the exporter is at work */
		say("first free", open("/dev/null", O_RDONLY));
	}
	return 0;
}
