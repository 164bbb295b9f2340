/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held get PORT PATH: asks once.
 * held serve PORT FILE: answers requests one by one; of /hold when there is a FILE.
 * held serve PORT FILE OTHER: the same, but of /hold it forks first, with the child's number in
 * FILE.pid: it waits for FILE.go, asks for /hold at port OTHER, and waits for FILE.end.
 */
#include "net.h"

#include <signal.h>

/* Nobody may be left to make it: then not for ever. */
#define LOOKS 12000

static void wait_for(const char *file)
{
	for (int i = 0; i < LOOKS && access(file, F_OK); i++)
		usleep(10000);
}

static void ask(const char *port, const char *path)
{
	int fd = connect_to(port);

	dprintf(fd, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path);
	printf("%s", read_to(fd, "ok\n"));
	close(fd);
}

static const char *beside(const char *file, const char *end)
{
	static char name[4096];

	snprintf(name, sizeof(name), "%s.%s", file, end);
	return name;
}

/* Makes no call that the library sees until it is told to go. */
static void be_child(int fd, int listener, const char *port, const char *file)
{
	wait_for(beside(file, "go"));
	close(fd);
	close(listener);
	ask(port, "/hold");
	wait_for(beside(file, "end"));
	_exit(0);
}

static void tell_child(pid_t pid, const char *file)
{
	char new[4096];
	FILE *to;

	snprintf(new, sizeof(new), "%s", beside(file, "new"));
	to = fopen(new, "w");
	if (!to)
		die("fopen");
	fprintf(to, "%d", pid);
	fclose(to);
	rename(new, beside(file, "pid"));
}

static void fork_child(int fd, int listener, const char *port, const char *file)
{
	pid_t pid = fork();

	if (pid == 0)
		be_child(fd, listener, port, file);
	tell_child(pid, file);
}

static void serve(const char *port, const char *file, const char *childs_port)
{
	struct sockaddr_in address = at_port(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, fd;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 8))
		die("listen");
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (strstr(read_to(fd, "\r\n\r\n"), "hold")) {
			if (childs_port)
				fork_child(fd, listener, childs_port, file);
			wait_for(file);
		}
		send(fd, ANSWER, ANSWER_LEN, 0);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	signal(SIGCHLD, SIG_IGN);
	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "get"))
		ask(argv[2], argv[3]);
	else
		serve(argv[2], argv[3], argc > 4 ? argv[4] : NULL);
	return 0;
}
