/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_FORMAT_H
#define ATR_PROPAGATOR_FORMAT_H

/* format: what each format's file gives to propagator.c; for this room alone. */
#include "propagator/propagator.h"

/* A header of a format. */
struct atr_header {
	const char *name;     /* lower case */
	const char *variable; /* the environment's spelling */
	bool is_trace;	      /* names the trace: a message with it is traced already */
};

struct atr_format_of {
	const char *name; /* in OTEL_PROPAGATORS */
	struct atr_header header[2];
	int nr_headers;
	/* Reads from headers whose names match; adds to *out; text goes to store. */
	void (*extract)(const struct atr_pair *headers, size_t nr, bool is_env, char *store,
			struct atr_context *out);
	/* The value of header `which`; 0: it is not sent. */
	size_t (*value)(int which, const struct atr_context *context, unsigned except, char *out,
			size_t cap);
};

extern const struct atr_format_of atr_format_w3c, atr_format_baggage;

/* Whether a message's field is this header: by its name in a message, or in the environment. */
bool atr_header_is(const struct atr_header *header, struct atr_str name, bool is_env);

/* Copies text to out if it fits; its length or 0. */
size_t atr_value_copy(struct atr_str text, char *out, size_t cap);

#endif
