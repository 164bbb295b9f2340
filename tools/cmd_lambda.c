/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "tools/file.h"
#include "tools/lambda_env.h"
#include "tools/lambda_report.h"
#include "tools/lambda_trace.h"
#include "tools/preload.h"
#include "tools/sandbox.h"
#include "tools/waterfall.h"
#include "tools/xray_daemon.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CALLS_MAX = 64, /* as many as the options allow at once */
	LATE_MS = 1000, /* how long late spans are waited for before the end */
	QUIET_MS = 250, /* nothing came for this long, more than a batch's delay: nothing will */
	LAST_WORDS_MS = 1000 /* for the program to end by itself when Init has failed */
};

#define MS 1000000u /* nanoseconds */

/* An invocation that has begun and not ended. */
struct call {
	bool is_used;
	struct atr_invocation invocation;
	struct atr_lambda_segment segment;
	uint64_t start_ns, end_by_ns;
};

struct lambda {
	struct atr_lambda_options options;
	char library[PATH_MAX], arn[512], log_stream[64];
	struct atr_trace trace;
	struct atr_receiver *receiver;
	struct atr_xray_daemon *xray;
	struct atr_runtime *runtime;
	struct atr_sandbox sandbox;
	struct atr_str *events;
	FILE *responses;
	struct call calls[CALLS_MAX];
	unsigned nr_calls, nr_begun, nr_failed;
	uint64_t init_start_ns, init_end_ns; /* until the first report has told it; then 0 */
	uint64_t restore_ns;		     /* likewise */
	bool is_frozen;
	int cannot_exec; /* the exit code then */
	int interrupted; /* the signal */
	int signal_fd;
	sigset_t mask_before;
	void (*on_pipe_before)(int);
};

static uint64_t now_ns(void)
{
	return atr_runtime_now_ns();
}

static const struct atr_runtime_status *status_of(const struct lambda *l)
{
	return atr_runtime_status(l->runtime);
}

/* ---- what happens around us -------------------------------------------------------------------- */

static void read_signals(struct lambda *l)
{
	struct signalfd_siginfo info;

	while (read(l->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGCHLD)
			l->interrupted = (int)info.ssi_signo;
	}
	atr_sandbox_reap(&l->sandbox);
}

/* One turn: until `by_ns` for something to happen, then all of it. False: nothing has. */
static bool turn(struct lambda *l, uint64_t by_ns)
{
	struct pollfd fds[] = {
		{ .fd = l->signal_fd, .events = POLLIN },
		{ .fd = atr_runtime_fd(l->runtime), .events = POLLIN },
		{ .fd = atr_receiver_fd(l->receiver), .events = POLLIN },
		{ .fd = atr_xray_daemon_fd(l->xray), .events = POLLIN },
	};
	uint64_t now = now_ns();
	int timeout_ms = by_ns > now ? (int)((by_ns - now + MS - 1) / MS) : 0;

	if (poll(fds, sizeof(fds) / sizeof(fds[0]), timeout_ms) <= 0)
		return false;
	read_signals(l);
	atr_runtime_serve(l->runtime);
	atr_receiver_serve(l->receiver);
	atr_xray_daemon_serve(l->xray);
	return true;
}

/* What those who have ended sent before they did. */
static void drain(struct lambda *l)
{
	for (int i = 0; i < 100 && turn(l, 0); i++)
		;
}

static void pass_time(struct lambda *l, unsigned ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * MS;

	while (!l->interrupted && now_ns() < until)
		turn(l, until);
}

/* ---- the sandbox ------------------------------------------------------------------------------- */

static void prepare_child(void *owner)
{
	const struct lambda *l = owner;
	struct atr_lambda_env env = { .options = &l->options,
				      .log_stream = l->log_stream,
				      .runtime_port = atr_runtime_port(l->runtime),
				      .xray_port = atr_xray_daemon_port(l->xray) };

	/* one that knows no X-Ray takes this for a mistake, and exports by OTLP as it is told below */
	setenv("OTEL_TRACES_EXPORTER", l->options.uses_otlp ? "otlp" : "xray",
	       l->options.uses_otlp);
	atr_preload_endpoint(l->receiver);
	if (l->options.probes)
		setenv("AUTOTRACE_PROBES", l->options.probes, 1);
	atr_preload_set(l->library);
	atr_lambda_env_set(&env);
	signal(SIGPIPE, l->on_pipe_before);
	sigprocmask(SIG_SETMASK, &l->mask_before, NULL);
}

