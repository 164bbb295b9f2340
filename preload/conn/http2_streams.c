/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/http2.h"

#include "export/attr.h"
#include "export/diag.h"
#include "preload/conn/capture.h"
#include "preload/conn/rpc.h"
#include "preload/conn/semconv.h"

struct atr_h2_stream *atr_h2_stream(struct atr_h2 *h, uint32_t id)
{
	unsigned at = id >> 1;

	if (!id || !h->nr_streams)
		return NULL;
	/* streams are numbered one after the other: it is mostly where it is looked for first, or nowhere */
	for (unsigned i = 0; i <= h->furthest; i++)
		if (h->ids[(at + i) % ATR_H2_STREAMS_MAX] == id)
			return &h->stream[(at + i) % ATR_H2_STREAMS_MAX];
	return NULL;
}

static struct atr_h2_stream *add(struct atr_conn *conn, struct atr_h2 *h, uint32_t id)
{
	unsigned at = id >> 1;

	for (unsigned i = 0; i < ATR_H2_STREAMS_MAX; i++) {
		unsigned slot = (at + i) % ATR_H2_STREAMS_MAX;

		if (h->ids[slot])
			continue;
		h->ids[slot] = id;
		if (h->furthest < i)
			h->furthest = (uint8_t)i;
		h->stream[slot] = (struct atr_h2_stream){ .id = id };
		conn->nr_streams = ++h->nr_streams;
		return &h->stream[slot];
	}
	atr_count(ATR_COUNT_STREAMS_NO_SLOT);
	return NULL;
}

static void take_out(struct atr_conn *conn, struct atr_h2 *h, struct atr_h2_stream *s)
{
	h->ids[s - h->stream] = 0;
	conn->nr_streams = --h->nr_streams;
	if (!h->nr_streams)
		h->furthest = 0;
}

/*
 * One call may bring or take things for several pieces of work. Which of them an
 * event loop acts for after it cannot be told then.
 */
void atr_h2_touch(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		  const struct atr_h2_stream *s, bool is_request)
{
	bool is_answer = !is_request && conn->side == ATR_SIDE_CLIENT;
	atr_ref work = conn->side == ATR_SIDE_SERVER ? s->span : s->work;

	if (!atr_live_get(work) && !is_answer)
		return;
	if (!atr_live_get(work) || (h->touched && h->touched != work))
		h->is_torn = true;
	h->touched = work;
	if (h->is_torn)
		atr_work_torn(self);
	else
		atr_work_resume(self, work);
}

/* ---- a client's ---- */

/*
 * Whose request it is shows less clearly than in HTTP/1: another thread, or a later
 * turn of the loop, may be the one that writes it. Then it is believed only where
 * there is nobody else whose it could be.
 */
static atr_ref work_of_request(struct atr_thread *self, const struct atr_conn *conn,
			       const struct atr_h2 *h)
{
	atr_ref bound = conn->is_fresh && !h->is_many ? conn->opened_in : 0;
	atr_ref work = atr_work_current(self, bound);
	bool is_clear = !h->is_shared && !(h->is_many && self->is_loop);

	return is_clear || atr_work_is_alone(work) ? work : 0;
}

/* The request of some work that is passed on, with the header it came with (see passed_on() of HTTP/1). */
static atr_ref passed_on(const struct atr_http2_head *head, atr_ref likely)
{
	struct atr_context context;
	const struct atr_pair *parent = NULL;
	atr_ref block = atr_block_take(), work = 0;

	for (uint32_t i = 0; i < head->http.nr_kept; i++)
		if (atr_str_equal(head->http.kept[i].name, ATR_STR("traceparent")))
			parent = &head->http.kept[i];
	if (block && parent && parent->value.len == ATR_TRACEPARENT_LEN &&
	    atr_propagators_extract(&atr_formats, head->http.kept, head->http.nr_kept,
				    atr_block_bytes(block), &context))
		work = atr_work_came_with(&context, likely);
	atr_block_give(block);
	return work;
}

static bool is_traced(const struct atr_http2_head *head, unsigned *except)
{
	bool is_one = false;

	for (uint32_t i = 0; i < head->http.nr_kept; i++) {
		struct atr_str name = head->http.kept[i].name;

		is_one = is_one || atr_propagators_is_trace(&atr_formats, name);
		*except |= atr_propagators_except(&atr_formats, name);
	}
	return is_one;
}

struct atr_h2_stream *atr_h2_prepare(struct atr_thread *self, struct atr_conn *conn,
				     struct atr_h2 *h, uint32_t id,
				     const struct atr_http2_head *head,
				     struct atr_h2_fields *fields)
{
	struct atr_h2_stream *s;
	atr_ref work;

	h->last_request = id;
	h->is_many = h->is_many || h->nr_streams;
	work = work_of_request(self, conn, h);
	fields->except = 0;
	fields->replace = false;
	if (is_traced(head, &fields->except)) {
		work = fields->can_replace ? passed_on(head, work) : 0;
		if (!work) {
			atr_count(ATR_COUNT_HEADS_LEFT);
			return NULL;
		}
		fields->replace = true;
	}
	s = add(conn, h, id);
	if (!s)
		return NULL;
	s->is_prepared = true;
	s->is_rpc = atr_rpc_is(head->content_type);
	s->work = work;
	atr_work_calls(self, s->work, conn->is_fresh && atr_live_get(conn->opened_in));
	s->span = atr_request_open_h2(self, conn, head, s->work);
	return s;
}

