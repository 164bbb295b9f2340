/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_TRANSPORT_STREAM_H
#define ATR_EXPORT_TRANSPORT_STREAM_H

/*
 * stream: a link for the time of one attempt: connects where it has to, waits no
 * longer than the attempt may take. The exporter thread only.
 */
#include "export/transport/transport.h"

struct atr_stream {
	const struct atr_io *io;
	const struct atr_exporter_options *to;
	struct atr_link *link;
	uint64_t began_ms, deadline_ms, stood_still_ms;
	bool is_no_way; /* why it did not open will be so the next time */
	/* when the process's end ends it; before began_ms: it does not */
	_Atomic uint64_t *stop_ms;
};

/* Milliseconds left; 0 when the time is over. */
int atr_stream_left_ms(const struct atr_stream *stream);
/* When the process's end ends this: UINT64_MAX when it does not end. */
uint64_t atr_stream_stop_ms(const struct atr_stream *stream);

/* Connects, and shakes hands where TLS is asked for, unless the link is open. */
bool atr_stream_open(struct atr_stream *stream);
/* All of it, or false. */
bool atr_stream_send(struct atr_stream *stream, struct atr_str bytes);
/* What comes next, at least a byte; 0 at the end, -1 on failure or out of time. */
ssize_t atr_stream_receive(struct atr_stream *stream, char *buf, size_t cap);

#endif
