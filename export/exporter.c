/* SPDX-License-Identifier: Apache-2.0 */
#include "export/exporter.h"

#include "export/diag.h"
#include "export/encode/encode.h"
#include "export/env.h"
#include "export/heavy.h"
#include "export/kernel.h"
#include "export/log_record.h"
#include "export/metrics.h"
#include "export/options.h"
#include "export/published.h"
#include "export/ring.h"
#include "export/transport/transport.h"
#include "export/weak.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MOST_MS 30000
#define START_AGAIN_MS 1000    /* after no thread could be made: a limit that others came to */
#define LOOK_MS 50	       /* how often it is looked for other threads, where that is done */
#define STACK_LEN (256 * 1024) /* a resolver's modules run on it too */

enum { NOT_STARTED, STARTING, RUNNING, NO_THREAD };

/*
 * Who may change what the counters and the ring say of spans: the thread while it
 * settles a batch, and, for good, the one who ends the process.
 */
enum { BOOKS_OPEN, BOOKS_HELD, BOOKS_CLOSED };

/*
 * The thread sleeps on `bell`: idle (the ring is empty; the next span rings), or
 * waiting (a batch's delay runs; a full batch rings). Who rings takes the flag
 * away first, so that one ring is one system call, whoever else comes.
 */
static struct {
	const struct atr_io *io;
	const struct atr_process *process;
	struct atr_ring *ring; /* NULL: nothing is exported */
	struct atr_ring *logs; /* NULL: no log records are */
	pid_t pid;
	size_t tls_len;
	uint32_t exit_flush_ms;
	_Atomic int state, books;
	_Atomic uint32_t bell, idle, waiting;
	struct stuck {
		uint64_t at, since_ms; /* a ring's next, claimed and not published */
	} stuck, stuck_log;
	bool (*part)(void);
	bool publishes_threads;
	_Atomic bool publishes_nothing;
	_Atomic bool keeps_policy;
	_Atomic bool yields;		 /* main's thread is at its end */
	_Atomic bool leaves;		 /* the thread is to end, for now */
	_Atomic bool is_early;		 /* the thread is one from before that */
	_Atomic bool is_apart;		 /* and has descriptors of its own */
	_Atomic pid_t early_tid;	 /* which is not to be the last of the process */
	_Atomic uint32_t threads;	 /* of ours; more than one while one takes over */
	_Atomic uint64_t start_again_ms; /* none could be made: not before then */
	_Atomic uint64_t lost_before;	 /* by a full ring, when that was so */
	_Atomic uint64_t lost_meanwhile; /* and each time until one could */
	_Atomic uint64_t alone_until_ms; /* it is the last, and has that long; 0: it is not */
	uint32_t told_rejection;
	_Atomic bool knows_logs;   /* that some wait, and until when */
	_Atomic bool metrics_wait; /* something was measured that is not told yet */
	uint64_t metrics_at_ms;	   /* when that is due */
	uint64_t logs_at_ms;	   /* and the log records that wait; 0: none do */
	bool has_options;	   /* read by the first thread of a process */
	bool is_under_load;	   /* the last batch was full */
	uint32_t batch_size;
	_Atomic uint64_t stop_ms;  /* the latest limit of a flush; one that is over is none */
	_Atomic uint32_t done;	   /* rung when a flush has nothing more to do */
	_Atomic bool urged;	   /* no batch is waited for until the ring is empty */
	_Atomic bool backs_off;	   /* the time before another try goes by */
	_Atomic uint64_t alarm_ms; /* 0: none */
	void (*_Atomic on_alarm)(void);
	_Atomic bool in_vain;	    /* a flush's limit came, and nothing was accepted since */
	_Atomic uint64_t discarded; /* without a ring */
	_Atomic uint64_t displaced; /* by a thread's next span: see `filling` */
	sigset_t mask;		    /* the program's, when the thread was made */
	struct atr_options options;
	/* from here on all is the thread's */
	struct atr_io sending; /* `io`, but the thread looks around in its waits */
	struct atr_resource_attr resource[ATR_RESOURCE_MAX];
	size_t nr_resource;
	struct atr_buf buf, packed, copies;
	struct atr_answer answer;
	const struct atr_span *spans[ATR_BATCH_MAX];
	/* from here on all is the constructor's */
	const struct atr_addition *additions[ATR_ADDITIONS_MAX];
	unsigned nr_additions;
} ex; /* all zero: the greater part of it is no memory before the first span */

/* One for each exporter, then one for atr_exporter_ask, and the other signals'. */
enum { LINK_ASK = ATR_EXPORTERS_MAX, LINK_METRICS, LINK_LOGS, NR_LINKS };
static struct atr_link links[NR_LINKS] = { [0 ... NR_LINKS - 1] = { .fd = -1 } };

/* A test's to change. */
uint32_t atr_exporter_retry_first_ms = 1000;
size_t atr_exporter_request_max = 64u << 20;
uint32_t atr_exporter_writer_ms = 1000;

static void futex_wait(_Atomic uint32_t *word, uint32_t value, const struct timespec *timeout)
{
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout, NULL, 0);
}

static void ring_bell(_Atomic uint32_t *word)
{
	atomic_fetch_add(word, 1);
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void wait_ms(_Atomic uint32_t *word, uint32_t value, uint64_t ms)
{
	struct timespec t = { (time_t)(ms / 1000), (long)(ms % 1000) * 1000000 };

	futex_wait(word, value, &t);
}

/* What a library's thread-local variables may take of each stack, where they lie in it (glibc). */
static int add_tls(struct dl_phdr_info *library, size_t size, void *sum)
{
	(void)size;
	for (int i = 0; i < library->dlpi_phnum; i++)
		if (library->dlpi_phdr[i].p_type == PT_TLS)
			*(size_t *)sum +=
				library->dlpi_phdr[i].p_memsz + library->dlpi_phdr[i].p_align;
	return 0;
}

ATR_WEAK(pthread_attr_setstacksize);

/* At start: the loader's lock is taken. */
static void measure_tls(void)
{
	dl_iterate_phdr(add_tls, &ex.tls_len);
}

static size_t small_stack(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN), page = sysconf(_SC_PAGESIZE);
	size_t len = STACK_LEN + ex.tls_len + (least > 0 ? (size_t)least : 0);

	for (unsigned i = 0; i < ex.nr_additions; i++)
		len += ex.additions[i]->stack_len;
	return (len + (size_t)page - 1) & ~((size_t)page - 1);
}

static bool stopping(void)
{
	return atomic_load(&ex.stop_ms) > atr_now_ms();
}

/* The thread, or the end of a process, has what is in the ring sent until then. */
static void stop_at(uint64_t until_ms)
{
	uint64_t stop = atomic_load(&ex.stop_ms);

	while (stop < until_ms && !atomic_compare_exchange_weak(&ex.stop_ms, &stop, until_ms))
		;
}

