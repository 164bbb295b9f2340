/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/lambda.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/transport/transport.h"
#include "preload/conn/extension.h"
#include "preload/conn/faas.h"
#include "preload/conn/handover.h"
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

bool atr_lambda_is_on, atr_lambda_runs_several;
const char *_Atomic atr_lambda_trace_variable;

enum api {
	API_NONE,
	API_OTHER, /* extensions, telemetry, metadata, credentials, /ping */
	API_NEXT,
	API_RESPONSE,
	API_ERROR,
	API_INIT_ERROR,
	API_RESTORE_NEXT,
};

#define ID_MAX 64
#define INVOCATIONS_MAX 64
#define TRAILERS_MAX 4096
/* A program may hold on to what getenv returned: it stays for so many invocations. */
#define VARIABLES_KEPT 16
#define VARIABLE_MAX 1024

/* One that runs. It is claimed, and given back, by whoever changes `state` from one to the next. */
enum { FREE, CLAIMED, RUNNING, ENDING };
struct invocation {
	_Atomic uint32_t state;
	uint32_t id_len;
	char id[ID_MAX];
	atr_ref span;
	const struct atr_thread *reader; /* of its event */
	uint64_t deadline_ms;		 /* unix; 0: not said */
	bool is_http;
	_Atomic uint64_t answered_ns; /* monotonic: its response's last byte was sent; 0: not yet */
	_Atomic uint64_t tell_ms;     /* when it is told as it stands; 0: not (any more) */
	uint8_t header_trace[ATR_TRACE_ID_LEN], header_span[ATR_SPAN_ID_LEN]; /* Lambda's; or 0 */
};

static struct {
	struct atr_str api, metadata;
	struct sockaddr_in address; /* the API's, where it is numeric */
	unsigned concurrency;
	uint64_t started_ns;		   /* the process; monotonic */
	uint64_t bootstrap;		   /* the same of the first process here, unix */
	_Atomic bool has_asked, has_begun; /* the first `next` */
	_Atomic uint64_t init_end_ns;
	_Atomic bool hops; /* one thread asked, another was told, or answered */
	_Atomic uint32_t nr_stays;
	_Atomic bool is_slow;	      /* what is sent before `next` took too long */
	_Atomic uint64_t deadline_ms; /* the last one's, unix */
	struct invocation invocation[INVOCATIONS_MAX];
	bool is_child;	    /* of the bootstrap: one process of several that serve together */
	bool has_leftover;  /* what was handed over is of a bootstrap that is no more */
	bool has_extension; /* one is to be registered */
} lambda;

/* What the process before left: read by the constructor, ended by an answer to it. */
static struct atr_handover handed;

/* What is kept in a block while an exchange with the API goes by. */
struct going_by {
	struct atr_next next;
	uint32_t trailers_len;
	char trailers[TRAILERS_MAX];
};
_Static_assert(sizeof(struct going_by) <= ATR_BLOCK_LEN, "does not fit a block");

static struct going_by *going_by(const struct atr_conn *conn)
{
	return (struct going_by *)atr_block_bytes(conn->api_block);
}

bool atr_lambda_is_extension(struct atr_str executable_path)
{
	static const char folder[] = "/opt/extensions/";

	if (!atr_env_get("AWS_LAMBDA_RUNTIME_API").at)
		return false;
	return (executable_path.len >= sizeof(folder) - 1 &&
		!memcmp(executable_path.at, folder, sizeof(folder) - 1)) ||
	       !atr_env_get("_HANDLER").at;
}

/* "127.0.0.1:9001" */
static bool read_address(struct atr_str text, struct sockaddr_in *out)
{
	const char *colon = text.len ? memrchr(text.at, ':', text.len) : NULL;
	size_t len = colon ? (size_t)(colon - text.at) : 0;
	char host[INET_ADDRSTRLEN];
	uint64_t port;

	if (!len || len >= sizeof(host) ||
	    !atr_str_decimal((struct atr_str){ colon + 1, text.len - len - 1 }, 65535, &port))
		return false;
	memcpy(host, text.at, len);
	host[len] = 0;
	out->sin_family = AF_INET;
	out->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, host, &out->sin_addr) == 1;
}

