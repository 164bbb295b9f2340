/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_TRANSFER_H
#define ATR_PRELOAD_CONN_TRANSFER_H

/*
 * transfer: what a program asks of libcurl by one of its handles: a span, and our
 * header joined to the transfer's list.
 *
 *	our nodes -> the program's list, as it is
 *
 * libcurl reads that list for every request of the transfer. It is set when the
 * transfer begins and the program's is set back when it ends: nothing of the
 * program's is copied, changed, or read at another time than libcurl reads it.
 *
 * A request that goes by in plain sight with our header is the wire's: it takes the
 * span over, and what libcurl knows is added when the transfer ends. Where it is
 * answered by anything but success, another request may follow, and a new span's
 * header is put in the place of the old one. Where no request was seen, the span is
 * of the transfer as a whole.
 *
 * A handle is used by one thread at a time, as libcurl demands. Only one that we saw
 * being made is known; one that shows its headers to the program (CURLOPT_VERBOSE),
 * carries a trace header itself, or is not for HTTP, is left to the wire. All functions
 * keep errno, never wait, and ignore handles that are not known.
 */
#include "preload/conn/libcurl.h"
#include "preload/live/work.h"
#include "propagator/str.h"

/* curl_easy_init, curl_easy_duphandle; before curl_easy_reset and curl_easy_cleanup. */
void atr_transfer_made(void *easy, const struct atr_libcurl *of);
void atr_transfer_copied(void *from, void *copy, const struct atr_libcurl *of);
void atr_transfer_reset(void *easy);
void atr_transfer_gone(void *easy);

/* A handle of libcurl's own: it is none that was known before at its address. */
void atr_transfer_unknown(void *easy);

/* The library that made the handle, or NULL: it is not known. */
const struct atr_libcurl *atr_transfer_library(const void *easy);

/*
 * Before curl_easy_setopt, for options that _minds: the value to set in the place of
 * the program's. After it has succeeded: _option_set with the program's.
 */
static inline bool atr_transfer_minds(int option)
{
	return option == ATR_CURLOPT_HTTPHEADER || option == ATR_CURLOPT_URL ||
	       option == ATR_CURLOPT_CURLU || option == ATR_CURLOPT_VERBOSE ||
	       option == ATR_CURLOPT_CONNECT_ONLY;
}
void *atr_transfer_option(void *easy, int option, void *value);
void atr_transfer_option_set(void *easy, int option, void *value);

/* CURLINFO_REQUEST_SIZE as libcurl told it: without what is ours of it. */
long atr_transfer_request_size(void *easy, long size);

/* curl_easy_perform: before it, and after it with its result. */
void atr_transfer_begins(void *easy);
void atr_transfer_performed(void *easy, int code);

/*
 * The multi interface. A transfer that was added begins when its multi handle is next
 * driven; its parent is the work it was added in. It ends with its message (_done), or
 * by being taken out (before: _taking_out, after: _taken_out).
 */
void atr_transfer_added(void *multi, void *easy);
void atr_transfers_begin(void *multi);
void atr_transfer_done(void *easy, int code);
void atr_transfer_taken_out(void *multi, void *easy);

/*
 * The thread is inside libcurl, from this frame on: what is sent below it may be a
 * transfer's of these. Returns what was said before, to be said again afterwards.
 */
struct atr_driving {
	const void *easy, *multi, *below;
	const struct atr_libcurl *of;
};
struct atr_driving atr_transfer_drives(const void *easy, const void *multi,
				       const struct atr_libcurl *of, const void *frame);
void atr_transfer_drove(const struct atr_driving *before);
/* The thread jumps. */
void atr_transfer_left(void);

/*
 * Whether a transfer's span will tell what goes wrong with the thread's lookups and
 * connects. A thread that libcurl makes for a lookup is told of by _resolves.
 */
bool atr_transfer_tells(void);
bool atr_transfer_makes_thread(const void *start);
void atr_transfer_resolves(void);

/* ---- for who sees requests: the thread that holds the connection ---- */

struct atr_own {
	atr_ref span, work;
	bool is_described; /* name and attributes are there already */
};
/*
 * Whether a request with these fields is a transfer's that the thread drives: its
 * span is then the request's, until it is given back by one of the two below.
 */
bool atr_transfer_claims(const struct atr_pair *fields, size_t nr, struct atr_own *own);
/* It was not sent after all. */
void atr_transfer_unsent(atr_ref span);
/*
 * It was answered (why absent and is_whole), or not. Where this is true the transfer
 * closes the span; else the caller does, and says itself why it failed.
 */
bool atr_transfer_answered(struct atr_thread *self, atr_ref span, bool is_whole, struct atr_str why,
			   uint64_t end_ns);

/* The process ends: spans of transfers end as they stand. A forked child, alone. */
void atr_transfers_end(void);
void atr_transfers_forked(void);

#endif