/* Main's stays to the end. A folder's links are two, and one for each folder in it. */
bool atr_exporter_is_alone(void)
{
	struct stat st;

	return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) ||
	       st.st_nlink <= 2 + 1 + atomic_load(&ex.threads);
}

/*
 * The last thread of a program ends the process as it ends, but not where we are
 * there still. Then we are the last, and end once all is sent. Too early costs a
 * start of another thread, and nothing else: libc's own count is what decides.
 */
static void look_around(void)
{
	if (!atomic_load(&ex.yields) || atomic_load(&ex.alone_until_ms) || !atr_exporter_is_alone())
		return;
	atomic_store(&ex.alone_until_ms, atr_now_ms() + ex.exit_flush_ms);
	stop_at(atomic_load(&ex.alone_until_ms));
}

static int poll_and_look(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	look_around();
	return ex.io->poll(fds, nr, timeout_ms);
}

/* No longer than until then; 0 is no time. */
static uint64_t until(uint64_t at, uint64_t ms)
{
	uint64_t now = at ? atr_now_ms() : 0;

	if (!at || at - now > UINT64_MAX / 2)
		return at ? 0 : ms;
	return at - now < ms ? at - now : ms;
}

/* What else than spans waits for a time of its own. */
static bool others_wait(void)
{
	return atomic_load(&ex.alarm_ms) || atomic_load(&ex.metrics_wait) || ex.logs_at_ms;
}

static uint64_t until_others(uint64_t ms)
{
	if (atomic_load(&ex.metrics_wait))
		ms = until(ex.metrics_at_ms, ms);
	return until(ex.logs_at_ms, ms);
}

/* Until the bell rings or the time is over; less where there is something to look for. */
static void nap(uint32_t bell, uint64_t ms)
{
	ms = until(atomic_load(&ex.alarm_ms), ms);
	wait_ms(&ex.bell, bell, atomic_load(&ex.yields) && ms > LOOK_MS ? LOOK_MS : ms);
	look_around();
}

/* Spans go through it also where nothing but metrics or log records are exported: they start the thread. */
static bool has_ring(void)
{
	if (ex.ring)
		return true;
	atr_options_read_queue(&ex.options);
	ex.batch_size = ex.options.max_export_batch_size;
	measure_tls();
	ex.ring = atr_ring_create(ex.options.max_queue_size, ATR_SPAN_MAX);
	return ex.ring != NULL;
}

bool atr_exporter_setup(const struct atr_io *io, const struct atr_process *process)
{
	ex.io = io;
	ex.process = process;
	ex.pid = atr_kernel_pid();
	ex.exit_flush_ms = atr_env_ms("AUTOTRACE_EXIT_FLUSH_MS", 500);
	if (atr_options_export_metrics()) {
		if (has_ring())
			atr_metrics_setup();
		return ex.ring != NULL;
	}
	return atr_options_say_none() || has_ring();
}

void atr_exporter_exports_logs(void)
{
	if (!has_ring())
		return;
	atr_options_read_log_queue(&ex.options);
	ex.logs = atr_ring_create(ex.options.log_queue_size, sizeof(struct atr_log_record));
}

uint32_t atr_exporter_exit_flush_ms(void)
{
	return ex.exit_flush_ms;
}

/* Whether it was due; what it has to tell is then sent at once. */
static void see_alarm(void)
{
	uint64_t at = atomic_load(&ex.alarm_ms);

	if (!at || atr_now_ms() < at || !atomic_compare_exchange_strong(&ex.alarm_ms, &at, 0))
		return;
	atomic_load (&ex.on_alarm)();
	atomic_store(&ex.urged, true);
}

/* Whether a flush was under way at any time since then. */
static bool stopping_since(uint64_t began_ms)
{
	return atomic_load(&ex.stop_ms) > began_ms;
}

/* How long the process stood still in it. */
static uint64_t wait_for_retry(uint64_t began_ms, uint64_t until_ms)
{
	uint64_t now;
	uint32_t bell = atomic_load(&ex.bell);

	atomic_store(&ex.backs_off, true);
	if (atomic_load(&ex.urged))
		ring_bell(&ex.done);
	while (!stopping_since(began_ms) && (now = atr_now_ms()) < until_ms) {
		see_alarm();
		nap(bell, until_ms - now);
		bell = atomic_load(&ex.bell);
	}
	atomic_store(&ex.backs_off, false);
	return atr_stood_still_ms(until_ms);
}

/* What is in the buffer, packed where that is asked for and can be. */
static struct atr_post request_of(const struct atr_exporter_options *to, const char *content_type)
{
	struct atr_post plain = { content_type, { ex.buf.at, ex.buf.len }, false };
	const struct atr_heavy *heavy = to->is_gzip ? atr_heavy_load(ex.io, "gzip") : NULL;
	size_t room = atr_gzip_room(ex.buf.len), len;
	char *at;

	if (!heavy)
		return plain;
	atr_buf_clear(&ex.packed);
	at = atr_buf_room(&ex.packed, room);
	len = at ? heavy->gzip(plain.body, at, room) : 0;
	if (!len)
		return plain;
	return (struct atr_post){ content_type, { at, len }, true };
}

/* Once, by the protocol that is asked for. */
static enum atr_outcome post_once(const struct atr_exporter_options *to, struct atr_link *link,
				  const struct atr_post *request, uint64_t deadline_ms,
				  struct atr_answer *answer)
{
	return (to->is_grpc ? atr_grpc_post : atr_http_post)(&ex.sending, to, link, request,
							     deadline_ms, &ex.stop_ms, answer);
}

/* Sends one encoded batch, with the retries that the protocol allows, within a limit (0: none). */
static enum atr_outcome post(const struct atr_exporter_options *to, struct atr_link *link,
			     const char *content_type, uint32_t limit_ms)
{
	struct atr_post request = request_of(to, content_type);
	uint32_t delay_ms = atr_exporter_retry_first_ms;
	uint64_t limit = limit_ms ? limit_ms : UINT32_MAX;
	uint64_t began_ms = atr_now_ms(), end_ms = began_ms + limit;
	enum atr_outcome outcome;

	for (;;) {
		uint64_t now = atr_now_ms(), deadline = end_ms, wait;

		if (to->timeout_ms && now + to->timeout_ms < deadline)
			deadline = now + to->timeout_ms;
		outcome = post_once(to, link, &request, deadline, &ex.answer);
		now = atr_now_ms();
		end_ms += ex.answer.stood_still_ms;
		if (outcome == ATR_SENT || outcome == ATR_REFUSED || outcome == ATR_OUT_OF_TIME ||
		    outcome == ATR_NO_WAY || stopping_since(began_ms))
			return outcome;
		/* jitter: between a half and the whole */
		wait = delay_ms / 2 + now * 2654435761u % (delay_ms / 2 + 1);
		if (ex.answer.retry_after_ms)
			wait = ex.answer.retry_after_ms;
		if (now + wait >= end_ms)
			return outcome;
		atr_count(ATR_COUNT_EXPORTS_RETRIED);
		end_ms += wait_for_retry(began_ms, now + wait);
		delay_ms = delay_ms * 3 / 2 < RETRY_MOST_MS ? delay_ms * 3 / 2 : RETRY_MOST_MS;
	}
}

