/* SPDX-License-Identifier: Apache-2.0 */
/* life_limits PORT HOW [FOLDER]: requests, with something taken from the process before or between them. */
#include "net.h"

#include <dirent.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static const char *port;

static void ask_on(int fd)
{
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
}

/* All descriptors that may be are the program's. */
static void few_descriptors(void)
{
	struct rlimit few = { 16, 16 };
	int fd = connect_to(port), last = -1, got;

	say("setrlimit", setrlimit(RLIMIT_NOFILE, &few));
	while ((got = dup(2)) >= 0)
		last = got;
	say("last", last);
	ask_on(fd);
	usleep(100000); /* the exporter is at work, and has no descriptor to be at work with */
	say("dup", dup(2));
	ask_on(fd);
	for (int i = 0; i < 2000; i++) {
		if (close(last) || dup(2) != last)
			die("dup");
		if (i % 100 == 0)
			ask_on(fd);
	}
}

static void high_descriptors(void)
{
	struct rlimit limit;
	int fd = connect_to(port), high;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	high = (int)(limit.rlim_max < 1000000 ? limit.rlim_max : 1000000) - 1;
	say("dup2", dup2(fd, high) == high);
	close(fd);
	ask_on(high);
	usleep(100000);
	ask_on(high);
	say("next", fcntl(high, F_DUPFD, 900));
	say("close", close(high));
}

/* From here on this thread may read, write and exit; others are as they were. */
static void *is_strict(void *unused)
{
	int fd = connect_to(port);
	char answer[ANSWER_LEN];

	ask_on(fd);
	usleep(100000);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		die("prctl");
	if (write(fd, GET, sizeof(GET) - 1) < 0 || read(fd, answer, sizeof(answer)) < 0)
		syscall(SYS_exit, 1);
	write(1, "strict\n", 7);
	syscall(SYS_exit, 0);
	return unused;
}

static void one_is_strict(void)
{
	pthread_t thread;
	int fd = connect_to(port);

	if (pthread_create(&thread, NULL, is_strict, NULL))
		die("pthread_create");
	usleep(400000);
	ask_on(fd);
}

static void no_memory(void)
{
	int fd = connect_to(port);

	while (malloc(1 << 20))
		;
	ask_on(fd);
	usleep(100000);
	ask_on(fd);
}

/* Most of the addresses that it may have are the program's. */
static void addresses(void)
{
	int fd = connect_to(port), nr = 0;
	void *all[200];

	ask_on(fd);
	while (nr < 200 && (all[nr] = malloc(1 << 20)))
		nr++;
	say("as many as it may need", nr >= 160);
	while (nr)
		free(all[--nr]);
	ask_on(fd);
}

static void asks(const char *how, const char *folder)
{
	int fd = connect_to(port);

	if (!strcmp(how, "chroot first"))
		say("chroot", chroot(folder) || chdir("/"));
	ask_on(fd);
	usleep(100000);
	if (!strcmp(how, "chroot"))
		say("chroot", chroot(folder) || chdir("/"));
	if (!strcmp(how, "setuid"))
		say("setuid", setgroups(0, NULL) || setgid(65534) || setuid(65534));
	if (!strcmp(how, "no threads")) {
		struct rlimit none = { 0, 0 };

		say("setrlimit", setrlimit(RLIMIT_NPROC, &none));
	}
	ask_on(fd);
	close(fd);
	usleep(100000);
	ask_on(connect_to(port));
	say("ids", (long)getuid() + (long)geteuid() + (long)getgid());
	say("first free", dup(2));
}

/* How many of its threads are in real time. */
static int nr_in_real_time(void)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int nr = 0, policy;

	while ((task = readdir(tasks))) {
		policy = task->d_name[0] == '.' ? -1 : sched_getscheduler(atoi(task->d_name));
		nr += policy == SCHED_FIFO || policy == SCHED_RR;
	}
	closedir(tasks);
	return nr;
}

static void in_real_time(void)
{
	struct sched_param param = { .sched_priority = 5 };
	int fd = connect_to(port);

	say("sched_setscheduler", sched_setscheduler(0, SCHED_RR, &param));
	ask_on(fd);
	usleep(300000);
	say("in real time", nr_in_real_time());
	ask_on(fd);
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";

	if (argc < 3)
		return 1;
	port = argv[1];
	if (!strcmp(how, "few"))
		few_descriptors();
	else if (!strcmp(how, "high"))
		high_descriptors();
	else if (!strcmp(how, "memory"))
		no_memory();
	else if (!strcmp(how, "addresses"))
		addresses();
	else if (!strcmp(how, "real time"))
		in_real_time();
	else if (!strcmp(how, "strict"))
		one_is_strict();
	else
		asks(how, argc > 3 ? argv[3] : NULL);
	return 3;
}