static bool start_sandbox(struct lambda *l)
{
	bool is_exec;
	int error;

	atr_runtime_reset(l->runtime);
	error = atr_sandbox_start(&l->sandbox, l->options.program, prepare_child, l, &is_exec);
	if (!error)
		return true;
	fprintf(stderr, "autotrace: %s: %s\n", l->options.program[0], strerror(error));
	l->cannot_exec = is_exec ? WEXITSTATUS(l->sandbox.wait_status) : ATR_EXIT_OURS;
	l->sandbox.pid = 0;
	return false;
}

static void freeze(struct lambda *l)
{
	atr_sandbox_freeze(&l->sandbox);
	l->is_frozen = true;
	pass_time(l, l->options.freeze_ms);
}

static void thaw(struct lambda *l)
{
	if (l->is_frozen)
		atr_sandbox_thaw(&l->sandbox);
	l->is_frozen = false;
}

static void wait_for_end(struct lambda *l, unsigned ms)
{
	uint64_t until = now_ns() + (uint64_t)ms * MS;

	while (l->sandbox.is_running && now_ns() < until)
		turn(l, until);
}

/* With an extension, half a second to leave in; without one, nothing. */
static void shut_down(struct lambda *l, const char *reason)
{
	enum { TERM_MS = 500, TERM_WITH_EXTERNAL_MS = 300, ALL_MS = 2000 };
	bool has_external = status_of(l)->has_external;
	unsigned term_ms = has_external ? TERM_WITH_EXTERNAL_MS : TERM_MS;

	if (!l->sandbox.pid)
		return;
	if (status_of(l)->nr_extensions) {
		thaw(l);
		atr_sandbox_terminate(&l->sandbox);
		wait_for_end(l, term_ms);
	}
	if (has_external) {
		uint64_t until = now_ns() + (uint64_t)(ALL_MS - term_ms) * MS;

		atr_runtime_shutdown(l->runtime, reason, until / MS);
		while (!atr_sandbox_is_empty(&l->sandbox) && now_ns() < until)
			turn(l, now_ns() + 20 * MS < until ? now_ns() + 20 * MS : until);
	}
	atr_sandbox_kill(&l->sandbox);
	drain(l);
	l->sandbox.pid = 0;
	l->is_frozen = false;
	/* what was told and not reported goes with it */
	l->init_start_ns = l->restore_ns = 0;
}

/* One that has told of its failure may have something to say, and ends by itself. */
static void shut_down_failed(struct lambda *l)
{
	if (status_of(l)->has_failed)
		wait_for_end(l, LAST_WORDS_MS);
	shut_down(l, "FAILURE");
}

/* ---- Init -------------------------------------------------------------------------------------- */

/* NULL while nothing is wrong: of a sandbox that may be starting, or serving. */
static const char *failure_of(struct lambda *l, const char **type)
{
	*type = "Runtime.ExitError";
	if (status_of(l)->has_failed)
		*type = status_of(l)->error_type;
	else if (l->sandbox.is_running)
		return NULL;
	return "error";
}

/* Until it asks for work, or for the restore. NULL, or what became of it. */
static const char *wait_for_init(struct lambda *l, const char **type)
{
	uint64_t until = now_ns() + (uint64_t)(l->options.init_timeout_s * 1e9);
	const char *failure;

	*type = NULL;
	while (!atr_runtime_is_idle(l->runtime) && !status_of(l)->is_restorable) {
		if (now_ns() >= until || l->interrupted)
			return "timeout";
		turn(l, until);
		if (!l->sandbox.is_running)
			drain(l);
		failure = failure_of(l, type);
		if (failure)
			return failure;
	}
	return NULL;
}

/* Where Lambda takes the snapshot, and where a copy of it wakes up. */
static const char *restore(struct lambda *l, const char **type)
{
	const char *failure;
	uint64_t start_ns;

	if (l->options.freezes)
		freeze(l);
	start_ns = now_ns();
	atr_runtime_restore(l->runtime);
	thaw(l);
	failure = wait_for_init(l, type);
	l->restore_ns = now_ns() - start_ns;
	l->init_start_ns = 0;
	return failure;
}

/*
 * Init before the first invocation, in time of its own. When it fails, the
 * invocation begins with another one, which is then part of it.
 */
static void init(struct lambda *l)
{
	const char *failure, *type;
	uint64_t start_ns = now_ns();

	l->init_start_ns = start_ns;
	if (!start_sandbox(l))
		return;
	failure = wait_for_init(l, &type);
	l->init_end_ns = now_ns();
	if (!failure && status_of(l)->is_restorable)
		failure = restore(l, &type);
	if (!failure || l->interrupted)
		return;
	atr_lambda_report_put_init(stderr, now_ns() - start_ns, failure, type);
	shut_down_failed(l);
}