/* What became of a batch: all of it is in one counter, but for what a backend took of it. */
struct fate {
	enum atr_count lost; /* where what is not accepted goes */
	size_t accepted;
	bool was_sent; /* to somebody who took the request, if not all that was in it */
};

static size_t accepted_of(size_t n, const struct atr_encoder *encoder, const char *things)
{
	uint64_t rejected = 0;
	struct atr_str message = { 0 };

	if (ex.answer.body_len)
		encoder->response((struct atr_str){ ex.answer.body, ex.answer.body_len }, &rejected,
				  &message);
	if (rejected > n)
		rejected = n;
	/* once: one that rejects some of each batch has the same to say each time */
	if (message.len && !ex.told_rejection++)
		atr_log("the backend said: %.*s (%llu %s rejected)",
			(int)(message.len < 500 ? message.len : 500), message.at,
			(unsigned long long)rejected, things);
	return n - (size_t)rejected;
}

static const struct atr_encoder *const encoders[] = {
	[ATR_ENCODING_OTLP_PROTOBUF] = &atr_encoder_otlp_pb,
	[ATR_ENCODING_OTLP_JSON] = &atr_encoder_otlp_json,
	[ATR_ENCODING_ZIPKIN] = &atr_encoder_zipkin,
	[ATR_ENCODING_XRAY] = &atr_encoder_xray,
	[ATR_ENCODING_OTLP_XRAY] = &atr_encoder_otlp_xray,
};

static struct fate export_some(unsigned i, const struct atr_span *const *spans, size_t n)
{
	const struct atr_exporter_options *to = &ex.options.exporter[i];
	const struct atr_encoder *encoder = encoders[to->encoding];
	struct atr_batch batch = { spans, n, ex.resource, ex.nr_resource, &ex.options };
	enum atr_outcome outcome;

	atr_buf_clear(&ex.buf);
	ex.answer.body_len = 0;
	ex.answer.status = ex.answer.grpc_status = 0;
	if (!encoder->encode(&batch, &ex.buf))
		return (struct fate){ ATR_COUNT_LOST_NO_MEMORY, 0, false };
	if (ex.buf.len > atr_exporter_request_max)
		return (struct fate){ ATR_COUNT_LOST_TOO_LARGE, 0, false };
	if (to->way == ATR_WAY_HTTP) {
		outcome = post(to, &links[i], encoder->content_type, ex.options.export_timeout_ms);
	} else if (to->way == ATR_WAY_UDP) {
		outcome = atr_udp_send(ex.io, to, &links[i],
				       (struct atr_str){ ex.buf.at, ex.buf.len });
	} else {
		atr_buf_put(&ex.buf, "\n", 1);
		outcome = atr_file_append(ex.io, to, (struct atr_str){ ex.buf.at, ex.buf.len });
	}
	switch (outcome) {
	case ATR_SENT:
		return (struct fate){ ATR_COUNT_LOST_REJECTED, accepted_of(n, encoder, "spans"),
				      true };
	case ATR_REFUSED:
		return (struct fate){ ATR_COUNT_LOST_REJECTED, 0, false };
	case ATR_OUT_OF_TIME:
		atomic_store(&ex.in_vain, true);
		return (struct fate){ ATR_COUNT_LOST_AT_EXIT, 0, false };
	default:
		return (struct fate){ ATR_COUNT_LOST_UNREACHABLE, 0, false };
	}
}

/* The same, measured where metrics are exported. */
static struct fate export_measured(unsigned i, const struct atr_span *const *spans, size_t n)
{
	uint64_t began_ns = atr_metrics_are_on ? atr_kernel_ns(CLOCK_MONOTONIC) : 0;
	struct fate fate = export_some(i, spans, n);
	struct atr_operation operation = { .exporter = i,
					   .spans = n,
					   .accepted = fate.accepted,
					   .lost = fate.lost,
					   .was_sent = fate.was_sent,
					   .status = ex.answer.status,
					   .grpc_status = ex.answer.grpc_status };

	if (!atr_metrics_are_on)
		return fate;
	if (fate.lost != ATR_COUNT_LOST_NO_MEMORY && fate.lost != ATR_COUNT_LOST_TOO_LARGE)
		operation.duration_ns = atr_kernel_ns(CLOCK_MONOTONIC) - began_ns;
	atr_metrics_exported(&operation);
	atomic_store(&ex.metrics_wait, true);
	return fate;
}

/* In as many requests as it takes; what is lost is told by the last cause. */
static struct fate export_to(unsigned i, size_t n)
{
	size_t most = encoders[ex.options.exporter[i].encoding]->spans_max;
	struct fate all = { ATR_COUNT_LOST_REJECTED, 0, true };

	if (!most)
		return export_measured(i, ex.spans, n);
	for (size_t at = 0; at < n; at += most) {
		size_t here = n - at < most ? n - at : most;
		struct fate fate = export_measured(i, ex.spans + at, here);

		all.accepted += fate.accepted;
		if (fate.accepted < here)
			all.lost = fate.lost;
	}
	return all;
}

static void say_first_failure(enum atr_count why)
{
	if (atr_count_read(ATR_COUNT_EXPORTS_FAILED))
		return;
	if (ex.options.exporter[0].is_grpc)
		atr_log("an export failed (%s, gRPC status %d); losses are counted",
			atr_count_name(why), ex.answer.grpc_status);
	else
		atr_log("an export failed (%s, HTTP status %d); losses are counted",
			atr_count_name(why), ex.answer.status);
}

/* The thread. False: the books are closed, and what it has is counted already. */
static bool take_books(void)
{
	int open = BOOKS_OPEN;

	return atomic_compare_exchange_strong(&ex.books, &open, BOOKS_HELD);
}

static void give_books(void)
{
	int held = BOOKS_HELD;

	atomic_compare_exchange_strong(&ex.books, &held, BOOKS_OPEN);
}

/* Counts the peeked spans by what became of them, and frees their slots, in one. */
static void settle(struct fate fate, size_t n)
{
	uint64_t strings_cut = 0;

	for (size_t i = 0; i < n; i++)
		strings_cut += ex.spans[i]->cut_strings;
	if (!take_books())
		return;
	atr_count_add(ATR_COUNT_STRINGS_CUT, strings_cut);
	atr_count_add(ATR_COUNT_SPANS_SENT, fate.accepted);
	atr_count_add(fate.lost, n - fate.accepted);
	for (size_t i = 0; i < n; i++)
		atr_ring_release(ex.ring);
	give_books();
}

/* A writer takes microseconds; one that was jumped out of never comes. */
#define WRITER_FULL_MS 50 /* while the ring fills up behind it */
#define WRITER_AT_END_MS 20

