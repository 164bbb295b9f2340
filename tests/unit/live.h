/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_UNIT_LIVE_H
#define ATR_TESTS_UNIT_LIVE_H

/*
 * What the tests of preload/live and preload/conn share: the rooms as the
 * constructor leaves them, and the spans that they close, in a ring of the test's.
 *
 * live_test.c holds live.c itself, so that its spans go there and not to the
 * exporter, whose thread would send them.
 */
#include "export/attr.h"
#include "export/diag.h"
#include "export/ring.h"
#include "export/span.h"
#include "preload/live/work.h"
#include "propagator/propagator.h"

#include "tests/test.h"

#include <stdlib.h>

/*
 * Begins a test: the rooms are set up with these variables ("NAME=value", up to
 * NULL) and hold nothing. Whatever failed before is forgotten.
 */
void live_begin(const char *const *variables);

/* Ends it: nothing is left open, no block is still out, and all spans were looked at. */
void live_end(void);

/* The oldest span that was closed and not looked at; NULL: there is none. Good until the next. */
const struct atr_span *live_next(void);

/* Blocks and spans that are out. */
unsigned live_nr_blocks_out(void);
unsigned live_nr_open(void);

/* Takes all blocks but some, so that there are no more; and gives them back. */
void live_hold_blocks(unsigned but);
void live_release_blocks(void);

/* A remote parent: ids made of `id`, sampled. */
static inline struct atr_context live_parent(uint8_t id)
{
	struct atr_context c = { .flags = ATR_FLAG_SAMPLED, .remote = true };

	memset(c.trace_id, id, sizeof(c.trace_id));
	memset(c.span_id, id ^ 0x80, sizeof(c.span_id));
	return c;
}

/* The text of an attribute, "" when it is not there; in one of a few rooms used in turn. */
static inline const char *live_text(const struct atr_span *span, uint16_t id)
{
	static char rooms[4][ATR_SPAN_STR_MAX + 1];
	static unsigned next;
	const struct atr_item *item = atr_span_find(span, id);
	char *room = rooms[next++ % 4];

	room[0] = 0;
	if (item && item->type == ATR_TYPE_STR && item->len <= ATR_SPAN_STR_MAX) {
		memcpy(room, atr_item_bytes(item), item->len);
		room[item->len] = 0;
	}
	return room;
}

/* A number's value; -1 when it is not there. */
static inline int64_t live_number(const struct atr_span *span, uint16_t id)
{
	const struct atr_item *item = atr_span_find(span, id);
	int64_t value = -1;

	if (item && (item->type == ATR_TYPE_INT || item->type == ATR_TYPE_BOOL))
		memcpy(&value, atr_item_bytes(item), sizeof(value));
	return value;
}

static inline bool live_is(const char *text, const char *expected)
{
	if (!strcmp(text, expected))
		return true;
	print_error("is: %s\nand not: %s\n", text, expected);
	return false;
}

#endif