/* ---- invocations ------------------------------------------------------------------------------- */

static struct call *free_call(struct lambda *l)
{
	struct call *call = l->calls;

	while (call->is_used)
		call++;
	return call;
}

static void begin_call(struct lambda *l)
{
	struct call *call = free_call(l);
	uint64_t timeout_ns = (uint64_t)(l->options.timeout_s * 1e9);

	*call = (struct call){ .is_used = true, .start_ns = now_ns() };
	call->end_by_ns = call->start_ns + timeout_ns;
	atr_lambda_segment_begin(&call->segment,
				 l->options.trace_header ? &l->options.caller : NULL,
				 l->options.sampled == ATR_SAMPLED_YES);
	atr_runtime_new_id(call->invocation.id);
	if (l->options.sampled != ATR_SAMPLED_NOT_TOLD)
		call->invocation.trace_header = call->segment.header;
	call->invocation.event = ATR_STR("{}");
	if (l->options.nr_events)
		call->invocation.event = l->events[l->nr_begun % l->options.nr_events];
	call->invocation.deadline_ms = call->end_by_ns / MS;
	l->nr_begun++;
	l->nr_calls++;
	fprintf(stderr, "START RequestId: %s Version: $LATEST\n", call->invocation.id);
	atr_runtime_invoke(l->runtime, &call->invocation);
	thaw(l);
}

/*
 * As many as may run at once, when somebody waits for them; but always one: who
 * never asks is to be found out by its timeout.
 */
static void begin_calls(struct lambda *l)
{
	while (l->nr_begun < l->options.invocations && l->nr_calls < l->options.concurrency &&
	       (!l->nr_calls || status_of(l)->nr_waiting) && !l->interrupted) {
		if (l->options.freezes && l->nr_begun && l->sandbox.pid)
			freeze(l);
		if (!l->sandbox.pid && !start_sandbox(l))
			return;
		begin_call(l);
	}
}

static void put_response(struct lambda *l, const struct atr_invocation *invocation)
{
	if (!l->responses)
		return;
	fwrite(invocation->response ? invocation->response : "", 1, invocation->response_len,
	       l->responses);
	putc('\n', l->responses);
	fflush(l->responses);
}

static void put_report(struct lambda *l, const struct call *call,
		       const struct atr_lambda_times *times, const char *status, const char *type)
{
	bool has_header = call->invocation.trace_header != NULL;
	struct atr_lambda_report report = {
		.request_id = call->invocation.id,
		.duration_ns = times->end - times->start,
		.init_ns = times->init_start ? times->init_end - times->init_start : 0,
		.restore_ns = l->restore_ns,
		.memory_mb = l->options.memory_mb,
		.peak_kb = atr_sandbox_peak_kb(&l->sandbox),
		.status = status,
		.error_type = type,
		.trace_id = has_header ? call->segment.root : NULL,
		.segment_id = call->segment.parent,
		.is_sampled = l->options.sampled == ATR_SAMPLED_YES,
	};

	fprintf(stderr, "END RequestId: %s\n", report.request_id);
	atr_lambda_report_put(stderr, &report);
}

/* `status` as in a report; NULL: what the runtime answered decides. */
static void end_call(struct lambda *l, struct call *call, const char *status, const char *type)
{
	struct atr_invocation *invocation = &call->invocation;
	struct atr_lambda_times times = { .init_start = l->init_start_ns,
					  .init_end = l->init_end_ns,
					  .start = call->start_ns,
					  .answered = invocation->answered_ns,
					  .end = now_ns() };

	if (l->options.concurrency > 1) {
		times.start = invocation->sent_ns ? invocation->sent_ns : call->start_ns;
		times.end = invocation->answered_ns ? invocation->answered_ns : times.end;
	}
	if (!status && invocation->error_type[0]) {
		status = "error";
		type = invocation->error_type;
	}
	put_report(l, call, &times, status, type);
	put_response(l, invocation);
	atr_lambda_segment_add(&call->segment, &l->trace,
			       atr_lambda_add_resource(&l->trace, l->options.name, l->arn),
			       invocation, &times, type ? type : status);
	l->nr_failed += status != NULL;
	l->init_start_ns = l->restore_ns = 0;
	atr_runtime_forget(l->runtime, invocation);
	free(invocation->response);
	call->is_used = false;
	l->nr_calls--;
}

/* The sandbox is lost, and every invocation in it. */
static void fail_calls(struct lambda *l, const char *type)
{
	drain(l);
	for (struct call *call = l->calls; call < l->calls + CALLS_MAX; call++) {
		if (!call->is_used)
			continue;
		/* that it ends after it has told of its failure is not worth a word, early or late */
		if (!l->sandbox.is_running && !status_of(l)->has_failed)
			atr_lambda_report_put_exit(stderr, call->invocation.id,
						   l->sandbox.wait_status);
		end_call(l, call, "error", type);
	}
	shut_down_failed(l);
}

