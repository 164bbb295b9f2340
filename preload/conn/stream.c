/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/exporter.h"
#include "preload/conn/aws.h"
#include "preload/conn/capture.h"
#include "preload/conn/cipher.h"
#include "preload/conn/http2.h"
#include "preload/conn/lambda.h"
#include "preload/conn/probes.h"
#include "preload/conn/transfer.h"
#include "preload/live/where.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/time.h>

#define FIELDS_MAX 16 /* that carry a context: more are no program's */
/* A connection that waited longer for its first request was not opened for it alone. */
#define PROMPT_NS (100 * UINT64_C(1000000))

void atr_stream_drop_held(struct atr_stream *stream)
{
	atr_block_give(stream->held);
	stream->held = 0;
	stream->held_len = 0;
}

char *atr_stream_hold(struct atr_stream *stream, const char *bytes, size_t len)
{
	char *at;

	if (stream->held_len + len > ATR_HTTP1_HEAD_MAX)
		return NULL;
	if (!stream->held)
		stream->held = atr_block_take();
	at = atr_block_bytes(stream->held);
	if (!at)
		return NULL;
	memcpy(at + stream->held_len, bytes, len);
	return at;
}

static struct atr_exchange *first(struct atr_conn *conn)
{
	return conn->nr_exchanges ? &conn->exchange[conn->first_exchange] : NULL;
}

static struct atr_exchange *last(struct atr_conn *conn)
{
	return conn->nr_exchanges ?
		       &conn->exchange[(conn->first_exchange + conn->nr_exchanges - 1) %
				       ATR_EXCHANGES_MAX] :
		       NULL;
}

static struct atr_exchange *push(struct atr_conn *conn, bool to_head, bool to_connect)
{
	struct atr_exchange *e;

	if (conn->nr_exchanges == ATR_EXCHANGES_MAX)
		return NULL;
	conn->nr_exchanges++;
	e = last(conn);
	memset(e, 0, sizeof(*e));
	e->to_head = to_head;
	e->to_connect = to_connect;
	return e;
}

static bool is_method(const struct atr_http1_head *head, struct atr_str method)
{
	return atr_str_equal(head->method, method);
}

/* The first exchange is over; whoever did its work does what it did before. */
static void pop(struct atr_thread *self, struct atr_conn *conn, uint64_t end_ns)
{
	struct atr_exchange *e = first(conn);

	if (conn->side == ATR_SIDE_SERVER) {
		atr_work_ended(self, e->span);
	} else {
		atr_work_call_answered(e->work);
		atr_work_resume(self, e->work);
	}
	if (!e->is_own ||
	    !atr_transfer_answered(self, e->span, true, (struct atr_str){ 0 }, end_ns))
		atr_live_close(e->span, end_ns);
	/* of one after the other each is where the one before it was */
	conn->first_exchange = --conn->nr_exchanges ?
				       (uint8_t)((conn->first_exchange + 1) % ATR_EXCHANGES_MAX) :
				       0;
	/* pipelined: what was read before is now being answered */
	if (conn->side == ATR_SIDE_SERVER && conn->nr_exchanges && self->serves &&
	    !atr_live_get(self->work))
		atr_work_next(self, first(conn)->span);
}

static void note_field(const struct atr_pair *field, struct atr_pair *fields, size_t *n,
		       struct atr_aws_fields *aws)
{
	if (aws)
		atr_aws_field(aws, field);
	if (atr_propagators_want(&atr_formats, field->name))
		fields[(*n)++] = *field;
}

/* The header fields that say who the parent is, in the order of the wire. */
static inline size_t context_fields(const char *bytes, size_t len,
				    const struct atr_http1_head *head,
				    struct atr_pair fields[static FIELDS_MAX],
				    struct atr_aws_fields *aws)
{
	uint32_t at = head->fields_at;
	struct atr_pair field;
	size_t n = 0;

	if (head->wanted == atr_wanted_fields() && head->nr_kept <= ATR_HTTP1_KEPT_MAX) {
		for (uint32_t i = 0; i < head->nr_kept; i++)
			note_field(&head->kept[i], fields, &n, aws);
		return n;
	}
	while (n < FIELDS_MAX && atr_http1_next_field(bytes, len, &at, &field))
		note_field(&field, fields, &n, aws);
	return n;
}

/* accept was not asked for the address. */
static void learn_peer(struct atr_conn *conn, int fd)
{
	socklen_t len = sizeof(conn->peer);

	if (!conn->peer_len && fd >= 0 && atr_calls.getpeername(fd, &conn->peer.any, &len) == 0 &&
	    len <= sizeof(conn->peer))
		conn->peer_len = len;
}

static atr_ref open_request(struct atr_thread *self, enum atr_kind kind,
			    const struct atr_context *parent, uint64_t start_ns,
			    const struct atr_http1_head *head)
{
	struct atr_request request;

	if (__builtin_expect(!(head && atr_sampler_wants_request), 1))
		return atr_live_open(self, kind, parent, start_ns);
	atr_request_of(head->method, head->target, head->host, &request);
	return atr_live_open_for(self, kind, parent, start_ns, &request);
}

