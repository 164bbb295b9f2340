/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_HTTP2_PEER_H
#define ATR_TESTS_HTTP2_PEER_H

/*
 * http2_peer: an end of an HTTP/2 connection that libnghttp2 keeps: it makes the
 * bytes that are sent, and puts down what it is told as text, a line each:
 *
 *	1 :method GET
 *	1 data 5
 *	1 end
 *	3 reset 8
 *
 * An error of the connection, which it finds strictly, is a line "broken".
 */
#include <nghttp2/nghttp2.h>

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HTTP2_PEER_ROOM (512 * 1024)

struct http2_peer {
	nghttp2_session *session;
	bool pads;
	size_t body_left;    /* of what it sends */
	const char *trailer; /* behind the body, a value of "grpc-status"; NULL: none */
	size_t len, said_len;
	char bytes[HTTP2_PEER_ROOM]; /* to be sent */
	char said[HTTP2_PEER_ROOM];
};

#define HTTP2_NV(name, value)                                                              \
	((nghttp2_nv){ (uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), \
		       NGHTTP2_NV_FLAG_NONE })

static inline void http2_say(struct http2_peer *p, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(p->said + p->said_len, sizeof(p->said) - p->said_len, format, args);
	va_end(args);
	if (n < 0 || p->said_len + (size_t)n >= sizeof(p->said))
		abort();
	p->said_len += (size_t)n;
}

static inline int http2_on_header(nghttp2_session *session, const nghttp2_frame *frame,
				  const uint8_t *name, size_t name_len, const uint8_t *value,
				  size_t value_len, uint8_t flags, void *arg)
{
	(void)session, (void)flags;
	http2_say(arg, "%d %.*s %.*s\n", frame->hd.stream_id, (int)name_len, name, (int)value_len,
		  value);
	return 0;
}

static inline int http2_on_data(nghttp2_session *session, uint8_t flags, int32_t stream,
				const uint8_t *bytes, size_t len, void *arg)
{
	(void)session, (void)flags, (void)bytes;
	http2_say(arg, "%d data %zu\n", stream, len);
	return 0;
}

static inline int http2_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	(void)session;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		http2_say(arg, "%d reset %u\n", frame->hd.stream_id, frame->rst_stream.error_code);
	else if (frame->hd.type == NGHTTP2_GOAWAY)
		http2_say(arg, "goes %u\n", frame->goaway.error_code);
	else if ((frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
		 (frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		http2_say(arg, "%d end\n", frame->hd.stream_id);
	return 0;
}

static inline int http2_on_invalid(nghttp2_session *session, const nghttp2_frame *frame, int code,
				   void *arg)
{
	(void)session;
	http2_say(arg, "broken: %d %s\n", frame->hd.stream_id, nghttp2_strerror(code));
	return 0;
}

static inline ssize_t http2_padding(nghttp2_session *session, const nghttp2_frame *frame,
				    size_t most, void *arg)
{
	size_t len = frame->hd.length + 7;

	(void)session;
	return (ssize_t)(((struct http2_peer *)arg)->pads && len < most ? len : frame->hd.length);
}

static inline ssize_t http2_body(nghttp2_session *session, int32_t stream, uint8_t *out, size_t cap,
				 uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct http2_peer *p = arg;
	size_t n = p->body_left < cap ? p->body_left : cap;
	nghttp2_nv nv = HTTP2_NV("grpc-status", p->trailer ? p->trailer : "");

	(void)source;
	memset(out, 'x', n);
	p->body_left -= n;
	if (p->body_left)
		return (ssize_t)n;
	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (p->trailer) {
		*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, stream, &nv, 1);
	}
	return (ssize_t)n;
}

/* What there is to send goes to the end of p->bytes. */
static inline void http2_pump(struct http2_peer *p)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(p->session, &bytes)) > 0) {
		if (p->len + (size_t)n > sizeof(p->bytes))
			abort();
		memcpy(p->bytes + p->len, bytes, (size_t)n);
		p->len += (size_t)n;
	}
	if (n < 0)
		abort();
}