static uint32_t patience_ms(const struct atr_ring *ring, uint32_t size)
{
	if (stopping())
		return WRITER_AT_END_MS;
	return atr_ring_count(ring) > size / 2 ? WRITER_FULL_MS : atr_exporter_writer_ms;
}

/* Of a ring in which something was claimed, and nothing can be read. */
static void wait_for_writer(struct atr_ring *ring, uint32_t size, struct stuck *stuck,
			    enum atr_count lost)
{
	uint64_t at = atr_ring_next(ring), now = atr_now_ms();

	if (!atr_ring_count(ring))
		return;
	if (!stuck->since_ms || stuck->at != at) {
		stuck->at = at;
		stuck->since_ms = now;
	} else if (now - stuck->since_ms >= patience_ms(ring, size) && take_books()) {
		if (atr_ring_bury(ring))
			atr_count(lost);
		stuck->since_ms = 0;
		give_books();
		return;
	}
	atr_kernel_sleep(1000000);
}

/*
 * The copies that are added to lie one behind the other in a room of their own; a batch
 * ends where that is full.
 */
#define LONG_RECORD (2 * ATR_SPAN_ADDED_MAX + ATR_SPAN_MAX)
#define COPIES_LEN (1024 * 1024)

static void start_additions(void)
{
	for (unsigned i = 0; i < ex.nr_additions; i++)
		if (ex.additions[i]->start)
			ex.additions[i]->start(ex.io);
}

static void begin_additions(void)
{
	for (unsigned i = 0; i < ex.nr_additions; i++)
		if (ex.additions[i]->batch)
			ex.additions[i]->batch();
	atr_buf_clear(&ex.copies);
	if (ex.nr_additions)
		atr_buf_room(&ex.copies, COPIES_LEN);
}

static bool has_room_to_add(void)
{
	return !ex.nr_additions || ex.copies.failed || ex.copies.len + LONG_RECORD <= COPIES_LEN;
}

/* The record, or the copy that more was added to. */
static const struct atr_span *added_to(const struct atr_span *span)
{
	struct atr_span *copy;

	if (!ex.nr_additions || ex.copies.failed)
		return span;
	copy = (struct atr_span *)(ex.copies.at + ex.copies.len);
	memcpy(copy, span, span->len);
	for (unsigned i = 0; i < ex.nr_additions; i++)
		if (ex.additions[i]->add)
			ex.additions[i]->add(copy, LONG_RECORD);
	ex.copies.len += copy->len;
	return copy;
}

/* When the next is due at the latest. */
static uint64_t export_batch(void)
{
	/* of several exporters the first one's account is the one that is kept */
	struct fate fate = { ATR_COUNT_SPANS_DISCARDED, 0, false }, other;
	size_t n = 0;

	begin_additions();
	while (n < ex.batch_size && has_room_to_add()) {
		const struct atr_span *span = atr_ring_peek(ex.ring);

		if (!span)
			break;
		ex.spans[n++] = added_to(span);
	}
	if (!n) {
		wait_for_writer(ex.ring, ex.options.max_queue_size, &ex.stuck,
				ATR_COUNT_LOST_ABANDONED);
		return atr_now_ms() + ex.options.schedule_delay_ms;
	}
	for (unsigned i = 0; i < ex.options.nr_exporters; i++) {
		other = export_to(i, n);
		if (i)
			continue;
		fate = other;
		if (fate.accepted) {
			atomic_store(&ex.in_vain, false);
			atr_count(ATR_COUNT_EXPORTS_OK);
		} else {
			say_first_failure(fate.lost);
			atr_count(ATR_COUNT_EXPORTS_FAILED);
		}
	}
	if (!ex.options.nr_exporters && atr_metrics_are_on)
		atomic_store(&ex.metrics_wait, true);
	settle(fate, n);
	ex.is_under_load = n == ex.batch_size;
	return atr_now_ms() + (has_room_to_add() ? ex.options.schedule_delay_ms : 0);
}

/* ---- metrics and log records -------------------------------------------------------------------- */

static const struct atr_encoder *encoder_of(const struct atr_exporter_options *to)
{
	return encoders[to->encoding];
}

/* Once: what is told are sums, so that the next time makes up for it. */
static bool send_metrics(void)
{
	const struct atr_exporter_options *to = &ex.options.metrics;
	struct atr_measured measured = { &ex.options, ex.resource, ex.nr_resource,
					 atr_ring_count(ex.ring), atr_ring_lost(ex.ring) };
	struct atr_post request;
	uint64_t limit_ms = ex.options.metric_timeout_ms;
	enum atr_outcome outcome;

	atr_buf_clear(&ex.buf);
	if (!atr_metrics_encode(&measured, &ex.buf))
		return false;
	if (!limit_ms || (to->timeout_ms && to->timeout_ms < limit_ms))
		limit_ms = to->timeout_ms;
	request = request_of(to, encoder_of(to)->content_type);
	outcome = post_once(to, &links[LINK_METRICS], &request,
			    atr_now_ms() + (limit_ms ? limit_ms : UINT32_MAX), &ex.answer);
	if (outcome == ATR_SENT)
		atr_metrics_told(&ex.options);
	return outcome == ATR_SENT;
}

/* Behind the spans: at the interval, and when all else is sent at the end. */
static void see_metrics(void)
{
	uint64_t now = atr_now_ms();
	bool is_last = (stopping() || atomic_load(&ex.yields)) && !atr_ring_count(ex.ring) &&
		       !ex.logs_at_ms;

	if (!atomic_load(&ex.metrics_wait) || (now < ex.metrics_at_ms && !is_last))
		return;
	atr_count(send_metrics() ? ATR_COUNT_METRICS_SENT : ATR_COUNT_METRICS_FAILED);
	ex.metrics_at_ms = now + ex.options.metric_interval_ms;
	atomic_store(&ex.metrics_wait, false);
}

static struct fate send_logs(const struct atr_log_record *const *records, size_t n)
{
	const struct atr_exporter_options *to = &ex.options.logs;
	const struct atr_encoder *encoder = encoder_of(to);

	atr_buf_clear(&ex.buf);
	ex.answer.body_len = 0;
	if (!atr_log_records_encode(records, n, ex.resource, ex.nr_resource,
				    to->encoding == ATR_ENCODING_OTLP_JSON, &ex.buf))
		return (struct fate){ ATR_COUNT_LOGS_LOST_NO_MEMORY, 0, false };
	switch (post(to, &links[LINK_LOGS], encoder->content_type, ex.options.log_timeout_ms)) {
	case ATR_SENT:
		return (struct fate){ ATR_COUNT_LOGS_LOST_REJECTED,
				      accepted_of(n, encoder, "log records"), true };
	case ATR_REFUSED:
		return (struct fate){ ATR_COUNT_LOGS_LOST_REJECTED, 0, false };
	case ATR_OUT_OF_TIME:
		atomic_store(&ex.in_vain, true);
		return (struct fate){ ATR_COUNT_LOGS_LOST_AT_EXIT, 0, false };
	default:
		return (struct fate){ ATR_COUNT_LOGS_LOST_UNREACHABLE, 0, false };
	}
}

