/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/xray.h"

#include "export/diag.h"
#include "export/encode/xray_rules.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/print.h"
#include "export/transport/transport.h"
#include "preload/live/bucket.h"
#include "preload/live/glob.h"
#include "preload/live/remote.h"
#include "preload/live/thread.h"

#define RULES_MAX 128
#define TEXTS_MAX 32768
#define NAME_MAX_LEN 64
#define PAGES_MAX 8
#define TARGETS_MS 10000
#define ASK_MS 2000			      /* an answer's time */
#define GOOD_NS (3600 * UINT64_C(1000000000)) /* of rules that cannot be had anew */
#define BODY_MAX 32768

struct rule {
	struct atr_str name, host, method, path;
	int64_t priority;
	bool has_reservoir;
	_Atomic uint64_t threshold;
	struct atr_bucket borrowing;
	_Atomic uint64_t quota_until_ns; /* 0: none was given yet */
	_Atomic uint64_t quota;
	_Atomic uint64_t taken; /* a second in the upper half, how many in it in the lower */
	_Atomic uint32_t requests, sampled, borrowed; /* since the last report */
};

struct table {
	struct atr_edition edition;
	uint64_t read_ns;
	unsigned nr;
	size_t texts_len;
	struct rule at[RULES_MAX];
	char texts[TEXTS_MAX];
};

static struct {
	struct atr_editions editions; /* of tables */
	struct atr_remote remote;
	struct atr_str service, endpoint;
	uint64_t interval_ms;
	bool asks;
	uint64_t rules_due_ms; /* what follows is the exporter's thread's */
	int64_t rules_changed_s, rules_read_s;
	char client[25];
	struct atr_answer *answer; /* NULL: the sampler is not X-Ray's, or has no memory */
	struct atr_bucket alone;
	bool has_failed;
} xray;

/* ---- deciding ---------------------------------------------------------------------------------- */

static bool take_quota(struct rule *rule, uint64_t now_ns)
{
	uint64_t second = now_ns / 1000000000 << 32;
	uint64_t quota = atomic_load_explicit(&rule->quota, memory_order_relaxed);
	uint64_t taken = atomic_load_explicit(&rule->taken, memory_order_relaxed), next;

	do {
		next = taken >> 32 == second >> 32 ? taken + 1 : second + 1;
		if ((uint32_t)next > quota)
			return false;
	} while (!atomic_compare_exchange_weak_explicit(
		&rule->taken, &taken, next, memory_order_relaxed, memory_order_relaxed));
	return true;
}

static bool take_from_reservoir(struct rule *rule, uint64_t now_ns)
{
	if (now_ns < atomic_load_explicit(&rule->quota_until_ns, memory_order_relaxed))
		return take_quota(rule, now_ns);
	if (!rule->has_reservoir || !atr_bucket_take(&rule->borrowing, now_ns))
		return false;
	atomic_fetch_add_explicit(&rule->borrowed, 1, memory_order_relaxed);
	return true;
}

static bool is_like(struct atr_str glob, struct atr_str text)
{
	return !glob.at || atr_glob_fits_nocase(glob, text);
}

static bool fits(const struct rule *rule, const struct atr_request *request)
{
	static const struct atr_request nothing;

	request = request ? request : &nothing;
	return is_like(rule->host, request->host) && is_like(rule->method, request->method) &&
	       is_like(rule->path, request->path);
}

static void decide_by(struct rule *rule, const struct atr_beginning *span, struct atr_decision *out)
{
	atomic_fetch_add_explicit(&rule->requests, 1, memory_order_relaxed);
	out->is_sampled = take_from_reservoir(rule, atr_beginning_ns(span)) ||
			  atr_sampler_is_in(span, atomic_load_explicit(&rule->threshold,
								       memory_order_relaxed));
	if (out->is_sampled)
		atomic_fetch_add_explicit(&rule->sampled, 1, memory_order_relaxed);
}

