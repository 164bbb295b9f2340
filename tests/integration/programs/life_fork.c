/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life_fork PORT HOW: a request is under way (or answered), and another process is made in one of
 * the ways there are. Children tell how they fared by their exit status; all that is printed is
 * printed by the first process, or comes through its pipe.
 */
#include "net.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>

int close_range(unsigned first, unsigned last, int flags);
extern char **environ;

static const char *port;
static char *const true_argv[] = { "true", NULL };

/* Quiet, for children: whether a request on a connection of its own was answered. */
static bool asks_on(int fd)
{
	char answer[ANSWER_LEN];

	return send(fd, GET, sizeof(GET) - 1, 0) == (ssize_t)sizeof(GET) - 1 &&
	       recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
	       memcmp(answer, ANSWER, ANSWER_LEN) == 0;
}

static bool asks(void)
{
	int fd = connect_to(port);
	bool ok = asks_on(fd);

	close(fd);
	return ok;
}

static int status_of(pid_t pid)
{
	int status = -1;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		die("waitpid");
	return status;
}

static int child_asks(void *unused)
{
	(void)unused;
	return asks() ? 7 : 1;
}

/* ---- fork ------------------------------------------------------------------------------------ */

static pthread_barrier_t together;

static void *forks_in_request(void *good)
{
	int fd = connect_to(port);
	char answer[ANSWER_LEN];
	pid_t pid;

	pthread_barrier_wait(&together);
	if (send(fd, GET, sizeof(GET) - 1, 0) != (ssize_t)sizeof(GET) - 1)
		return NULL;
	pid = fork();
	if (pid == 0)
		_exit(child_asks(NULL));
	*(bool *)good = WEXITSTATUS(status_of(pid)) == 7 &&
			recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
			asks_on(fd);
	close(fd);
	return NULL;
}

static void by_threads(void)
{
	pthread_t thread[4];
	bool good[4] = { false };

	pthread_barrier_init(&together, NULL, 4);
	for (int i = 0; i < 4; i++)
		if (pthread_create(&thread[i], NULL, forks_in_request, &good[i]))
			die("pthread_create");
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		printf("thread %d: %d\n", i, good[i]);
	}
}

static void while_exporting(void)
{
	int fd = connect_to(port), good = 0;

	for (int i = 0; i < 60; i++) {
		pid_t pid;

		if (!asks_on(fd))
			die("request");
		pid = fork();
		if (pid == 0)
			_exit(child_asks(NULL));
		good += WEXITSTATUS(status_of(pid)) == 7;
	}
	say("children that were answered", good);
}

static void in_a_loop(void)
{
	int fd = connect_to(port), good = 0;

	say("answered", asks_on(fd));
	for (int i = 0; i < 3000; i++) {
		pid_t pid = fork();

		if (pid == 0 && i % 100 == 7)
			i = child_asks(NULL);
		if (pid == 0 && i % 2)
			exit(i % 100);
		if (pid == 0)
			_exit(i % 100);
		good += WEXITSTATUS(status_of(pid)) == i % 100;
	}
	say("children", good);
	say("answered", asks_on(fd));
}

/* ---- vfork, spawn, clone --------------------------------------------------------------------- */

static void vforks(void)
{
	int fd = connect_to(port);
	pid_t pid;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	pid = vfork();
	if (pid == 0) {
		execv("/bin/true", true_argv);
		_exit(1);
	}
	say("child", status_of(pid));
	read_ok(fd);
	pid = vfork();
	if (pid == 0) {
		execv("/none", true_argv);
		_exit(3);
	}
	say("child", WEXITSTATUS(status_of(pid)));
	say("answered", asks_on(fd));
}

static void spawns(void)
{
	static char *const argv[] = { "sh", "-c", "echo out; echo err >&2; cat <&5; echo >&400",
				      NULL };
	int fd = connect_to(port), fds[2];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	char came[100] = "";
	sigset_t none;
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	if (pipe(fds))
		die("pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, fds[1], 1);
	posix_spawn_file_actions_adddup2(&actions, 1, 2);
	posix_spawn_file_actions_adddup2(&actions, 1, 400);
	posix_spawn_file_actions_addclose(&actions, fds[0]);
	posix_spawn_file_actions_addclose(&actions, fd);
	for (int i = 6; i < 1024; i++)
		if (i != fd && i != 400 && i != fds[0] && i != fds[1])
			posix_spawn_file_actions_addclose(&actions, i);
	posix_spawn_file_actions_addopen(&actions, 5, "/dev/null", O_RDONLY, 0);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("spawn", posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv, environ));
	close(fds[1]);
	while ((got = read(fds[0], came + n, sizeof(came) - 1 - n)) > 0)
		n += (size_t)got;
	printf("came: %s", came);
	say("child", status_of(pid));
	read_ok(fd);
	say("answered", asks_on(fd));
	say("spawn of nothing", posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ));
	say("answered", asks_on(fd));
}