static void export_logs(void)
{
	static const struct atr_log_record *records[ATR_BATCH_MAX];
	struct fate fate;
	size_t n = 0;

	while (n < ex.options.log_batch_size && (records[n] = atr_ring_peek(ex.logs)))
		n++;
	if (!n) {
		wait_for_writer(ex.logs, ex.options.log_queue_size, &ex.stuck_log,
				ATR_COUNT_LOGS_LOST_ABANDONED);
		return;
	}
	fate = send_logs(records, n);
	if (!take_books())
		return;
	atr_count_add(ATR_COUNT_LOGS_SENT, fate.accepted);
	atr_count_add(fate.lost, n - fate.accepted);
	for (size_t i = 0; i < n; i++)
		atr_ring_release(ex.logs);
	give_books();
}

/* Since they were looked at. */
static bool has_new_logs(void)
{
	return ex.logs && !ex.logs_at_ms && atr_ring_count(ex.logs);
}

/* From here on the next one rings; what came before that is seen by has_new_logs. */
static void forget_logs(void)
{
	ex.logs_at_ms = 0;
	atomic_store(&ex.knows_logs, false);
}

static void see_logs(void)
{
	uint32_t count = ex.logs ? atr_ring_count(ex.logs) : 0;
	uint64_t now;

	if (!count) {
		forget_logs();
		return;
	}
	now = atr_now_ms();
	if (!ex.logs_at_ms)
		ex.logs_at_ms = now + ex.options.log_delay_ms;
	atomic_store(&ex.knows_logs, true);
	if (count < ex.options.log_batch_size && now < ex.logs_at_ms && !stopping() &&
	    !atomic_load(&ex.urged))
		return;
	export_logs();
	if (!atr_ring_count(ex.logs)) {
		forget_logs();
		if (!atr_ring_is_trimmed(ex.logs) && take_books()) {
			atr_ring_trim(ex.logs);
			give_books();
		}
	}
}

/* Not while a flush waits: while pages are given back, the ring does not look empty. */
static void trim(void)
{
	if (stopping() || atomic_load(&ex.urged) || !take_books())
		return;
	atr_ring_trim(ex.ring);
	give_books();
}

/*
 * The ring is empty. Under load its pages stay for a batch's delay: the next spans are to find
 * them. After that, or at once where the last batch was not full, they are given back, and only
 * a span ends the sleep.
 */
static void rest(void)
{
	uint32_t bell = atomic_load(&ex.bell);
	bool was_urged = atomic_exchange(&ex.urged, false);
	bool is_trimmed;

	if (stopping() || was_urged)
		ring_bell(&ex.done);
	else if (!ex.is_under_load)
		trim();
	is_trimmed = atr_ring_is_trimmed(ex.ring);
	atomic_store(&ex.idle, 1);
	atomic_thread_fence(memory_order_seq_cst); /* see offer; and in those below */
	if (atr_ring_count(ex.ring) || has_new_logs())
		/* it may be what came meanwhile that was urged */
		atomic_store(&ex.urged, was_urged || atomic_load(&ex.urged));
	else if (others_wait() || (!is_trimmed && !atomic_load(&ex.yields)))
		nap(bell, until_others(is_trimmed ? UINT32_MAX : ex.options.schedule_delay_ms));
	else if (!atomic_load(&ex.yields))
		futex_wait(&ex.bell, bell, NULL);
	if (!is_trimmed && atomic_exchange(&ex.idle, 0) && atomic_load(&ex.bell) == bell)
		trim();
	atomic_store(&ex.idle, 0);
}

/* Sleeps until there is something to do, and says whether a batch is due. */
static bool batch_is_due(uint64_t *due_ms)
{
	uint32_t bell = atomic_load(&ex.bell);
	uint32_t count = atr_ring_count(ex.ring);
	uint64_t now;

	if (!count) {
		rest();
		*due_ms = atr_now_ms() + ex.options.schedule_delay_ms;
		return false;
	}
	now = atr_now_ms();
	if (count >= ex.batch_size || stopping() || atomic_load(&ex.urged) || now >= *due_ms)
		return true;
	atomic_store(&ex.waiting, 1);
	atomic_thread_fence(memory_order_seq_cst);
	if (atr_ring_count(ex.ring) < ex.batch_size && !stopping() && !atomic_load(&ex.urged) &&
	    !has_new_logs())
		nap(bell, until_others(*due_ms - now));
	atomic_store(&ex.waiting, 0);
	return false;
}

static bool is_out_of_time(void)
{
	uint64_t until = atomic_load(&ex.alone_until_ms);

	return until && atr_now_ms() >= until;
}

/* What is in flight is released afterwards. */
static bool is_sent(void)
{
	return !atr_ring_count(ex.ring) && !(ex.logs && atr_ring_count(ex.logs));
}

/* Metrics are for the end, and for their interval: not for who is urged. */
static bool is_settled(void)
{
	return is_sent() && !atomic_load(&ex.metrics_wait);
}

/*
 * Told to yield, and nothing left to send; or told to leave. Whoever offers a span from here on
 * finds that there is no thread, and makes one; for a span that came before
 * that, and was not seen, this one stays. One from before leaves all to the one
 * that takes over.
 */
static bool is_to_end(void)
{
	bool leaves_all = atomic_load(&ex.is_early);
	int none = NOT_STARTED;

	if (!atomic_load(&ex.yields) && !atomic_load(&ex.leaves))
		return false;
	if (!leaves_all && is_out_of_time()) {
		leaves_all = true;
		atomic_store(&ex.in_vain, true);
	}
	if (!leaves_all && !is_settled())
		return false;
	for (int i = 0; i < NR_LINKS; i++)
		atr_link_close(ex.io, &links[i]);
	atomic_store(&ex.alone_until_ms, 0);
	atomic_store(&ex.state, NOT_STARTED);
	atomic_thread_fence(memory_order_seq_cst);
	return leaves_all || is_settled() ||
	       !atomic_compare_exchange_strong(&ex.state, &none, RUNNING);
}

static void publish(void)
{
	if (!atomic_load(&ex.publishes_nothing))
		atr_published_make(ex.resource, ex.nr_resource, ex.publishes_threads,
				   atomic_load(&ex.is_apart) ? ex.io : NULL);
}

/* Now, and not when the process ends: musl loads nothing then. */
static void load_heavy_for(const struct atr_exporter_options *e)
{
	if (e->is_tls || e->is_gzip || e->is_grpc)
		atr_heavy_load(ex.io, e->is_grpc ? "gRPC" : e->is_tls ? "TLS" : "gzip");
}

static void load_heavy(void)
{
	for (unsigned i = 0; i < ex.options.nr_exporters; i++)
		load_heavy_for(&ex.options.exporter[i]);
	if (atr_metrics_are_on)
		load_heavy_for(&ex.options.metrics);
	if (ex.logs)
		load_heavy_for(&ex.options.logs);
}