static void time_out(struct lambda *l, struct call *call)
{
	atr_lambda_report_put_timeout(stderr, call->invocation.id, now_ns(), l->options.timeout_s);
	end_call(l, call, "timeout", NULL);
	shut_down(l, "TIMEOUT");
	if (l->nr_calls)
		fail_calls(l, "Sandbox.Timedout");
}

static bool is_complete(const struct lambda *l, const struct call *call)
{
	return call->invocation.state == ATR_INVOCATION_ANSWERED &&
	       (l->options.concurrency > 1 || atr_runtime_is_idle(l->runtime));
}

static void end_calls(struct lambda *l)
{
	const char *type;

	if (!l->sandbox.is_running)
		drain(l);
	if (status_of(l)->is_restorable)
		atr_runtime_restore(l->runtime);
	for (struct call *call = l->calls; call < l->calls + CALLS_MAX; call++) {
		if (call->is_used && is_complete(l, call))
			end_call(l, call, NULL, NULL);
	}
	if (l->nr_calls && failure_of(l, &type))
		fail_calls(l, type);
	for (struct call *call = l->calls; call < l->calls + CALLS_MAX; call++) {
		if (call->is_used && now_ns() >= call->end_by_ns)
			time_out(l, call);
	}
}

static uint64_t first_end(const struct lambda *l)
{
	uint64_t first = UINT64_MAX;

	for (const struct call *call = l->calls; call < l->calls + CALLS_MAX; call++) {
		if (call->is_used && call->end_by_ns < first)
			first = call->end_by_ns;
	}
	return first;
}

static void run_calls(struct lambda *l)
{
	while (!l->interrupted && !l->cannot_exec) {
		begin_calls(l);
		if (!l->nr_calls)
			break;
		turn(l, first_end(l));
		end_calls(l);
	}
}

/* Grows with everything that comes. */
static size_t nr_received(const struct lambda *l)
{
	return atr_xray_daemon_result(l->xray)->nr_datagrams +
	       atr_receiver_result(l->receiver)->nr_spans;
}

/* Where nothing is frozen, what exports in the background has its time. */
static void wait_for_late_spans(struct lambda *l)
{
	uint64_t start = now_ns(), quiet_since = start;
	size_t nr_before = nr_received(l);

	while (!l->interrupted && l->sandbox.is_running) {
		uint64_t now = now_ns();

		if (nr_received(l) != nr_before)
			quiet_since = now;
		nr_before = nr_received(l);
		if (now - start >= LATE_MS * (uint64_t)MS ||
		    now - quiet_since >= QUIET_MS * (uint64_t)MS)
			break;
		turn(l, now + 20 * MS);
	}
}

/* ---- the command ------------------------------------------------------------------------------- */

static void tell_what_is_missing(const struct lambda *l)
{
	const struct atr_xray_daemon_result *xray = atr_xray_daemon_result(l->xray);
	const struct atr_otlp_result *otlp = atr_receiver_result(l->receiver);
	size_t nr_bad = xray->nr_malformed + atr_receiver_nr_refused(l->receiver);
	size_t nr_rejected =
		xray->documents.nr_rejected + xray->otlp.nr_rejected + otlp->nr_rejected;

	if (nr_bad)
		fprintf(stderr, "autotrace: %zu requests or datagrams could not be read\n", nr_bad);
	if (nr_rejected)
		fprintf(stderr, "autotrace: %zu spans with invalid ids left out\n", nr_rejected);
	if (xray->nr_unsampled)
		fprintf(stderr, "autotrace: %zu datagrams of unsampled spans left out\n",
			xray->nr_unsampled);
	if (!xray->documents.nr_segments && !xray->otlp.nr_spans && !otlp->nr_spans)
		fprintf(stderr, "autotrace: %s sent no spans\n", l->options.program[0]);
}

static void draw(struct lambda *l)
{
	struct atr_waterfall_style style = atr_waterfall_style_of(STDERR_FILENO);

	atr_outputs_write(&l->options.outputs, &l->trace, l->options.name);
	putc('\n', stderr);
	atr_waterfall_draw(&l->trace, &style, stderr);
	tell_what_is_missing(l);
}

