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
static bool is_between(const struct atr_stream *s)
{
	return s->known && !(s->in_body | s->scan | s->held_len);
}

enum atr_ready atr_usual_ready(const struct atr_conn *conn)
{
	const struct atr_exchange *e = &conn->exchange[conn->first_exchange];
	bool is_client = conn->side == ATR_SIDE_CLIENT;

	if (!atr_usual_is_on || !is_asked_little() || !atr_conn_is_ordinary(conn))
		return ATR_READY_NOT;
	/* what is begun of a request, or is of a tunnel, is prepared, or shows here too */
	if (!is_between(&conn->in) || !is_between(&conn->out) ||
	    conn->api | conn->is_cipher | conn->in_tunnel | conn->is_prepared)
		return ATR_READY_NOT;
	if (!conn->nr_exchanges)
		return is_client ? ATR_READY_CLIENT_BEGINS : ATR_READY_SERVER_BEGINS;
	if (conn->nr_exchanges > 1 || e->to_head | e->to_connect | e->answering | e->is_own)
		return ATR_READY_NOT;
	return is_client ? ATR_READY_CLIENT_ENDS : ATR_READY_SERVER_ENDS;
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
	bool is_server = conn->side == ATR_SIDE_SERVER;
	uint64_t end_ns = 0;

	if (span) {
		atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 200);
		if (size)
			atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, (int64_t)size);
		end_ns = atr_clock_ns();
	}
	if (is_server) {
		atr_work_resume(self, e->span);
		atr_work_ended(self, e->span);
	} else {
		atr_work_goes_on(self, e->work);
		atr_work_call_answered(e->work);
		atr_work_resume(self, e->work);
	}
	atr_live_close(e->span, end_ns);
	conn->nr_exchanges = conn->first_exchange = 0;
	conn->ready = is_server ? ATR_READY_SERVER_BEGINS : ATR_READY_CLIENT_BEGINS;
}