void atr_h2_begins(struct atr_conn *conn, struct atr_h2_stream *s)
{
	s->is_prepared = false;
	atr_work_begins_call(s->work);
	if (conn->counts_as_call)
		atr_work_ends_call(conn->opened_in);
	conn->counts_as_call = conn->is_fresh = false;
	conn->opened_in = 0;
}

/* ---- a server's ---- */

struct atr_h2_stream *atr_h2_serve(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
				   uint32_t id, bool ends, const struct atr_http2_head *head)
{
	struct atr_h2_stream *s = add(conn, h, id);

	h->last_request = id;
	if (!s) {
		/* what is done for it is not to be taken for another's */
		if (!h->overflows)
			atr_work_unseen(1);
		h->overflows = true;
		return NULL;
	}
	s->is_rpc = atr_rpc_is(head->content_type);
	s->span = atr_request_served_h2(self, conn, head, h->in.head_ns);
	/* of a call, the handler acts as soon as it is there */
	atr_work_read_for_any(self, s->span, ends || s->is_rpc);
	return s;
}

/* ---- both ---- */

static void put_status(struct atr_h2_stream *s, unsigned code)
{
	struct atr_span *span = atr_live_span(s->span);

	if (s->has_status)
		return;
	s->has_status = true;
	s->status = (uint8_t)code;
	if (span)
		atr_rpc_put_status(span, code);
}

void atr_h2_answer(struct atr_thread *self, struct atr_conn *conn, struct atr_h2_stream *s,
		   struct atr_http2_head *head, bool ends)
{
	struct atr_span *span = atr_live_span(s->span);

	if (s->response_ended)
		return;
	if (atr_http2_head_is_response(head)) {
		if (head->http.status < 200)
			return; /* interim: the real one follows */
		s->answering = true;
		if (span && !s->is_rpc) {
			atr_semconv_response(span, head->http.status);
			atr_capture_http2(span, head);
		}
		if (conn->side == ATR_SIDE_SERVER && (!s->is_rpc || ends))
			atr_work_answering(self, s->span);
	}
	if (!s->is_rpc)
		return;
	if (head->grpc_status.at)
		put_status(s, atr_rpc_status(head->grpc_status));
	else if (head->http.status >= 300 || ends)
		put_status(s, atr_rpc_of_http(head->http.status));
}

static void put_sizes(const struct atr_h2_stream *s)
{
	struct atr_span *span = s->is_rpc ? NULL : atr_live_span(s->span);

	if (span && s->response_size)
		atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, (int64_t)s->response_size);
}

/* It is over; whoever did its work does what it did before. */
static void over(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		 struct atr_h2_stream *s)
{
	put_sizes(s);
	if (conn->side == ATR_SIDE_SERVER) {
		atr_work_ended(self, s->span);
	} else {
		atr_work_call_answered(s->work);
		if (!h->is_torn)
			atr_work_resume(self, s->work);
	}
	atr_live_close(s->span, atr_clock_ns());
	take_out(conn, h, s);
}

void atr_h2_half_ended(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		       struct atr_h2_stream *s, bool is_request)
{
	bool is_server = conn->side == ATR_SIDE_SERVER;

	if (is_request) {
		s->request_ended = true;
		if (is_server && !s->response_ended)
			atr_work_whole(self, s->span);
	} else if (s->answering) {
		s->response_ended = true;
		if (s->is_rpc && !s->has_status)
			put_status(s, ATR_RPC_UNKNOWN);
		if (is_server)
			atr_work_ended(self, s->span);
	}
	if (s->request_ended && s->response_ended)
		over(self, conn, h, s);
}

#define NO_ERROR 0
#define CANCEL 8

void atr_h2_reset(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		  struct atr_h2_stream *s, bool by_client, uint32_t code)
{
	struct atr_span *span = s->response_ended ? NULL : atr_live_span(s->span);
	bool is_wanted = by_client && (code == NO_ERROR || code == CANCEL);

	/* what a client that gives its call up says of it, its deadline or not, is not told */
	if (span && s->is_rpc && !(by_client && conn->side == ATR_SIDE_CLIENT))
		put_status(s, atr_rpc_of_reset(code));
	if (span && is_wanted)
		atr_span_put_bool(span, ATR_INCOMPLETE, true);
	else if (span)
		atr_semconv_error(span, atr_http2_error(code));
	over(self, conn, h, s);
}

void atr_h2_broken(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
		   struct atr_h2_stream *s)
{
	struct atr_span *span = s->response_ended ? NULL : atr_live_span(s->span);
	struct atr_str why = atr_stream_reason(conn);

	if (s->is_prepared && !conn->error) {
		atr_live_drop(s->span);
		take_out(conn, h, s);
		return;
	}
	if (s->is_prepared)
		atr_work_begins_call(s->work); /* whose end is counted below */
	if (span && s->is_rpc && conn->side == ATR_SIDE_CLIENT && why.at)
		put_status(s, ATR_RPC_UNAVAILABLE);
	if (span && why.at)
		atr_semconv_error(span, why);
	else if (span)
		atr_span_put_bool(span, ATR_INCOMPLETE, true);
	over(self, conn, h, s);
}
