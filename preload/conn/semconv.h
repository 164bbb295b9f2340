/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_SEMCONV_H
#define ATR_PRELOAD_CONN_SEMCONV_H

/*
 * semconv: message -> attributes, by the HTTP semantic conventions (stable,
 * 1.45.0), with their URL redaction. The holder of the connection.
 */
#include "export/span.h"
#include "preload/proto/http1.h"

#include <sys/socket.h>

/* The constructor: OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS. */
void atr_semconv_setup(void);

/* Name and attributes of a request's span. peer may be NULL. */
void atr_semconv_request(struct atr_span *span, enum atr_kind kind,
			 const struct atr_http1_head *head, const struct sockaddr *peer,
			 socklen_t peer_len);
/* The same for a client whose absolute URL is all that is known. method may be absent. */
void atr_semconv_url_request(struct atr_span *span, struct atr_str method, struct atr_str url);
/* Status code, status and error.type. */
void atr_semconv_response(struct atr_span *span, uint16_t status_code);
void atr_semconv_error(struct atr_span *span, struct atr_str type);

/* network.peer.address and .port. */
void atr_semconv_peer(struct atr_span *span, const struct sockaddr *peer, socklen_t len);
/* Its text: "address:port", or a path; the length. */
size_t atr_semconv_peer_text(const struct sockaddr *peer, socklen_t len, char *out, size_t cap);

/* error.type of an errno, and of a getaddrinfo result, in the conventions' snake case. */
struct atr_str atr_semconv_errno(int error);
struct atr_str atr_semconv_eai(int result);

#endif