/* A server's span, whose parent is what the request says, else what the process was started with. */
atr_ref atr_request_served(struct atr_thread *self, struct atr_conn *conn,
			   const struct atr_pair *fields, size_t nr_fields, uint64_t start_ns,
			   const struct atr_http1_head *head)
{
	struct atr_context_copy started_with; /* not to be cleared: it is large */
	struct atr_context context;
	const struct atr_context *parent = NULL;
	atr_ref block = 0, span;

	started_with.block = 0;
	if (atr_propagators_extract_parent(&atr_formats, fields, nr_fields, &context)) {
		parent = &context;
	} else if (nr_fields) {
		block = atr_block_take();
		if (block) {
			atr_propagators_extract(&atr_formats, fields, nr_fields,
						atr_block_bytes(block), &context);
			parent = &context;
		}
	}
	if ((!parent || !atr_context_is_valid(parent)) && atr_work_started_with(&started_with) &&
	    (!parent || atr_context_is_valid(&started_with.context))) {
		if (parent)
			started_with.context.baggage = parent->baggage;
		parent = &started_with.context;
	}
	span = open_request(self, ATR_KIND_SERVER, parent, start_ns, head);
	if (started_with.block | block) {
		atr_context_copy_release(&started_with);
		atr_block_give(block);
	}
	learn_peer(conn, conn->fd);
	return span;
}

/* A server has read a request's head: its span begins, and is what the thread does now. */
static bool request_read(struct atr_thread *self, struct atr_conn *conn, const char *bytes,
			 size_t len, const struct atr_http1_head *head, uint64_t start_ns)
{
	struct atr_pair fields[FIELDS_MAX];
	size_t nr_fields = context_fields(bytes, len, head, fields, NULL);
	struct atr_exchange *e =
		push(conn, is_method(head, ATR_STR("HEAD")), is_method(head, ATR_STR("CONNECT")));
	struct atr_span *span;

	if (!e)
		return false;
	e->span = atr_request_served(self, conn, fields, nr_fields, start_ns, head);
	span = atr_live_span(e->span);
	if (span) {
		atr_semconv_request(span, ATR_KIND_SERVER, head, conn->is_secure, &conn->peer.any,
				    conn->peer_len, &conn->same);
		atr_capture_http1(span, bytes, len, head);
	}
	atr_handshake_tell(conn, span);
	atr_work_read(self, e->span, head->framing == ATR_HTTP1_NO_BODY,
		      conn->nr_exchanges > 1 ? first(conn)->span : 0);
	return true;
}

atr_ref atr_request_served_h2(struct atr_thread *self, struct atr_conn *conn,
			      const struct atr_http2_head *head, uint64_t start_ns)
{
	atr_ref ref = atr_request_served(self, conn, head->http.kept, head->http.nr_kept, start_ns,
					 &head->http);
	struct atr_span *span = atr_live_span(ref);

	if (span) {
		atr_semconv_http2_request(span, ATR_KIND_SERVER, head, &conn->peer.any,
					  conn->peer_len);
		atr_capture_http2(span, head);
	}
	atr_handshake_tell(conn, span);
	return ref;
}

static void put_times(struct atr_conn *conn, struct atr_span *span)
{
	const struct atr_lookup *lookup = &conn->lookup;
	struct atr_str name = { lookup->name, lookup->name_len };

	if (lookup->start_ns) {
		atr_span_event(span, atr_clock_unix(lookup->start_ns), ATR_STR("dns.lookup.start"));
		atr_span_event_str(span, ATR_DNS_QUESTION_NAME, name);
		atr_span_event(span, atr_clock_unix(lookup->end_ns), ATR_STR("dns.lookup.end"));
		atr_span_put_double(span, ATR_DNS_LOOKUP_DURATION,
				    (double)(lookup->end_ns - lookup->start_ns) / 1e9);
	}
	atr_span_event(span, atr_clock_unix(conn->connect_ns), ATR_STR("connect.start"));
	atr_span_event(span, atr_clock_unix(conn->connected_ns), ATR_STR("connect.end"));
	atr_span_put_double(span, ATR_CONNECT_DURATION,
			    (double)(conn->connected_ns - conn->connect_ns) / 1e9);
}

void atr_handshake_tell(struct atr_conn *conn, struct atr_span *span)
{
	struct atr_handshake *shake = &conn->handshake;

	if (!span || !shake->end_ns || shake->is_told)
		return;
	shake->is_told = true;
	atr_semconv_handshake(span, shake);
	atr_span_event(span, atr_clock_unix(shake->start_ns), ATR_STR("tls.handshake.start"));
	atr_span_event(span, atr_clock_unix(shake->end_ns), ATR_STR("tls.handshake.end"));
	atr_span_put_double(span, ATR_TLS_HANDSHAKE_DURATION,
			    (double)(shake->end_ns - shake->start_ns) / 1e9);
}

/* Whether the connection, and the lookup before it, were made for the request that goes out now. */
static bool opened_for(const struct atr_conn *conn, uint64_t now)
{
	uint64_t ready_ns = conn->handshake.end_ns ? conn->handshake.end_ns : conn->connected_ns;

	return conn->is_fresh && conn->connect_ns && conn->connected_ns &&
	       now - ready_ns < PROMPT_NS;
}

uint64_t atr_opening_start(const struct atr_conn *conn, uint64_t now)
{
	const struct atr_lookup *lookup = &conn->lookup;

	if (!opened_for(conn, now))
		return now;
	if (lookup->start_ns && conn->connect_ns - lookup->end_ns < PROMPT_NS)
		return lookup->start_ns;
	return conn->connect_ns;
}