/* `len` bytes of the `n` that went by are at hand. */
static inline bool response(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			    const char *bytes, size_t len, size_t n)
{
	struct atr_exchange *e = &conn->exchange[conn->first_exchange];
	const struct atr_span *span;
	uint64_t body_len;
	size_t head_len;

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

/* As atr_request_served has it of who has been here before, with this field of its context or without. */
static inline atr_ref open_served(struct atr_thread *self, struct atr_conn *conn,
				  struct atr_str traceparent)
{
	struct atr_pair field = { ATR_STR("traceparent"), traceparent };
	struct atr_context parent;

	if (traceparent.at && atr_formats.is_w3c) {
		memset(&parent, 0, sizeof(parent));
		parent.remote = true;
		if (atr_traceparent_read(traceparent, &parent))
			return atr_live_open(self, ATR_KIND_SERVER, &parent, 0);
	}
	return atr_request_served(self, conn, &field,
				  traceparent.at && atr_propagators_want(&atr_formats, field.name),
				  0, NULL);
}

static inline bool request(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			   const char *bytes, size_t len)
{
	struct atr_str target, traceparent;
	struct atr_exchange *e;
	struct atr_span *span;

	if (atr_http1_again_request(&conn->former_request, bytes, len, atr_wanted_fields(), &target,
				    &traceparent) != len)
		return false;
	e = begin(conn);
	e->span = open_served(self, conn, traceparent);
	span = atr_live_span(e->span);
	if (span)
		describe(conn, span, ATR_KIND_SERVER, bytes, target);
	is_whole(s, ATR_HTTP1_NO_BODY, 0);
	conn->ready = ATR_READY_SERVER_ENDS;
	atr_work_read(self, e->span, true, 0);
	return true;
}

/*
 * The span of a client's request, which is as good as sent: where it is not, _unasked takes
 * that back.
 */
static inline struct atr_exchange *ask(struct atr_thread *self, struct atr_conn *conn,
				       const char *bytes, size_t len)
{
	struct atr_str target, traceparent;
	struct atr_exchange *e;
	struct atr_span *span;
	atr_ref work;

	if (atr_http1_again_request(&conn->former_request, bytes, len, atr_wanted_fields(), &target,
				    &traceparent) != len ||
	    traceparent.at)
		return NULL;
	work = atr_work_current(self, 0);
	atr_work_calls(self, work, false);
	e = begin(conn);
	e->work = work;
	e->span = atr_request_open_now(self, work);
	span = atr_live_span(e->span);
	if (span)
		describe(conn, span, ATR_KIND_CLIENT, bytes, target);
	return e;
}

/* Our fields; 0: there are none, or they are too long for here. */
static inline size_t write_fields(atr_ref span, char *out, size_t cap)
{
	struct atr_context_copy copy;
	struct atr_context own;
	size_t len;

	if (atr_formats.is_w3c && cap >= ATR_TRACEPARENT_LINE && atr_live_own_context(span, &own))
		return atr_traceparent_line(&own, out);
	if (!atr_live_context(span, &copy))
		return 0;
	len = atr_propagators_inject(&atr_formats, &copy.context, 0, out, cap);
	if (copy.block)
		atr_context_copy_release(&copy);
	return len;
}

/* It is not under way: a request that was prepared, as sending.c has it. */
static void take_back(struct atr_conn *conn, atr_ref span, atr_ref work)
{
	conn->is_prepared = true;
	conn->prepared_head = conn->prepared_connect = false;
	conn->prepared = span;
	conn->prepared_work = work;
	conn->nr_exchanges = 0;
	conn->ready = ATR_READY_NOT;
}

bool atr_usual_asks(struct atr_thread *self, struct atr_conn *conn, const char *bytes, size_t len,
		    struct atr_pieces *piece)
{
	struct atr_exchange *e;
	size_t at = len - 2;

	if (!len || len > sizeof(piece->whole) - sizeof(piece->text) ||
	    atr_len_in_page(bytes, len) != len || !can_read_page(bytes))
		return false;
	e = ask(self, conn, bytes, len);
	if (!e)
		return false;
	atr_sending_as_it_is(piece, 0, len);
	piece->ours_len = write_fields(e->span, piece->whole + at, sizeof(piece->text) - 1);
	if (!piece->ours_len) {
		take_back(conn, e->span, e->work);
		return false;
	}
	atr_work_begins_call(e->work);
	is_whole(&conn->out, ATR_HTTP1_NO_BODY, 0);
	conn->ready = ATR_READY_CLIENT_ENDS;
	atomic_store_explicit(&conn->asking, true, memory_order_relaxed);
	piece->usual = e->span;
	piece->at = at;
	piece->ours = piece->whole + at;
	piece->head_end = len;
	piece->head.framing = ATR_HTTP1_NO_BODY;
	piece->head.content_length = 0;
	piece->is_plain = false;
	memcpy(piece->whole, bytes, at);
	memcpy(piece->whole + at + piece->ours_len, "\r\n", 2);
	piece->iov[0] = (struct iovec){ piece->whole, len + piece->ours_len };
	piece->nr_iov = 1;
	return true;
}

bool atr_usual_unasked(struct atr_conn *conn, atr_ref span, bool is_begun)
{
	struct atr_exchange *e = &conn->exchange[conn->first_exchange];
	atr_ref work = e->work;

	if (conn->nr_exchanges == 1 && e->span == span && !e->answering) {
		take_back(conn, span, work);
		atr_work_ends_call(work);
		return true;
	}
	/* it has ended before it was out: what is left of it is still to go */
	if (is_begun && !conn->nr_exchanges) {
		take_back(conn, 0, 0);
		conn->answered_early = true;
	}
	return !conn->nr_exchanges;
}

void atr_usual_saw_asking(struct atr_conn *conn)
{
	atomic_store_explicit(&conn->asking, false, memory_order_relaxed);
	if (conn->ready == ATR_READY_CLIENT_ENDS)
		atr_usual_unasked(conn, conn->exchange[conn->first_exchange].span, false);
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

	if (len != n)
		return false;
	if (conn->ready == ATR_READY_CLIENT_ENDS)
		return response(self, conn, &conn->in, iov->iov_base, len, n);
	return conn->ready == ATR_READY_SERVER_BEGINS &&
	       request(self, conn, &conn->in, iov->iov_base, len);
}

bool atr_usual_answered(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
			int nr, size_t n)
{
	return conn->ready == ATR_READY_SERVER_ENDS && nr > 0 &&
	       response(self, conn, &conn->out, iov->iov_base, in_first(iov, n), n);
}
