/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/jaeger.h"

#include "export/diag.h"
#include "export/encode/pb.h"
#include "export/encode/strategy.h"
#include "export/env.h"
#include "export/transport/transport.h"
#include "preload/live/bucket.h"
#include "preload/live/remote.h"

#define OPERATIONS_MAX 256
#define TEXTS_MAX 32768
#define SERVICE_MAX 255
#define ASK_MS 2000 /* an answer's time */

struct operation {
	struct atr_str method, path; /* of which one may be absent */
	uint64_t threshold;
	struct atr_bucket least;
};

struct table {
	struct atr_edition edition;
	bool is_limited, has_least;
	uint64_t threshold;	 /* of what no operation fits */
	struct atr_bucket limit; /* of all, or at least of what no operation fits */
	unsigned nr;
	size_t texts_len;
	struct operation at[OPERATIONS_MAX];
	char texts[TEXTS_MAX];
};

static struct {
	struct atr_editions editions; /* of tables */
	struct atr_remote remote;
	struct atr_str service, endpoint;
	uint64_t initial, interval_ms;
	bool asks;
	/* from here on all is the exporter's thread's */
	struct atr_answer *answer; /* NULL: the sampler is not Jaeger's, or has no memory */
	uint64_t answer_hash;	   /* of the one that holds */
	bool has_failed;
} jaeger;

/* ---- deciding ---------------------------------------------------------------------------------- */

static size_t segment_len(struct atr_str path)
{
	const char *slash = path.len ? memchr(path.at, '/', path.len) : NULL;

	return slash ? (size_t)(slash - path.at) : path.len;
}

/* Segment by segment; one in braces is any that is not empty. */
static bool is_like(struct atr_str template, struct atr_str path)
{
	for (;;) {
		size_t a = segment_len(template), b = segment_len(path);
		bool is_any = a > 1 && template.at[0] == '{' && template.at[a - 1] == '}';

		if (is_any ? !b : a != b || memcmp(template.at, path.at, a) != 0)
			return false;
		if (a == template.len || b == path.len)
			return a == template.len && b == path.len;
		template.at += a + 1;
		template.len -= a + 1;
		path.at += b + 1;
		path.len -= b + 1;
	}
}

/* How closely; 0: not at all. */
static int fits(const struct operation *operation, const struct atr_request *request)
{
	if (operation->method.at && !atr_str_equal(operation->method, request->method))
		return 0;
	if (!operation->path.at)
		return 1;
	if (atr_str_equal(operation->path, request->path))
		return 3;
	return is_like(operation->path, request->path) ? 2 : 0;
}

static struct operation *operation_of(struct table *table, const struct atr_request *request)
{
	struct operation *found = NULL;
	int best = 0;

	for (unsigned i = 0; request && i < table->nr && best < 3; i++) {
		int closely = fits(&table->at[i], request);

		if (closely > best) {
			best = closely;
			found = &table->at[i];
		}
	}
	return found;
}

/* Within the share, which says what it is; or one of the few that there are at least. */
static void decide_by(const struct atr_beginning *span, uint64_t threshold,
		      struct atr_bucket *least, struct atr_decision *out)
{
	atr_sampler_by_ratio(span, threshold, out);
	if (!least || !atr_bucket_take(least, atr_beginning_ns(span)) || out->is_sampled)
		return;
	*out = (struct atr_decision){ .is_sampled = true, .tells = true, .th = ATR_TH_NONE };
}

static void decide_in(struct table *table, const struct atr_beginning *span,
		      struct atr_decision *out)
{
	struct operation *operation;

	if (table->is_limited) {
		out->tells = true;
		out->th = ATR_TH_NONE;
		out->is_sampled = atr_bucket_take(&table->limit, atr_beginning_ns(span));
		return;
	}
	operation = operation_of(table, span->request);
	if (operation)
		decide_by(span, operation->threshold, table->has_least ? &operation->least : NULL,
			  out);
	else
		decide_by(span, table->threshold, table->has_least ? &table->limit : NULL, out);
}

void atr_jaeger_decide(const struct atr_beginning *span, struct atr_decision *out)
{
	struct table *table;

	if (jaeger.asks)
		atr_remote_see_to_it(&jaeger.remote);
	table = (struct table *)atr_editions_hold(&jaeger.editions);
	if (!table) {
		atr_sampler_by_ratio(span, jaeger.initial, out);
		return;
	}
	decide_in(table, span, out);
	atr_editions_let_go(&table->edition);
}

/* ---- asking: the exporter's thread ------------------------------------------------------------- */

static struct atr_str keep(struct table *table, struct atr_str text)
{
	char *at = table->texts + table->texts_len;

	memcpy(at, text.at, text.len);
	table->texts_len += text.len;
	return (struct atr_str){ at, text.len };
}

/* A method, a path, or both; a name of another kind is none that a request could have. */
static void take_operation(struct atr_str name, double rate, void *arg)
{
	struct table *table = arg;
	const char *blank = name.len ? memchr(name.at, ' ', name.len) : NULL;
	size_t len = blank ? (size_t)(blank - name.at) : name.len;
	struct operation *operation = &table->at[table->nr];

	if (!name.len || table->nr == OPERATIONS_MAX || name.len > TEXTS_MAX - table->texts_len)
		return;
	name = keep(table, name);
	*operation = (struct operation){ .threshold = atr_ot_threshold(rate) };
	if (name.at[0] == '/') {
		operation->path = name;
	} else if (blank) {
		operation->method = (struct atr_str){ name.at, len };
		operation->path = (struct atr_str){ name.at + len + 1, name.len - len - 1 };
	} else {
		operation->method = name;
	}
	table->nr++;
}

