/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/usual.h"

#include "export/attr.h"
#include "export/exporter.h"
#include "preload/conn/capture.h"
#include "preload/conn/cursor.h"
#include "preload/conn/lambda.h"
#include "preload/conn/state.h"

bool atr_usual_is_on = true;

/* Nobody asks for what is to be looked for in each request's head. */
static inline bool is_asked_little(void)
{
	return !(atr_lambda_is_on | atr_sampler_wants_request) && !atr_capture_is_on();
}

/* Between two messages of HTTP/1, and all of them so far were understood. */
static inline bool is_between(const struct atr_conn *conn, const struct atr_stream *s)
{
	return atr_usual_is_on && s->known &&
	       !(s->in_body | s->scan | s->held_len | conn->api | conn->is_cipher |
		 conn->in_tunnel);
}

/* ---- responses --------------------------------------------------------------------------------- */

/* A message without more than what went by. */
static inline void is_whole(struct atr_stream *s, enum atr_http1_framing framing, uint64_t size)
{
	s->body =
		(struct atr_http1_body){ .framing = (uint8_t)framing, .done = true, .size = size };
}

/* Of the one request that is under way: it is all over. */
static inline void end(struct atr_thread *self, struct atr_conn *conn, struct atr_exchange *e,
		       uint64_t size)
{
	struct atr_span *span = atr_live_span(e->span);
	uint64_t end_ns = 0;

	if (span) {
		atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 200);
		if (size)
			atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, (int64_t)size);
		end_ns = atr_clock_ns();
	}
	if (conn->side == ATR_SIDE_SERVER) {
		atr_work_resume(self, e->span);
		atr_work_ended(self, e->span);
	} else {
		atr_work_goes_on(self, e->work);
		atr_work_call_answered(e->work);
		atr_work_resume(self, e->work);
	}
	atr_live_close(e->span, end_ns);
	conn->nr_exchanges = conn->first_exchange = 0;
}

/* `len` bytes of the `n` that went by are at hand. */
static inline bool response(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			    const char *bytes, size_t len, size_t n)
{
	struct atr_exchange *e = &conn->exchange[conn->first_exchange];
	const struct atr_span *span;
	uint64_t body_len;
	size_t head_len;

	if (conn->nr_exchanges != 1 || s->head_ns || !is_asked_little() ||
	    e->to_head | e->to_connect | e->answering | e->is_own)
		return false;
	span = atr_live_span(e->span);
	if (span)
		atr_exporter_expects(span->len);
	head_len = atr_http1_again_response(&conn->former_response, bytes, len, &body_len);
	if (!head_len || n - head_len != body_len)
		return false;
	e->answering = true;
	is_whole(s, ATR_HTTP1_LENGTH, body_len);
	end(self, conn, e, body_len);
	return true;
}

/* ---- requests ---------------------------------------------------------------------------------- */

static inline bool is_as_before(const struct atr_conn *conn, struct atr_str target)
{
	const struct atr_usual *u = &conn->usual;

	return u->items_len && u->turn == conn->former_request.turn &&
	       atr_str_equal(target, (struct atr_str){ u->target, u->target_len });
}

__attribute__((noinline)) static void describe_anew(struct atr_conn *conn, struct atr_span *span,
						    enum atr_kind kind, const char *bytes,
						    struct atr_str target)
{
	struct atr_usual *u = &conn->usual;
	uint32_t from = span->len, len;
	struct atr_http1_head head;

	atr_http1_again_head(&conn->former_request, bytes, target, &head);
	atr_semconv_request(span, kind, &head, conn->is_secure, &conn->peer.any, conn->peer_len,
			    &conn->same);
	len = span->len - from;
	u->items_len = 0;
	if (target.len > sizeof(u->target) || len > sizeof(u->items) || span->cut_strings ||
	    span->dropped_attributes)
		return;
	memcpy(u->target, target.at, target.len);
	memcpy(u->items, (const char *)span + from, len);
	u->target_len = (uint16_t)target.len;
	u->turn = conn->former_request.turn;
	u->items_len = (uint16_t)len;
}

/* Name and attributes of what a request's head says. */
static inline void describe(struct atr_conn *conn, struct atr_span *span, enum atr_kind kind,
			    const char *bytes, struct atr_str target)
{
	if (!is_as_before(conn, target) ||
	    !atr_span_put_items(span, conn->usual.items, conn->usual.items_len))
		describe_anew(conn, span, kind, bytes, target);
	atr_handshake_tell(conn, span);
}

static inline struct atr_exchange *begin(struct atr_conn *conn)
{
	struct atr_exchange *e = &conn->exchange[conn->first_exchange];

	conn->nr_exchanges = 1;
	memset(e, 0, sizeof(*e));
	return e;
}