/* When the bootstrap began, told to the processes that it starts: unix nanoseconds. */
static void read_start(struct atr_str text)
{
	uint64_t unix_ns, now = atr_clock_unix(lambda.started_ns);

	if (!atr_str_decimal(text, UINT64_MAX, &unix_ns))
		return;
	lambda.is_child = true;
	lambda.bootstrap = unix_ns;
	if (unix_ns <= now && now - unix_ns < lambda.started_ns)
		lambda.started_ns -= now - unix_ns;
}

size_t atr_lambda_child_variable(char *out, size_t cap)
{
	static const char name[] = ATR_LAMBDA_START "=";
	uint64_t ns = lambda.bootstrap;
	size_t len = sizeof(name) - 1;
	char digits[20];
	int nr = 0;

	if (!atr_lambda_is_on || lambda.is_child || cap < len + sizeof(digits) + 1)
		return 0;
	memcpy(out, name, len);
	do
		digits[nr++] = (char)('0' + ns % 10);
	while (ns /= 10);
	while (nr)
		out[len++] = digits[--nr];
	out[len++] = 0;
	return len;
}

void atr_lambda_setup(void)
{
	struct atr_str api = atr_env_get("AWS_LAMBDA_RUNTIME_API");

	if (!api.len || !atr_env_get("AWS_LAMBDA_FUNCTION_NAME").len)
		return;
	lambda.api = api;
	lambda.metadata = atr_env_get("AWS_LAMBDA_METADATA_API");
	lambda.concurrency = atr_env_uint("AWS_LAMBDA_MAX_CONCURRENCY", 1, 1, 1000000);
	lambda.has_extension = atr_env_bool("AUTOTRACE_LAMBDA_EXTENSION", false);
	atr_lambda_runs_several = lambda.concurrency > 1;
	read_address(lambda.api, &lambda.address);
	lambda.started_ns = atr_clock_ns();
	lambda.bootstrap = atr_clock_unix(lambda.started_ns);
	atr_handover_setup(lambda.api, atr_env_get("AWS_LAMBDA_LOG_STREAM_NAME"));
	read_start(atr_env_get(ATR_LAMBDA_START));
	atr_faas_setup();
	atr_lambda_is_on = true;
}

bool atr_lambda_handed(struct atr_context *out)
{
	if (!atr_lambda_is_on || !lambda.is_child || !atr_handover_read(&handed))
		return false;
	if (handed.bootstrap != lambda.bootstrap) {
		lambda.has_leftover = handed.is_running;
		handed.is_running = 0;
		return false;
	}
	atomic_store(&lambda.has_asked, true);
	atomic_store(&lambda.has_begun, true);
	if (!handed.is_running)
		return false;
	*out = atr_handover_context(&handed);
	return true;
}

static bool is_at_api(const struct atr_conn *conn, const struct atr_http1_head *head)
{
	const struct sockaddr_in *peer = (const struct sockaddr_in *)&conn->peer;

	if (atr_str_equal_nocase(head->host, lambda.api) ||
	    (lambda.metadata.len && atr_str_equal_nocase(head->host, lambda.metadata)))
		return true;
	return lambda.address.sin_port && conn->peer_len >= sizeof(*peer) &&
	       peer->sin_family == AF_INET && peer->sin_port == lambda.address.sin_port &&
	       peer->sin_addr.s_addr == lambda.address.sin_addr.s_addr;
}

static bool take_prefix(struct atr_str *text, struct atr_str prefix)
{
	if (text->len < prefix.len || memcmp(text->at, prefix.at, prefix.len))
		return false;
	text->at += prefix.len;
	text->len -= prefix.len;
	return true;
}

/* Which call it is; of a response or an error, the invocation's id. */
static enum api api_of(struct atr_str target, struct atr_str *id)
{
	const char *slash;

	if (!take_prefix(&target, ATR_STR("/2018-06-01/runtime/")))
		return API_OTHER;
	if (atr_str_equal(target, ATR_STR("invocation/next")))
		return API_NEXT;
	if (atr_str_equal(target, ATR_STR("init/error")))
		return API_INIT_ERROR;
	if (atr_str_equal(target, ATR_STR("restore/next")))
		return API_RESTORE_NEXT;
	if (!take_prefix(&target, ATR_STR("invocation/")))
		return API_OTHER;
	slash = memchr(target.at, '/', target.len);
	if (!slash)
		return API_OTHER;
	*id = (struct atr_str){ target.at, (size_t)(slash - target.at) };
	target = (struct atr_str){ slash, target.len - id->len };
	if (atr_str_equal(target, ATR_STR("/response")))
		return API_RESPONSE;
	return atr_str_equal(target, ATR_STR("/error")) ? API_ERROR : API_OTHER;
}