void atr_opening_of(struct atr_conn *conn, atr_ref work, uint64_t now)
{
	struct atr_shown shown;

	if (opened_for(conn, now) && atr_live_shown(work, &shown) &&
	    atr_opening_start(conn, now) < shown.start_ns)
		conn->connect_ns = 0;
}

void atr_opening_tell(struct atr_conn *conn, struct atr_span *span, uint64_t now)
{
	if (opened_for(conn, now))
		put_times(conn, span);
}

/* Whether the value can become ours byte for byte, and no signature covers it. */
static bool can_be_ours(const struct atr_pair *field, const struct atr_pair *fields, size_t nr,
			struct atr_str authorization, const struct atr_context *context)
{
	char room[ATR_REPLACED_LEN];

	for (size_t i = 0; i + field->name.len <= authorization.len; i++)
		if (atr_str_equal_nocase((struct atr_str){ authorization.at + i, field->name.len },
					 field->name))
			return false;
	return field->value.len <= sizeof(room) &&
	       atr_propagators_rewrite_whole(&atr_formats, field->name, fields, nr, context) &&
	       atr_propagators_rewrite(&atr_formats, field->name, field->value, context, room);
}

/* Which of its trace headers are to be replaced. False: it is to be left alone. */
static bool plan_values(struct atr_conn *conn, const struct atr_pair *fields, size_t nr,
			const char *bytes, uint32_t sent_len, struct atr_str authorization,
			const struct atr_context *context, struct atr_replacing *plan)
{
	bool only_xray = true;

	for (size_t i = 0; i < nr; i++) {
		if (!atr_propagators_is_trace(&atr_formats, fields[i].name))
			continue;
		only_xray &=
			!!(atr_propagators_except(&atr_formats, fields[i].name) & ATR_EXCEPT_XRAY);
		if (plan->nr_replaced == ATR_REPLACED_MAX ||
		    !can_be_ours(&fields[i], fields, nr, authorization, context))
			continue;
		/* gone already, when it went out before the head's end was seen */
		if (fields[i].value.at - bytes < (ptrdiff_t)sent_len && !conn->overlays)
			return false;
		plan->replaced[plan->nr_replaced++] = fields[i];
	}
	/* X-Ray's stays as it is, signed or of the trace that Lambda made: others go beside it */
	plan->inject = !plan->nr_replaced && only_xray;
	return plan->nr_replaced || plan->inject;
}

/*
 * A request that carries a context already: the request of this work passed on,
 * or one with the header that Lambda gave the invocation, to be continued in place;
 * or else one that the program traces itself.
 */
/* Rare, and not to be on the stack of every request. */
__attribute__((noinline, cold)) static atr_ref passed_on(struct atr_conn *conn,
							 const struct atr_pair *fields, size_t nr,
							 const char *bytes, uint32_t sent_len,
							 struct atr_str authorization,
							 atr_ref likely, struct atr_replacing *plan)
{
	struct atr_context_copy own = { .block = 0 };
	struct atr_context context;
	atr_ref block = atr_block_take(), work = 0;

	if (block &&
	    atr_propagators_extract(&atr_formats, fields, nr, atr_block_bytes(block), &context)) {
		work = atr_work_came_with(&context, likely);
		if (!work && atr_lambda_is_on)
			work = atr_lambda_came_with(&context);
	}
	atr_block_give(block);
	if (work &&
	    !(atr_work_context(work, &own) &&
	      plan_values(conn, fields, nr, bytes, sent_len, authorization, &own.context, plan)))
		work = 0;
	atr_context_copy_release(&own);
	return work;
}

/* A call to an AWS service: its bodies are looked at as they go by, of one at a time. */
static void describe_aws(struct atr_conn *conn, struct atr_span *span, const char *bytes,
			 size_t len, const struct atr_http1_head *head,
			 const struct atr_aws_fields *aws)
{
	atr_ref block = conn->nr_exchanges || conn->api ? 0 : atr_block_take();

	if (!atr_aws_request(span, aws, bytes, len, head,
			     (struct atr_aws_call *)atr_block_bytes(block))) {
		atr_block_give(block);
		return;
	}
	if (!block)
		return;
	conn->api = ATR_API_AWS;
	conn->api_block = block;
}

static inline __attribute__((always_inline)) atr_ref open_from(struct atr_thread *self,
							       atr_ref work, uint64_t start_ns,
							       const struct atr_http1_head *head)
{
	struct atr_context_copy parent; /* not to be cleared: it is large */
	atr_ref span;

	if (!atr_work_context(work, &parent)) {
		atr_count(ATR_COUNT_NO_PARENT);
		return open_request(self, ATR_KIND_CLIENT, NULL, start_ns, head);
	}
	if (!atr_context_is_valid(&parent.context))
		atr_count(ATR_COUNT_NO_PARENT);
	span = open_request(self, ATR_KIND_CLIENT, &parent.context, start_ns, head);
	atr_context_copy_release(&parent);
	return span;
}

atr_ref atr_request_open(struct atr_thread *self, struct atr_conn *conn, atr_ref work, uint64_t now,
			 const struct atr_http1_head *head)
{
	atr_opening_of(conn, work, now);
	return open_from(self, work, atr_opening_start(conn, now), head);
}

atr_ref atr_request_open_now(struct atr_thread *self, atr_ref work)
{
	return open_from(self, work, 0, NULL);
}

