/* SPDX-License-Identifier: Apache-2.0 */

/* init: rooms up, rooms down, fork. What is decided before the program's main runs. */
#include "ebpf/seen.h"
#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/kernel.h"
#include "export/exporter.h"
#include "export/options.h"
#include "preload/apart.h"
#include "preload/config.h"
#include "preload/conn/capture.h"
#include "preload/conn/conn.h"
#include "preload/conn/formats.h"
#include "preload/conn/lambda.h"
#include "preload/conn/logs.h"
#include "preload/conn/probes.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"
#include "preload/follow.h"
#include "preload/hook/functions.h"
#include "preload/hook/load.h"
#include "preload/hook/process.h"
#include "preload/hook/alone.h"
#include "preload/hook/real.h"
#include "preload/hook/signal.h"
#include "preload/live/function.h"
#include "preload/live/outcome.h"
#include "preload/live/profiled.h"
#include "preload/live/readable.h"
#include "preload/live/rules.h"
#include "preload/live/sampler.h"
#include "preload/live/work.h"
#include "preload/stacks.h"

#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/auxv.h>

extern char **environ;

/* In one, so that a start touches one page of it. */
static struct {
	struct atr_process process;
	atr_ref span;
	char short_path[256]; /* the executable's, as most are */
} own;
static char long_path[PATH_MAX], started_with[ATR_CARRY_MAX];

/* The exporter's calls: libc's own, found when they are needed. */
static int io_socket(int family, int type, int protocol)
{
	return socket(family, type, protocol);
}
static int io_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	return REAL(connect)(fd, address, len);
}
static ssize_t io_send(int fd, const void *buf, size_t len, int flags)
{
	return REAL(send)(fd, buf, len, flags);
}
static ssize_t io_recv(int fd, void *buf, size_t len, int flags)
{
	return REAL(recv)(fd, buf, len, flags);
}
static int io_poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	return REAL(poll)(fds, nr, timeout_ms);
}
static int io_close(int fd)
{
	return REAL(close)(fd);
}
static ssize_t io_read(int fd, void *buf, size_t len)
{
	return REAL(read)(fd, buf, len);
}
static ssize_t io_write(int fd, const void *buf, size_t len)
{
	return REAL(write)(fd, buf, len);
}
static int io_fcntl(int fd, int command, ...)
{
	va_list args;
	long arg;

	va_start(args, command);
	arg = va_arg(args, long);
	va_end(args);
	return REAL(fcntl)(fd, command, arg);
}
static int io_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	return REAL(getsockopt)(fd, level, option, value, len);
}
/*
 * The resolver and the loader allocate, on our thread, by the program's malloc: where it brings its own,
 * and has made no thread, that may be one for one thread alone.
 */
static bool may_allocate(void)
{
	static _Atomic bool was_told;

	if (!atr_has_one_thread() || !atr_real_is_malloc_the_programs())
		return true;
	if (!atomic_exchange(&was_told, true))
		atr_log("the program has its own malloc and one thread: no name is looked up for "
			"what is sent, and nothing loaded");
	return false;
}

static int io_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
			  struct addrinfo **found)
{
	return may_allocate() ? REAL(getaddrinfo)(name, service, hints, found) : EAI_MEMORY;
}
static void io_freeaddrinfo(struct addrinfo *list)
{
	freeaddrinfo(list);
}
static void *io_load(const char *path, const char *name)
{
	return may_allocate() ? atr_real_load(path, name) : NULL;
}
static int io_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = va_arg(args, mode_t);
	va_end(args);
	return open(path, flags, mode);
}
static int io_getpeername(int fd, __SOCKADDR_ARG address, socklen_t *len)
{
	return getpeername(fd, address, len);
}
/* Where the exporter's descriptors are the program's (apart.h), socket.c keeps them apart. */
static bool part_descriptors(void)
{
	struct atr_str to = atr_env_get("OTEL_TRACES_EXPORTER");
	bool prints = atr_str_equal(atr_env_get("AUTOTRACE_LOG"), ATR_STR("stderr")) ||
		      (to.len &&
		       (memmem(to.at, to.len, "console", 7) || memmem(to.at, to.len, "stdout", 6)));

	return atr_apart(prints);
}

static void learn_path(void);

/* A thread of ours is inside for good: nothing that it does is told. */
static void *begin_inside(void *start)
{
	void *result;

	atr_self.inside = true;
	result = ((void *(*)(void *))start)(NULL);
	/* as the last thread it runs what the program has to be run at exit */
	atr_self.inside = false;
	return result;
}

static int io_thread_create(pthread_t *thread, const pthread_attr_t *attributes,
			    void *(*start)(void *), void *unused)
{
	(void)unused;
	if (!atr_real_load_threads())
		return ENOSYS;
	atr_signals_guard();
	learn_path();
	if (atr_has_one_thread())
		atr_alone_begins();
	return REAL(pthread_create)(thread, attributes, begin_inside, (void *)start);
}

