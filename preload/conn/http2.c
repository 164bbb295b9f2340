/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/http2.h"

#include "export/diag.h"
#include "preload/conn/capture.h"

#include <stddef.h>
#include <sys/mman.h>

static struct atr_pool pool = { .item_len = sizeof(struct atr_h2), .cap = ATR_H2_CONNS_MAX };

/* Mapped by who needs it first; who comes at the same moment gives its own mapping back. */
static bool has_pool(void)
{
	struct atr_pool mine = { 0 };
	char *none = NULL;

	if (__atomic_load_n(&pool.base, __ATOMIC_ACQUIRE))
		return true;
	if (!atr_pool_map(&mine, pool.item_len, pool.cap))
		return false;
	if (!__atomic_compare_exchange_n(&pool.base, &none, mine.base, false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		munmap(mine.base, (size_t)mine.item_len * mine.cap);
	return true;
}

struct atr_h2 *atr_h2_of(const struct atr_conn *conn)
{
	return conn->http2 ? atr_pool_get(&pool, conn->http2) : NULL;
}

bool atr_h2_is_it(const struct atr_conn *conn, const struct atr_stream *s, bool is_request,
		  const char *bytes, size_t len)
{
	char first[ATR_HTTP2_TELLING];
	const char *held = atr_block_bytes(s->held);
	size_t n = 0;

	if (conn->in.known || conn->out.known || conn->nr_exchanges)
		return false;
	/* a server's first frame is SETTINGS, which no response of HTTP/1 looks like */
	if (!is_request)
		return !s->held_len && !bytes[0] && (len <= 3 || bytes[3] == ATR_HTTP2_SETTINGS);
	for (; held && n < s->held_len && n < sizeof(first); n++)
		first[n] = held[n];
	for (; len && n < sizeof(first); n++, len--)
		first[n] = *bytes++;
	return n == sizeof(first) && atr_http2_is_preface(first, n);
}

bool atr_h2_begin(struct atr_conn *conn)
{
	bool is_client = conn->side == ATR_SIDE_CLIENT;
	struct atr_h2 *h;

	conn->http2 = has_pool() ? atr_pool_take(&pool) : 0;
	h = atr_h2_of(conn);
	if (!h) {
		atr_count(ATR_COUNT_CONNS_NO_SLOT);
		return false;
	}
	memset((char *)h + offsetof(struct atr_h2, in), 0,
	       offsetof(struct atr_h2, stream) - offsetof(struct atr_h2, in));
	atr_http2_begin(&h->in.reader, !is_client);
	atr_http2_begin(&h->out.reader, is_client);
	h->in.hpack = atr_hpack_begin(h->room_in);
	h->out.hpack = atr_hpack_begin(h->room_out);
	h->out.is_measured = is_client;
	h->max_frame = ATR_HTTP2_FRAME_MAX;
	h->max_list = UINT32_MAX;
	h->thread = &atr_self;
	return h->in.hpack && h->out.hpack;
}

bool atr_h2_upgrade(struct atr_conn *conn, struct atr_exchange *exchange)
{
	struct atr_h2 *h;

	if (!atr_h2_begin(conn))
		return false;
	h = atr_h2_of(conn);
	h->stream[0] = (struct atr_h2_stream){
		.span = exchange->span, .work = exchange->work, .id = 1, .request_ended = true
	};
	h->ids[0] = h->last_request = 1;
	h->nr_streams = conn->nr_streams = 1;
	return true;
}

/* ---- header blocks ---- */

static bool wants(struct atr_str name)
{
	return atr_propagators_want(&atr_formats, name);
}

/* The head, and then its text. A block begins anywhere. */
static struct atr_http2_head *head_of(const struct atr_h2_way *way)
{
	uintptr_t at = (uintptr_t)atr_block_bytes(way->head);

	return (struct atr_http2_head *)((at + 15) & ~(uintptr_t)15);
}

bool atr_h2_block_begin(struct atr_h2_way *way)
{
	struct atr_http2_head *head;

	way->head = atr_block_take();
	way->head_ns = atr_clock_ns();
	way->literal = (struct atr_str){ 0 };
	head = head_of(way);
	if (!head)
		return true;
	atr_http2_head_begin(head, wants, (char *)(head + 1), ATR_BLOCK_LEN - 15 - sizeof(*head));
	if (atr_capture_is_on())
		head->notes = atr_capture_wants;
	return true;
}

#define MARKED 0xf0 /* the bits of a field's first byte that say how it is written */
#define NEVER_INDEXED 0x10

/* A field that is written out, and in no table: it can be left out of the block. */
static void note_literal(struct atr_h2_way *way, const struct atr_pair *field, const char *at,
			 long len)
{
	unsigned char first = len > 1 ? (unsigned char)at[0] & MARKED : MARKED;

	if ((first && first != NEVER_INDEXED) ||
	    !atr_str_equal(field->name, ATR_STR("traceparent")))
		return;
	/* of two, neither is the one */
	way->literal = (struct atr_str){ at, way->literal.at ? 0 : (size_t)len };
}

static bool wants_field(const void *head, struct atr_str name)
{
	return atr_http2_head_wants(head, name);
}

static bool read_fields(struct atr_h2_way *way, struct atr_str part, bool ends)
{
	struct atr_http2_head *head = head_of(way);
	const struct atr_hpack_wish wish = { wants_field, head };
	struct atr_pair field;

	do {
		long used = atr_hpack_read(way->hpack, part.at, part.len, ends,
					   head && !way->is_measured ? &wish : NULL, &field);

		if (used < 0)
			return false;
		if (field.name.len == 11)
			note_literal(way, &field, part.at, used);
		part.at += used;
		part.len -= (size_t)used;
		if (head && field.value.at)
			atr_http2_head_field(head, &field);
	} while (field.name.at);
	return true;
}

bool atr_h2_block_read(struct atr_h2_way *way, struct atr_str part)
{
	return read_fields(way, part, false);
}

bool atr_h2_block_whole(struct atr_h2_way *way, struct atr_http2_head **head)
{
	*head = head_of(way);
	if (!*head)
		atr_count(ATR_COUNT_HEADS_TOO_LARGE);
	return read_fields(way, ATR_STR(""), true);
}

void atr_h2_block_drop(struct atr_h2_way *way)
{
	atr_block_give(way->head);
	way->head = 0;
}

/* ---- what goes by ---- */

static bool is_of_request(const struct atr_conn *conn, const struct atr_h2 *h,
			  const struct atr_h2_way *way)
{
	return (way == &h->out) == (conn->side == ATR_SIDE_CLIENT);
}

static void frame_begins(struct atr_h2 *h, struct atr_h2_way *way)
{
	uint8_t type = way->reader.frame.type;

	if (type != ATR_HTTP2_HEADERS && type != ATR_HTTP2_PUSH_PROMISE)
		return;
	way->is_ahead = way == &h->out && way->at - ATR_HTTP2_FRAME_HEAD < h->ahead_to;
	if (!way->is_ahead)
		atr_h2_block_begin(way);
}

/* A client's request (or its trailers) was sent. */
static void request_sent(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
			 const struct atr_http2_head *head, uint32_t id)
{
	struct atr_h2_stream *s = atr_h2_stream(h, id);
	struct atr_h2_fields fields = { 0 };

	/* nobody looked at it before it was sent: it is told of, and carries nothing */
	if (!s && head && id > h->last_request) {
		s = atr_h2_prepare(self, conn, h, id, head, &fields);
		if (s)
			atr_count(ATR_COUNT_HEADS_TOO_LARGE);
	}
	if (s && s->is_prepared)
		atr_h2_begins(conn, s);
}

static void request_came(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
			 struct atr_http2_head *head, const struct atr_http2_event *event)
{
	struct atr_h2_stream *s = atr_h2_stream(h, event->stream);

	if (!s && head && event->stream > h->last_request && atr_http2_head_is_request(head))
		s = atr_h2_serve(self, conn, h, event->stream, event->ends_stream, head);
}

static bool block_ended(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
			struct atr_h2_way *way, const struct atr_http2_event *event)
{
	bool is_request = is_of_request(conn, h, way);
	struct atr_http2_head *head = NULL;
	struct atr_h2_stream *s;

	if (!way->is_ahead && !atr_h2_block_whole(way, &head))
		return false;
	if (event->is_promise) {
		/* what a server pushes is not followed */
	} else if (is_request && conn->side == ATR_SIDE_CLIENT) {
		request_sent(self, conn, h, head && atr_http2_head_is_request(head) ? head : NULL,
			     event->stream);
	} else if (is_request) {
		request_came(self, conn, h, head, event);
	} else {
		s = atr_h2_stream(h, event->stream);
		if (s && head)
			atr_h2_answer(self, conn, s, head, event->ends_stream);
	}
	atr_h2_block_drop(way);
	s = event->is_promise ? NULL : atr_h2_stream(h, event->stream);
	if (s)
		atr_h2_touch(self, conn, h, s, is_request);
	if (s && event->ends_stream)
		atr_h2_half_ended(self, conn, h, s, is_request);
	return true;
}

static void set(struct atr_conn *conn, struct atr_h2 *h, struct atr_h2_way *way, uint16_t id,
		uint32_t value)
{
	struct atr_h2_way *other = way == &h->in ? &h->out : &h->in;

	if (id == ATR_HTTP2_HEADER_TABLE_SIZE && !other->reader.block)
		atr_hpack_allow(other->hpack, value);
	if (is_of_request(conn, h, way))
		return;
	if (id == ATR_HTTP2_MAX_FRAME_SIZE)
		h->max_frame = value;
	else if (id == ATR_HTTP2_MAX_HEADER_LIST_SIZE)
		h->max_list = value;
}

/* Of the streams above the last one that it names, nothing was done or will be. */
static void goes(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		 const struct atr_http2_event *event)
{
	for (unsigned i = 0; i < ATR_H2_STREAMS_MAX && h->nr_streams; i++)
		if (h->ids[i] > event->stream && !h->stream[i].is_prepared)
			atr_h2_reset(self, conn, h, &h->stream[i], false,
				     event->value ? event->value : 7);
}

static bool happened(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		     struct atr_h2_way *way, const struct atr_http2_event *event)
{
	bool is_request = is_of_request(conn, h, way);
	struct atr_h2_stream *s;

	switch (event->what) {
	case ATR_HTTP2_BEGINS:
		frame_begins(h, way);
		return true;
	case ATR_HTTP2_BLOCK:
		return way->is_ahead || atr_h2_block_read(way, event->part);
	case ATR_HTTP2_BLOCK_ENDS:
		return block_ended(self, conn, h, way, event);
	case ATR_HTTP2_SET:
		set(conn, h, way, event->id, event->value);
		return true;
	case ATR_HTTP2_GOES:
		if (!is_request)
			goes(self, conn, h, event);
		return true;
	default:
		break;
	}
	s = atr_h2_stream(h, event->stream);
	if (!s || s->is_prepared)
		return true;
	atr_h2_touch(self, conn, h, s, is_request);
	if (event->what == ATR_HTTP2_PAYLOAD)
		*(is_request ? &s->request_size : &s->response_size) += event->part.len;
	else if (event->what == ATR_HTTP2_STREAM_ENDS)
		atr_h2_half_ended(self, conn, h, s, is_request);
	else if (event->what == ATR_HTTP2_RESET)
		atr_h2_reset(self, conn, h, s, is_request, event->value);
	return true;
}

void atr_h2_turn(struct atr_conn *conn)
{
	struct atr_h2 *h = atr_h2_of(conn);

	if (!h)
		return;
	h->touched = 0;
	h->is_torn = false;
	h->is_shared = h->is_shared || h->thread != &atr_self;
}

/* Reads on until the bytes are used up; after bytes that were not shown, with none. */
static bool feed(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		 struct atr_h2_way *way, const char *bytes, size_t len)
{
	struct atr_http2_event event;

	do {
		long used = atr_http2_next(&way->reader, bytes, len, &event);

		if (used < 0)
			return false;
		bytes += used;
		len -= (size_t)used;
		way->at += (size_t)used;
		if (!happened(self, conn, h, way, &event))
			return false;
	} while (event.what != ATR_HTTP2_MORE);
	return true;
}

bool atr_h2_feed(struct atr_thread *self, struct atr_conn *conn, bool outward, const char *bytes,
		 size_t len)
{
	struct atr_h2 *h = atr_h2_of(conn);

	(outward ? &conn->out : &conn->in)->known = true;
	return h && feed(self, conn, h, outward ? &h->out : &h->in, bytes, len);
}

bool atr_h2_skip(struct atr_thread *self, struct atr_conn *conn, bool outward, uint64_t len)
{
	struct atr_h2 *h = atr_h2_of(conn);
	struct atr_h2_way *way = h ? (outward ? &h->out : &h->in) : NULL;
	struct atr_h2_stream *s;

	if (!h || !atr_http2_skip(&way->reader, len))
		return false;
	way->at += len;
	if (outward)
		h->sent += len;
	s = atr_h2_stream(h, way->reader.frame.stream);
	if (s && !s->is_prepared)
		*(is_of_request(conn, h, way) ? &s->request_size : &s->response_size) += len;
	return feed(self, conn, h, way, "", 0);
}

void atr_h2_end_all(struct atr_thread *self, struct atr_conn *conn)
{
	struct atr_h2 *h = atr_h2_of(conn);

	for (unsigned i = 0; h && i < ATR_H2_STREAMS_MAX && h->nr_streams; i++)
		if (h->ids[i])
			atr_h2_broken(self, conn, h, &h->stream[i]);
}

void atr_h2_release(struct atr_conn *conn, bool owing)
{
	struct atr_h2 *h = atr_h2_of(conn);

	if (!h)
		return;
	atr_h2_block_drop(&h->in);
	atr_h2_block_drop(&h->out);
	if (h->overflows)
		atr_work_unseen(-1);
	h->overflows = false;
	if (owing)
		return;
	atr_block_give(h->texts);
	atr_pool_give(&pool, conn->http2);
	conn->http2 = 0;
	conn->nr_streams = 0;
	conn->owes_http2 = false;
}

bool atr_h2_forked(struct atr_conn *conn)
{
	struct atr_h2 *h = atr_h2_of(conn);

	conn->nr_streams = 0;
	conn->owes_http2 = false;
	if (!h)
		return true;
	for (unsigned i = 0; i < ATR_H2_STREAMS_MAX; i++)
		h->stream[i].span = h->stream[i].work = 0;
	/* their blocks are given back */
	if (!h->in.head && !h->out.head && !h->texts && !h->nr_edits)
		return true;
	h->in.head = h->out.head = h->texts = 0;
	h->nr_edits = 0;
	return false;
}