/* A new one; of a server (or client) that has said its settings. */
static inline struct http2_peer *http2_peer(bool is_server)
{
	struct http2_peer *p = calloc(1, sizeof(*p));
	nghttp2_session_callbacks *calls;
	nghttp2_option *option;

	if (!p || nghttp2_session_callbacks_new(&calls) || nghttp2_option_new(&option))
		abort();
	nghttp2_option_set_max_send_header_block_length(option, 128 * 1024);
	nghttp2_session_callbacks_set_on_header_callback(calls, http2_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, http2_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, http2_on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(calls, http2_on_invalid);
	nghttp2_session_callbacks_set_select_padding_callback(calls, http2_padding);
	if (is_server ? nghttp2_session_server_new2(&p->session, calls, p, option) :
			nghttp2_session_client_new2(&p->session, calls, p, option))
		abort();
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(option);
	nghttp2_submit_settings(p->session, NGHTTP2_FLAG_NONE, NULL, 0);
	http2_pump(p);
	return p;
}

static inline void http2_peer_end(struct http2_peer *p)
{
	nghttp2_session_del(p->session);
	free(p);
}

/* It reads these bytes. */
static inline void http2_tell(struct http2_peer *p, const char *bytes, size_t len)
{
	ssize_t n = nghttp2_session_mem_recv(p->session, (const uint8_t *)bytes, len);

	if (n != (ssize_t)len)
		http2_say(p, "broken: %s\n", n < 0 ? nghttp2_strerror((int)n) : "short");
}

/* A request; `more` is "name: value" lines, each ended by '\n'. A body of so many bytes. */
static inline int32_t http2_request(struct http2_peer *p, const char *method, const char *path,
				    const char *more, size_t body)
{
	static char text[256 * 1024];
	nghttp2_data_provider provider = { .read_callback = http2_body };
	nghttp2_nv nv[64] = { HTTP2_NV(":method", method), HTTP2_NV(":scheme", "http"),
			      HTTP2_NV(":authority", "h"), HTTP2_NV(":path", path) };
	size_t nr = 4;
	int32_t id;

	snprintf(text, sizeof(text), "%s", more);
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *colon = strstr(line, ": ");

		*colon = 0;
		nv[nr] = HTTP2_NV(line, colon + 2);
		/* as proxies write what they pass on */
		if (!strcmp(line, "traceparent"))
			nv[nr].flags = NGHTTP2_NV_FLAG_NO_INDEX;
		nr++;
	}
	p->body_left = body;
	id = nghttp2_submit_request(p->session, NULL, nv, nr, body ? &provider : NULL, NULL);
	if (id < 0)
		abort();
	http2_pump(p);
	return id;
}

static inline void http2_answer(struct http2_peer *p, int32_t id, const char *status, size_t body)
{
	nghttp2_data_provider provider = { .read_callback = http2_body };
	nghttp2_nv nv[] = { HTTP2_NV(":status", status), HTTP2_NV("server", "nghttp2") };

	p->body_left = body;
	if (nghttp2_submit_response(p->session, id, nv, 2, body ? &provider : NULL))
		abort();
	http2_pump(p);
}

/* What the server gets of these bytes, as text, without the lines that are ours. */
static inline const char *http2_heard(const char *bytes, size_t len, unsigned *nr_ours)
{
	static char text[2][HTTP2_PEER_ROOM];
	static unsigned which;
	struct http2_peer *server = http2_peer(true);
	char *to = text[which++ % 2];

	http2_tell(server, bytes, len);
	*nr_ours = 0;
	*to = 0;
	for (char *line = strtok(server->said, "\n"); line; line = strtok(NULL, "\n")) {
		if (strstr(line, " traceparent 00-"))
			++*nr_ours;
		else
			strcat(strcat(to, line), "\n");
	}
	http2_peer_end(server);
	return text[(which - 1) % 2];
}

#endif