/* A thread has the scheduling of who makes it: what is sent is not to keep others from what is due. */
static void leave_real_time(void)
{
	const struct sched_param none = { 0 };
	long policy;

	if (atomic_load(&ex.keeps_policy))
		return;
	policy = syscall(SYS_sched_getscheduler, 0) & ~SCHED_RESET_ON_FORK;
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none);
}

static void export_all(void)
{
	bool is_early = atomic_load(&ex.is_early);
	uint64_t due_ms;

	if (is_early)
		atomic_store(&ex.early_tid, (pid_t)syscall(SYS_gettid));
	atomic_store(&ex.is_apart, is_early && ex.part && ex.part());
	atomic_store(&ex.state, RUNNING);
	prctl(PR_SET_NAME, "autotrace", 0, 0, 0);
	leave_real_time();
	if (!ex.has_options) {
		atr_options_read(&ex.options);
		atr_options_read_others(&ex.options, atr_metrics_are_on, ex.logs);
		ex.metrics_at_ms = atr_now_ms() + ex.options.metric_interval_ms;
		ex.nr_resource = atr_resource_read(ex.process, ex.io, ex.resource);
		ex.sending = *ex.io;
		ex.sending.poll = poll_and_look;
		ex.has_options = true;
		publish();
		load_heavy();
		start_additions();
	}
	due_ms = atr_now_ms() + ex.options.schedule_delay_ms;
	while (atomic_load(&ex.books) != BOOKS_CLOSED && !is_to_end()) {
		see_alarm();
		see_logs();
		see_metrics();
		if (!batch_is_due(&due_ms))
			continue;
		due_ms = export_batch();
	}
	while (atomic_load(&ex.books) == BOOKS_CLOSED) /* the process is ending */
		pause();
}

/*
 * The last thread of a process runs what the program has to be run at exit. That
 * is not for one with a small stack, or with other descriptors.
 */
static void outlive_the_early_one(void)
{
	pid_t tid = atomic_load(&ex.early_tid);

	while (tid && tid != (pid_t)syscall(SYS_gettid) && syscall(SYS_tgkill, ex.pid, tid, 0) == 0)
		atr_kernel_sleep(1000000);
}

static void *end(const sigset_t *mask)
{
	outlive_the_early_one();
	atr_kernel_take_signals();
	sigprocmask(SIG_SETMASK, mask, NULL);
	atomic_fetch_sub(&ex.threads, 1);
	return NULL;
}

static void *run(void *unused)
{
	sigset_t mask = ex.mask;

	(void)unused;
	export_all();
	return end(&mask);
}

/* Made by the thread of main's that ends, and has its descriptors. */
static void *take_over(void *unused)
{
	sigset_t mask = ex.mask;
	int none = NOT_STARTED;

	(void)unused;
	while (atomic_load(&ex.state) == STARTING)
		atr_kernel_sleep(1000000);
	outlive_the_early_one();
	if (!is_settled() && atomic_compare_exchange_strong(&ex.state, &none, STARTING)) {
		atomic_store(&ex.is_early, false);
		export_all();
	}
	return end(&mask);
}

static int create_detached(void *(*thread)(void *), size_t stack_len)
{
	pthread_attr_t attributes;
	pthread_t made;
	int error = pthread_attr_init(&attributes);

	if (error)
		return error;
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	if (stack_len)
		error = pthread_attr_setstacksize(&attributes, stack_len);
	if (!error)
		error = ex.io->thread_create(&made, &attributes, thread, NULL);
	pthread_attr_destroy(&attributes);
	return error;
}

static void block_signals(sigset_t *before)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, before);
}

/*
 * With every signal blocked; before that they were as in `mask`. Fails with the small stack where the program gave it
 * another shape: then with the usual one.
 */
static int create_thread(void *(*thread)(void *), bool has_small_stack, const sigset_t *mask)
{
	int error = EINVAL;

	ex.mask = *mask;
	atomic_fetch_add(&ex.threads, 1);
	if (has_small_stack && pthread_attr_setstacksize)
		error = create_detached(thread, small_stack());
	if (error)
		error = create_detached(thread, 0);
	if (error)
		atomic_fetch_sub(&ex.threads, 1);
	return error;
}

static void fail_to_start(int error)
{
	if (!atomic_exchange(&ex.start_again_ms, atr_now_ms() + START_AGAIN_MS))
		atr_log("no thread could be started (error %d), which is tried again: spans may be "
			"lost",
			error);
	atomic_store(&ex.lost_before, atr_ring_lost(ex.ring));
	atomic_store(&ex.state, NO_THREAD);
	ring_bell(&ex.done);
}

/* Spans that were lost by a full ring because nobody was there to empty it. */
static uint64_t lost_without_thread(uint64_t lost)
{
	uint64_t meanwhile = atomic_load(&ex.lost_meanwhile);
	uint64_t before = atomic_load(&ex.lost_before);

	if (atomic_load(&ex.state) == NO_THREAD && lost > before)
		meanwhile += lost - before;
	return meanwhile < lost ? meanwhile : lost;
}

static void start_blocked(const sigset_t *mask)
{
	uint64_t meanwhile = lost_without_thread(atr_ring_lost(ex.ring));
	int before = atomic_load(&ex.state), error;

	if ((before != NOT_STARTED && before != NO_THREAD) ||
	    !atomic_compare_exchange_strong(&ex.state, &before, STARTING))
		return;
	if (before == NO_THREAD)
		atomic_store(&ex.lost_meanwhile, meanwhile);
	/* after `state`, as atr_exporter_yield has it the other way round */
	atomic_store(&ex.is_early, !atomic_load(&ex.yields));
	error = create_thread(run, atomic_load(&ex.is_early), mask);
	if (error)
		fail_to_start(error); /* else the state is the thread's to tell, from here on */
}

/*
 * One thread makes it; the others' spans wait in the ring. Blocked from the first
 * step on: a handler that jumped out of it would leave it being started for good.
 */
static void start(void)
{
	sigset_t mask;

	block_signals(&mask);
	start_blocked(&mask);
	sigprocmask(SIG_SETMASK, &mask, NULL);
}

static bool is_to_start(void)
{
	int state = atomic_load(&ex.state);

	return state == NOT_STARTED ||
	       (state == NO_THREAD && atr_now_ms() >= atomic_load(&ex.start_again_ms));
}

/*
 * What this thread is filling. A handler of the program's that interrupts it may jump
 * and never return: the slot is then the thread's next span's, or the reader would
 * wait for it. Between the claim and this note lie a few instructions: for those
 * there is wait_for_writer.
 */
static __thread struct {
	void *slot;
	uint64_t turn;
} filling;

