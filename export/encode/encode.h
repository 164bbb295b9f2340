/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_ENCODE_H
#define ATR_EXPORT_ENCODE_ENCODE_H

/*
 * encode: finished spans -> bytes of a request. An encoder knows nothing of
 * protocols and nothing of sockets. The exporter thread only.
 */
#include "export/encode/buf.h"
#include "export/options.h"
#include "export/span.h"

struct atr_batch {
	const struct atr_span *const *spans;
	size_t nr_spans;
	const struct atr_resource_attr *resource;
	size_t nr_resource;
	const struct atr_options *limits;
};

struct atr_encoder {
	const char *name;
	const char *content_type;
	size_t spans_max; /* in one request; 0: any number */
	/* Appends one whole request; false when memory failed (out is then of no use). */
	bool (*encode)(const struct atr_batch *batch, struct atr_buf *out);
	/* What a 2xx body (ended by a NUL) said: spans rejected, and the message (borrowed). */
	void (*response)(struct atr_str body, uint64_t *rejected, struct atr_str *message);
};

/*
 * Writes text as valid UTF-8 of at most so many characters; what is no UTF-8 is
 * replaced, a byte by a U+FFFD, so that `out` has room for 3 * len bytes. Returns
 * the bytes written.
 */
size_t atr_utf8_clean(const char *text, size_t len, size_t characters_max, char *out);
bool atr_utf8_is_valid(struct atr_str text);

/*
 * Copies text by words of 8 bytes: both sides must have room up to the next
 * multiple of 8 of len, as an item of a record has. False when it is not all
 * ASCII; what was copied is then of no use.
 */
static inline bool atr_utf8_copy_ascii(const char *text, size_t len, char *out)
{
	uint64_t word, high = 0;
	size_t done = 0;

	for (; done + 8 <= len; done += 8) {
		memcpy(&word, text + done, 8);
		memcpy(out + done, &word, 8);
		high |= word;
	}
	if (done < len) {
		memcpy(&word, text + done, 8);
		memcpy(out + done, &word, 8);
		high |= word << (64 - 8 * (len - done)); /* without what is behind the text */
	}
	return !(high & 0x8080808080808080u);
}

/* Appends a Resource as field 1 of a protobuf message; false as encode. */
bool atr_otlp_put_resource(struct atr_buf *out, const struct atr_resource_attr *attrs, size_t nr);

extern const struct atr_encoder atr_encoder_otlp_pb;
extern const struct atr_encoder atr_encoder_otlp_json;
extern const struct atr_encoder atr_encoder_zipkin;
extern const struct atr_encoder atr_encoder_xray;
extern const struct atr_encoder atr_encoder_otlp_xray; /* OTLP in the daemon's envelope */

#endif