/* A request as its head has it, for whoever says more of its span. */
struct request {
	const char *bytes;
	size_t len;
	const struct atr_http1_head *head;
	struct atr_aws_fields aws;
};

/* Name and attributes of the prepared span. */
__attribute__((noinline)) static void describe_client(struct atr_conn *conn,
						      const struct request *request, uint64_t now)
{
	struct atr_span *span = atr_live_span(conn->prepared);

	if (!span)
		return;
	if (request->aws.authorization.len)
		describe_aws(conn, span, request->bytes, request->len, request->head,
			     &request->aws);
	atr_semconv_request(span, ATR_KIND_CLIENT, request->head, conn->is_secure, &conn->peer.any,
			    conn->peer_len, &conn->same);
	atr_capture_http1(span, request->bytes, request->len, request->head);
	atr_opening_tell(conn, span, now);
	atr_handshake_tell(conn, span);
}

static void open_client_span(struct atr_thread *self, struct atr_conn *conn,
			     const struct request *request, atr_ref work)
{
	uint64_t now = conn->out.head_ns;

	/* else it is asked for where a span is recorded */
	if (!now && conn->is_fresh)
		now = atr_clock_ns();
	conn->prepared = atr_request_open(self, conn, work, now, request->head);
	describe_client(conn, request, now);
}

atr_ref atr_request_open_h2(struct atr_thread *self, struct atr_conn *conn,
			    const struct atr_http2_head *head, atr_ref work)
{
	uint64_t now = atr_clock_ns();
	atr_ref ref = atr_request_open(self, conn, work, now, &head->http);
	struct atr_span *span = atr_live_span(ref);

	if (!span)
		return ref;
	atr_semconv_http2_request(span, ATR_KIND_CLIENT, head, &conn->peer.any, conn->peer_len);
	atr_capture_http2(span, head);
	atr_opening_tell(conn, span, now);
	atr_handshake_tell(conn, span);
	return ref;
}

/* A transfer's span is this request's: its work and its header are there already. */
__attribute__((noinline)) static void
take_own_span(struct atr_conn *conn, const struct request *request, const struct atr_own *own)
{
	conn->is_prepared = conn->is_own = true;
	conn->prepared = own->span;
	conn->prepared_work = own->work;
	if (!own->is_described)
		describe_client(conn, request, atr_clock_ns());
	atr_count(ATR_COUNT_HEADS_INJECTED);
}

void atr_request_prepare(struct atr_thread *self, struct atr_conn *conn, const char *bytes,
			 size_t len, const struct atr_http1_head *head, uint32_t sent_len,
			 struct atr_replacing *plan)
{
	struct request request = { .bytes = bytes, .len = len, .head = head };
	struct atr_pair fields[FIELDS_MAX];
	size_t nr_fields = context_fields(bytes, len, head, fields, &request.aws);
	bool is_traced = false;
	struct atr_own own;
	atr_ref work, from;

	plan->inject = false;
	plan->except = plan->nr_replaced = 0;
	if (atr_lambda_is_on && atr_lambda_request(conn, bytes, len, head)) {
		conn->is_prepared = true;
		conn->prepared_head = conn->prepared_connect = false;
		return;
	}
	conn->prepared_head = is_method(head, ATR_STR("HEAD"));
	conn->prepared_connect = is_method(head, ATR_STR("CONNECT"));
	for (size_t i = 0; i < nr_fields; i++) {
		if (atr_propagators_is_trace(&atr_formats, fields[i].name))
			is_traced = true;
		plan->except |= atr_propagators_except(&atr_formats, fields[i].name);
	}
	/* a CONNECT may have libcurl's list too (CURLOPT_HEADEROPT), and is not what it is for */
	if (is_traced && !conn->is_prepared && !conn->prepared_connect &&
	    atr_transfer_claims(fields, nr_fields, &own))
		take_own_span(conn, &request, &own);
	if (conn->is_own)
		return;
	work = conn->is_prepared ? conn->prepared_work :
				   atr_work_current(self, conn->is_fresh ? conn->opened_in : 0);
	if (is_traced) {
		from = passed_on(conn, fields, nr_fields, bytes, sent_len,
				 request.aws.authorization, work, plan);
		if (!from) {
			plan->nr_replaced = 0;
			plan->inject = false;
			if (!conn->is_prepared)
				atr_count(ATR_COUNT_HEADS_LEFT);
			conn->is_prepared = true;
			return;
		}
		work = from;
	}
	if (!conn->is_prepared) {
		conn->is_prepared = true;
		conn->prepared_work = work;
		atr_work_calls(self, work, conn->is_fresh && atr_live_get(conn->opened_in));
		open_client_span(self, conn, &request, work);
	}
	plan->inject = (!is_traced || plan->inject) && conn->prepared != 0;
	if (!conn->prepared)
		plan->nr_replaced = 0;
}

/* The prepared request is on its way: an exchange begins. */
static bool begin_exchange(struct atr_conn *conn)
{
	struct atr_exchange *e = push(conn, conn->prepared_head, conn->prepared_connect);

	if (!e)
		return false;
	e->span = conn->prepared;
	e->work = conn->prepared_work;
	e->is_own = conn->is_own;
	conn->is_own = false;
	atr_work_begins_call(e->work);
	if (conn->counts_as_call)
		atr_work_ends_call(conn->opened_in);
	conn->counts_as_call = false;
	conn->opened_in = 0;
	conn->prepared = conn->prepared_work = 0;
	return true;
}

