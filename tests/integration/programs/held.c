/* SPDX-License-Identifier: Apache-2.0 */
/*
 * held get PORT PATH: asks once.
 * held serve PORT FILE: answers requests one by one; of /hold when there is a FILE.
 * held serve PORT FILE OTHER: the same, but of /hold it forks first: the child writes its number
 * to FILE.pid, waits for FILE.go, asks for /hold at port OTHER, and waits for FILE.end.
 */
#include "net.h"

#include <signal.h>

static void wait_for(const char *file)
{
	while (access(file, F_OK))
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

static void be_child(const char *port, const char *file)
{
	int fd = open(beside(file, "new"), O_CREAT | O_WRONLY, 0644);
	char new[4096];

	dprintf(fd, "%d", getpid());
	close(fd);
	snprintf(new, sizeof(new), "%s", beside(file, "new"));
	rename(new, beside(file, "pid"));
	wait_for(beside(file, "go"));
	ask(port, "/hold");
	wait_for(beside(file, "end"));
	_exit(0);
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
			if (childs_port && fork() == 0) {
				close(fd);
				close(listener);
				be_child(childs_port, file);
			}
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
