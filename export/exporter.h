/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_EXPORTER_H
#define ATR_EXPORT_EXPORTER_H

/*
 * exporter: the thread that drains the ring: batch, encode, send, retry, flush
 * at exit, survive fork.
 *
 * The thread starts with the first span offered, blocks every signal, has a
 * small stack, is named `autotrace`, and sleeps on a futex until a batch is full or its delay is over;
 * with an empty ring it sleeps without a deadline. Its memory is mapped by
 * itself; the program's malloc is not used.
 */
#include "export/io.h"
#include "export/span.h"

/* What describes this process and is not in a variable. Strings must outlive the exporter. */
struct atr_process {
	struct atr_str executable_path; /* known once the thread begins; absent when never */
	struct atr_str command;		/* argv[0]; absent when not known */
};

/*
 * The constructor, once. Keeps the pointers and maps the ring, unless the one
 * exporter is `none`, and no metrics are exported; the other variables are read by the thread (options.h).
 * False: there is no memory.
 */
bool atr_exporter_setup(const struct atr_io *io, const struct atr_process *process);

/* Any thread: it is about to offer a span of `len` bytes. */
void atr_exporter_expects(size_t len);

/*
 * Any thread. Copies the record into the ring; errno is kept. The first one starts
 * the thread, which is not for a signal handler: glibc's pthread_create allocates.
 */
void atr_exporter_offer(const struct atr_span *span);

/*
 * The constructor. What each record goes through before it is copied into the ring:
 * gives the record itself, or another one in `room`.
 */
void atr_exporter_filters_by(const struct atr_span *(*filter)(
	const struct atr_span *span, uint64_t room[static ATR_SPAN_MAX / 8]));

/*
 * Log records. The constructor, behind setup: they are exported too, from a queue of their own
 * (OTEL_BLRP_*), also where spans are not. Then, any thread, a signal handler too, where
 * _takes_logs: copies one of which the line is what is before and what is behind; errno is kept.
 */
struct atr_log_record;
void atr_exporter_exports_logs(void);
bool atr_exporter_takes_logs(void);
void atr_exporter_offer_log(const struct atr_log_record *head, struct atr_str before,
			    struct atr_str behind);

/*
 * What adds to records on our thread, before they are encoded: what the kernel saw of a span,
 * where in the program it was made.
 *
 * start  the thread, before its first batch; a forked child's own too
 * batch  the thread, before the records of a batch are read; what it offers comes with the next
 * add    gets each record as a copy with `room` bytes in all, for atr_span_add_*
 *
 * Any may be NULL.
 */
struct atr_addition {
	void (*start)(const struct atr_io *io);
	void (*batch)(void);
	void (*add)(struct atr_span *span, size_t room);
	size_t stack_len; /* that they take, where it is more than some kilobytes */
};

/* The constructor. In the order in which they are given; at most ATR_ADDITIONS_MAX, which are kept by pointer. */
#define ATR_ADDITIONS_MAX 4
void atr_exporter_adds_by(const struct atr_addition *addition);

/*
 * Before the process ends, any thread: has what is in the ring sent, and waits
 * for that at most `timeout_ms`; at once when there is nothing to send. A request
 * that is under way at the limit is given up. May be called again, from several
 * threads at once, and the process may go on (an exec that failed); after one that
 * ran out of time the next do not wait, until a backend has accepted something.
 */
void atr_exporter_flush(uint32_t timeout_ms);

/* Any thread: how long a flush that is under way waits yet; 0 where none is. */
uint32_t atr_exporter_flush_left_ms(void);

/*
 * Any thread, when the process may soon stand still: has what is in the ring sent
 * now, and waits for that, but no longer than `timeout_ms`, and not while a backend that
 * did not answer is given time. Nothing is given up for it. False: not all is sent yet.
 */
bool atr_exporter_urge(uint32_t timeout_ms);

/*
 * Any thread: `ring` is called on our thread at `at_ms` (atr_now_ms), or soon after; what
 * it offers is sent at once. One at a time, the last that was set; 0: none.
 */
void atr_exporter_alarm(uint64_t at_ms, void (*ring)(void));

/* Any thread, as atr_exporter_offer: has the thread started without a span, for an alarm. */
void atr_exporter_begin(void);

/*
 * Our thread, in an alarm: asks somebody else than a backend, and closes the connection. JSON is
 * posted, no body gets; by gRPC it is a message. Whether it was accepted, with what was answered,
 * within the time that is given and before the process ends.
 */
struct atr_exporter_options;
struct atr_answer;
bool atr_exporter_ask(const struct atr_exporter_options *to, struct atr_str body,
		      uint32_t timeout_ms, struct atr_answer *answer);

/*
 * Main's thread is at its end, and the process goes on until that of the last of
 * the others: from now on our thread lives no longer than it has something to
 * send, and a little after it has become the last one sends it within the limit
 * for an exit, and ends. Another span starts it again. Any thread.
 */
void atr_exporter_yield(void);
/* Whether there is no thread but main's and ours; true also where there is no telling (no /proc). */
bool atr_exporter_is_alone(void);

/*
 * Our thread sends what is in the ring, for no longer than `timeout_ms`, and ends; another span starts
 * it again. Where the program is about to make a call that the kernel allows to who has one thread only
 * (`to_one`), only if ours is its only other one. A thread of the program's.
 */
void atr_exporter_leave(uint32_t timeout_ms, bool to_one);

/*
 * At the very end, once: counts what is still in the ring as lost. Nothing is sent
 * or counted after it, so that the sum in diag.def is exact and stays so.
 */
void atr_exporter_count_lost(void);
/* Any thread, while the process goes on: brings the counters up to date that only the ring knows. */
void atr_exporter_tally(void);

/* AUTOTRACE_EXIT_FLUSH_MS, read once, by setup. */
uint32_t atr_exporter_exit_flush_ms(void);

/*
 * A forked child, in its only thread, before anything is offered: empties the
 * ring (what is in it is the parent's to send), forgets the thread and the
 * connection (closing the child's copies of our descriptors when they are still
 * ours). Safe where only async-signal-safe functions are. errno is kept.
 */
void atr_exporter_forked(void);

/* Our thread: whether its descriptors are its own (atr_exporter_parts_by). */
bool atr_exporter_is_apart(void);

/*
 * Whether this descriptor is one of ours; the program is about to close or
 * replace it. Any thread, no system call. _lost: the program did; we never
 * touch that number again and open a new one when next needed.
 */
bool atr_exporter_owns(int fd);
void atr_exporter_lost(int fd);

/*
 * The constructor: the process's resource is published (published.h) by the thread that
 * starts with the first span, and with it, for _threads, how its threads' contexts are read.
 */
void atr_exporter_publishes(bool threads);

/* Any thread: no more of that; a system call that it takes is not to be made. */
void atr_exporter_publishes_nothing(void);

/* Any thread: the same of the calls by which the thread leaves real time, where the program is in it. */
void atr_exporter_keeps_policy(void);

/*
 * The constructor: what the thread calls first, to have descriptors of its own,
 * none of which _owns then tells; false: it has not.
 */
void atr_exporter_parts_by(bool (*part)(void));

#endif