/* ---- invocations ------------------------------------------------------------------------------ */

static bool is_single(void)
{
	return lambda.concurrency <= 1;
}

static struct invocation *running(uint16_t number)
{
	struct invocation *i = number ? &lambda.invocation[number - 1] : NULL;

	return i && atomic_load_explicit(&i->state, memory_order_acquire) == RUNNING ? i : NULL;
}

static uint16_t find(struct atr_str id)
{
	for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++) {
		const struct invocation *i = running(n);

		if (i && atr_str_equal(id, (struct atr_str){ i->id, i->id_len }))
			return n;
	}
	return 0;
}

static bool move(struct invocation *i, uint32_t from, uint32_t to)
{
	return atomic_compare_exchange_strong_explicit(&i->state, &from, to, memory_order_acq_rel,
						       memory_order_relaxed);
}

/*
 * Where several run at once, what a thread does is for the event that it read, unless
 * tasks go from thread to thread. Which it is shows in who answers while others
 * run; until it has shown, and where they do, no thread is taken to stay with its event.
 */
#define STAYS 8

static bool threads_stay(void)
{
	return !lambda.hops && lambda.nr_stays >= STAYS;
}

static void threads_hop(void)
{
	lambda.hops = true;
	atr_work_hops();
}

static void note_who_answers(const struct invocation *i, const struct atr_thread *self)
{
	if (i->reader != self)
		threads_hop();
	else if (lambda.nr_stays < STAYS && atr_work_nr_in_flight() > 1)
		lambda.nr_stays++;
}

static struct invocation *claim(void)
{
	for (int n = 0; n < INVOCATIONS_MAX; n++)
		if (move(&lambda.invocation[n], FREE, CLAIMED))
			return &lambda.invocation[n];
	return NULL;
}

/*
 * The deadline is near. Who is at it then is killed, and says nothing more: so it is
 * told as it stands, with the requests it has under way. Should it come to its end
 * after all, that is told too, and takes the place of this.
 */
static void tell(struct atr_thread *self, struct invocation *i)
{
	uint64_t record[ATR_SPAN_MAX / 8];
	struct atr_span *span = (struct atr_span *)record;
	atr_ref ref = i->span;
	bool has_copy = atr_live_copy(ref, record);

	/* it changes only after one of these has changed */
	atomic_thread_fence(memory_order_acquire);
	if (atomic_load(&i->state) != RUNNING || atomic_load(&i->answered_ns) || !has_copy)
		return;
	atr_semconv_error(span, ATR_STR("timeout"));
	atr_span_put_bool(span, ATR_INCOMPLETE, true);
	atr_exporter_offer(span);
	atr_conn_tell_under_way(self, ref);
}

/* On the exporter's thread, which is never out of our code; or where a deadline is set. */
static void deadline_nears(void)
{
	uint64_t now = atr_now_ms(), next = 0;

	for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++) {
		struct invocation *i = running(n);
		uint64_t at = i ? atomic_load(&i->tell_ms) : 0;

		if (at && at <= now && atomic_compare_exchange_strong(&i->tell_ms, &at, 0))
			tell(&atr_self, i);
		else if (at && (!next || at < next))
			next = at;
	}
	if (next)
		atr_exporter_alarm(next, deadline_nears);
}

/* A tenth of its time before the deadline, and no more than is needed to send it. */
#define TELL_BEFORE_MS 100

static void watch_deadline(struct invocation *i)
{
	uint64_t now = atr_clock_unix(atr_clock_ns()) / 1000000, left, before;

	atomic_store(&i->tell_ms, 0);
	atomic_store(&lambda.deadline_ms, i->deadline_ms);
	if (i->deadline_ms <= now || !atr_live_span(i->span))
		return;
	left = i->deadline_ms - now;
	before = left / 10 < TELL_BEFORE_MS ? left / 10 : TELL_BEFORE_MS;
	atomic_store(&i->tell_ms, atr_now_ms() + left - before);
	if (is_single())
		atr_exporter_alarm(i->tell_ms, deadline_nears);
	else
		deadline_nears(); /* the first of several */
}