/* What looks at a connection's payload is told where the exchange is. */
static void request_sent(struct atr_thread *self, struct atr_conn *conn)
{
	if (conn->api != ATR_API_AWS)
		atr_lambda_request_sent(self, conn);
}

static void exchange_ended(struct atr_thread *self, struct atr_conn *conn, bool is_whole)
{
	if (conn->api != ATR_API_AWS) {
		atr_lambda_exchange_ended(self, conn, is_whole);
		return;
	}
	atr_block_give(conn->api_block);
	conn->api_block = 0;
	conn->api = 0;
}

bool atr_stream_planned(struct atr_thread *self, struct atr_conn *conn,
			const struct atr_http1_head *head)
{
	if (!conn->answered_early && !begin_exchange(conn))
		return false;
	conn->answered_early = false;
	conn->is_prepared = conn->is_fresh = conn->overlays = conn->injected = false;
	conn->out.scan = 0;
	conn->out.head_ns = 0;
	conn->out.known = true;
	atr_stream_drop_held(&conn->out);
	atr_http1_body_begin(&conn->out.body, head);
	conn->out.in_body = !conn->out.body.done;
	if (conn->api && conn->out.body.done)
		request_sent(self, conn);
	return true;
}

/* A response that was not whole in the call that brought the first of it. */
static void tell_first_byte(struct atr_span *span, uint64_t first_ns)
{
	uint64_t at = atr_clock_unix(first_ns);

	if (at >= span->start_ns)
		atr_span_put_double(span, ATR_RESPONSE_FIRST_BYTE,
				    (double)(at - span->start_ns) / 1e9);
}

static void note_first_byte(struct atr_conn *conn, struct atr_stream *response)
{
	struct atr_exchange *e = first(conn);
	bool goes_on = response->in_body || response->held_len;

	if (goes_on && !response->head_ns && e && !e->is_own && atr_live_span(e->span))
		response->head_ns = atr_clock_ns();
}

static void ended(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *response)
{
	struct atr_span *span = atr_live_span(first(conn)->span);

	if (conn->api)
		exchange_ended(self, conn, true);
	if (span && response->head_ns)
		tell_first_byte(span, response->head_ns);
	if (span && response->body.size)
		atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, (int64_t)response->body.size);
	pop(self, conn, span || first(conn)->is_own ? atr_clock_ns() : 0);
}

static bool is_upgrade_to_http2(const char *bytes, size_t len, const struct atr_http1_head *head)
{
	uint32_t at = head->fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(bytes, len, &at, &field))
		if (atr_str_equal_nocase(field.name, ATR_STR("upgrade")))
			return atr_str_equal_nocase(field.value, ATR_STR("h2c"));
	return false;
}

/* What was asked is answered by HTTP/2, and nothing else is under way. */
static bool go_on_as_http2(struct atr_conn *conn)
{
	if (conn->nr_exchanges != 1 || conn->is_prepared || !atr_h2_upgrade(conn, first(conn)))
		return false;
	conn->nr_exchanges = 0;
	return true;
}

/*
 * A response's head went by; `is_read`: it is in *head already. False: the
 * connection is not to be followed any further.
 */
static bool response_head(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			  const char *bytes, size_t len, struct atr_http1_head *head, bool is_read)
{
	struct atr_exchange *e = first(conn);
	struct atr_span *span;

	/* another thread reads it while the one that sent the request is on its way to tell us */
	if (!e && conn->is_prepared && !conn->answered_early && begin_exchange(conn)) {
		conn->answered_early = true;
		e = first(conn);
	}
	if (!e ||
	    (!is_read && !atr_http1_parse_response(bytes, len, e->to_head, e->to_connect, head)))
		return false;
	if (head->status == 101 && is_upgrade_to_http2(bytes, len, head)) {
		s->body.done = true;
		return go_on_as_http2(conn);
	}
	if (head->status < 200 && head->status != 101) {
		s->body.done = true; /* interim: the real one follows */
		return true;
	}
	e->answering = true;
	if (conn->api && conn->api != ATR_API_AWS)
		atr_lambda_answer(conn, head->status, bytes, len, head);
	span = atr_live_span(e->span);
	if (span) {
		atr_semconv_response(span, head->status);
		atr_capture_http1(span, bytes, len, head);
	}
	if (span && conn->api == ATR_API_AWS)
		atr_aws_answer(span, (struct atr_aws_call *)atr_block_bytes(conn->api_block), bytes,
			       len, head);
	if (conn->side == ATR_SIDE_SERVER)
		atr_work_answering(self, e->span);
	atr_http1_body_begin(&s->body, head);
	if (head->framing == ATR_HTTP1_TUNNEL) {
		/* what a proxy passes on now may be TLS, and is nothing else to us */
		conn->in_tunnel = conn->side == ATR_SIDE_CLIENT && e->to_connect;
		pop(self, conn, atr_clock_ns());
		conn->in.known = conn->out.known = false;
		s->body.done = conn->in_tunnel;
		return conn->in_tunnel;
	}
	if (s->body.done)
		ended(self, conn, s);
	return true;
}

