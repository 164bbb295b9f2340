/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "propagator/propagator.h"
#include "ebpf/observe.h"
#include "tools/ebpf_agent.h"
#include "tools/observed.h"
#include "tools/outputs.h"
#include "tools/preload.h"
#include "tools/program.h"
#include "tools/receive.h"
#include "tools/root_span.h"
#include "tools/waterfall.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	LATE_MS = 1000, /* how long the spans of what outlives the program are waited for */
	QUIET_MS = 150, /* nobody connected for this long: nobody will; more than a batch's delay */
};

struct run {
	const char *probes, *stacks;
	struct atr_outputs outputs;
	char **program; /* and its arguments */
	char library[PATH_MAX], executable[PATH_MAX];
	struct atr_trace trace;
	struct atr_receiver *receiver;
	struct atr_root_span root;
	int signal_fd;
	sigset_t mask_before;
	pid_t pid;
	int wait_status;
	bool has_ended, is_interrupted, wants_ebpf, has_other_agent;
	struct atr_ebpf_agent agent; /* where its path is not empty */
	char agent_path[108];
	struct atr_observer observer; /* where there is `observed` */
	struct atr_observed *observed;
	uint64_t token;
};

static const char usage[] =
	"Usage: autotrace run [OPTION...] [--] PROGRAM [ARGUMENT...]\n"
	"Runs the program with libautotrace preloaded, and draws the trace on standard error\n"
	"when it has ended. Its input, output, signals and exit code are its own.\n\n"
	"      --html FILE    also write the trace as one HTML page\n"
	"      --json FILE    also write it as OTLP JSON lines, for autotrace show\n"
	"      --all-probes   switch every probe on\n"
	"      --probes LIST  switch these on (AUTOTRACE_PROBES), as in libautotrace(7)\n"
	"      --stacks[=OF]  tell where in the program spans were made (AUTOTRACE_STACKS): of "
	"all,\n"
	"                     or of those with an error, or slow:MS\n"
	"      --ebpf         tell what the kernel saw of each span (AUTOTRACE_EBPF)\n"
	"  -h, --help         this text\n";

/* False: an option was wrong, and that has been told. */
static bool read_options(int argc, char **argv, struct run *run)
{
	enum { HTML = 256, JSON, ALL_PROBES, PROBES, STACKS, EBPF };
	static const struct option known[] = {
		{ "html", required_argument, NULL, HTML },
		{ "json", required_argument, NULL, JSON },
		{ "all-probes", no_argument, NULL, ALL_PROBES },
		{ "probes", required_argument, NULL, PROBES },
		{ "stacks", optional_argument, NULL, STACKS },
		{ "ebpf", no_argument, NULL, EBPF },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
		switch (c) {
		case HTML:
			run->outputs.html = optarg;
			break;
		case JSON:
			run->outputs.json = optarg;
			break;
		case ALL_PROBES:
			run->probes = "all";
			break;
		case PROBES:
			run->probes = optarg;
			break;
		case STACKS:
			run->stacks = optarg ? optarg : "all";
			break;
		case EBPF:
			run->wants_ebpf = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return false;
		}
	}
	run->program = argv + optind;
	if (optind == argc)
		fputs("autotrace run: a program is missing; see autotrace run --help\n", stderr);
	return optind < argc;
}

static void find_executable(struct run *run)
{
	char path[PATH_MAX], line[PATH_MAX];

	if (atr_program_find(run->program[0], path) != 0 ||
	    atr_program_executable(path, run->executable, line) != 0)
		run->executable[0] = '\0';
}

/* In the child. */
static void set_environment(const struct run *run)
{
	char token[24];

	setenv("OTEL_TRACES_EXPORTER", "otlp", 1);
	atr_preload_endpoint(run->receiver);
	if (run->probes)
		setenv("AUTOTRACE_PROBES", run->probes, 1);
	if (run->stacks)
		setenv("AUTOTRACE_STACKS", run->stacks, 1);
	if (run->has_other_agent)
		setenv("AUTOTRACE_EBPF", "true", 1);
	if (run->agent_path[0]) {
		snprintf(token, sizeof(token), "%llx", (unsigned long long)run->agent.ready.token);
		setenv("AUTOTRACE_EBPF_TOKEN", token, 1);
		setenv("AUTOTRACE_EBPF_AGENT", run->agent_path, 1);
		setenv("AUTOTRACE_EBPF", "true", 1);
	}
	atr_root_span_export(&run->root);
	atr_preload_set(run->library);
}

/*
 * The signals that are meant for the program, and the news of its end. Blocked
 * and read from a descriptor, so that no disposition changes that the program
 * would inherit; those it is to ignore (nohup) stay ignored and never arrive.
 */