/* It is nobody's parent any more. */
static void stops(struct atr_thread *self, struct invocation *i)
{
	if (is_single()) {
		atr_exporter_alarm(0, NULL);
		atr_work_invocation(0);
	} else
		atr_work_ended(self, i->span);
}

static void end(struct atr_thread *self, struct invocation *i, struct atr_str error)
{
	struct atr_span *span;

	if (!i || !move(i, RUNNING, ENDING))
		return;
	stops(self, i);
	span = atr_live_span(i->span);
	if (span && error.at)
		atr_semconv_error(span, error);
	atr_live_close(i->span, i->answered_ns ? i->answered_ns : atr_clock_ns());
	atomic_store_explicit(&i->state, FREE, memory_order_release);
}

atr_ref atr_lambda_came_with(const struct atr_context *context)
{
	for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++) {
		const struct invocation *i = running(n);

		if (i && !i->answered_ns &&
		    !memcmp(i->header_trace, context->trace_id, ATR_TRACE_ID_LEN) &&
		    !memcmp(i->header_span, context->span_id, ATR_SPAN_ID_LEN))
			return i->span;
	}
	return 0;
}

/* From the process's start to the first `next`: it belongs to the trace that paid for it. */
static void init_span(struct atr_thread *self, const struct atr_context *parent,
		      struct atr_str error)
{
	uint64_t end_ns = atomic_exchange(&lambda.init_end_ns, 0);
	struct atr_span *span;
	atr_ref ref;

	if (!end_ns)
		return;
	ref = atr_live_open(self, ATR_KIND_INTERNAL, parent, lambda.started_ns);
	span = atr_live_span(ref);
	if (span) {
		atr_span_put_str(span, ATR_NAME, ATR_STR("init"));
		atr_span_put_bool(span, ATR_FAAS_COLDSTART, true);
		if (error.at)
			atr_semconv_error(span, error);
	}
	atr_live_close(ref, end_ns);
}

/* Beside the invocation, under its parent; where it has none, in its trace all the same. */
static void init_in_trace_of(struct atr_thread *self, atr_ref invocation,
			     struct atr_context *parent)
{
	struct atr_shown shown;

	if (!atr_context_is_valid(parent) && atr_live_shown(invocation, &shown))
		memcpy(parent->trace_id, shown.trace_id, sizeof(parent->trace_id));
	init_span(self, parent, (struct atr_str){ 0 });
}

/* Shown as the runtimes of the platform set it, which tell no older one where there is none. */
static void show_variable(struct atr_str trace)
{
	static char texts[VARIABLES_KEPT][VARIABLE_MAX];
	static unsigned nr;
	char *text = texts[nr % VARIABLES_KEPT];

	if (!(atr_probes & ATR_PROBE_XRAY_ENV) || !is_single())
		return;
	if (trace.len >= VARIABLE_MAX)
		trace.len = 0;
	if (trace.len)
		memcpy(text, trace.at, trace.len);
	text[trace.len] = 0;
	nr++;
	atomic_store_explicit(&atr_lambda_trace_variable, text, memory_order_release);
}

static void begins_beside_others(struct atr_thread *self, struct invocation *i)
{
	i->reader = self;
	atr_work_read(self, i->span, true, 0);
	/* a loop that asked and is told itself is one until it is seen otherwise */
	if (self->is_loop ? !lambda.hops : threads_stay())
		return;
	self->just_read = 0;
	self->nr_outer = 0;
	atr_profiled_works(self, 0);
	self->serves = false;
}

