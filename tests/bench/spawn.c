/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spawn RUNS SECONDS SETTINGS... -- command...: starts the command RUNS times
 * with each of the settings in turn ("LD_PRELOAD=x NAME=value", or "" for the
 * environment as it is), fewer when that takes longer than SECONDS, and prints a
 * line for each: microseconds from before the start until its end was waited
 * for, in the order of the runs.
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
#define SETTINGS_MAX 8
#define ENV_MAX 256

extern char **environ;
static double took[SETTINGS_MAX][RUNS_MAX];
static char *envs[SETTINGS_MAX][ENV_MAX];

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void lay_out(char **env, char *settings)
{
	int n = 0;

	for (char *one = strtok(settings, " "); one && n < ENV_MAX - 1; one = strtok(NULL, " "))
		env[n++] = one;
	for (char **v = environ; *v && n < ENV_MAX - 1; v++)
		env[n++] = *v;
	env[n] = NULL;
}

static double run(char **command, char **env)
{
	posix_spawn_file_actions_t actions;
	int status;
	double begin;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	begin = now_us();
	if (posix_spawnp(&pid, command[0], &actions, NULL, command, env) ||
	    waitpid(pid, &status, 0) != pid || status) {
		fprintf(stderr, "spawn: %s failed\n", command[0]);
		exit(1);
	}
	posix_spawn_file_actions_destroy(&actions);
	return now_us() - begin;
}

int main(int argc, char **argv)
{
	int runs = argc > 1 ? atoi(argv[1]) : 0, done = 0, nr = 0;
	double end_us = argc > 2 ? now_us() + atof(argv[2]) * 1e6 : 0;
	char **settings = argv + 3;

	while (nr < SETTINGS_MAX && 3 + nr < argc && strcmp(settings[nr], "--")) {
		lay_out(envs[nr], settings[nr]);
		nr++;
	}
	if (runs < 1 || runs > RUNS_MAX || nr < 1 || argc < nr + 5)
		return 2;
	for (; done < runs && (done < 3 || now_us() < end_us); done++)
		for (int k = 0; k < nr; k++)
			took[(done + k) % nr][done] = run(settings + nr + 1, envs[(done + k) % nr]);
	for (int k = 0; k < nr; k++)
		for (int i = 0; i < done; i++)
			printf("%.1f%c", took[k][i], i + 1 < done ? ' ' : '\n');
	return 0;
}
