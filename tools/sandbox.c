/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sandbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PROCESSES_MAX = 4096, /* Lambda allows 1024 */
	ROUNDS = 20,	      /* how often a walk is repeated for those who forked meanwhile */
	KILL_WAIT_US = 2000,
};

struct process {
	pid_t pid, parent;
	char state;
	bool is_ours;
};

struct processes {
	struct process list[PROCESSES_MAX];
	size_t nr;
};

bool atr_sandbox_prepare(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0;
}

/* "pid (name) S ppid ...", where the name may hold anything. */
static bool read_stat(const char *pid, struct process *out)
{
	char path[64], text[512], *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	end = strrchr(text, ')');
	*out = (struct process){ .pid = (pid_t)atol(pid) };
	return end && sscanf(end + 1, " %c %d", &out->state, &out->parent) == 2;
}

static void read_all(struct processes *all)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	all->nr = 0;
	while (proc && all->nr < PROCESSES_MAX && (entry = readdir(proc)) != NULL) {
		if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9' &&
		    read_stat(entry->d_name, &all->list[all->nr]))
			all->nr++;
	}
	if (proc)
		closedir(proc);
}

static bool is_parent_ours(const struct processes *all, pid_t parent)
{
	if (parent == getpid())
		return true;
	for (size_t i = 0; i < all->nr; i++) {
		if (all->list[i].pid == parent)
			return all->list[i].is_ours;
	}
	return false;
}

/* Everything below us; a child may be listed before its parent, so until nothing changes. */
static struct processes *find_ours(void)
{
	static struct processes all;
	bool has_changed = true;

	read_all(&all);
	while (has_changed) {
		has_changed = false;
		for (size_t i = 0; i < all.nr; i++) {
			struct process *p = &all.list[i];

			if (!p->is_ours && is_parent_ours(&all, p->parent))
				has_changed = p->is_ours = true;
		}
	}
	return &all;
}

/* Returns how many there were that the signal had yet to reach: `done` is the state it leaves. */
static size_t signal_all(int number, const char *done)
{
	struct processes *all = find_ours();
	size_t nr = 0;

	for (size_t i = 0; i < all->nr; i++) {
		const struct process *p = &all->list[i];

		if (!p->is_ours || strchr(done, p->state))
			continue;
		kill(p->pid, number);
		nr++;
	}
	return nr;
}

/* In the child; does not come back. */
static _Noreturn void become_program(char **argv, void (*prepare)(void *), void *owner, int report)
{
	int nothing = open("/dev/null", O_RDONLY), error;

	setsid();
	if (nothing > 0) {
		dup2(nothing, STDIN_FILENO);
		close(nothing);
	}
	prepare(owner);
	execvp(argv[0], argv);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(125);
	_exit(error == ENOENT ? 127 : 126);
}

int atr_sandbox_start(struct atr_sandbox *sandbox, char **argv, void (*prepare)(void *owner),
		      void *owner, bool *is_exec)
{
	int report[2], error = 0;

	*is_exec = false;
	*sandbox = (struct atr_sandbox){ 0 };
	if (pipe2(report, O_CLOEXEC) != 0)
		return errno;
	sandbox->pid = fork();
	if (sandbox->pid == 0)
		become_program(argv, prepare, owner, report[1]);
	error = sandbox->pid < 0 ? errno : 0;
	close(report[1]);
	sandbox->is_running = !error;
	if (!error && read(report[0], &error, sizeof(error)) > 0) {
		*is_exec = true;
		waitpid(sandbox->pid, &sandbox->wait_status, 0);
		sandbox->is_running = false;
	}
	close(report[0]);
	return error;
}

void atr_sandbox_reap(struct atr_sandbox *sandbox)
{
	struct rusage used;
	int status;
	pid_t pid;

	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
		if ((uint64_t)used.ru_maxrss > sandbox->peak_kb)
			sandbox->peak_kb = (uint64_t)used.ru_maxrss;
		if (pid != sandbox->pid)
			continue;
		sandbox->is_running = false;
		sandbox->wait_status = status;
	}
}

void atr_sandbox_freeze(struct atr_sandbox *sandbox)
{
	(void)sandbox;
	for (int i = 0; i < ROUNDS && signal_all(SIGSTOP, "TtZX"); i++)
		usleep(200);
}

void atr_sandbox_thaw(struct atr_sandbox *sandbox)
{
	(void)sandbox;
	signal_all(SIGCONT, "ZX");
}

void atr_sandbox_terminate(struct atr_sandbox *sandbox)
{
	if (sandbox->is_running)
		kill(sandbox->pid, SIGTERM);
}

void atr_sandbox_kill(struct atr_sandbox *sandbox)
{
	for (int i = 0; i < 100 * ROUNDS && signal_all(SIGKILL, "ZX"); i++) {
		usleep(KILL_WAIT_US);
		atr_sandbox_reap(sandbox);
	}
	atr_sandbox_reap(sandbox);
}

bool atr_sandbox_is_empty(const struct atr_sandbox *sandbox)
{
	const struct processes *all = find_ours();

	(void)sandbox;
	for (size_t i = 0; i < all->nr; i++) {
		if (all->list[i].is_ours && !strchr("ZX", all->list[i].state))
			return false;
	}
	return true;
}

/* VmHWM of one process: the most that was ever resident. */
static uint64_t peak_of(pid_t pid)
{
	char path[64], line[256];
	unsigned long long kb = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	in = fopen(path, "re");
	while (in && fgets(line, sizeof(line), in) && sscanf(line, "VmHWM: %llu", &kb) != 1)
		;
	if (in)
		fclose(in);
	return kb;
}

uint64_t atr_sandbox_peak_kb(struct atr_sandbox *sandbox)
{
	const struct processes *all = find_ours();
	uint64_t sum = 0;

	for (size_t i = 0; i < all->nr; i++)
		sum += all->list[i].is_ours ? peak_of(all->list[i].pid) : 0;
	if (sum > sandbox->peak_kb)
		sandbox->peak_kb = sum;
	return sandbox->peak_kb;
}
