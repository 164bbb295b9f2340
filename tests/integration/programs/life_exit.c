/* SPDX-License-Identifier: Apache-2.0 */
/*
 * life_exit PORT HOW: a request, and then one of the ways in which a process, or main's thread
 * alone, ends. life_exit PORT waits HOW: the same in a program of its own, and how that ended.
 */
#include "net.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>

static const char *port;
static pthread_t main_thread;
static volatile int *volatile nowhere;

static void ask(void)
{
	int fd = connect_to(port);

	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
	close(fd);
}

static void at_exit(void)
{
	printf("at exit\n");
}

/* As apt's methods have it: the end of their input and the signal come one after the other. */
static void ends_at_once(int number)
{
	_exit(number);
}

static void another_program(int number)
{
	execl("/bin/sh", "sh", "-c", "exit 14", NULL);
	_exit(number);
}

/* A handler that is taken once, as node's for SIGTERM is, and has it come again: by the default. */
static const char *itself;

static void again(int number)
{
	if (!strcmp(itself, "raise"))
		raise(number);
	else if (!strcmp(itself, "kill"))
		kill(getpid(), number);
	else
		pthread_kill(pthread_self(), number);
}

/* ---- threads that are there when main's is not any more ---------------------------------------- */

static void *exits(void *unused)
{
	exit(5);
	return unused;
}

static void *ends_later(void *unused)
{
	usleep(300000);
	printf("the other thread ends\n");
	return unused;
}

static void *asks_alone(void *asks_last)
{
	pthread_join(main_thread, NULL);
	for (int i = 0; i < 3; i++) {
		ask();
		usleep(150000);
	}
	if (asks_last)
		ask();
	return NULL;
}

static void *cancels_main(void *unused)
{
	say("cancel", pthread_cancel(main_thread));
	pthread_join(main_thread, NULL);
	printf("cancelled\n");
	return unused;
}

static void *waits_for_main(void *unused)
{
	pthread_join(main_thread, NULL);
	usleep(100000);
	exit(6);
	return unused;
}

static void make(void *(*run)(void *), void *arg)
{
	pthread_attr_t attributes;
	pthread_t thread;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (pthread_create(&thread, &attributes, run, arg))
		die("pthread_create");
}

/* In a child made by clone, whose end is not that of a program. */
static int cloned(void *unused)
{
	ask();
	return unused ? 0 : 8;
}

static void leave_main(const char *how)
{
	main_thread = pthread_self();
	if (!strcmp(how, "with another"))
		make(ends_later, NULL);
	else if (!strcmp(how, "with one that asks"))
		make(asks_alone, NULL);
	else if (!strcmp(how, "with one that asks last"))
		make(asks_alone, &main_thread);
	else if (!strcmp(how, "with one that exits"))
		make(waits_for_main, NULL);
	else if (!strcmp(how, "cancelled")) {
		make(cancels_main, NULL);
		for (;;)
			pause();
	} else if (!strcmp(how, "in a child")) {
		pid_t pid = fork();
		int status;

		if (pid) {
			say("waitpid", waitpid(pid, &status, 0) == pid);
			say("status", status);
		} else {
			ask();
			usleep(200000);
		}
	} else if (!strcmp(how, "of C11"))
		thrd_exit(3);
	pthread_exit(NULL);
}

/* ---- the ends of a process ---------------------------------------------------------------------- */

static void end(const char *how)
{
	if (!strcmp(how, "exit"))
		exit(4);
	if (!strcmp(how, "thread")) {
		make(exits, NULL);
		pause();
	}
	if (!strcmp(how, "_exit"))
		_exit(4);
	if (!strcmp(how, "_Exit"))
		_Exit(4);
	if (!strcmp(how, "quick_exit"))
		quick_exit(4);
	if (!strcmp(how, "group"))
		syscall(SYS_exit_group, 4);
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "term"))
		raise(SIGTERM);
	if (!strncmp(how, "once, ", 6)) {
		struct sigaction once = { .sa_handler = again, .sa_flags = SA_RESETHAND };

		itself = how + 6;
		sigaction(SIGTERM, &once, NULL);
		again(SIGTERM);
	}
	if (!strcmp(how, "informed")) {
		/* as PHP has it: the default, with flags and a mask that are to be told as they are */
		struct sigaction set = { .sa_handler = SIG_DFL,
					 .sa_flags = SA_SIGINFO | SA_RESTART },
				 now;

		sigaddset(&set.sa_mask, SIGUSR1);
		sigaction(SIGTERM, &set, NULL);
		sigaction(SIGTERM, NULL, &now);
		say("flags", now.sa_flags & (SA_SIGINFO | SA_RESTART | SA_ONSTACK));
		say("default", now.sa_handler == SIG_DFL);
		say("mask",
		    sigismember(&now.sa_mask, SIGUSR1) + 2 * sigismember(&now.sa_mask, SIGUSR2));
		raise(SIGTERM);
	}
	if (!strcmp(how, "fault"))
		*nowhere = 1;
	if (!strncmp(how, "interrupted", 11)) {
		struct itimerval soon = { .it_value.tv_usec = 30000 };

		signal(SIGALRM, how[11] ? another_program : ends_at_once);
		setitimer(ITIMER_REAL, &soon, NULL);
		/* and returns */
	}
	if (!strcmp(how, "clone")) {
		size_t len = 256 * 1024;
		int status;
		pid_t pid = clone(cloned, (char *)malloc(len) + len, SIGCHLD, NULL);

		say("waitpid", waitpid(pid, &status, 0) == pid);
		say("status", status);
	}
}

static int waits(char **argv)
{
	struct rlimit cores = { RLIM_INFINITY, RLIM_INFINITY };
	pid_t pid;
	int status;

	setrlimit(RLIMIT_CORE, &cores);
	pid = fork();
	if (pid == 0) {
		execv("/proc/self/exe", argv);
		_exit(127);
	}
	say("waitpid", waitpid(pid, &status, 0) == pid);
	if (WIFEXITED(status))
		say("exited", WEXITSTATUS(status));
	else
		printf("signal %d, core: %d\n", WTERMSIG(status), !!WCOREDUMP(status));
	return 0;
}

int main(int argc, char **argv)
{
	if (argc > 3 && !strcmp(argv[2], "waits")) {
		argv[2] = argv[1];
		argv[1] = argv[0];
		return waits(argv + 1);
	}
	if (argc < 3)
		return 1;
	port = argv[1];
	atexit(at_exit);
	at_quick_exit(at_exit);
	ask();
	if (argc > 3) {
		usleep(250000); /* the exporter is there, and idle again or at work */
		leave_main(argv[3]);
	}
	end(argv[2]);
	return 0;
}
