/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PROPAGATOR_FORMAT_H
#define ATR_PROPAGATOR_FORMAT_H

/* format: what each format's file gives to propagator.c, and finds there; for this room alone. */
#include "propagator/hex.h"
#include "propagator/propagator.h"

/* ATR_STR for the initializer of a table. */
#define ATR_TEXT(literal)                      \
	{                                      \
		(literal), sizeof(literal) - 1 \
	}

/* A header of a format. */
struct atr_header {
	struct atr_str name;	 /* lower case */
	struct atr_str variable; /* the environment's spelling; absent: it is not there */
	bool is_trace;		 /* names the trace: a message with it is traced already */
	bool is_prefix;		 /* the name goes on, with the key of a member of the baggage */
	uint8_t except;		 /* ATR_EXCEPT_*: a message with it gets none of these */
};

/* The fields that a context is looked for in. */
struct atr_fields {
	const struct atr_pair *at;
	size_t nr;
	bool is_env;
};

/* What is being written: lines for a message, or strings for an environment. */
struct atr_lines {
	char *at;
	size_t len, cap;
	unsigned nr; /* lines, also those that found no room */
	unsigned except;
	bool is_env;
	bool is_short_of_room;
	bool has_xray; /* two formats have the same header */
};

struct atr_format_of {
	const char *name; /* in OTEL_PROPAGATORS */
	const struct atr_header *headers;
	int nr_headers;
	/* Reads from headers whose names match; adds to *out; text goes to store. */
	void (*extract)(const struct atr_fields *in, char *store, struct atr_context *out);
	/* Writes its lines by atr_line. The context may be one without ids. */
	void (*write)(struct atr_lines *lines, const struct atr_context *context);
	/* See atr_propagators_rewrite; NULL: not to be had. The value is trimmed. */
	bool (*rewrite)(struct atr_str value, const struct atr_context *context, char *out);
	/* The same of a header that is not the first, or of a format that has no such first one. */
	bool (*rewrite_part)(const struct atr_header *header, struct atr_str value,
			     const struct atr_context *context, char *out);
	/* See atr_propagators_rewrite_whole; NULL: each header is for itself. */
	bool (*is_whole)(const struct atr_fields *in, const struct atr_context *context);
};

extern const struct atr_format_of atr_format_w3c, atr_format_baggage, atr_format_b3,
	atr_format_b3multi, atr_format_jaeger, atr_format_xray, atr_format_xray_lambda,
	atr_format_ottrace, atr_format_gcp, atr_format_oneway_gcp;

/* Whether a message's field is this header: by its name in a message, or in the environment. */
bool atr_header_matches(const struct atr_header *header, struct atr_str name, bool is_env);
static inline bool atr_header_is(const struct atr_header *header, struct atr_str name, bool is_env)
{
	/* most are of another length */
	return (header->name.len == name.len || header->is_prefix || is_env) &&
	       atr_header_matches(header, name, is_env);
}

/* The same id, also where one of the two has lost its upper half to a format of 64 bits. */
bool atr_context_is_of_trace(const struct atr_context *a, const struct atr_context *b);

/* The first field that is this header, without the spaces around it; absent when none is. */
struct atr_str atr_fields_first(const struct atr_fields *in, const struct atr_header *header);

/*
 * A format has found a valid parent. It takes the place of what another found
 * before; of the same trace, what only the other's format can say stays.
 */
void atr_context_found(struct atr_context *out, const struct atr_context *found);

/*
 * Begins a line, "name: ", and ends it; the caller fills in the value of
 * `value_len` bytes in between, where the return value points. NULL: the header
 * is none of this carrier's, the message has one, or there is no room.
 */
char *atr_line(struct atr_lines *lines, const struct atr_header *header, struct atr_str key,
	       size_t value_len);
/* The same, with the value. */
void atr_line_of(struct atr_lines *lines, const struct atr_header *header, struct atr_str value);

/* Members of a baggage in its wire form, one after the other; without the properties. */
bool atr_baggage_next(struct atr_str *rest, struct atr_str *key, struct atr_str *value);

/*
 * Adds a member that came by another format's header, in the place of one with
 * the same key and another value. The value is percent-encoded, or it is plain.
 * What is malformed, or finds no room, is left out.
 */
void atr_baggage_put(struct atr_context *out, char *store, struct atr_str key, struct atr_str value,
		     bool is_encoded);

/* Adds each field that begins with this header's name. */
void atr_baggage_put_prefixed(const struct atr_fields *in, const struct atr_header *header,
			      char *store, struct atr_context *out, bool is_encoded);

/*
 * Percent-decoding, one byte a call: the byte, -1 at the end, -2 where it is
 * malformed.
 */
int atr_percent_next(struct atr_str *rest);

#endif