static void *works_on(void *unused)
{
	usleep(200000);
	return unused;
}

/* Its thread outlives it: the process ends with that. */
static int child_with_thread(void *unused)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, works_on, NULL))
		return 1;
	return child_asks(unused);
}

static int child_executes(void *unused)
{
	(void)unused;
	execv("/bin/true", true_argv);
	return 1;
}

static int child_leaves(void *unused)
{
	(void)unused;
	execv("/none", true_argv);
	_exit(9);
}

static void clones(void)
{
	size_t len = 256 * 1024;
	char *stack = (char *)malloc(len) + len;
	int fd = connect_to(port), in_our_memory = CLONE_VM | CLONE_VFORK | SIGCHLD;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("child", status_of(clone(child_asks, stack, SIGCHLD, NULL)));
	say("child with a thread", status_of(clone(child_with_thread, stack, SIGCHLD, NULL)));
	say("child executes", status_of(clone(child_executes, stack, in_our_memory, NULL)));
	say("child leaves", status_of(clone(child_leaves, stack, in_our_memory, NULL)));
	say("child returns",
	    status_of(clone(child_executes, stack, in_our_memory | CLONE_FILES, NULL)));
	read_ok(fd);
	say("answered", asks_on(fd));
}

static void shells(void)
{
	int fd = connect_to(port);
	char line[20] = "";
	FILE *child;

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("system", system("exit 3") >> 8);
	child = popen("echo from the child", "r");
	if (child && fgets(line, sizeof(line), child))
		printf("%s", line);
	say("pclose", pclose(child));
	read_ok(fd);
	child = popen("cat >/dev/null; exit 4", "w");
	fputs("to the child\n", child);
	say("pclose", pclose(child) >> 8);
	say("answered", asks_on(fd));
}

/* ---- daemons --------------------------------------------------------------------------------- */

static int result; /* the pipe in which the daemon tells */

static void tell(const char *what, bool good)
{
	dprintf(result, "%s: %d\n", what, good);
}

static void by_libc(void)
{
	if (daemon(0, 0))
		_exit(1);
}

static void by_hand(void)
{
	int high;

	if (fork())
		_exit(0);
	setsid();
	if (fork())
		_exit(0);
	high = fcntl(result, F_DUPFD, 700);
	for (long fd = 0, end = sysconf(_SC_OPEN_MAX); fd < end; fd++)
		if (fd != high)
			close((int)fd);
	result = high;
	if (open("/dev/null", O_RDWR) != 0 || dup(0) != 1 || dup(0) != 2)
		tell("0, 1 and 2", false);
}

static void daemons(void (*become)(void))
{
	int fd = connect_to(port), fds[2];
	char came[200] = "";
	size_t n = 0;
	ssize_t got;
	pid_t pid;

	say("answered", asks_on(fd));
	if (pipe(fds))
		die("pipe");
	pid = fork();
	if (pid == 0) {
		close(fds[0]);
		result = fds[1];
		become();
		tell("daemon: answered", asks());
		tell("daemon: answered", asks());
		usleep(100000); /* the exporter is at work */
		tell("daemon: answered", asks());
		exit(0);
	}
	close(fds[1]);
	while ((got = read(fds[0], came + n, sizeof(came) - 1 - n)) > 0)
		n += (size_t)got;
	say("first child", status_of(pid));
	printf("%s", came);
	say("answered", asks_on(fd));
}

/* ---- descriptors ----------------------------------------------------------------------------- */

/*
 * All numbers from 3 on are the program's own, again and again, while the exporter sends: not a
 * byte but its own may be in them.
 */
static void puts_over(int own, int other)
{
	char byte;

	for (int round = 0; round < 6; round++) {
		if (!asks())
			die("request");
		if (round % 2)
			usleep(20000);
		for (int fd = 3; fd < 1024; fd++)
			if (fd != own && fd != other && dup2(own, fd) != fd)
				die("dup2");
		usleep(30000);
		for (int fd = 3; fd < 1024; fd++)
			if (fd != own && fd != other && close(fd))
				die("close");
	}
	fcntl(other, F_SETFL, O_NONBLOCK);
	say("bytes of another's", read(other, &byte, 1));
}

static void over_pipe(void)
{
	int fds[2];

	if (pipe(fds))
		die("pipe");
	puts_over(fds[1], fds[0]);
}

static void over_socket(void)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds))
		die("socketpair");
	puts_over(fds[1], fds[0]);
}

static void over_file(void)
{
	FILE *file = tmpfile();
	int fd = fileno(file);

	puts_over(fd, dup(fd));
	say("length", lseek(fd, 0, SEEK_END));
}

