/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/parts.h"
#include "export/heavy/room.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

/*
 * A unary gRPC call over nghttp2: one stream at a time on a session that is kept. All that the
 * session allocates lies in its room, so that a peer can make it fail but not grow.
 */

#define ROOM_LEN ((size_t)8 << 20)
#define PREFIX 5 /* of a message: whether it is packed, and its length */
#define FIELDS_MAX (ATR_GRPC_HEADERS_MAX + 12)

struct atr_grpc {
	struct atr_room room;
	nghttp2_mem mem;
	nghttp2_session *session;
	void *free[32]; /* blocks that were given back, by the power of two of their length */
	/* the call that is under way */
	const struct atr_grpc_call *call;
	struct atr_grpc_answer *answer;
	int32_t stream;
	size_t sent, received; /* of the message, with its prefix */
	bool is_over, was_refused;
};

/* ---- memory ------------------------------------------------------------------------------------ */

#define HEAD 16 /* bytes before each block: its power */

static unsigned power_of(size_t len)
{
	unsigned power = 5;

	while (power < 31 && ((size_t)1 << power) < len + HEAD)
		power++;
	return power;
}

static void *take(size_t len, void *arg)
{
	struct atr_grpc *g = arg;
	unsigned power = power_of(len);
	char *at = g->free[power];

	if (len > ROOM_LEN)
		return NULL;
	if (at)
		memcpy(&g->free[power], at, sizeof(void *));
	else if ((at = atr_room_take(&g->room, (size_t)1 << power)))
		at += HEAD;
	if (at)
		memcpy(at - HEAD, &power, sizeof(power));
	return at;
}

static void give(void *at, void *arg)
{
	struct atr_grpc *g = arg;
	unsigned power;

	if (!at)
		return;
	memcpy(&power, (char *)at - HEAD, sizeof(power));
	memcpy(at, &g->free[power], sizeof(void *));
	g->free[power] = at;
}

static void *take_zeroed(size_t nr, size_t size, void *arg)
{
	void *at = size && nr > ROOM_LEN / size ? NULL : take(nr * size, arg);

	if (at)
		memset(at, 0, nr * size);
	return at;
}

static void *take_again(void *at, size_t len, void *arg)
{
	unsigned power;
	size_t had;
	void *to;

	if (!at)
		return take(len, arg);
	memcpy(&power, (char *)at - HEAD, sizeof(power));
	had = ((size_t)1 << power) - HEAD;
	if (len <= had)
		return at;
	to = take(len, arg);
	if (to) {
		memcpy(to, at, had);
		give(at, arg);
	}
	return to;
}

/* What nghttp2 has for this calls the heap, and its clock libc: these are in their place. */
nghttp2_mem *nghttp2_mem_default(void);
void *nghttp2_mem_malloc(nghttp2_mem *mem, size_t size);
void *nghttp2_mem_calloc(nghttp2_mem *mem, size_t nr, size_t size);
void *nghttp2_mem_realloc(nghttp2_mem *mem, void *at, size_t size);
void nghttp2_mem_free(nghttp2_mem *mem, void *at);
void nghttp2_mem_free2(nghttp2_free how, void *at, void *arg);
uint64_t nghttp2_time_now_sec(void);

nghttp2_mem *nghttp2_mem_default(void)
{
	return NULL;
}

void *nghttp2_mem_malloc(nghttp2_mem *mem, size_t size)
{
	return mem->malloc(size, mem->mem_user_data);
}

void *nghttp2_mem_calloc(nghttp2_mem *mem, size_t nr, size_t size)
{
	return mem->calloc(nr, size, mem->mem_user_data);
}

void *nghttp2_mem_realloc(nghttp2_mem *mem, void *at, size_t size)
{
	return mem->realloc(at, size, mem->mem_user_data);
}

void nghttp2_mem_free(nghttp2_mem *mem, void *at)
{
	mem->free(at, mem->mem_user_data);
}

void nghttp2_mem_free2(nghttp2_free how, void *at, void *arg)
{
	how(at, arg);
}