static void *claim(struct atr_ring *ring, size_t len)
{
	void *left = filling.slot, *slot;

	filling.slot = NULL;
	if (__builtin_expect(left != NULL, 0) && atr_ring_turn(ring, left) == filling.turn) {
		atomic_fetch_add_explicit(&ex.displaced, 1, memory_order_relaxed);
		atr_count(ATR_COUNT_LOST_ABANDONED);
		slot = atr_ring_claim_anew(ring, left, len);
		if (!slot)
			filling.slot = left; /* as if this one had been left, too */
	} else {
		slot = atr_ring_claim(ring, len);
	}
	if (slot) {
		filling.turn = atr_ring_turn(ring, slot);
		/* a handler's jump must find them in this order */
		atomic_signal_fence(memory_order_seq_cst);
		filling.slot = slot;
		atomic_signal_fence(memory_order_seq_cst);
	}
	return slot;
}

void atr_exporter_expects(size_t len)
{
	if (ex.ring)
		atr_ring_approach(ex.ring, len);
}

static void offer(const struct atr_span *span)
{
	struct atr_ring *to = ex.ring;
	int saved = errno;
	void *slot;

	if (!to) {
		atomic_fetch_add_explicit(&ex.discarded, 1, memory_order_relaxed);
		return;
	}
	slot = claim(to, span->len);
	if (slot) {
		atr_span_copy(slot, span);
		atr_ring_publish(to, slot);
		filling.slot = NULL;
	} /* else the ring counts it */
	/*
	 * The thread counts what is in the ring once more after it has stored these, behind a fence.
	 * The claim came first, and is in the one order of all that is sequentially consistent, as
	 * these loads are: it sees the claim, or we see what it stored.
	 */
	if (__builtin_expect(atomic_load(&ex.state) != RUNNING, 0) && is_to_start())
		start();
	if (atomic_load(&ex.idle)) {
		if (atomic_exchange(&ex.idle, 0))
			ring_bell(&ex.bell);
	} else if (atomic_load(&ex.waiting) && atr_ring_count(to) >= ex.batch_size) {
		if (atomic_exchange(&ex.waiting, 0))
			ring_bell(&ex.bell);
	}
	errno = saved;
}

static const struct atr_span *(*filter)(const struct atr_span *, uint64_t[static ATR_SPAN_MAX / 8]);

void atr_exporter_filters_by(const struct atr_span *(*by)(const struct atr_span *,
							  uint64_t[static ATR_SPAN_MAX / 8]))
{
	filter = by;
}

/* Rare, and not to be on the stack of every span. */
__attribute__((noinline, cold)) static void offer_filtered(const struct atr_span *span)
{
	uint64_t room[ATR_SPAN_MAX / 8];

	offer(filter(span, room));
}

void atr_exporter_offer(const struct atr_span *span)
{
	if (__builtin_expect(!!filter, 0))
		offer_filtered(span);
	else
		offer(span);
}

static void wake(void)
{
	if (atomic_exchange(&ex.idle, 0) | atomic_exchange(&ex.waiting, 0))
		ring_bell(&ex.bell);
}

/*
 * Never the one that starts the thread: the span that the line belongs to will be. The thread
 * is woken for the first of a batch, from when its delay runs, and for a whole one.
 */
void atr_exporter_offer_log(const struct atr_log_record *head, struct atr_str before,
			    struct atr_str behind)
{
	int saved = errno;
	struct atr_log_record *slot;

	if (before.len + behind.len > ATR_LOG_LINE_MAX)
		return; /* none is */
	slot = atr_ring_claim(ex.logs,
			      offsetof(struct atr_log_record, line) + before.len + behind.len);
	if (!slot)
		return; /* the ring counts it */
	memcpy(slot, head, offsetof(struct atr_log_record, line));
	slot->len = (uint16_t)(before.len + behind.len);
	memcpy(slot->line, before.at, before.len);
	memcpy(slot->line + before.len, behind.at, behind.len);
	atr_ring_publish(ex.logs, slot);
	if (!atomic_load(&ex.knows_logs) || /* as in offer */
	    atr_ring_count(ex.logs) >= ex.options.log_batch_size)
		wake();
	errno = saved;
}

bool atr_exporter_takes_logs(void)
{
	return ex.logs;
}

void atr_exporter_flush(uint32_t timeout_ms)
{
	uint64_t until, now;

	if (!ex.ring || is_settled() || !timeout_ms || atomic_load(&ex.in_vain) ||
	    (atomic_load(&ex.state) == NO_THREAD && !is_to_start()))
		return;
	until = atr_now_ms() + timeout_ms;
	/* of flushes side by side the longest holds for the thread; each waits for its own */
	stop_at(until);
	if (is_to_start())
		start(); /* one has ended, and left some */
	ring_bell(&ex.bell);
	for (;;) {
		uint32_t done = atomic_load(&ex.done);

		now = atr_now_ms();
		if (is_settled() || now >= until || atomic_load(&ex.state) == NO_THREAD)
			break;
		wait_ms(&ex.done, done, until - now);
	}
	if (!is_settled())
		atomic_store(&ex.in_vain, true);
	else /* the process may go on, and then without hurry */
		atomic_compare_exchange_strong(&ex.stop_ms, &until, 0);
}

uint32_t atr_exporter_flush_left_ms(void)
{
	uint64_t stop = atomic_load(&ex.stop_ms), now = stop ? atr_now_ms() : 0;

	return stop > now ? (uint32_t)(stop - now) : 0;
}

bool atr_exporter_urge(uint32_t timeout_ms)
{
	uint64_t until = atr_now_ms() + timeout_ms, now;

	if (!ex.ring || is_sent())
		return true;
	atomic_store(&ex.urged, true);
	if (is_to_start())
		start();
	ring_bell(&ex.bell);
	for (;;) {
		uint32_t done = atomic_load(&ex.done);

		now = atr_now_ms();
		if (is_sent())
			return true;
		if (now >= until || atomic_load(&ex.backs_off) ||
		    atomic_load(&ex.state) == NO_THREAD)
			return false;
		wait_ms(&ex.done, done, until - now);
	}
}

void atr_exporter_alarm(uint64_t at_ms, void (*ring)(void))
{
	if (ring)
		atomic_store(&ex.on_alarm, ring);
	atomic_store(&ex.alarm_ms, at_ms);
	if (!at_ms || !ex.ring)
		return;
	/* the thread looks at it once more after it has stored one of these */
	atomic_thread_fence(memory_order_seq_cst);
	wake();
}

void atr_exporter_begin(void)
{
	int saved = errno;

	if (ex.ring && atomic_load_explicit(&ex.state, memory_order_relaxed) != RUNNING &&
	    is_to_start())
		start();
	errno = saved;
}

bool atr_exporter_ask(const struct atr_exporter_options *to, struct atr_str body,
		      uint32_t timeout_ms, struct atr_answer *answer)
{
	struct atr_link *link = &links[LINK_ASK];
	const struct atr_post request = { .content_type = "application/json", .body = body };
	enum atr_outcome outcome;

	answer->body_len = 0;
	outcome = post_once(to, link, &request, atr_now_ms() + timeout_ms, answer);
	atr_link_close(ex.io, link);
	return outcome == ATR_SENT;
}