static bool request_head(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			 const char *bytes, size_t len, struct atr_http1_head *head, bool is_read)
{
	struct atr_replacing unused;

	if (!is_read && !atr_http1_parse_request(bytes, len, head))
		return false;
	if (conn->side == ATR_SIDE_CLIENT) {
		atr_request_prepare(self, conn, bytes, len, head, (uint32_t)len, &unused);
		return atr_stream_planned(self, conn, head);
	}
	if (!request_read(self, conn, bytes, len, head, s->head_ns))
		return false;
	atr_http1_body_begin(&s->body, head);
	return true;
}

/* The first bytes of a direction must be those of a message. */
static bool looks_right(struct atr_stream *s, bool is_request, const char *bytes, size_t len)
{
	enum atr_http1_guess guess;

	if (s->known)
		return true;
	guess = is_request ? atr_http1_guess_request(bytes, len) :
			     atr_http1_guess_response(bytes, len);
	s->known = guess == ATR_HTTP1_YES;
	return guess != ATR_HTTP1_NO;
}

/* Most heads are whole where they begin. As atr_http1_scan. */
static inline long read_head(struct atr_conn *conn, uint8_t *scan, bool is_request,
			     const char *bytes, size_t len, struct atr_http1_head *head)
{
	const struct atr_exchange *e = first(conn);
	const struct atr_span *span;

	if (is_request)
		return atr_http1_read_request(scan, bytes, len, atr_wanted_fields(),
					      &conn->former_request, head);
	/* mostly its body is in these bytes too */
	span = atr_live_span(e->span);
	if (span)
		atr_exporter_expects(span->len);
	return atr_http1_read_response(scan, bytes, len, e->to_head, e->to_connect,
				       &conn->former_response, head);
}

/* A head is known, and whether there is more of its message. */
static inline bool take_head(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			     bool is_request, const char *bytes, size_t len,
			     struct atr_http1_head *head, bool is_read)
{
	bool ok = is_request ? request_head(self, conn, s, bytes, len, head, is_read) :
			       response_head(self, conn, s, bytes, len, head, is_read);

	s->in_body = ok && !s->body.done;
	return ok;
}

/* Of a head that may come in pieces, or be none. */
__attribute__((noinline, cold)) static long feed_part(struct atr_thread *self,
						      struct atr_conn *conn, struct atr_stream *s,
						      bool is_request, const char *bytes,
						      size_t len)
{
	bool at_once = !s->held_len && !s->scan && (is_request || first(conn));
	const char *head = bytes;
	struct atr_http1_head parsed;
	size_t head_len;
	long end;
	bool ok;

	if (!s->held_len) {
		if (!looks_right(s, is_request, bytes, len))
			return -1;
		s->head_ns = 0;
	}
	end = at_once ? read_head(conn, &s->scan, is_request, bytes, len, &parsed) :
			atr_http1_scan(&s->scan, bytes, len);
	if (end < 0)
		return -1;
	head_len = s->held_len + (end ? (size_t)end : len);
	if (!end || s->held_len) {
		head = atr_stream_hold(s, bytes, end ? (size_t)end : len);
		if (!head)
			return -1;
	}
	if (!looks_right(s, is_request, head, head_len))
		return -1;
	if (!end) {
		if (!s->held_len && is_request)
			s->head_ns = atr_clock_ns();
		s->held_len = (uint32_t)head_len;
		return (long)len;
	}
	s->known = true;
	s->scan = 0;
	ok = take_head(self, conn, s, is_request, head, head_len, &parsed, at_once);
	atr_stream_drop_held(s);
	return ok ? end : -1;
}

/*
 * Takes bytes of a head. How many, or -1 to give the connection up. Most are whole, behind
 * a message before.
 */
static inline long feed_head(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			     bool is_request, const char *bytes, size_t len)
{
	struct atr_http1_head head;
	uint8_t scan = 0;
	long end;

	if (!s->known || s->scan | s->held_len || !(is_request || conn->nr_exchanges))
		return feed_part(self, conn, s, is_request, bytes, len);
	end = read_head(conn, &scan, is_request, bytes, len, &head);
	if (end <= 0)
		return feed_part(self, conn, s, is_request, bytes, len);
	s->head_ns = 0;
	return take_head(self, conn, s, is_request, bytes, (size_t)end, &head, true) ? end : -1;
}

/* ---- payload that is looked at ---- */

static void show_payload(struct atr_conn *conn, bool outward, struct atr_str payload, bool trailer)
{
	struct atr_exchange *e = outward ? last(conn) : first(conn);
	struct atr_span *span = e ? atr_live_span(e->span) : NULL;
	struct atr_aws_call *call;

	if (conn->api != ATR_API_AWS) {
		atr_lambda_payload(conn, outward, payload, trailer);
		return;
	}
	call = (struct atr_aws_call *)atr_block_bytes(conn->api_block);
	if (span && call && !trailer)
		atr_aws_payload(span, call, !outward, payload);
}

/* The same, with the payload shown to who follows the platform's calls. */
static long feed_seen(struct atr_conn *conn, struct atr_stream *s, bool outward, const char *bytes,
		      size_t len)
{
	enum atr_http1_run what;
	long used = atr_http1_body_run(&s->body, bytes, len, &what);

	if (used > 0 && what != ATR_HTTP1_CODING)
		show_payload(conn, outward, (struct atr_str){ bytes, (size_t)used },
			     what == ATR_HTTP1_TRAILERS);
	return used;
}