static bool read_answer(struct table *table)
{
	struct atr_str text = { jaeger.answer->body, jaeger.answer->body_len };
	struct atr_strategy strategy;
	bool is_good;

	table->nr = 0;
	table->texts_len = 0;
	is_good = (jaeger.remote.to.is_grpc ? atr_strategy_message : atr_strategy_json)(
		text, &strategy, take_operation, table);
	atr_strategy_done();
	if (!is_good)
		return false;
	table->is_limited = strategy.traces_a_second >= 0;
	table->has_least = strategy.least > 0;
	table->threshold = atr_ot_threshold(strategy.rate);
	atr_bucket_setup(&table->limit,
			 table->is_limited ? (double)strategy.traces_a_second : strategy.least);
	for (unsigned i = 0; i < table->nr; i++)
		atr_bucket_setup(&table->at[i].least, strategy.least);
	return true;
}

static bool post(void)
{
	static char body[SERVICE_MAX + 3];
	struct atr_remote *remote = &jaeger.remote;
	struct atr_str request = { 0 };

	if (!remote->has_to) {
		remote->to = (struct atr_exporter_options){ .timeout_ms = ASK_MS };
		if (!atr_options_read_strategies(jaeger.endpoint, jaeger.service, &remote->to))
			return false;
		remote->has_to = true;
	}
	/* SamplingStrategyParameters { serviceName = 1 } */
	if (remote->to.is_grpc) {
		request.at = body;
		request.len =
			(size_t)(atr_pb_bytes(body, 0x0a, jaeger.service.at, jaeger.service.len) -
				 body);
	}
	return atr_remote_post(&remote->to, request, ASK_MS, jaeger.answer);
}

/* FNV-1a: what was said once more changes nothing, and begins no limit anew. */
static uint64_t hash_of(struct atr_str text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < text.len; i++)
		hash = (hash ^ (unsigned char)text.at[i]) * UINT64_C(0x100000001b3);
	return hash ? hash : 1;
}

static void fail(enum atr_count what, const char *why)
{
	atr_count(what);
	if (!jaeger.has_failed)
		atr_log("Jaeger's sampling strategy %s: %s is used", why,
			jaeger.answer_hash ? "what was known" : "the initial rate");
	jaeger.has_failed = true;
}

static void take_answer(void)
{
	struct atr_edition *spare = atr_editions_spare(&jaeger.editions);
	struct atr_str text = { jaeger.answer->body, jaeger.answer->body_len };
	uint64_t hash = hash_of(text);

	if (hash == jaeger.answer_hash || !spare) { /* or next time */
		jaeger.has_failed = false;
		return;
	}
	if (!read_answer((struct table *)spare)) {
		fail(ATR_COUNT_STRATEGIES_MALFORMED, "is none that is known here");
		return;
	}
	jaeger.has_failed = false;
	jaeger.answer_hash = hash;
	atr_editions_publish(&jaeger.editions, spare);
}

static void ask(void)
{
	if (post())
		take_answer();
	else
		fail(ATR_COUNT_STRATEGIES_FAILED, "could not be had");
	atr_remote_asked(&jaeger.remote, atr_now_ms() + jaeger.interval_ms);
}

/* ---- setting up -------------------------------------------------------------------------------- */

static bool read_member(struct atr_str member)
{
	uint64_t ms;
	double rate;

	if (atr_str_strip(&member, ATR_STR("endpoint="))) {
		if (member.len)
			jaeger.endpoint = member;
		return member.len;
	}
	if (atr_str_strip(&member, ATR_STR("pollingIntervalMs="))) {
		if (!atr_str_decimal(member, INT32_MAX, &ms) || !ms)
			return false;
		jaeger.interval_ms = ms;
		return true;
	}
	if (!atr_str_strip(&member, ATR_STR("initialSamplingRate=")) ||
	    !atr_decimal_of(member, &rate) || rate > 1)
		return false;
	jaeger.initial = atr_ot_threshold(rate);
	return true;
}

static void read_arg(void)
{
	struct atr_str list = atr_env_get("OTEL_TRACES_SAMPLER_ARG"), whole = list, member;
	bool is_good = true;

	while (atr_list_next(&list, &member))
		is_good &= read_member(member);
	if (!is_good)
		atr_log_bad_env("OTEL_TRACES_SAMPLER_ARG", whole,
				"not endpoint=URL,pollingIntervalMs=1...,initialSamplingRate=0...1",
				"what is wrong in it is left out");
}

void atr_jaeger_setup(void)
{
	memset(&jaeger, 0, sizeof(jaeger));
	jaeger.initial = atr_ot_threshold(0.001);
	jaeger.interval_ms = 60000;
	read_arg();
	jaeger.remote.ask = ask;
	jaeger.answer = atr_editions_map(&jaeger.editions, sizeof(struct table));
}

void atr_jaeger_serves(struct atr_str service)
{
	jaeger.service = service;
	if (jaeger.service.len > SERVICE_MAX)
		jaeger.service.len = SERVICE_MAX;
	/* in a Lambda function the thread has other alarms */
	jaeger.asks = jaeger.answer && !atr_env_get("AWS_LAMBDA_RUNTIME_API").at;
}

void atr_jaeger_forked(void)
{
	if (!jaeger.answer)
		return;
	atr_remote_forked(&jaeger.remote);
	atr_editions_forked(&jaeger.editions);
}