bool atr_xray_decide(const struct atr_beginning *span, struct atr_decision *out)
{
	struct table *table;
	bool found = false;

	if (xray.asks)
		atr_remote_see_to_it(&xray.remote);
	table = (struct table *)atr_editions_hold(&xray.editions);
	if (!table)
		return false;
	out->tells = true;
	out->th = ATR_TH_NONE;
	for (unsigned i = 0;
	     i < table->nr && !found && atr_beginning_ns(span) < table->read_ns + GOOD_NS; i++) {
		found = fits(&table->at[i], span->request);
		if (found)
			decide_by(&table->at[i], span, out);
	}
	atr_editions_let_go(&table->edition);
	return found;
}

void atr_xray_decide_without(const struct atr_beginning *span, struct atr_decision *out)
{
	out->tells = true;
	out->th = ATR_TH_NONE;
	out->is_sampled = atr_bucket_take(&xray.alone, atr_beginning_ns(span)) ||
			  atr_sampler_is_in(span, atr_ot_threshold(0.05));
}

/* ---- asking: the exporter's thread ------------------------------------------------------------- */

static bool post(struct atr_str path, struct atr_str body)
{
	struct atr_remote *remote = &xray.remote;

	if (!remote->has_to) {
		remote->to = (struct atr_exporter_options){ .timeout_ms = ASK_MS };
		atr_options_read_daemon_http(xray.endpoint, &remote->to);
		remote->has_to = true;
	}
	remote->to.path = path;
	return atr_remote_post(&remote->to, body, ASK_MS, xray.answer);
}

static struct atr_str answer(void)
{
	return (struct atr_str){ xray.answer->body, xray.answer->body_len };
}

static bool stays(struct table *table, struct atr_str *text)
{
	char *at = table->texts + table->texts_len;

	if (atr_str_equal(*text, ATR_STR("*")))
		*text = (struct atr_str){ 0 };
	if (!text->at)
		return true;
	if (text->len > TEXTS_MAX - table->texts_len)
		return false;
	memcpy(at, text->at, text->len);
	table->texts_len += text->len;
	text->at = at;
	return true;
}

/* Less is asked first; of equals, by name. */
static bool is_before(const struct atr_xray_rule *a, const struct rule *b)
{
	size_t len = a->name.len < b->name.len ? a->name.len : b->name.len;
	int order = memcmp(a->name.at, b->name.at, len);

	if (a->priority != b->priority)
		return a->priority < b->priority;
	return order < 0 || (!order && a->name.len < b->name.len);
}

static void take_rule(const struct atr_xray_rule *from, void *arg)
{
	struct table *table = arg;
	struct atr_xray_rule rule = *from;
	unsigned i = 0;

	if (rule.is_never || table->nr == RULES_MAX || rule.name.len > NAME_MAX_LEN ||
	    !is_like(rule.service, xray.service))
		return;
	if (!stays(table, &rule.host) || !stays(table, &rule.method) || !stays(table, &rule.path) ||
	    !stays(table, &rule.name))
		return;
	while (i < table->nr && !is_before(&rule, &table->at[i]))
		i++;
	memmove(&table->at[i + 1], &table->at[i], (table->nr++ - i) * sizeof(table->at[0]));
	memset(&table->at[i], 0, sizeof(table->at[i]));
	table->at[i].name = rule.name;
	table->at[i].host = rule.host;
	table->at[i].method = rule.method;
	table->at[i].path = rule.path;
	table->at[i].priority = rule.priority;
	table->at[i].has_reservoir = rule.fixed > 0;
	atomic_store(&table->at[i].threshold, atr_ot_threshold(rule.rate));
	atr_bucket_setup(&table->at[i].borrowing, 1);
}

static struct rule *rule_named(struct table *table, struct atr_str name)
{
	for (unsigned i = 0; table && i < table->nr; i++)
		if (atr_str_equal(table->at[i].name, name))
			return &table->at[i];
	return NULL;
}

/* What was counted and granted goes on under the same name. */
static void go_on(struct rule *rule, struct rule *was)
{
	atomic_store(&rule->quota, atomic_load(&was->quota));
	atomic_store(&rule->quota_until_ns, atomic_load(&was->quota_until_ns));
	atomic_store(&rule->taken, atomic_load(&was->taken));
	atomic_store(&rule->borrowing.full_ns, atomic_load(&was->borrowing.full_ns));
	atomic_store(&rule->requests, atomic_load(&was->requests));
	atomic_store(&rule->sampled, atomic_load(&was->sampled));
	atomic_store(&rule->borrowed, atomic_load(&was->borrowed));
}

