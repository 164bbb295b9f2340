/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_FAAS_H
#define ATR_PRELOAD_CONN_FAAS_H

/*
 * faas: an invocation -> its parent, name and attributes, by the FaaS and AWS
 * Lambda semantic conventions (1.45.0). The holder of the connection.
 */
#include "export/span.h"
#include "preload/live/live.h"
#include "preload/proto/event.h"
#include "preload/proto/http1.h"

/* What the answer to `next` says: its head's fields, and what is found in the event. */
#define ATR_NEXT_TEXT 8192
struct atr_next {
	uint64_t arrived_ns;  /* monotonic */
	uint64_t deadline_ms; /* unix; 0: not said */
	struct atr_str id, arn, trace, error_type;
	uint32_t text_len;
	char text[ATR_NEXT_TEXT]; /* theirs */
	struct atr_event event;
};

/* The constructor, in a function. */
void atr_faas_setup(void);

void atr_next_begin(struct atr_next *next);
/* The head of the answer. */
void atr_next_head(struct atr_next *next, const char *bytes, size_t len,
		   const struct atr_http1_head *head, uint64_t now_ns);
/* Of a response or an error report: the field of the head, the trailers of the body. */
void atr_next_error_type(struct atr_next *next, struct atr_str type);
void atr_next_trailers(struct atr_next *next, struct atr_str trailers);
/* error.type of an error report. */
struct atr_str atr_next_error(const struct atr_next *next);

bool atr_faas_is_http(const struct atr_event *event);

/*
 * Who the invocation's parent is. `context` has a zero span id where it is nobody,
 * and then the trace that Lambda made for it, where there is one. `other` is what
 * is linked to: the one of the two that is not the parent. Text is borrowed from
 * `block`, to be given back.
 */
struct atr_faas_parent {
	struct atr_context context, other;
	struct atr_context header; /* what Lambda's header says; or zero */
	bool has_other;
	atr_ref block;
};
void atr_faas_parent(const struct atr_next *next, struct atr_faas_parent *out);

void atr_faas_describe(struct atr_span *span, const struct atr_next *next, bool is_cold);
void atr_faas_links(struct atr_span *span, const struct atr_next *next,
		    const struct atr_faas_parent *parent);
/* What the function answered. */
void atr_faas_answer(struct atr_span *span, const struct atr_next *answer, bool is_error,
		     bool is_http);

#endif