/* Bytes of a body did, and perhaps its last. False: there is nothing that they are of. */
static inline bool body_went_by(struct atr_thread *self, struct atr_conn *conn,
				struct atr_stream *s, bool is_request)
{
	/* what they answer may be over: they can come behind an error, or an end of file (shutdown(2)) */
	if (!is_request && !conn->nr_exchanges)
		return false;
	if (!s->body.done)
		return true;
	s->in_body = false;
	if (is_request && conn->api)
		request_sent(self, conn);
	if (!is_request)
		ended(self, conn, s);
	else if (conn->side == ATR_SIDE_SERVER && last(conn))
		atr_work_whole(self, last(conn)->span);
	return true;
}

static long feed_body(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
		      bool is_request, const char *bytes, size_t len)
{
	long used = conn->api ? feed_seen(conn, s, is_request, bytes, len) :
				atr_http1_body_feed(&s->body, bytes, len);

	return used < 0 || !body_went_by(self, conn, s, is_request) ? -1 : used;
}

static void resume_work(struct atr_thread *self, struct atr_conn *conn, bool is_request)
{
	struct atr_exchange *e = is_request ? last(conn) : first(conn);

	if (!e)
		return;
	if (conn->side == ATR_SIDE_SERVER)
		atr_work_resume(self, e->span);
	else
		atr_work_touches(self, e->work, !is_request);
}

/* With the first of its bytes, which were held until they showed what they are. */
static bool begin_http2(struct atr_thread *self, struct atr_conn *conn, struct atr_stream *s,
			bool outward)
{
	bool ok = atr_h2_begin(conn) &&
		  (!s->held_len ||
		   atr_h2_feed(self, conn, outward, atr_block_bytes(s->held), s->held_len));

	atr_stream_drop_held(s);
	return ok;
}

/* Behind the body of a request some clients send an empty line, which servers ignore (RFC 9112, 2.2). */
static inline bool skips_line_end(const struct atr_stream *s, char byte)
{
	return __builtin_expect(byte == '\r' || byte == '\n', 0) && s->known &&
	       !(s->in_body | s->scan | s->held_len);
}

bool atr_stream_feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
		     const char *bytes, size_t len)
{
	struct atr_stream *s = outward ? &conn->out : &conn->in;
	bool is_request = outward == (conn->side == ATR_SIDE_CLIENT);

	if (!conn->in.known && !conn->out.known && !conn->http2 &&
	    atr_h2_is_it(conn, s, is_request, bytes, len) && !begin_http2(self, conn, s, outward))
		return false;
	if (conn->http2)
		return atr_h2_feed(self, conn, outward, bytes, len);
	resume_work(self, conn, is_request);
	while (len && !conn->http2) {
		long used;

		if (is_request && skips_line_end(s, *bytes))
			used = 1;
		else if (s->in_body)
			used = feed_body(self, conn, s, is_request, bytes, len);
		else
			used = feed_head(self, conn, s, is_request, bytes, len);
		if (used < 0)
			return false;
		bytes += used;
		len -= (size_t)used;
	}
	if (!outward && !is_request)
		note_first_byte(conn, s);
	return !len || atr_h2_feed(self, conn, outward, bytes, len);
}

bool atr_stream_skip(struct atr_thread *self, struct atr_conn *conn, bool outward, uint64_t len)
{
	struct atr_stream *s = outward ? &conn->out : &conn->in;
	bool is_request = outward == (conn->side == ATR_SIDE_CLIENT);

	if (conn->http2)
		return atr_h2_skip(self, conn, outward, len);
	resume_work(self, conn, is_request);
	return s->in_body && atr_http1_body_skip(&s->body, len) &&
	       body_went_by(self, conn, s, is_request);
}

void atr_stream_ended(struct atr_thread *self, struct atr_conn *conn)
{
	if (conn->side != ATR_SIDE_CLIENT || !(conn->nr_exchanges || conn->nr_streams))
		return;
	resume_work(self, conn, false);
	atr_exchanges_end(self, conn);
}

/* A read that was refused for now on a socket that does wait, but not for ever. */
static bool read_timed_out(const struct atr_conn *conn)
{
	struct timeval limit = { 0 };
	socklen_t len = sizeof(limit);

	return conn->read_refused &&
	       atr_calls.getsockopt(conn->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, &len) == 0 &&
	       (limit.tv_sec || limit.tv_usec);
}

struct atr_str atr_stream_reason(const struct atr_conn *conn)
{
	if (conn->error == EPROTO && conn->why.len)
		return conn->why;
	if (conn->error)
		return atr_semconv_errno(conn->error);
	if (conn->side != ATR_SIDE_CLIENT)
		return (struct atr_str){ 0 };
	if (conn->peer_closed)
		return ATR_STR("connection_closed");
	if (conn->wait_timed_out || read_timed_out(conn))
		return ATR_STR("timed_out");
	return (struct atr_str){ 0 };
}

/* Its response ends with the connection, and did so in order. */
static bool is_whole_so_far(const struct atr_conn *conn, const struct atr_exchange *e)
{
	const struct atr_stream *response = conn->side == ATR_SIDE_SERVER ? &conn->out : &conn->in;

	return e->answering && response->in_body &&
	       response->body.framing == ATR_HTTP1_UNTIL_CLOSE && !conn->error;
}