static bool read_pages(struct table *table)
{
	char body[1024] = "{}";
	struct atr_str next;
	bool is_good;

	for (int page = 0; page < PAGES_MAX; page++) {
		struct atr_print t = { body, 0, sizeof(body), false };

		if (!post(ATR_STR("/GetSamplingRules"), atr_str(body)))
			return false;
		is_good = atr_xray_rules_remote(answer(), take_rule, table, &next);
		if (!is_good || !next.len || next.len > 512 || memchr(next.at, '"', next.len) ||
		    memchr(next.at, '\\', next.len)) {
			atr_xray_rules_done();
			return is_good;
		}
		atr_print(&t, ATR_STR("{\"NextToken\":\""));
		atr_print(&t, next);
		atr_print(&t, ATR_STR("\"}"));
		body[t.len] = 0;
		atr_xray_rules_done();
	}
	return true;
}

static void read_rules(void)
{
	struct table *was = (struct table *)atomic_load(&xray.editions.current);
	struct table *table = (struct table *)atr_editions_spare(&xray.editions);

	if (!table) /* next time */
		return;
	table->nr = 0;
	table->texts_len = 0;
	if (!read_pages(table)) {
		if (!xray.has_failed)
			atr_log("X-Ray's sampling rules could not be had: what was known, or one "
				"a second and 5 %%, is used");
		xray.has_failed = true;
		return;
	}
	xray.has_failed = false;
	for (unsigned i = 0; i < table->nr; i++)
		if (rule_named(was, table->at[i].name))
			go_on(&table->at[i], rule_named(was, table->at[i].name));
	table->read_ns = atr_clock_ns();
	atr_editions_publish(&xray.editions, &table->edition);
	xray.rules_due_ms = atr_now_ms() + xray.interval_ms;
	xray.rules_read_s = (int64_t)(atr_clock_unix(table->read_ns) / 1000000000);
}

static void print_count(struct atr_print *t, struct atr_str key, uint64_t n)
{
	atr_print(t, ATR_STR(",\""));
	atr_print(t, key);
	atr_print(t, ATR_STR("\":"));
	atr_print_uint(t, n);
}

static void print_rule(struct atr_print *t, struct rule *rule, uint64_t now_s)
{
	uint32_t requests = atomic_load(&rule->requests), sampled = atomic_load(&rule->sampled);
	uint32_t borrowed = atomic_load(&rule->borrowed);

	if (!requests || memchr(rule->name.at, '"', rule->name.len) ||
	    memchr(rule->name.at, '\\', rule->name.len) || t->cap - t->len < 512)
		return;
	atr_print(t, t->at[t->len - 1] == '}' ? ATR_STR(",{\"ClientID\":\"") :
						ATR_STR("{\"ClientID\":\""));
	atr_print(t, atr_str(xray.client));
	atr_print(t, ATR_STR("\",\"RuleName\":\""));
	atr_print(t, rule->name);
	atr_print(t, ATR_STR("\""));
	print_count(t, ATR_STR("RequestCount"), requests);
	print_count(t, ATR_STR("SampledCount"), sampled);
	print_count(t, ATR_STR("BorrowCount"), borrowed);
	print_count(t, ATR_STR("Timestamp"), now_s);
	atr_print(t, ATR_STR("}"));
	atomic_fetch_sub(&rule->requests, requests);
	atomic_fetch_sub(&rule->sampled, sampled);
	atomic_fetch_sub(&rule->borrowed, borrowed);
}

static void take_target(const struct atr_xray_target *target, void *arg)
{
	struct rule *rule = rule_named(arg, target->name);
	uint64_t now_ns = atr_clock_ns();
	int64_t now_s = (int64_t)(atr_clock_unix(now_ns) / 1000000000);

	if (!rule)
		return;
	if (target->rate >= 0)
		atomic_store(&rule->threshold, atr_ot_threshold(target->rate));
	if (target->quota < 0 || target->quota_until <= now_s || target->quota_until > now_s + 3600)
		return;
	atomic_store(&rule->quota, (uint64_t)target->quota);
	atomic_store(&rule->quota_until_ns,
		     now_ns + (uint64_t)(target->quota_until - now_s) * 1000000000);
}

