/* SPDX-License-Identifier: Apache-2.0 */
#include "export/exporter.h"

#include "export/diag.h"
#include "export/encode/encode.h"
#include "export/env.h"
#include "export/options.h"
#include "export/ring.h"
#include "export/transport/transport.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH_MAX 4096
#define REQUEST_MAX (64u << 20)
#define RETRY_MOST_MS 30000

enum { NOT_STARTED, STARTING, RUNNING, NO_THREAD };

/*
 * The thread sleeps on `bell`: idle (the ring is empty; the next span rings), or
 * waiting (a batch's delay runs; a full batch rings). Who rings takes the flag
 * away first, so that one ring is one system call, whoever else comes.
 */
static struct {
	const struct atr_io *io;
	const struct atr_process *process;
	struct atr_ring *ring;
	_Atomic int state;
	_Atomic uint32_t bell, idle, waiting;
	uint32_t batch_size;
	_Atomic uint64_t stop_ms;      /* a flush is asked for, until then; 0: none */
	_Atomic uint32_t done;	       /* rung when a flush has nothing more to do */
	struct atr_options options;
	struct atr_resource_attr resource[ATR_RESOURCE_MAX];
	size_t nr_resource;
	struct atr_link link[ATR_EXPORTERS_MAX];
	struct atr_buf buf;
	struct atr_answer answer;
	const struct atr_span *spans[BATCH_MAX];
} ex = { .link = { { .fd = -1 }, { .fd = -1 }, { .fd = -1 }, { .fd = -1 } } };

uint32_t atr_exporter_retry_first_ms = 1000; /* a test's to shorten */

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