/* Everything closed, and files opened in the numbers that became free. */
static void closes_and_opens(void)
{
	long wrong = 0;
	char name[] = "/tmp/life_fork.XXXXXX";

	if (close(mkstemp(name)))
		die("mkstemp");
	for (int round = 0; round < 300; round++) {
		int fd[8];

		if (round % 10 == 0 && !asks())
			die("request");
		if (round % 3 == 0)
			closefrom(3);
		else if (round % 3 == 1)
			close_range(3, ~0u, 0);
		else
			for (int i = 3; i < 1024; i++)
				close(i);
		for (int i = 0; i < 8; i++)
			fd[i] = open(name, O_RDWR);
		for (int i = 0; i < 8; i++) {
			wrong += fd[i] < 3 || lseek(fd[i], 0, SEEK_END) != 0;
			wrong += fcntl(fd[i], F_GETFD) != 0;
			wrong += close(fd[i]) != 0;
		}
	}
	unlink(name);
	say("files that are not as they were", wrong);
}

/* The lowest number that is free is the program's next one, at any moment. */
static void lowest(void)
{
	int fd = connect_to(port);
	long wrong = 0;

	for (int round = 0; round < 120000; round++) {
		if (round % 600 == 0 && !asks_on(fd))
			die("request");
		close(0);
		wrong += open("/dev/null", O_RDONLY) != 0;
	}
	say("not the lowest", wrong);
}

static void marks_all(void)
{
	int fd = connect_to(port);

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	say("close on exec", close_range(3, ~0u, 4));
	read_ok(fd);
	say("answered", asks_on(fd));
}

/* ---- the parent of a child's span ------------------------------------------------------------ */

static void *vforked_thread(void *unused)
{
	return (void *)(long)child_asks(unused);
}

static int made(const char *how)
{
	size_t len = 256 * 1024;
	pid_t pid = -1;

	if (!strcmp(how, "fork")) {
		pid = fork();
		if (pid == 0)
			_exit(child_asks(NULL));
	} else if (!strcmp(how, "clone")) {
		pid = clone(child_asks, (char *)malloc(len) + len, SIGCHLD, NULL);
	} else if (!strcmp(how, "twice")) {
		pid = fork();
		if (pid == 0) {
			pid = fork();
			if (pid == 0)
				_exit(child_asks(NULL));
			_exit(WEXITSTATUS(status_of(pid)));
		}
	} else if (!strcmp(how, "thread")) {
		pid = fork();
		if (pid == 0) {
			pthread_t thread;
			void *got = NULL;

			pthread_create(&thread, NULL, vforked_thread, NULL);
			pthread_join(thread, &got);
			_exit((int)(long)got);
		}
	}
	return WEXITSTATUS(status_of(pid));
}

/* One request is served; while it is, a child is made that asks for something itself. */
static void in_served(const char *how)
{
	static const char request[] = "GET /served HTTP/1.1\r\nHost: h\r\n\r\n";
	struct sockaddr_in own = at_port("0");
	socklen_t len = sizeof(own);
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	char buf[1000];
	pid_t client;

	if (bind(listener, (struct sockaddr *)&own, len) || listen(listener, 5) ||
	    getsockname(listener, (struct sockaddr *)&own, &len))
		die("listen");
	client = fork();
	if (client == 0) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&own, len) ||
		    send(fd, request, sizeof(request) - 1, 0) < 0 ||
		    recv(fd, buf, ANSWER_LEN, MSG_WAITALL) != (ssize_t)ANSWER_LEN)
			_exit(1);
		_exit(0);
	}
	fd = accept(listener, NULL, NULL);
	if (recv(fd, buf, sizeof(buf), 0) <= 0)
		die("recv");
	say("child", made(how));
	say("asks itself", asks());
	say("answer", send(fd, ANSWER, ANSWER_LEN, 0));
	close(fd);
	say("client", status_of(client));
	say("afterwards", asks());
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{ "threads", by_threads },
		{ "busy", while_exporting },
		{ "loop", in_a_loop },
		{ "vfork", vforks },
		{ "spawn", spawns },
		{ "clone", clones },
		{ "shells", shells },
		{ "over pipe", over_pipe },
		{ "over socket", over_socket },
		{ "over file", over_file },
		{ "close and open", closes_and_opens },
		{ "mark", marks_all },
		{ "lowest", lowest },
	};

	if (argc < 3)
		return 1;
	port = argv[1];
	if (!strcmp(argv[2], "daemon"))
		daemons(by_libc);
	else if (!strcmp(argv[2], "by hand"))
		daemons(by_hand);
	else if (!strcmp(argv[2], "served"))
		in_served(argv[3]);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[2], ways[i].name))
			ways[i].run();
	return 0;
}