static void report(struct table *table)
{
	static char body[BODY_MAX];
	struct atr_print t = { body, 0, sizeof(body) - 8, false };
	uint64_t now_s = atr_clock_unix(atr_clock_ns()) / 1000000000;
	int64_t changed_s = -1;

	atr_print(&t, ATR_STR("{\"SamplingStatisticsDocuments\":["));
	for (unsigned i = 0; i < table->nr; i++)
		print_rule(&t, &table->at[i], now_s);
	atr_print(&t, ATR_STR("]}"));
	if (post(ATR_STR("/SamplingTargets"), (struct atr_str){ body, t.len }))
		atr_xray_rules_targets(answer(), take_target, table, &changed_s);
	atr_xray_rules_done();
	if (changed_s > xray.rules_read_s)
		xray.rules_due_ms = 0;
}

static void ask(void)
{
	struct table *table = (struct table *)atomic_load(&xray.editions.current);

	if (table)
		report(table);
	if (atr_now_ms() >= xray.rules_due_ms)
		read_rules();
	atr_remote_asked(&xray.remote, atr_now_ms() + TARGETS_MS);
}

/* ---- setting up -------------------------------------------------------------------------------- */

static bool read_member(struct atr_str member)
{
	double seconds;

	if (atr_str_strip(&member, ATR_STR("endpoint="))) {
		if (member.len)
			xray.endpoint = member;
		return member.len;
	}
	if (!atr_str_strip(&member, ATR_STR("polling_interval=")) ||
	    !atr_decimal_of(member, &seconds) || seconds < 1 || seconds > 86400)
		return false;
	xray.interval_ms = (uint64_t)(seconds * 1000);
	return true;
}

static void read_arg(void)
{
	struct atr_str list = atr_env_get("OTEL_TRACES_SAMPLER_ARG"), whole = list, member;

	xray.interval_ms = 300000;
	while (atr_list_next(&list, &member))
		if (!read_member(member))
			atr_log_bad_env("OTEL_TRACES_SAMPLER_ARG", whole,
					"not endpoint=http://host:port,polling_interval=seconds",
					"what is wrong in it is left out");
}

static void name_client(void)
{
	static const char digits[] = "0123456789abcdef";
	struct atr_ids ids = { { 0 } };
	uint8_t bytes[ATR_TRACE_ID_LEN];

	atr_ids_seed(&ids);
	atr_ids_trace(&ids, bytes);
	for (int i = 0; i < 24; i++)
		xray.client[i] = digits[bytes[i / 2] >> (i % 2 ? 0 : 4) & 15];
}

void atr_xray_setup(struct atr_str service)
{
	memset(&xray, 0, sizeof(xray));
	atr_bucket_setup(&xray.alone, 1);
	xray.service = service;
	read_arg();
	xray.answer = atr_editions_map(&xray.editions, sizeof(struct table));
	if (!xray.answer)
		return;
	xray.remote.ask = ask;
	name_client();
	/* the platform decides for a function, and its thread has other alarms */
	xray.asks = !atr_env_get("AWS_LAMBDA_RUNTIME_API").at;
}

static void begin_anew(struct table *table)
{
	for (unsigned i = 0; i < table->nr; i++) {
		struct rule *rule = &table->at[i];

		atomic_store(&rule->requests, 0);
		atomic_store(&rule->sampled, 0);
		atomic_store(&rule->borrowed, 0);
		atomic_store(&rule->quota_until_ns, 0);
	}
}

void atr_xray_forked(void)
{
	if (!xray.answer)
		return;
	atr_remote_forked(&xray.remote);
	atr_editions_forked(&xray.editions);
	begin_anew((struct table *)xray.editions.both[0]);
	begin_anew((struct table *)xray.editions.both[1]);
	name_client();
}