/* The event has been read to its end: the function begins to work on it. */
static void begin(struct atr_thread *self, struct atr_next *next)
{
	struct invocation *i = claim();
	bool is_cold = !atomic_exchange(&lambda.has_begun, true);
	struct atr_faas_parent parent;
	struct atr_span *span;

	show_variable(next->trace);
	if (!i)
		return;
	i->id_len = next->id.len <= ID_MAX ? (uint32_t)next->id.len : 0;
	memcpy(i->id, next->id.at, i->id_len);
	i->deadline_ms = next->deadline_ms;
	i->answered_ns = 0;
	i->is_http = atr_faas_is_http(&next->event);
	atr_faas_parent(next, &parent);
	memcpy(i->header_trace, parent.header.trace_id, sizeof(i->header_trace));
	memcpy(i->header_span, parent.header.span_id, sizeof(i->header_span));
	i->span = atr_live_open(self, ATR_KIND_SERVER, &parent.context, next->arrived_ns);
	span = atr_live_span(i->span);
	if (span) {
		atr_faas_describe(span, next, is_cold);
		atr_faas_links(span, next, &parent);
	}
	init_in_trace_of(self, i->span, &parent.context);
	atr_block_give(parent.block);
	atomic_store_explicit(&i->state, RUNNING, memory_order_release);
	watch_deadline(i);
	if (is_single())
		atr_work_invocation(i->span);
	else
		begins_beside_others(self, i);
}

/* ---- the exchange ----------------------------------------------------------------------------- */

static struct atr_str field(const char *bytes, size_t len, const struct atr_http1_head *head,
			    struct atr_str name)
{
	uint32_t at = head->fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(bytes, len, &at, &field))
		if (atr_str_equal_nocase(field.name, name))
			return field.value;
	return (struct atr_str){ 0 };
}

/* Takes room for what this exchange says; without any it goes by unread. */
static struct going_by *look(struct atr_conn *conn)
{
	struct going_by *g;

	atr_block_give(conn->api_block);
	conn->api_block = atr_block_take();
	g = going_by(conn);
	if (!g)
		return NULL;
	g->trailers_len = 0;
	atr_next_begin(&g->next);
	return g;
}

static void drop(struct atr_conn *conn)
{
	atr_block_give(conn->api_block);
	conn->api_block = 0;
	conn->api = API_NONE;
	conn->invocation = 0;
	conn->awaits_event = false;
}

bool atr_lambda_request(struct atr_conn *conn, const char *bytes, size_t len,
			const struct atr_http1_head *head)
{
	struct atr_str id = { 0 };
	struct invocation *i;
	enum api api;

	if (!is_at_api(conn, head))
		return false;
	/* several at once on one connection: only the platform's own clients could know */
	api = conn->nr_exchanges ? API_OTHER : api_of(head->target, &id);
	if (conn->is_prepared && conn->api == api)
		return true;
	if (conn->nr_exchanges)
		return true;
	drop(conn);
	conn->api = (uint8_t)api;
	conn->invocation = id.len ? find(id) : 0;
	i = running(conn->invocation);
	if (i && !is_single())
		note_who_answers(i, &atr_self);
	conn->is_handed = !i && id.len && handed.is_running &&
			  atr_str_equal(id, (struct atr_str){ handed.id, handed.id_len });
	if (api == API_ERROR || api == API_INIT_ERROR ||
	    (api == API_RESPONSE && (i || conn->is_handed))) {
		struct going_by *g = look(conn);

		if (g)
			atr_next_error_type(&g->next,
					    field(bytes, len, head,
						  ATR_STR("Lambda-Runtime-Function-Error-Type")));
	}
	return true;
}

void atr_lambda_payload(struct atr_conn *conn, bool outward, struct atr_str payload, bool trailer)
{
	struct going_by *g = going_by(conn);
	size_t n;

	if (!g || outward == (conn->api == API_NEXT))
		return;
	if (!trailer) {
		atr_event_feed(&g->next.event, payload.at, payload.len);
		return;
	}
	n = sizeof(g->trailers) - g->trailers_len;
	n = payload.len < n ? payload.len : n;
	memcpy(g->trailers + g->trailers_len, payload.at, n);
	g->trailers_len += (uint32_t)n;
}

/* The invocation that another process began is answered by this one. */
static struct atr_span *handed_span(void)
{
	return handed.has_record ? (struct atr_span *)handed.record : NULL;
}