static inline bool request(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			   const char *bytes, size_t len)
{
	struct atr_pair field = { .name = ATR_STR("traceparent") };
	struct atr_exchange *e;
	struct atr_span *span;
	struct atr_str target;

	if (conn->nr_exchanges || !is_asked_little() ||
	    atr_http1_again_request(&conn->former_request, bytes, len, atr_wanted_fields(), &target,
				    &field.value) != len)
		return false;
	e = begin(conn);
	e->span = atr_request_served(
		self, conn, &field,
		field.value.at &&
			(atr_formats.is_w3c || atr_propagators_want(&atr_formats, field.name)),
		0, NULL);
	span = atr_live_span(e->span);
	if (span)
		describe(conn, span, ATR_KIND_SERVER, bytes, target);
	s->head_ns = 0;
	is_whole(s, ATR_HTTP1_NO_BODY, 0);
	atr_work_read(self, e->span, true, 0);
	return true;
}

/* A client's next request can begin, and is looked at: else no page is asked for what it holds. */
static inline bool can_ask(const struct atr_conn *conn)
{
	return is_between(conn, &conn->out) && is_asked_little() && !conn->out.head_ns &&
	       !(conn->nr_exchanges | conn->is_prepared | conn->is_own | conn->is_fresh |
		 conn->injected | conn->overlays);
}

static inline bool prepare(struct atr_thread *self, struct atr_conn *conn, const char *bytes,
			   size_t len)
{
	struct atr_str target, traceparent;
	struct atr_span *span;

	if (atr_http1_again_request(&conn->former_request, bytes, len, atr_wanted_fields(), &target,
				    &traceparent) != len ||
	    traceparent.at)
		return false;
	conn->is_prepared = true;
	conn->prepared_head = conn->prepared_connect = false;
	conn->prepared_work = atr_work_current(self, 0);
	atr_work_calls(self, conn->prepared_work, false);
	conn->prepared = atr_request_open(self, conn, conn->prepared_work, 0, NULL);
	span = atr_live_span(conn->prepared);
	if (span)
		describe(conn, span, ATR_KIND_CLIENT, bytes, target);
	return true;
}

/* Our fields; 0: there are none, or they are too long for here. */
static inline size_t write_fields(const struct atr_conn *conn, char *out, size_t cap)
{
	struct atr_context_copy copy;
	size_t len;

	if (!atr_live_context(conn->prepared, &copy))
		return 0;
	len = atr_propagators_inject(&atr_formats, &copy.context, 0, out, cap);
	if (copy.block)
		atr_context_copy_release(&copy);
	return len;
}

bool atr_usual_asks(struct atr_thread *self, struct atr_conn *conn, const char *bytes, size_t len,
		    struct atr_pieces *piece)
{
	size_t at = len - 2;

	if (!len || !can_ask(conn) || len > sizeof(piece->whole) - sizeof(piece->text) ||
	    atr_len_in_page(bytes, len) != len || !can_read_page(bytes) ||
	    !prepare(self, conn, bytes, len))
		return false;
	atr_sending_as_it_is(piece, 0, len);
	piece->ours_len = write_fields(conn, piece->whole + at, sizeof(piece->text) - 1);
	if (!piece->ours_len)
		return false;
	piece->at = at;
	piece->ours = piece->whole + at;
	piece->head_end = len;
	piece->head.framing = ATR_HTTP1_NO_BODY;
	piece->head.content_length = 0;
	piece->is_plain = false;
	piece->is_usual = true;
	memcpy(piece->whole, bytes, at);
	memcpy(piece->whole + at + piece->ours_len, "\r\n", 2);
	piece->iov[0] = (struct iovec){ piece->whole, len + piece->ours_len };
	piece->nr_iov = 1;
	return true;
}

bool atr_usual_asked(struct atr_conn *conn)
{
	struct atr_exchange *e;

	if (!conn->is_prepared || conn->nr_exchanges | conn->answered_early | conn->is_own |
					  conn->counts_as_call | conn->api | conn->is_fresh |
					  conn->injected | conn->overlays | conn->out.scan |
					  conn->out.held_len | conn->out.in_body)
		return false;
	e = begin(conn);
	e->span = conn->prepared;
	e->work = conn->prepared_work;
	atr_work_begins_call(e->work);
	conn->prepared = conn->prepared_work = 0;
	conn->is_prepared = false;
	is_whole(&conn->out, ATR_HTTP1_NO_BODY, 0);
	return true;
}

/* ---- what went by ------------------------------------------------------------------------------ */

/* As much of it as lies in the first piece, which may be more than came. */
static inline size_t in_first(const struct iovec *iov, size_t n)
{
	return iov->iov_len < n ? iov->iov_len : n;
}

bool atr_usual_received(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n)
{
	size_t len = nr > 0 ? in_first(iov, n) : 0;

	if (len != n || !is_between(conn, &conn->in))
		return false;
	return conn->side == ATR_SIDE_CLIENT ?
		       response(self, conn, &conn->in, iov->iov_base, len, n) :
		       request(self, conn, &conn->in, iov->iov_base, len);
}

bool atr_usual_answered(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n)
{
	return conn->side == ATR_SIDE_SERVER && nr > 0 && is_between(conn, &conn->out) &&
	       response(self, conn, &conn->out, iov->iov_base, in_first(iov, n), n);
}
