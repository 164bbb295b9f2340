/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_CAPTURE_H
#define ATR_PRELOAD_CONN_CAPTURE_H

/*
 * capture: headers that are told because they were asked for by name
 * (OTEL_INSTRUMENTATION_HTTP_{CLIENT,SERVER}_CAPTURE_{REQUEST,RESPONSE}_HEADERS), as
 * http.request.header.NAME and http.response.header.NAME: a list, a value for each field.
 * What AUTOTRACE_REDACT says of their names is done to them.
 */
#include "export/span.h"
#include "preload/proto/http2.h"

#define ATR_CAPTURE_MAX 32 /* names in one variable */

/* The constructor, after atr_redact_setup. */
void atr_capture_setup(void);

/* Any thread. Whether any is asked for; whether one of this name is, in a message of any kind. */
bool atr_capture_is_on(void);
bool atr_capture_wants(struct atr_str name);

/*
 * The holder of the connection. Of a head that was read, in its `len` bytes; of one by
 * HTTP/2; and of fields that came otherwise. Of the span's kind, request or response.
 */
void atr_capture_http1(struct atr_span *span, const char *bytes, size_t len,
		       const struct atr_http1_head *head);
void atr_capture_http2(struct atr_span *span, const struct atr_http2_head *head);
void atr_capture_fields(struct atr_span *span, bool is_response, const struct atr_pair *fields,
			size_t nr);

#endif