static bool catch_signals(struct run *run)
{
	static const int caught[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&mask, caught[i]);
	if (sigprocmask(SIG_BLOCK, &mask, &run->mask_before) != 0)
		return false;
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return run->signal_fd >= 0;
}

/* In the child; does not come back. Why exec failed goes to the parent through `report`. */
static _Noreturn void become_program(const struct run *run, int report,
				     const struct sigaction *on_child)
{
	int error;

	sigaction(SIGCHLD, on_child, NULL);
	set_environment(run);
	if (run->observed)
		atr_observer_arm(run->token);
	sigprocmask(SIG_SETMASK, &run->mask_before, NULL);
	execvp(run->program[0], run->program);
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(ATR_EXIT_OURS);
	_exit(error == ENOENT ? ATR_EXIT_NOT_FOUND : ATR_EXIT_NOT_EXECUTABLE);
}

/* 0, or the errno of what failed: of exec in the child too, which has then ended. */
static int start_program(struct run *run, bool *is_exec)
{
	struct sigaction on_child = { .sa_handler = SIG_DFL }, before;
	int report[2], error = 0;

	*is_exec = false;
	if (pipe2(report, O_CLOEXEC) != 0)
		return errno;
	/* a parent that ignores its children could not wait for one */
	sigaction(SIGCHLD, &on_child, &before);
	run->pid = fork();
	if (run->pid == 0)
		become_program(run, report[1], &before);
	error = run->pid < 0 ? errno : 0;
	run->agent.ready_for = run->pid;
	close(report[1]);
	if (!error && read(report[0], &error, sizeof(error)) > 0) {
		*is_exec = true;
		waitpid(run->pid, &run->wait_status, 0);
	}
	close(report[0]);
	return error;
}

/* A signal from a terminal went to the program as well, which is in the same group. */
static void pass_on(struct run *run, const struct signalfd_siginfo *info)
{
	if (run->has_ended)
		run->is_interrupted = true;
	else if (info->ssi_code != SI_KERNEL)
		kill(run->pid, (int)info->ssi_signo);
}

