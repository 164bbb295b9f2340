/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_SEMCONV_H
#define ATR_PRELOAD_CONN_SEMCONV_H

/*
 * semconv: message -> attributes, by the HTTP semantic conventions (stable,
 * 1.45.0), with their URL redaction. The holder of the connection.
 */
#include "export/span.h"
#include "preload/proto/http2.h"

#include <sys/socket.h>

/* The constructor: OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS. */
void atr_semconv_setup(void);

/*
 * What the last request on a connection said that the next one says too, while it asks the same
 * host by the same method: it is then copied. All zero before the first.
 */
struct atr_same {
	uint16_t items_len; /* 0: there is none */
	uint8_t minor, method_len, host_len;
	uint8_t origin_len; /* of what a client's URLs begin with, up to the path; 0: it is not known */
	char method[11], host[64], origin[8 + 64];
	_Alignas(8) char items[304]; /* of a record */
};

/*
 * Name and attributes of a request's span; is_secure: it was inside TLS. peer may be NULL, and
 * so may `same`; it is for requests of one peer.
 */
void atr_semconv_request(struct atr_span *span, enum atr_kind kind,
			 const struct atr_http1_head *head, bool is_secure,
			 const struct sockaddr *peer, socklen_t peer_len, struct atr_same *same);
/* The same of a request by HTTP/2; of a call by gRPC, by the RPC conventions. */
void atr_semconv_http2_request(struct atr_span *span, enum atr_kind kind,
			       const struct atr_http2_head *head, const struct sockaddr *peer,
			       socklen_t peer_len);
/* The same for a client whose absolute URL is all that is known. method may be absent. */
void atr_semconv_url_request(struct atr_span *span, struct atr_str method, struct atr_str url);
/* Status code, status and error.type. */
void atr_semconv_response(struct atr_span *span, uint16_t status_code);
void atr_semconv_error(struct atr_span *span, struct atr_str type);

/* tls.* of a handshake. */
struct atr_handshake;
void atr_semconv_handshake(struct atr_span *span, const struct atr_handshake *handshake);

/* network.peer.address and .port. */
void atr_semconv_peer(struct atr_span *span, const struct sockaddr *peer, socklen_t len);
/* Its text: "address:port", or a path; the length. */
size_t atr_semconv_peer_text(const struct sockaddr *peer, socklen_t len, char *out, size_t cap);

/* error.type of an errno, and of a getaddrinfo result, in the conventions' snake case. */
struct atr_str atr_semconv_errno(int error);
struct atr_str atr_semconv_eai(int result);

#endif