static const struct atr_io io = {
	io_socket,	 io_connect,	   io_send,  io_recv,	   io_poll,	  io_close,
	io_open,	 io_read,	   io_write, io_fcntl,	   io_getsockopt, io_getaddrinfo,
	io_freeaddrinfo, io_thread_create, io_load,  may_allocate,
};

static ssize_t conn_send(int fd, const void *buf, size_t len, int flags)
{
	return REAL(send)(fd, buf, len, flags);
}

/* Whether a list of globs has one for the executable's path or base name. */
static bool is_listed(struct atr_str list)
{
	const char *path = own.process.executable_path.len ? own.process.executable_path.at : "";
	const char *base = strrchr(path, '/');
	char glob[512];

	base = base ? base + 1 : path;
	while (list.len) {
		const char *comma = memchr(list.at, ',', list.len);
		struct atr_str one = { list.at, comma ? (size_t)(comma - list.at) : list.len };

		list.at += one.len + (comma ? 1 : 0);
		list.len -= one.len + (comma ? 1 : 0);
		one = atr_str_trim(one);
		if (!one.len || one.len >= sizeof(glob))
			continue;
		memcpy(glob, one.at, one.len);
		glob[one.len] = 0;
		if (fnmatch(glob, path, 0) == 0 || fnmatch(glob, base, 0) == 0)
			return true;
	}
	return false;
}

static bool stands_down(void)
{
	struct atr_str include, exclude;

	if (getauxval(AT_SECURE) || atr_env_bool("AUTOTRACE_DISABLED", false) ||
	    atr_lambda_is_extension(own.process.executable_path))
		return true;
	include = atr_env_get("AUTOTRACE_INCLUDE");
	exclude = atr_env_get("AUTOTRACE_EXCLUDE");
	return (include.at && !is_listed(include)) || (exclude.at && is_listed(exclude));
}

/* What it was started as, where that is a path of a file. */
static struct atr_str started_as(void)
{
	const char *path = (const char *)getauxval(AT_EXECFN);

	if (!path || path[0] != '/' || !strncmp(path, "/proc/", 6) || !strncmp(path, "/dev/", 5))
		return (struct atr_str){ 0 };
	return atr_str(path);
}

/*
 * The executable, when it is first wanted: to ask for it is a tenth of what we add to a process's
 * start and end. That is no later than the exporter's thread begins; a program that has no
 * /proc by then, or another executable, is what it was started as.
 */
static void learn_path(void)
{
	static const char gone[] = " (deleted)";
	const ssize_t gone_len = sizeof(gone) - 1;
	struct atr_str *path = &own.process.executable_path;
	char *to = own.short_path;
	int saved = errno;
	ssize_t n;

	if (path->at)
		return;
	n = readlink("/proc/self/exe", to, sizeof(own.short_path) - 1);
	if (n == (ssize_t)sizeof(own.short_path) - 1) { /* that may not be all */
		to = long_path;
		n = readlink("/proc/self/exe", to, sizeof(long_path) - 1);
	}
	if (n <= 0 || to[0] != '/' ||
	    (n > gone_len && !memcmp(to + n - gone_len, gone, (size_t)gone_len)))
		*path = started_as();
	if (!path->at && n > 0) /* the NUL behind it is there */
		*path = (struct atr_str){ to, (size_t)n };
	errno = saved;
}

static void learn_process(void)
{
	own.process.command = atr_str(program_invocation_name);
	if (!started_as().at || atr_env_get("AUTOTRACE_INCLUDE").at ||
	    atr_env_get("AUTOTRACE_EXCLUDE").at || atr_env_get("AWS_LAMBDA_RUNTIME_API").at)
		learn_path();
}

/* The context variables of the start: TRACEPARENT and what goes with it. */
static void learn_context(void)
{
	struct atr_pair variables[ATR_ENV_VARIABLES_MAX];
	struct atr_context context, handed;
	size_t nr = 0;

	for (size_t i = 0; i < atr_env_count() && nr < ATR_ENV_VARIABLES_MAX; i++) {
		struct atr_pair variable = atr_env_at(i);

		if (atr_propagators_env_name(&atr_formats, variable.name))
			variables[nr++] = variable;
	}
	if (!atr_propagators_extract_env(&atr_formats, variables, nr, started_with, &context) &&
	    atr_lambda_handed(&handed))
		context = handed;
	atr_work_setup(&context);
}