static void read_signals(struct run *run)
{
	struct signalfd_siginfo info;

	while (read(run->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			pass_on(run, &info);
		else if (!run->has_ended && waitpid(run->pid, &run->wait_status, WNOHANG) > 0)
			run->has_ended = true;
	}
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void observe(struct run *run)
{
	uint64_t to_unix_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	static struct atr_wire_event event;

	while (atr_observer_next(&run->observer, &event))
		atr_observed_see(run->observed, &event, to_unix_ns);
}

/* One turn: at most `timeout_ms` for something to happen (-1: for ever), then all of it. */
static int serve(struct run *run, int timeout_ms)
{
	struct pollfd fds[4 + ATR_AGENT_PEERS_MAX] = {
		{ .fd = run->signal_fd, .events = POLLIN },
		{ .fd = atr_receiver_fd(run->receiver), .events = POLLIN },
		{ .fd = run->observed ? run->observer.ring_fd : -1, .events = POLLIN },
	};
	nfds_t nr_fds = 3;
	int nr;

	if (run->agent_path[0])
		nr_fds += atr_ebpf_agent_poll(&run->agent, fds + 3, 1 + ATR_AGENT_PEERS_MAX);
	nr = poll(fds, nr_fds, timeout_ms);
	if (nr > 0) {
		if (run->observed)
			observe(run);
		read_signals(run);
		if (run->agent_path[0])
			atr_ebpf_agent_serve(&run->agent);
		atr_receiver_serve(run->receiver);
	}
	return nr;
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* The program has ended; what it started may have not. */
static void wait_for_late_spans(struct run *run)
{
	long long start = now_ms(), quiet_since = start;

	while (!run->is_interrupted) {
		long long now = now_ms();

		if (atr_receiver_connections(run->receiver))
			quiet_since = now;
		if (now - start >= LATE_MS || now - quiet_since >= QUIET_MS)
			break;
		serve(run, 20);
	}
}

static void tell_what_is_missing(const struct run *run)
{
	const struct atr_otlp_result *result = atr_receiver_result(run->receiver);
	size_t nr_refused = atr_receiver_nr_refused(run->receiver);

	if (nr_refused)
		fprintf(stderr, "autotrace: %zu requests could not be read\n", nr_refused);
	if (result->nr_rejected)
		fprintf(stderr, "autotrace: %zu spans with invalid ids left out\n",
			result->nr_rejected);
	if (atr_receiver_nr_metrics(run->receiver))
		fprintf(stderr, "autotrace: %zu exports of metrics were taken, and are not shown\n",
			atr_receiver_nr_metrics(run->receiver));
	if (!result->nr_spans && run->trace.nr_nodes <= 1)
		fprintf(stderr,
			"autotrace: %s sent no spans; `autotrace doctor %s` tells what can be seen "
			"of it\n",
			run->program[0], run->program[0]);
}

static void end_observing(struct run *run)
{
	if (!run->observed)
		return;
	observe(run);
	if (*run->observer.lost)
		fprintf(stderr, "autotrace: %llu calls of programs that are observed were missed\n",
			(unsigned long long)*run->observer.lost);
	atr_observed_close(run->observed);
	atr_observer_close(&run->observer);
}

static void draw(struct run *run)
{
	struct atr_waterfall_style style = atr_waterfall_style_of(STDERR_FILENO);

	end_observing(run);
	atr_root_span_add(&run->root, &run->trace, run->program[0], run->executable, run->pid,
			  run->wait_status);
	atr_outputs_write(&run->outputs, &run->trace, run->program[0]);
	atr_waterfall_draw(&run->trace, &style, stderr);
	tell_what_is_missing(run);
}

/*
 * Loads the kernel's programs before the program is there, so that its first span is seen
 * whole; those that it starts ask us for theirs. Where that cannot be, it is told, and the
 * program is run without.
 */
static void begin_ebpf(struct run *run)
{
	const char *slow = getenv("AUTOTRACE_EBPF_SLOW_MS"), *why = "no memory";
	struct atr_probe_options options = {
		.slow_ns = UINT64_C(1000000) * (slow && *slow ? strtoul(slow, NULL, 10) : 100),
	};
	const char *path = atr_receiver_path(run->receiver);
	uint64_t random;
	int error = -ENOMEM;

	if (getrandom(&random, sizeof(random), 0) == sizeof(random))
		error = atr_ebpf_agent_prepare(&run->agent, &options, &why);
	if (!error && why)
		fprintf(stderr, "autotrace: --ebpf: %s\n", why);
	if (!error && atr_observer_open(&run->observer, run->agent.ready.token, &why) == 0)
		run->observed = atr_observed_open(&run->trace, &run->root, run->executable);
	if (!error) {
		run->token = run->agent.ready.token;
		run->agent.peers_most = ATR_AGENT_PEERS_MAX;
		run->agent.serves_all = true;
		/* as the receiver's, its name is not to be guessed */
		snprintf(run->agent_path, sizeof(run->agent_path), "%.*s/%016llx",
			 (int)(strrchr(path, '/') - path), path, (unsigned long long)random);
		error = atr_ebpf_agent_open(&run->agent, run->agent_path);
		why = strerror(-error);
	}
	if (!error)
		return;
	run->agent_path[0] = '\0';
	run->has_other_agent = getenv("AUTOTRACE_EBPF_AGENT") != NULL;
	if (run->has_other_agent)
		return; /* the program asks that one, and says what comes of it */
	fprintf(stderr, "autotrace: --ebpf: %s; nothing is seen from the kernel\n", why);
}

/* From here on there is a socket to remove. Returns the exit code. */
static int run_program(struct run *run)
{
	bool is_exec;
	int error;

	if (run->wants_ebpf)
		begin_ebpf(run);
	atr_root_span_begin(&run->root);
	error = start_program(run, &is_exec);
	if (error) {
		fprintf(stderr, "autotrace: %s: %s\n", run->program[0], strerror(error));
		return is_exec ? WEXITSTATUS(run->wait_status) : ATR_EXIT_OURS;
	}
	/* whoever reads our drawing may have gone; the exit code must still come through */
	signal(SIGPIPE, SIG_IGN);
	while (!run->has_ended)
		serve(run, -1);
	atr_root_span_stop(&run->root);
	wait_for_late_spans(run);
	draw(run);
	return atr_root_span_exit_code(run->wait_status);
}

int atr_cmd_run(int argc, char **argv)
{
	static struct run run;
	int code;

	argv[0] = "autotrace run";
	if (!read_options(argc, argv, &run))
		return ATR_EXIT_USAGE;
	if (!atr_preload_find(run.library) || !atr_outputs_open(&run.outputs))
		return ATR_EXIT_OURS;
	find_executable(&run);
	run.receiver = atr_receiver_open(&run.trace);
	if (!run.receiver || !catch_signals(&run)) {
		fprintf(stderr, "autotrace: a place to receive spans: %s\n", strerror(errno));
		return ATR_EXIT_OURS;
	}
	code = run_program(&run);
	if (run.agent_path[0])
		atr_ebpf_agent_close(&run.agent, run.agent_path);
	atr_receiver_close(run.receiver);
	atr_trace_free(&run.trace);
	return code;
}