static void handed_answered(struct atr_conn *conn)
{
	struct going_by *g = going_by(conn);
	struct atr_span *span = handed_span();

	if (!span || span->end_ns)
		return;
	span->end_ns = atr_clock_unix(atr_clock_ns());
	if (!g)
		return;
	atr_next_trailers(&g->next, (struct atr_str){ g->trailers, g->trailers_len });
	atr_faas_answer(span, &g->next, conn->api == API_ERROR, handed.is_http);
}

static void handed_ended(struct atr_str error)
{
	struct atr_span *span = handed_span();

	handed.is_running = 0;
	if (span) {
		if (error.at)
			atr_semconv_error(span, error);
		if (span->end_ns < span->start_ns)
			span->end_ns = atr_clock_unix(atr_clock_ns());
		atr_exporter_offer(span);
	}
	handed.has_record = 0;
	atr_handover_write(&handed);
}

static void answered(struct atr_thread *self, struct atr_conn *conn)
{
	struct invocation *i = running(conn->invocation);
	struct going_by *g = going_by(conn);
	struct atr_span *span = i ? atr_live_span(i->span) : NULL;

	if (!i || i->answered_ns)
		return;
	i->answered_ns = atr_clock_ns();
	stops(self, i);
	if (!span || !g)
		return;
	atr_next_trailers(&g->next, (struct atr_str){ g->trailers, g->trailers_len });
	atr_faas_answer(span, &g->next, conn->api == API_ERROR, i->is_http);
}

/*
 * Several at once: a thread that asks for one more event than it can wait for, or in the
 * middle of an invocation, runs a loop, and what it does next may be for any of them.
 */
static void awaits_event(struct atr_thread *self, struct atr_conn *conn)
{
	bool is_loop = self->is_loop || self->awaits_events || atr_live_get(self->work);

	conn->awaits_event = true;
	conn->asker = self;
	if (self->awaits_events < UINT16_MAX)
		self->awaits_events++;
	if (is_loop) {
		self->is_events_loop = true;
		atr_work_idle(self, true, -1);
	}
}

void atr_lambda_request_sent(struct atr_thread *self, struct atr_conn *conn)
{
	if (conn->api == API_NEXT && !is_single())
		awaits_event(self, conn);
	if (conn->api != API_RESPONSE && conn->api != API_ERROR)
		return;
	if (conn->is_handed)
		handed_answered(conn);
	else
		answered(self, conn);
}

void atr_lambda_answer(struct atr_conn *conn, uint16_t status, const char *bytes, size_t len,
		       const struct atr_http1_head *head)
{
	struct going_by *g;

	conn->api_status = status;
	atr_clock_doubt();
	if (conn->api != API_NEXT || status != 200)
		return;
	g = look(conn);
	if (g)
		atr_next_head(&g->next, bytes, len, head, atr_clock_ns());
}

static void init_failed(struct atr_thread *self, struct atr_conn *conn)
{
	struct going_by *g = going_by(conn);
	uint64_t not_ended = 0;

	atomic_compare_exchange_strong(&lambda.init_end_ns, &not_ended, atr_clock_ns());
	init_span(self, NULL, g ? atr_next_error(&g->next) : ATR_STR("_OTHER"));
}

static struct atr_str refused(uint16_t status)
{
	static const struct {
		uint16_t status;
		char text[4];
	} known[] = {
		{ 400, "400" },
		{ 403, "403" },
		{ 413, "413" },
		{ 500, "500" },
	};

	if (status < 400)
		return (struct atr_str){ 0 };
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].status == status)
			return atr_str(known[i].text);
	return ATR_STR("_OTHER");
}

void atr_lambda_exchange_ended(struct atr_thread *self, struct atr_conn *conn, bool is_whole)
{
	struct going_by *g = going_by(conn);
	struct atr_str error;

	if (conn->awaits_event && conn->asker != self)
		threads_hop();
	if (conn->awaits_event && self->awaits_events)
		self->awaits_events--;
	switch (conn->api) {
	case API_NEXT:
		if (g && is_whole && conn->api_status == 200)
			begin(self, &g->next);
		break;
	case API_RESPONSE:
	case API_ERROR:
		error = is_whole ? refused(conn->api_status) : ATR_STR("connection_closed");
		if (conn->is_handed)
			handed_ended(error);
		else
			end(self, running(conn->invocation), error);
		break;
	case API_INIT_ERROR:
		init_failed(self, conn);
		break;
	case API_RESTORE_NEXT:
		/* copies of one snapshot must not make the same ids; its Init was long ago */
		atr_live_reseed();
		atomic_store(&lambda.init_end_ns, 0);
		break;
	}
	drop(conn);
}