bool atr_exporter_setup(const struct atr_io *io, const struct atr_process *process)
{
	uint32_t slots = atr_env_uint("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1 << 20);

	ex.io = io;
	ex.process = process;
	ex.batch_size = atr_env_uint("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1 << 20);
	if (ex.batch_size > slots)
		ex.batch_size = slots;
	if (ex.batch_size > BATCH_MAX)
		ex.batch_size = BATCH_MAX;
	ex.ring = atr_ring_create(slots, ATR_SPAN_MAX);
	return ex.ring != NULL;
}

uint32_t atr_exporter_exit_flush_ms(void)
{
	return atr_env_ms("AUTOTRACE_EXIT_FLUSH_MS", 500);
}

static bool stopping(void)
{
	return atomic_load(&ex.stop_ms) != 0;
}

/* Sends one encoded batch, with the retries that the protocol allows. */
static enum atr_outcome send_batch(const struct atr_exporter_options *to, struct atr_link *link,
				   const struct atr_encoder *encoder)
{
	struct atr_str body = { ex.buf.at, ex.buf.len };
	uint32_t delay_ms = atr_exporter_retry_first_ms;
	uint64_t limit = ex.options.export_timeout_ms ? ex.options.export_timeout_ms : UINT32_MAX;
	uint64_t end_ms = atr_now_ms() + limit;
	enum atr_outcome outcome;

	if (to->way != ATR_WAY_HTTP) {
		atr_buf_put(&ex.buf, "\n", 1);
		return atr_file_append(ex.io, to, (struct atr_str){ ex.buf.at, ex.buf.len });
	}
	for (;;) {
		uint64_t now = atr_now_ms(), deadline = end_ms, wait;
		uint32_t bell;

		if (to->timeout_ms && now + to->timeout_ms < deadline)
			deadline = now + to->timeout_ms;
		outcome = atr_http_post(ex.io, to, link, encoder->content_type, body, deadline,
					&ex.stop_ms, &ex.answer);
		if (outcome == ATR_SENT || outcome == ATR_REFUSED || stopping())
			return outcome;
		/* jitter: between a half and the whole */
		wait = delay_ms / 2 + atr_now_ms() * 2654435761u % (delay_ms / 2 + 1);
		if (ex.answer.retry_after_ms)
			wait = ex.answer.retry_after_ms;
		if (atr_now_ms() + wait >= end_ms)
			return outcome;
		atr_count(ATR_COUNT_EXPORTS_RETRIED);
		bell = atomic_load(&ex.bell);
		for (uint64_t until = atr_now_ms() + wait; !stopping() && atr_now_ms() < until;
		     bell = atomic_load(&ex.bell))
			wait_ms(&ex.bell, bell, until - atr_now_ms());
		delay_ms = delay_ms * 3 / 2 < RETRY_MOST_MS ? delay_ms * 3 / 2 : RETRY_MOST_MS;
	}
}

/* What became of n spans, by the first exporter: it is the one that is counted. */
static void account(enum atr_outcome outcome, size_t n, const struct atr_encoder *encoder)
{
	uint64_t rejected = 0;
	struct atr_str message = { 0 };

	if (outcome == ATR_SENT) {
		if (ex.answer.body_len)
			encoder->response((struct atr_str){ ex.answer.body, ex.answer.body_len },
					  &rejected, &message);
		if (rejected > n)
			rejected = n;
		if (message.len)
			atr_log("the backend said: %.*s (%llu spans rejected)", (int)message.len,
				message.at, (unsigned long long)rejected);
		atr_count(ATR_COUNT_EXPORTS_OK);
		atr_count_add(ATR_COUNT_SPANS_SENT, n - rejected);
		atr_count_add(ATR_COUNT_LOST_REJECTED, rejected);
		return;
	}
	if (!atr_count_read(ATR_COUNT_EXPORTS_FAILED))
		atr_log("an export failed (HTTP status %d); losses are counted", ex.answer.status);
	atr_count(ATR_COUNT_EXPORTS_FAILED);
	atr_count_add(outcome == ATR_REFUSED ? ATR_COUNT_LOST_REJECTED : ATR_COUNT_LOST_UNREACHABLE,
		      n);
}

static void export_to(unsigned i, size_t n)
{
	const struct atr_exporter_options *to = &ex.options.exporter[i];
	const struct atr_encoder *encoder = to->encoding == ATR_ENCODING_OTLP_JSON ?
						    &atr_encoder_otlp_json :
						    &atr_encoder_otlp_pb;
	struct atr_batch batch = { ex.spans, n, ex.resource, ex.nr_resource, &ex.options };
	enum atr_outcome outcome = ATR_REFUSED;

	atr_buf_clear(&ex.buf);
	ex.answer.body_len = 0;
	ex.answer.status = 0;
	if (encoder->encode(&batch, &ex.buf) && ex.buf.len <= REQUEST_MAX)
		outcome = send_batch(to, &ex.link[i], encoder);
	if (i == 0)
		account(outcome, n, encoder);
}

static void export_batch(void)
{
	size_t n = 0;

	while (n < ex.batch_size) {
		const struct atr_span *span = atr_ring_peek(ex.ring);

		if (!span)
			break;
		ex.spans[n++] = span;
		atr_count_add(ATR_COUNT_STRINGS_CUT, span->cut_strings);
	}
	if (n)
		for (unsigned i = 0; i < ex.options.nr_exporters; i++)
			export_to(i, n);
	for (size_t i = 0; i < n; i++)
		atr_ring_release(ex.ring);
}

/* Sleeps until there is something to do, and says whether a batch is due. */
static bool batch_is_due(uint64_t *due_ms)
{
	uint32_t bell = atomic_load(&ex.bell);
	uint32_t count = atr_ring_count(ex.ring);
	uint64_t now;

	if (!count) {
		/* not both: while pages are given back, the ring does not look empty */
		if (stopping())
			ring_bell(&ex.done);
		else
			atr_ring_trim(ex.ring);
		atomic_store(&ex.idle, 1);
		if (!atr_ring_count(ex.ring))
			futex_wait(&ex.bell, bell, NULL);
		atomic_store(&ex.idle, 0);
		*due_ms = atr_now_ms() + ex.options.schedule_delay_ms;
		return false;
	}
	now = atr_now_ms();
	if (count >= ex.batch_size || stopping() || now >= *due_ms)
		return true;
	atomic_store(&ex.waiting, 1);
	if (atr_ring_count(ex.ring) < ex.batch_size && !stopping())
		wait_ms(&ex.bell, bell, *due_ms - now);
	atomic_store(&ex.waiting, 0);
	return false;
}

static void *run(void *unused)
{
	uint64_t due_ms;

	(void)unused;
	prctl(PR_SET_NAME, "autotrace", 0, 0, 0);
	atr_options_read(&ex.options);
	ex.nr_resource = atr_resource_read(ex.process, ex.io, ex.resource);
	due_ms = atr_now_ms() + ex.options.schedule_delay_ms;
	for (;;) {
		if (!batch_is_due(&due_ms))
			continue;
		export_batch();
		due_ms = atr_now_ms() + ex.options.schedule_delay_ms;
	}
	return NULL;
}

/* One thread makes it; the others' spans wait in the ring. */
static void start(void)
{
	int before = NOT_STARTED;
	sigset_t all, mask;
	pthread_t thread;

	if (!atomic_compare_exchange_strong(&ex.state, &before, STARTING))
		return;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &mask);
	before = ex.io->thread_create(&thread, NULL, run, NULL);
	sigprocmask(SIG_SETMASK, &mask, NULL);
	atomic_store(&ex.state, before == 0 ? RUNNING : NO_THREAD);
}

void atr_exporter_offer(const struct atr_span *span)
{
	int saved = errno;
	struct atr_ring *to = ex.ring;
	void *slot = atr_ring_claim(to);

	atr_count(ATR_COUNT_SPANS_ENDED);
	if (!slot) {
		atr_count(ATR_COUNT_LOST_QUEUE_FULL);
		goto out;
	}
	memcpy(slot, span, span->len);
	atr_ring_publish(to, slot);
	if (atomic_load_explicit(&ex.state, memory_order_relaxed) == NOT_STARTED)
		start();
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&ex.idle, memory_order_relaxed)) {
		if (atomic_exchange(&ex.idle, 0))
			ring_bell(&ex.bell);
	} else if (atomic_load_explicit(&ex.waiting, memory_order_relaxed) &&
		   atr_ring_count(to) >= ex.batch_size) {
		if (atomic_exchange(&ex.waiting, 0))
			ring_bell(&ex.bell);
	}
