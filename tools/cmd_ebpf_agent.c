/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "tools/ebpf_agent.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"Usage: autotrace ebpf-agent --socket PATH [--user USER]... [--most N]\n"
	"Loads the programs of AUTOTRACE_EBPF into the kernel for processes that may not, and "
	"have\n"
	"AUTOTRACE_EBPF_AGENT=PATH: for each that asks, for itself alone. Needs root, or CAP_BPF\n"
	"and CAP_PERFMON. Runs until SIGTERM or SIGINT; what it has loaded stays.\n\n"
	"      --socket PATH  where it listens\n"
	"      --user USER    serve processes of this user too (a name or a number), beside "
	"root's\n"
	"      --most N       serve at most so many at once, up to 256 (64)\n"
	"  -h, --help         this text\n";

static volatile sig_atomic_t is_over;

static void end(int number)
{
	(void)number;
	is_over = 1;
}

static void tell(const char *what, pid_t pid, uid_t uid)
{
	printf("process %d of user %u: %s\n", (int)pid, (unsigned)uid, what);
	fflush(stdout);
}

static bool add_user(struct atr_ebpf_agent *agent, const char *name)
{
	const struct passwd *user = getpwnam(name);
	char *rest;
	unsigned long number = strtoul(name, &rest, 10);

	if (agent->nr_users == ATR_AGENT_USERS_MAX)
		return false;
	if (!user && (!isdigit((unsigned char)*name) || *rest || number >= (uid_t)-1))
		return false;
	agent->users[agent->nr_users++] = user ? user->pw_uid : (uid_t)number;
	return true;
}

/* NULL: an option was wrong, and that has been told. */
static const char *read_options(int argc, char **argv, struct atr_ebpf_agent *agent)
{
	enum { SOCKET = 256, USER, MOST };
	static const struct option known[] = {
		{ "socket", required_argument, NULL, SOCKET },
		{ "user", required_argument, NULL, USER },
		{ "most", required_argument, NULL, MOST },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	const char *path = NULL;
	int c;

	agent->peers_most = 64;
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case SOCKET:
			path = optarg;
			break;
		case USER:
			if (add_user(agent, optarg))
				break;
			fprintf(stderr, "autotrace ebpf-agent: no user %s\n", optarg);
			return NULL;
		case MOST:
			agent->peers_most = (unsigned)strtoul(optarg, NULL, 10);
			if (agent->peers_most && agent->peers_most <= ATR_AGENT_PEERS_MAX)
				break;
			fputs("autotrace ebpf-agent: --most is from 1 to 256\n", stderr);
			return NULL;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return NULL;
		}
	}
	if (!path || optind < argc)
		fputs("autotrace ebpf-agent: --socket PATH is missing; see autotrace ebpf-agent "
		      "--help\n",
		      stderr);
	return optind < argc ? NULL : path;
}

/* Whether it can be done at all, before anybody asks. */
static bool can_load(void)
{
	const struct atr_probe_options options = { 0 };
	struct atr_probe probe;
	const char *why;

	if (atr_probe_open(&options, &probe, &why) != 0) {
		fprintf(stderr, "autotrace ebpf-agent: %s\n", why);
		return false;
	}
	atr_probe_close(&probe);
	return true;
}

int atr_cmd_ebpf_agent(int argc, char **argv)
{
	static struct atr_ebpf_agent agent = { .say = tell };
	static struct pollfd fds[1 + ATR_AGENT_PEERS_MAX];
	struct sigaction on_end = { .sa_handler = end };
	const char *path;
	int error;

	argv[0] = "autotrace ebpf-agent";
	path = read_options(argc, argv, &agent);
	if (!path)
		return ATR_EXIT_USAGE;
	if (!can_load())
		return ATR_EXIT_OURS;
	error = atr_ebpf_agent_open(&agent, path);
	if (error) {
		fprintf(stderr, "autotrace ebpf-agent: %s: %s\n", path, strerror(-error));
		return ATR_EXIT_OURS;
	}
	sigaction(SIGTERM, &on_end, NULL);
	sigaction(SIGINT, &on_end, NULL);
	printf("listening at %s\n", path);
	fflush(stdout);
	while (!is_over) {
		poll(fds, atr_ebpf_agent_poll(&agent, fds, 1 + ATR_AGENT_PEERS_MAX), 1000);
		atr_ebpf_agent_serve(&agent);
	}
	atr_ebpf_agent_close(&agent, path);
	return 0;
}