static void end_unanswered(struct atr_thread *self, struct invocation *i)
{
	if (i)
		end(self, i, i->answered_ns ? (struct atr_str){ 0 } : ATR_STR("no_response"));
}

bool atr_lambda_asks_next(struct atr_conn *conn)
{
	return (conn->api == API_NEXT || conn->api == API_RESTORE_NEXT) && conn->is_prepared;
}

/* Of a bootstrap that was ended in the middle of an invocation: nobody has told of it yet. */
static void tell_leftover(void)
{
	struct atr_span *span = handed_span();
	uint64_t now = atr_clock_unix(atr_clock_ns());
	bool is_late = handed.deadline_ms && handed.deadline_ms <= now / 1000000;

	lambda.has_leftover = false;
	if (!atr_handover_remove() || !span)
		return;
	span->end_ns = is_late ? handed.deadline_ms * 1000000 : now;
	atr_semconv_error(span, is_late ? ATR_STR("timeout") : ATR_STR("process_ended"));
	atr_span_put_bool(span, ATR_INCOMPLETE, true);
	atr_exporter_offer(span);
}

/*
 * How long is waited before `next`: short while the backend does not answer, and at most half of
 * what is left to the deadline.
 */
static uint32_t send_limit(void)
{
	uint32_t limit = atr_exporter_exit_flush_ms();
	uint64_t deadline = lambda.deadline_ms, now = atr_clock_unix(atr_clock_ns()) / 1000000;

	if (lambda.is_slow && limit > 20)
		limit = 20;
	if (deadline && now >= deadline)
		return 0;
	return deadline && (deadline - now) / 2 < limit ? (uint32_t)((deadline - now) / 2) : limit;
}

/*
 * From here on the process may stand still for hours. What has been recorded is
 * handed over first: within a limit; what is under way then stays so. Where several
 * run at once it does not stand still, and nothing waits.
 */
void atr_lambda_before_next(void)
{
	uint64_t begun = atr_clock_ns(), not_yet = 0;
	struct atr_thread *self = atr_enter();

	if (!self)
		return;
	if (!atomic_exchange(&lambda.has_asked, true)) {
		if (lambda.has_extension && !lambda.is_child && lambda.address.sin_port)
			atr_extension_begin(&lambda.address);
		atomic_compare_exchange_strong(&lambda.init_end_ns, &not_yet, begun);
	}
	if (lambda.has_leftover)
		tell_leftover();
	if (is_single()) {
		for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++)
			end_unanswered(self, running(n));
		lambda.is_slow = !atr_exporter_urge(send_limit());
	}
	atr_leave(self);
}

/* Another process is to go on with it. */
static bool hand_over(struct atr_thread *self, struct invocation *i)
{
	struct atr_context_copy copy;
	struct atr_span *span = atr_live_span(i->span);

	if (!atr_live_context(i->span, &copy))
		return false;
	memset(&handed, 0, offsetof(struct atr_handover, carry));
	handed.is_running = 1;
	handed.bootstrap = lambda.bootstrap;
	handed.id_len = i->id_len;
	memcpy(handed.id, i->id, i->id_len);
	handed.deadline_ms = i->deadline_ms;
	handed.is_http = i->is_http;
	atr_handover_put_context(&handed, &copy.context);
	atr_context_copy_release(&copy);
	handed.has_record = span != NULL;
	if (span)
		memcpy(handed.record, span, span->len);
	if (!atr_handover_write(&handed) || !move(i, RUNNING, ENDING))
		return false;
	stops(self, i);
	atr_live_drop(i->span);
	atomic_store_explicit(&i->state, FREE, memory_order_release);
	return true;
}

void atr_lambda_process_ends(struct atr_thread *self)
{
	if (lambda.is_child && is_single())
		for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++)
			if (running(n) && !running(n)->answered_ns && hand_over(self, running(n)))
				return;
	for (uint16_t n = 1; n <= INVOCATIONS_MAX; n++)
		end(self, running(n), ATR_STR("process_ended"));
}