void atr_exporter_yield(void)
{
	sigset_t mask;
	int state;

	if (!ex.ring || atomic_exchange(&ex.yields, true))
		return;
	state = atomic_load(&ex.state);
	if (state == STARTING || state == RUNNING) {
		block_signals(&mask);
		create_thread(take_over, false, &mask);
		sigprocmask(SIG_SETMASK, &mask, NULL);
	}
	ring_bell(&ex.bell);
}

void atr_exporter_leave(uint32_t timeout_ms, bool to_one)
{
	uint64_t until;
	pid_t tid;

	if (!ex.ring || ex.pid != atr_kernel_pid() || atomic_load(&ex.yields) ||
	    atomic_load(&ex.state) == NOT_STARTED || atomic_load(&ex.state) == NO_THREAD ||
	    (to_one && !atr_exporter_is_alone()))
		return;
	while (atomic_load(&ex.state) == STARTING)
		atr_kernel_sleep(100000);
	until = atr_now_ms() + timeout_ms;
	tid = atomic_load(&ex.early_tid);
	atr_exporter_flush(timeout_ms);
	atomic_store(&ex.leaves, true);
	stop_at(until); /* also where a flush does not wait any more */
	ring_bell(&ex.bell);
	/* the kernel counts it until it cannot be found any more */
	while (syscall(SYS_tgkill, ex.pid, tid, 0) == 0 && atr_now_ms() < until + LOOK_MS)
		atr_kernel_sleep(100000);
	atomic_store(&ex.leaves, false);
}

/* The counters that are the ring's own. */
static void tally_logs(struct atr_ring_sums sums)
{
	if (!(sums.claimed | sums.lost))
		return;
	atr_count_set(ATR_COUNT_LOGS_OFFERED, sums.claimed + sums.lost);
	atr_count_set(ATR_COUNT_LOGS_LOST_QUEUE_FULL, sums.lost);
	atr_count_add(ATR_COUNT_LOGS_LOST_AT_EXIT, sums.unread);
}

static void tally(struct atr_ring_sums sums)
{
	uint64_t discarded = atomic_load(&ex.discarded);
	uint64_t displaced = atomic_load(&ex.displaced);
	bool no_thread = atomic_load(&ex.state) == NO_THREAD;
	uint64_t without = lost_without_thread(sums.lost);

	if (!(sums.claimed | sums.lost | discarded | displaced))
		return; /* as most processes: no memory is touched */
	if (!ex.ring)
		/* else they are counted batch by batch */
		atr_count_set(ATR_COUNT_SPANS_DISCARDED, discarded);
	atr_count_set(ATR_COUNT_SPANS_ENDED, sums.claimed + sums.lost + discarded + displaced);
	atr_count_set(ATR_COUNT_LOST_NO_THREAD, without);
	atr_count_set(ATR_COUNT_LOST_QUEUE_FULL, sums.lost - without);
	atr_count_add(no_thread ? ATR_COUNT_LOST_NO_THREAD : ATR_COUNT_LOST_AT_EXIT, sums.unread);
}

void atr_exporter_tally(void)
{
	struct atr_ring_sums sums = { 0 };

	if (ex.ring && atomic_load(&ex.books) != BOOKS_CLOSED) {
		sums.claimed = atr_ring_claimed(ex.ring);
		sums.lost = atr_ring_lost(ex.ring);
	}
	if (atomic_load(&ex.books) != BOOKS_CLOSED)
		tally(sums);
}

/* The thread holds them for microseconds: but it may not have been given any. */
static bool close_books(void)
{
	for (int i = 0; i < 1000; i++) {
		int open = BOOKS_OPEN;

		if (atomic_compare_exchange_strong(&ex.books, &open, BOOKS_CLOSED))
			return true;
		if (open == BOOKS_CLOSED)
			return false;
		atr_kernel_sleep(100000);
	}
	return false;
}

void atr_exporter_count_lost(void)
{
	struct atr_ring_sums none = { 0 };
	int saved = errno;

	/* a child that shares our memory ends: the books are its parent's */
	if (ex.pid == atr_kernel_pid() && close_books()) {
		tally(ex.ring ? atr_ring_close(ex.ring) : none);
		tally_logs(ex.logs ? atr_ring_close(ex.logs) : none);
	}
	errno = saved;
}

void atr_exporter_forked(void)
{
	int saved = errno;

	ex.pid = atr_kernel_pid();
	if (ex.ring)
		atr_ring_reset(ex.ring);
	if (ex.logs)
		atr_ring_reset(ex.logs);
	if (atr_metrics_are_on)
		atr_metrics_setup();
	for (int i = 0; i < NR_LINKS; i++)
		atr_link_close(ex.io, &links[i]);
	atomic_store(&ex.state, NOT_STARTED);
	atomic_store(&ex.books, BOOKS_OPEN);
	atomic_store(&ex.idle, 0);
	atomic_store(&ex.waiting, 0);
	atomic_store(&ex.stop_ms, 0);
	atomic_store(&ex.in_vain, false);
	atomic_store(&ex.urged, false);
	atomic_store(&ex.metrics_wait, false);
	ex.logs_at_ms = 0;
	atomic_store(&ex.knows_logs, false);
	atomic_store(&ex.backs_off, false);
	atomic_store(&ex.alarm_ms, 0);
	atomic_store(&ex.discarded, 0);
	atomic_store(&ex.displaced, 0);
	filling.slot = NULL;
	atomic_store(&ex.yields, false);
	atomic_store(&ex.is_apart, false);
	atomic_store(&ex.early_tid, 0);
	atomic_store(&ex.threads, 0);
	atomic_store(&ex.start_again_ms, 0);
	atomic_store(&ex.lost_before, 0);
	atomic_store(&ex.lost_meanwhile, 0);
	atomic_store(&ex.alone_until_ms, 0);
	ex.has_options = false;
	atr_published_forked();
	errno = saved;
}

void atr_exporter_publishes(bool threads)
{
	ex.publishes_threads = threads;
}

void atr_exporter_publishes_nothing(void)
{
	atomic_store(&ex.publishes_nothing, true);
}

void atr_exporter_keeps_policy(void)
{
	atomic_store(&ex.keeps_policy, true);
}

void atr_exporter_adds_by(const struct atr_addition *addition)
{
	if (ex.nr_additions < ATR_ADDITIONS_MAX)
		ex.additions[ex.nr_additions++] = addition;
}

void atr_exporter_parts_by(bool (*part)(void))
{
	ex.part = part;
}

bool atr_exporter_is_apart(void)
{
	return atomic_load(&ex.is_apart);
}

bool atr_exporter_owns(int fd)
{
	if (atomic_load_explicit(&ex.is_apart, memory_order_relaxed))
		return false;
	for (int i = 0; i < NR_LINKS; i++)
		if (links[i].fd == fd && fd >= 0)
			return true;
	return false;
}

void atr_exporter_lost(int fd)
{
	for (int i = 0; i < NR_LINKS; i++)
		if (links[i].fd == fd)
			links[i].fd = -1;
}
