/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn RUNS LIBRARY EMPTY command...: starts the command RUNS times without
 * a preload, with an empty one and with ours, in turn; prints the medians in
 * microseconds.
 */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS_MAX 5000

extern char **environ;
static double took[3][RUNS_MAX];

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double run(char **command, const char *preload)
{
	posix_spawn_file_actions_t actions;
	char variable[4096];
	char *env[64];
	int n = 0, status;
	double begin;
	pid_t pid;

	for (char **v = environ; *v && n < 60; v++)
		if (strncmp(*v, "LD_PRELOAD=", 11))
			env[n++] = *v;
	if (preload) {
		snprintf(variable, sizeof(variable), "LD_PRELOAD=%s", preload);
		env[n++] = variable;
	}
	env[n] = NULL;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	begin = now_us();
	if (posix_spawnp(&pid, command[0], &actions, NULL, command, env) ||
	    waitpid(pid, &status, 0) != pid || status)
		exit(1);
	posix_spawn_file_actions_destroy(&actions);
	return now_us() - begin;
}

int main(int argc, char **argv)
{
	const char *preload[3] = { NULL, argc > 3 ? argv[3] : NULL, argc > 3 ? argv[2] : NULL };
	int runs = argc > 4 ? atoi(argv[1]) : 0;

	if (runs < 1 || runs > RUNS_MAX)
		return 2;
	for (int i = 0; i < runs; i++)
		for (int k = 0; k < 3; k++)
			took[k][i] = run(argv + 4, preload[k]);
	for (int k = 0; k < 3; k++)
		qsort(took[k], (size_t)runs, sizeof(double), by_value);
	printf("plain %.0f  empty preload %.0f  autotrace %.0f  difference %.0f us\n",
	       took[0][runs / 2], took[1][runs / 2], took[2][runs / 2],
	       took[2][runs / 2] - took[1][runs / 2]);
	return 0;
}
