/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_REDACT_H
#define ATR_PRELOAD_CONN_REDACT_H

/*
 * redact: what must not leave is taken out before it is in the ring (AUTOTRACE_REDACT).
 *
 *	query:GLOB[=HOW]       the values of these keys in a URL's query
 *	path:GLOB[=HOW]        segments of a URL's path
 *	path:/A/B/GLOB[=HOW]   the last of these segments, where the path begins with those before
 *	header:GLOB[=HOW]      the values of these headers
 *	attribute:GLOB[=HOW]   these attributes of spans, events and links
 *
 * HOW is `mask` (the default: REDACTED stands there), `hash` (16 digits, by which equal
 * values are known as such, and no more), or `drop`. In a glob * is any number of
 * characters, ? is one; letters are compared without case, and what a URL escapes
 * is compared as it is meant. The first rule that fits counts. The keys that the
 * conventions name are masked where no rule says otherwise.
 */
#include "export/io.h"
#include "export/print.h"
#include "export/span.h"

#define ATR_REDACT_MAX 64 /* rules */
#define ATR_REDACTED_MAX 24

enum atr_redact { ATR_REDACT_NOT, ATR_REDACT_MASK, ATR_REDACT_HASH, ATR_REDACT_DROP };

/* The constructor: AUTOTRACE_REDACT, AUTOTRACE_REDACT_KEY. */
void atr_redact_setup(const struct atr_io *io);

/* All below: any thread; no allocation, no lock. */

/* What is to be done with a header's values, and with an attribute, by the name that it leaves by. */
enum atr_redact atr_redact_header(struct atr_str name);
enum atr_redact atr_redact_attribute(struct atr_str name);

/* What stands for a value: itself, text in `room`, or (of DROP) nothing: absent. */
struct atr_str atr_redact_value(enum atr_redact how, struct atr_str value,
				char room[static ATR_REDACTED_MAX]);

/* A path, and a query without its '?', appended as they may be told. _wants: there is a rule for one. */
bool atr_redact_wants_paths(void);
/* Whether no path is to be told at all: a rule is for the attributes that have it. */
bool atr_redact_hides_paths(void);
void atr_redact_path(struct atr_print *to, struct atr_str path);
void atr_redact_query(struct atr_print *to, struct atr_str query);
/* Whether it may be told in another form than it has. */
bool atr_redact_looks_into(struct atr_str query);

/*
 * A finished record as it may be told: itself, or another one in `room`. A hash that
 * finds no room there is a mask.
 */
const struct atr_span *atr_redact_record(const struct atr_span *span,
					 uint64_t room[static ATR_SPAN_MAX / 8]);
/* Whether there is a rule for which records are to be looked at. */
bool atr_redact_wants_records(void);

/* SipHash-2-4, for the test. */
uint64_t atr_redact_siphash(const uint64_t key[static 2], struct atr_str text);

#endif