static bool read_event(const char *name, struct atr_str *event)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(name, "rbe");
	int error;

	event->at = in ? atr_file_read(in, &event->len) : NULL;
	error = event->at ? 0 : errno;
	if (in && !is_stdin)
		fclose(in);
	if (event->at && event->len > ATR_PAYLOAD_MAX)
		error = EFBIG;
	if (error)
		fprintf(stderr, "autotrace: %s: %s\n", name, strerror(error));
	return !error;
}

static bool read_events(struct lambda *l)
{
	l->events = calloc(l->options.nr_events + 1, sizeof(*l->events));
	for (size_t i = 0; l->events && i < l->options.nr_events; i++) {
		if (!read_event(l->options.events[i], &l->events[i]))
			return false;
	}
	return l->events != NULL;
}

static bool open_files(struct lambda *l)
{
	if (!read_events(l) || !atr_outputs_open(&l->options.outputs))
		return false;
	if (!l->options.responses)
		return true;
	l->responses = fopen(l->options.responses, "we");
	if (!l->responses)
		fprintf(stderr, "autotrace: %s: %s\n", l->options.responses, strerror(errno));
	return l->responses;
}

static void make_names(struct lambda *l)
{
	time_t now = time(NULL);
	char id[ATR_REQUEST_ID_LEN + 1];
	struct tm tm;
	size_t len;

	snprintf(l->arn, sizeof(l->arn), "arn:aws:lambda:%s:123456789012:function:%s",
		 atr_lambda_region(), l->options.name);
	gmtime_r(&now, &tm);
	atr_runtime_new_id(id);
	len = strftime(l->log_stream, sizeof(l->log_stream), "%Y/%m/%d/[$LATEST]", &tm);
	for (const char *c = id; *c && len + 1 < sizeof(l->log_stream); c++) {
		if (*c != '-')
			l->log_stream[len++] = *c;
	}
	l->log_stream[len] = '\0';
}

static bool catch_signals(struct lambda *l)
{
	static const int caught[] = { SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD };
	sigset_t mask;

	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
		sigaddset(&mask, caught[i]);
	/* whoever ignores its children cannot wait for one */
	signal(SIGCHLD, SIG_DFL);
	l->on_pipe_before = signal(SIGPIPE, SIG_IGN);
	if (sigprocmask(SIG_BLOCK, &mask, &l->mask_before) != 0)
		return false;
	l->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	return l->signal_fd >= 0;
}

static bool open_servers(struct lambda *l)
{
	struct atr_runtime_options options = { .function_name = l->options.name,
					       .version = "$LATEST",
					       .handler = "function.handler",
					       .arn = l->arn,
					       .client_context = l->options.client_context,
					       .cognito_identity = l->options.cognito,
					       .external = l->options.extension,
					       .concurrency = l->options.concurrency,
					       .closes = l->options.closes,
					       .is_chunked = l->options.is_chunked };

	l->runtime = atr_runtime_open(&options);
	l->xray = l->runtime ? atr_xray_daemon_open(&l->trace, atr_str(l->options.name)) : NULL;
	l->receiver = l->xray ? atr_receiver_open(&l->trace) : NULL;
	if (l->receiver && catch_signals(l) && atr_sandbox_prepare())
		return true;
	fprintf(stderr, "autotrace: a place to play Lambda: %s\n", strerror(errno));
	return false;
}

/* Returns the exit code. */
static int play(struct lambda *l)
{
	init(l);
	run_calls(l);
	if (l->options.freezes && l->sandbox.pid && !l->interrupted)
		freeze(l);
	else
		wait_for_late_spans(l);
	shut_down(l, "SPINDOWN");
	drain(l);
	if (l->cannot_exec)
		return l->cannot_exec;
	draw(l);
	if (l->interrupted)
		return 128 + l->interrupted;
	return l->nr_failed ? 1 : 0;
}

static void close_all(struct lambda *l)
{
	for (size_t i = 0; l->events && i < l->options.nr_events; i++)
		free((void *)l->events[i].at);
	free(l->events);
	if (l->receiver)
		atr_receiver_close(l->receiver);
	if (l->xray)
		atr_xray_daemon_close(l->xray);
	if (l->runtime)
		atr_runtime_close(l->runtime);
	if (l->responses)
		fclose(l->responses);
	atr_trace_free(&l->trace);
	atr_lambda_options_free(&l->options);
}

int atr_cmd_lambda(int argc, char **argv)
{
	static struct lambda l;
	int code = ATR_EXIT_OURS;

	argv[0] = "autotrace lambda";
	if (!atr_lambda_options_read(argc, argv, &l.options))
		return ATR_EXIT_USAGE;
	make_names(&l);
	if (atr_preload_find(l.library) && open_files(&l) && open_servers(&l))
		code = play(&l);
	close_all(&l);
	return code;
}