/* The span of the process itself: from here to its end. */
static void begin_process_span(struct atr_thread *self)
{
	struct atr_context_copy parent = { .block = 0 };
	struct atr_span *span;
	struct atr_str name;
	const char *slash;
	bool has_parent;

	if (!(atr_probes & ATR_PROBE_PROCESS))
		return;
	learn_path();
	name = own.process.executable_path;
	has_parent = atr_work_started_with(&parent);
	own.span = atr_live_open(self, ATR_KIND_INTERNAL, has_parent ? &parent.context : NULL,
				 atr_clock_ns());
	span = atr_live_span(own.span);
	slash = name.len ? memrchr(name.at, '/', name.len) : NULL;
	if (slash)
		name = (struct atr_str){ slash + 1, name.len - (size_t)(slash + 1 - name.at) };
	if (span) {
		atr_span_put_str(span, ATR_NAME, name);
		atr_span_put_str(span, ATR_PROCESS_EXECUTABLE_NAME, name);
		atr_span_put_str(span, ATR_PROCESS_EXECUTABLE_PATH, own.process.executable_path);
		atr_span_put_int(span, ATR_PROCESS_PID, atr_kernel_pid());
	}
	atr_work_setup_in(own.span);
}

void atr_process_span_ends(int status)
{
	struct atr_span *span = atr_live_span(own.span);

	if (span && status != ATR_STATUS_UNKNOWN) {
		atr_span_late_int(span, ATR_PROCESS_EXIT_CODE, status);
		if (status)
			atr_semconv_error(span, ATR_STR("exit_code"));
	}
	atr_live_close(own.span, atr_clock_ns());
	own.span = 0;
}

bool atr_process_span_is_open(void)
{
	return own.span;
}

static void forked(struct atr_thread *self)
{
	atr_work_forked(self);
	atr_functions_forked(self);
	atr_follow_forked();
	atr_ids_seed(&self->ids);
	atr_conn_forked();
	atr_live_forked();
	atr_count_reset();
	atr_exporter_forked();
	atr_process_begins();
	own.span = 0;
}

/* glibc tells the status of an exit by return from main to this, and to nothing else. */
extern int on_exit(void (*function)(int, void *), void *arg) __attribute__((weak));

static void end_with(int status)
{
	atr_process_ends(status);
	atr_conn_stop();
	/* not where a filter of the program's had us stand down: it takes a system call */
	if (atr_was_entered && atr_process_is_on())
		atr_exporter_count_lost();
	if (atr_log_is_on() && atr_env_bool("AUTOTRACE_STATS", false))
		atr_log_counts();
}

/* Asked for before libc asked for the destructors, and so called behind them. */
static void end_behind_destructors(int status, void *unused)
{
	(void)unused;
	if (own.span)
		end_with(status);
}

__attribute__((constructor)) static void begin(void)
{
	static const struct atr_conn_calls calls = { conn_send, io_getsockopt, io_getpeername };
	int saved = errno;

	atr_kernel_setup();
	atr_env_capture(environ);
	learn_process();
	atr_log_setup(atr_env_get("AUTOTRACE_LOG"), &io);
	if (stands_down() || !atr_config_setup(&io, environ))
		goto out;
	atr_options_read_log_level();
	atr_load_setup();
	atr_signals_setup();
	atr_formats_setup();
	atr_probes_setup();
	atr_sampler_setup();
	if (atr_rules_want_service())
		learn_path();
	atr_rules_setup(&io, &own.process);
	atr_outcome_setup(atr_exporter_offer, atr_signals_guard);
	atr_semconv_setup();
	atr_routes_setup(&io);
	atr_redact_setup(&io);
	atr_capture_setup();
	atr_logs_setup();
	if (atr_redact_wants_records())
		atr_exporter_filters_by(atr_redact_record);
	atr_lambda_setup();
	atr_live_dates_ids = atr_propagators_want_epoch(&atr_formats) || atr_options_say_xray();
	learn_context();
	if (!atr_live_setup() || !atr_conn_setup(&calls) || !atr_exporter_setup(&io, &own.process))
		goto out;
	if (atr_logs_are_exported)
		atr_exporter_exports_logs();
	atr_readable_setup(environ ? environ[0] : NULL);
	atr_exporter_parts_by(part_descriptors);
	atr_stacks_setup();
	atr_process_begins();
	atr_exporter_publishes(atr_profiled_setup());
	atr_seen_setup();
	atr_thread_setup(forked);
	if (atr_lambda_is_on || atr_probes & ATR_PROBE_PROCESS)
		atr_leave(atr_enter()); /* there is something to do at its end, whatever it does */
	if (atr_probes & ATR_PROBE_PROCESS) {
		if (on_exit)
			on_exit(end_behind_destructors, NULL);
		begin_process_span(&atr_self);
		atr_signals_guard();
	}
	for (int fd = 0; fd <= 2; fd++)
		atr_conn_inherited(fd);
	atr_functions_begin();
	atr_follow_setup();
out:
	errno = saved;
}

__attribute__((destructor)) static void end(void)
{
	if (!own.span)
		end_with(0);
	else if (!on_exit)
		end_with(ATR_STATUS_UNKNOWN);
}
