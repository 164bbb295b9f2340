/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_MESSAGE_H
#define ATR_EXPORT_ENCODE_MESSAGE_H

/*
 * message: OTLP in either of its encodings, told once: each field has its tag, as it stands
 * on the wire of protobuf, and its name in JSON. For metrics and log records, which are few;
 * spans have encoders of their own. What finds no memory is told by the buffer's `failed`.
 */
#include "export/encode/buf.h"
#include "export/options.h"

#define ATR_MESSAGE_DEPTH 12

struct atr_message {
	struct atr_buf *out;
	bool is_json;
	bool is_first; /* nothing is before it in its braces or brackets */
	unsigned depth;
	size_t begun[ATR_MESSAGE_DEPTH]; /* where what is open began */
};

/* The whole; _close ends it, as it ends each message in it. */
void atr_message_begin(struct atr_message *m, struct atr_buf *out, bool is_json);
/* A message in the one that is open; one of a list that is open, where it has no name. */
void atr_message_open(struct atr_message *m, char tag, const char *name);
void atr_message_close(struct atr_message *m);
/* A field that is there several times: the messages up to _end. */
void atr_message_list(struct atr_message *m, const char *name);
void atr_message_end(struct atr_message *m);

/* Text is made valid UTF-8. */
void atr_message_text(struct atr_message *m, char tag, const char *name, struct atr_str text);
void atr_message_id(struct atr_message *m, char tag, const char *name, const uint8_t *id,
		    size_t len);
void atr_message_fixed64(struct atr_message *m, char tag, const char *name, uint64_t value);
void atr_message_int(struct atr_message *m, char tag, const char *name, int64_t value);
void atr_message_double(struct atr_message *m, char tag, const char *name, double value);
void atr_message_bool(struct atr_message *m, char tag, const char *name, bool value);
/* A number of at most 32 bits, or one of an enumeration. */
void atr_message_small(struct atr_message *m, char tag, const char *name, uint32_t value);
void atr_message_fixed32(struct atr_message *m, char tag, const char *name, uint32_t value);
void atr_message_fixed64s(struct atr_message *m, char tag, const char *name, const uint64_t *values,
			  size_t nr);
void atr_message_doubles(struct atr_message *m, char tag, const char *name, const double *values,
			 size_t nr);

/* One KeyValue of the list that is open, or, in protobuf, of the field `tag`. */
void atr_message_attribute(struct atr_message *m, char tag, struct atr_str key,
			   struct atr_str value);
void atr_message_attribute_int(struct atr_message *m, char tag, struct atr_str key, int64_t value);

/* resource, and scope with its schema_url, at their places. */
void atr_message_resource(struct atr_message *m, const struct atr_resource_attr *attrs, size_t nr);
void atr_message_scope(struct atr_message *m);
/* The schema_url that goes beside the resource, where there is one. */
void atr_message_resource_schema(struct atr_message *m);

#endif