/* It counts resets of a client's streams, which no client sees. */
uint64_t nghttp2_time_now_sec(void)
{
	return 0;
}

/* ---- what the server said ---------------------------------------------------------------------- */

static int number_of(struct atr_str text)
{
	uint64_t n;

	return atr_str_decimal(text, 9999, &n) ? (int)n : -1;
}

static bool is(struct atr_str text, const char *expected)
{
	return text.len == strlen(expected) && memcmp(text.at, expected, text.len) == 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* grpc-message is percent-encoded. */
static void keep_message(struct atr_grpc_answer *answer, struct atr_str in)
{
	size_t n = 0;

	for (size_t i = 0; i < in.len && n < sizeof(answer->message) - 1; i++) {
		char c = in.at[i];

		if (c == '%' && i + 2 < in.len && hex(in.at[i + 1]) >= 0 &&
		    hex(in.at[i + 2]) >= 0) {
			c = (char)(hex(in.at[i + 1]) << 4 | hex(in.at[i + 2]));
			i += 2;
		}
		answer->message[n++] = (unsigned char)c < ' ' ? ' ' : c;
	}
	answer->message[n] = 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *user)
{
	struct atr_grpc *g = user;
	struct atr_str key = { (const char *)name, name_len };
	struct atr_str text = { (const char *)value, value_len };

	(void)session, (void)flags;
	if (!g->answer || frame->hd.stream_id != g->stream)
		return 0;
	if (is(key, ":status"))
		g->answer->http_status = number_of(text);
	else if (is(key, "grpc-status"))
		g->answer->grpc_status = number_of(text);
	else if (is(key, "grpc-message"))
		keep_message(g->answer, text);
	else if (is(key, "grpc-status-details-bin"))
		g->answer->has_retry_info = atr_grpc_retry_info(text, &g->answer->retry_after_ms);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
		   size_t len, void *user)
{
	struct atr_grpc *g = user;

	(void)session, (void)flags;
	if (!g->answer || stream != g->stream)
		return 0;
	for (size_t i = 0; i < len; i++, g->received++) {
		struct atr_grpc_answer *a = g->answer;

		if (g->received == 0)
			a->is_packed = bytes[i] != 0;
		else if (g->received >= PREFIX && a->body_len < a->body_cap)
			a->body[a->body_len++] = (char)bytes[i];
	}
	return 0;
}

static int on_closed(nghttp2_session *session, int32_t stream, uint32_t error, void *user)
{
	struct atr_grpc *g = user;

	(void)session;
	if (stream == g->stream) {
		g->is_over = true;
		g->was_refused = error == NGHTTP2_REFUSED_STREAM;
	}
	return 0;
}

/* ---- what we say ------------------------------------------------------------------------------- */

static size_t min(size_t a, size_t b)
{
	return a < b ? a : b;
}

static ssize_t read_message(nghttp2_session *session, int32_t stream, uint8_t *to, size_t cap,
			    uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct atr_grpc *g = user;
	struct atr_str body = g->call->body;
	uint8_t prefix[PREFIX] = { g->call->is_gzip, (uint8_t)(body.len >> 24),
				   (uint8_t)(body.len >> 16), (uint8_t)(body.len >> 8),
				   (uint8_t)body.len };
	size_t n = 0, part;

	(void)session, (void)stream, (void)source;
	if (g->sent < PREFIX) {
		n = min(PREFIX - g->sent, cap);
		memcpy(to, prefix + g->sent, n);
		g->sent += n;
	}
	part = min(PREFIX + body.len - g->sent, cap - n);
	if (g->sent >= PREFIX && part) {
		memcpy(to + n, body.at + g->sent - PREFIX, part);
		g->sent += part;
		n += part;
	}
	if (g->sent == PREFIX + body.len)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

struct fields {
	nghttp2_nv list[FIELDS_MAX];
	size_t nr;
};

static void add(struct fields *f, const char *name, size_t name_len, struct atr_str value)
{
	f->list[f->nr++] = (nghttp2_nv){ (uint8_t *)name, (uint8_t *)value.at, name_len, value.len,
					 NGHTTP2_NV_FLAG_NO_COPY_VALUE };
}

static void add_text(struct fields *f, const char *name, const char *value)
{
	add(f, name, strlen(name), atr_str(value));
}

/* nghttp2 copies their names, and makes them lower case. */
static int32_t submit(struct atr_grpc *g)
{
	const struct atr_grpc_call *call = g->call;
	nghttp2_data_provider body = { .read_callback = read_message };
	struct fields f = { .nr = 0 };

	add_text(&f, ":method", "POST");
	add_text(&f, ":scheme", call->is_tls ? "https" : "http");
	add_text(&f, ":path", call->path);
	add_text(&f, ":authority", call->authority);
	add_text(&f, "te", "trailers");
	add_text(&f, "content-type", "application/grpc");
	add_text(&f, "user-agent", call->user_agent);
	if (*call->timeout)
		add_text(&f, "grpc-timeout", call->timeout);
	if (call->is_gzip)
		add_text(&f, "grpc-encoding", "gzip");
	for (size_t i = 0; i < call->nr_headers && i < ATR_GRPC_HEADERS_MAX; i++)
		add(&f, call->headers[i].name.at, call->headers[i].name.len,
		    call->headers[i].value);
	return nghttp2_submit_request(g->session, NULL, f.list, f.nr, &body, NULL);
}

static bool send_pending(struct atr_grpc *g, const struct atr_pipe *pipe)
{
	for (;;) {
		const uint8_t *at;
		ssize_t n = nghttp2_session_mem_send(g->session, &at);

		if (n <= 0)
			return n == 0;
		if (!pipe->send(pipe->at, (struct atr_str){ (const char *)at, (size_t)n }))
			return false;
	}
}

static bool converse(struct atr_grpc *g, const struct atr_pipe *pipe)
{
	char buf[8192];

	while (!g->is_over) {
		ssize_t n;

		if (!send_pending(g, pipe))
			return false;
		if (g->is_over)
			break;
		if (!nghttp2_session_want_read(g->session))
			return false;
		n = pipe->receive(pipe->at, buf, sizeof(buf));
		if (n <= 0)
			return false;
		if (nghttp2_session_mem_recv(g->session, (uint8_t *)buf, (size_t)n) != n)
			return false;
	}
	/* what is still to be said of it: a window's update, the answer to a ping */
	return send_pending(g, pipe);
}

bool atr_grpc_call(struct atr_grpc *g, const struct atr_pipe *pipe,
		   const struct atr_grpc_call *call, struct atr_grpc_answer *answer)
{
	bool is_well;

	g->call = call;
	g->answer = answer;
	g->sent = g->received = 0;
	g->is_over = g->was_refused = false;
	answer->http_status = answer->grpc_status = -1;
	g->stream = submit(g);
	is_well = g->stream > 0 && converse(g, pipe) && !g->was_refused;
	g->answer = NULL;
	return is_well;
}

static bool set_up(struct atr_grpc *g)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 65536 },
	};
	/* nghttp2_session_callbacks_new is calloc of what it is, which is fewer pointers; a session copies it */
	nghttp2_session_callbacks *callbacks = take_zeroed(128, sizeof(void *), g);

	if (!callbacks)
		return false;
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_closed);
	return nghttp2_session_client_new3(&g->session, callbacks, g, NULL, &g->mem) == 0 &&
	       nghttp2_submit_settings(g->session, NGHTTP2_FLAG_NONE, settings, 2) == 0;
}

struct atr_grpc *atr_grpc_open(void)
{
	struct atr_room room;
	struct atr_grpc *g;

	if (!atr_room_map(&room, ROOM_LEN + sizeof(*g) + 64))
		return NULL;
	g = atr_room_take(&room, sizeof(*g));
	g->room = room;
	g->mem = (nghttp2_mem){ g, take, give, take_zeroed, take_again };
	if (set_up(g))
		return g;
	atr_grpc_free(g);
	return NULL;
}

void atr_grpc_free(struct atr_grpc *g)
{
	struct atr_room room = g->room;

	atr_room_unmap(&room);
}