/* Of an exchange whose response has not ended. True: its span is another's to close. */
static bool tell_as_it_stands(struct atr_thread *self, struct atr_conn *conn,
			      const struct atr_exchange *e)
{
	const struct atr_stream *response = conn->side == ATR_SIDE_SERVER ? &conn->out : &conn->in;
	struct atr_span *span = atr_live_span(e->span);
	struct atr_str why = atr_stream_reason(conn);
	bool is_whole = is_whole_so_far(conn, e);

	if (span && response->body.size && e->answering)
		atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, (int64_t)response->body.size);
	if (e->is_own && atr_transfer_answered(self, e->span, is_whole, why, atr_clock_ns()))
		return true;
	if (span && !is_whole && why.at)
		atr_semconv_error(span, why);
	else if (span && (!is_whole || conn->is_cut))
		atr_span_put_bool(span, ATR_INCOMPLETE, true);
	return false;
}

static void end_first(struct atr_thread *self, struct atr_conn *conn)
{
	struct atr_exchange *e = first(conn);

	if (tell_as_it_stands(self, conn, e))
		e->span = 0;
	e->is_own = false;
	pop(self, conn, atr_clock_ns());
}

void atr_exchanges_end_spans(struct atr_thread *self, struct atr_conn *conn)
{
	atr_conn_sees_asking(conn);
	for (unsigned i = 0; i < conn->nr_exchanges; i++) {
		struct atr_exchange *e =
			&conn->exchange[(conn->first_exchange + i) % ATR_EXCHANGES_MAX];

		bool is_others = tell_as_it_stands(self, conn, e);

		if (conn->side == ATR_SIDE_SERVER)
			atr_work_ended(self, e->span);
		if (!is_others)
			atr_live_close(e->span, atr_clock_ns());
		e->span = 0;
		e->is_own = false;
	}
}

void atr_exchanges_end(struct atr_thread *self, struct atr_conn *conn)
{
	struct atr_span *span;

	atr_conn_sees_asking(conn);
	span = atr_live_span(conn->prepared);
	if (conn->is_cipher)
		atr_cipher_ended(self, conn);
	if (conn->api)
		exchange_ended(self, conn, false);
	while (conn->nr_exchanges)
		end_first(self, conn);
	atr_h2_end_all(self, conn);
	if (conn->is_own) {
		atr_transfer_unsent(conn->prepared);
	} else if (conn->is_prepared && span && conn->error) {
		atr_semconv_error(span, atr_stream_reason(conn));
		atr_live_close(conn->prepared, atr_clock_ns());
	} else {
		atr_live_drop(conn->prepared);
	}
	conn->prepared = conn->prepared_work = 0;
	conn->is_prepared = conn->is_own = false;
	if (conn->counts_as_call)
		atr_work_ends_call(conn->opened_in);
	conn->counts_as_call = false;
	if (conn->connecting && conn->wait_timed_out) {
		conn->connecting = false;
		atr_connect_ended(self, conn, ETIMEDOUT);
	}
}

void atr_exchanges_tell(const struct atr_conn *conn, atr_ref work)
{
	uint64_t record[ATR_SPAN_MAX / 8];

	for (unsigned i = 0; i < conn->nr_exchanges; i++) {
		const struct atr_exchange *e =
			&conn->exchange[(conn->first_exchange + i) % ATR_EXCHANGES_MAX];

		if (e->work != work || !atr_live_copy(e->span, record))
			continue;
		atr_span_put_bool((struct atr_span *)record, ATR_INCOMPLETE, true);
		atr_exporter_offer((const struct atr_span *)record);
	}
}

/* The span of a connect that is told for itself. */
static void connect_span(struct atr_thread *self, struct atr_conn *conn, int error)
{
	static const char what[] = "socket connect ";
	char name[sizeof(what) + 128];
	size_t len = sizeof(what) - 1;
	struct atr_context_copy parent = { .block = 0 };
	bool has_parent = atr_work_context(conn->opened_in, &parent);
	atr_ref ref = atr_live_open(self, ATR_KIND_INTERNAL, has_parent ? &parent.context : NULL,
				    conn->connect_ns);
	struct atr_span *span = atr_live_span(ref);

	atr_context_copy_release(&parent);
	atr_where_note(self, span);
	if (span) {
		memcpy(name, what, len);
		len += atr_semconv_peer_text(&conn->peer.any, conn->peer_len, name + len, 128);
		atr_span_put_str(span, ATR_NAME, (struct atr_str){ name, len });
		if (conn->lookup.name_len)
			atr_span_put_str(
				span, ATR_SERVER_ADDRESS,
				(struct atr_str){ conn->lookup.name, conn->lookup.name_len });
		atr_semconv_peer(span, &conn->peer.any, conn->peer_len);
		if (error)
			atr_semconv_error(span, atr_semconv_errno(error));
	}
	atr_live_close(ref, atr_clock_ns());
}

/*
 * A connect that failed is told also where the probe is off: no request will
 * tell of it. One that failed for an address with others to try after it is not
 * yet a failure of anything.
 */
void atr_connect_ended(struct atr_thread *self, struct atr_conn *conn, int error)
{
	bool has_more = conn->lookup.name_len && !conn->lookup.is_last;
	bool is_inet = conn->peer.any.sa_family != AF_UNIX;

	if ((atr_probes & ATR_PROBE_CONNECT) ||
	    (error && !has_more && is_inet && (atr_probes & ATR_PROBE_HTTP) &&
	     !atr_transfer_tells()))
		connect_span(self, conn, error);
	else if (error && has_more)
		atr_names_untold(&conn->lookup);
}
