/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_HANDOVER_H
#define ATR_PRELOAD_CONN_HANDOVER_H

/*
 * handover: an invocation that outlives the process that asked for it. A function
 * in shell has one process for each call of the Runtime API: what the one that asked
 * for the event knows is left in a file of /tmp for those that come after it, and for
 * the one that answers.
 *
 * The file is this user's own and nobody else's to read; what is not whole, or not
 * ours, is not believed. The holder of the connection, the constructor, or the end of
 * the process.
 */
#include "export/span.h"
#include "preload/live/live.h"

#define ATR_HANDOVER_ID_MAX 64
#define ATR_HANDOVER_CARRY 1024

struct atr_handover {
	uint32_t magic, is_running; /* 0: it was answered; one did run here */
	uint32_t id_len;
	char id[ATR_HANDOVER_ID_MAX];
	uint64_t deadline_ms;
	uint64_t bootstrap; /* of which it is one: its start, unix nanoseconds */
	uint8_t is_http, has_record, flags, marks;
	uint8_t trace_id[ATR_TRACE_ID_LEN], span_id[ATR_SPAN_ID_LEN];
	uint16_t tracestate_len, baggage_len, xray_len;
	char carry[ATR_HANDOVER_CARRY]; /* the three texts, one after the other */
	uint64_t record[ATR_SPAN_MAX / 8];
};

/* Where it is, by the sandbox that this is. The constructor. */
void atr_handover_setup(struct atr_str api, struct atr_str log_stream);

/*
 * False: there is none. _write: in the place of the one that is there. _remove: false
 * where somebody else did.
 */
bool atr_handover_read(struct atr_handover *out);
bool atr_handover_remove(void);
bool atr_handover_write(const struct atr_handover *handover);

/* Its context, text borrowed. */
struct atr_context atr_handover_context(const struct atr_handover *handover);
void atr_handover_put_context(struct atr_handover *handover, const struct atr_context *context);

#endif