out:
	errno = saved;
}

static uint32_t unsettled(void)
{
	return atr_ring_count(ex.ring); /* what is in flight is released afterwards */
}

void atr_exporter_flush(uint32_t timeout_ms)
{
	uint64_t stop_ms = atr_now_ms() + timeout_ms, none = 0, now;
	uint32_t done;

	if (!ex.ring || !unsettled() || !timeout_ms || atomic_load(&ex.state) == NO_THREAD)
		return;
	/* another thread's flush goes on: its limit is as good as ours */
	atomic_compare_exchange_strong(&ex.stop_ms, &none, stop_ms);
	done = atomic_load(&ex.done);
	ring_bell(&ex.bell);
	while (unsettled() && (now = atr_now_ms()) < stop_ms) {
		wait_ms(&ex.done, done, stop_ms - now);
		done = atomic_load(&ex.done);
	}
	atomic_store(&ex.stop_ms, 0);
}

void atr_exporter_count_lost(void)
{
	if (ex.ring)
		atr_count_add(atomic_load(&ex.state) == NO_THREAD ? ATR_COUNT_LOST_NO_THREAD :
								    ATR_COUNT_LOST_AT_EXIT,
			      unsettled());
}

void atr_exporter_forked(void)
{
	int saved = errno;

	if (ex.ring)
		atr_ring_reset(ex.ring);
	for (int i = 0; i < ATR_EXPORTERS_MAX; i++)
		atr_link_close(ex.io, &ex.link[i]);
	atomic_store(&ex.state, NOT_STARTED);
	atomic_store(&ex.idle, 0);
	atomic_store(&ex.waiting, 0);
	atomic_store(&ex.stop_ms, 0);
	errno = saved;
}

bool atr_exporter_owns(int fd)
{
	for (int i = 0; i < ATR_EXPORTERS_MAX; i++)
		if (ex.link[i].fd == fd && fd >= 0)
			return true;
	return false;
}

void atr_exporter_lost(int fd)
{
	for (int i = 0; i < ATR_EXPORTERS_MAX; i++)
		if (ex.link[i].fd == fd)
			ex.link[i].fd = -1;
}
