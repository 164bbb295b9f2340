/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/sampler.h"

#include "export/diag.h"
#include "export/env.h"
#include "preload/live/bucket.h"
#include "preload/live/jaeger.h"
#include "preload/live/outcome.h"
#include "preload/live/parents.h"
#include "preload/live/rules.h"
#include "preload/live/xray.h"

static struct {
	bool parent_based;
	bool follows; /* a parent in this process, always */
	bool is_ratio, is_xray, is_jaeger;
	uint64_t threshold;
	bool has_limit;
	struct atr_bucket limit;
} sampler = { .parent_based = true };

struct atr_sampler_known atr_sampler_known = { .makes_spans = true };

static void read_ratio(void)
{
	struct atr_str arg = atr_str_trim(atr_env_get("OTEL_TRACES_SAMPLER_ARG"));
	double ratio = 1;

	sampler.is_ratio = true;
	if (arg.at && (!atr_decimal_of(arg, &ratio) || ratio > 1)) {
		atr_log_bad_env("OTEL_TRACES_SAMPLER_ARG", arg, "not a number from 0 to 1",
				"1.0 is used");
		ratio = 1;
	}
	sampler.threshold = atr_ot_threshold(ratio);
}

/* An argument that nobody asks for is a sampler that was forgotten. */
static void check_arg(void)
{
	static const char name[] = "OTEL_TRACES_SAMPLER_ARG";
	struct atr_str arg = atr_str_trim(atr_env_get(name));

	if (arg.len && !sampler.is_ratio && !sampler.is_xray && !sampler.is_jaeger)
		atr_log_bad_env(name, arg, "the sampler in force takes none", "it is left out");
}

static void read_limit(void)
{
	struct atr_str text = atr_env_get("AUTOTRACE_RATE_LIMIT");
	double per_second;

	sampler.has_limit = text.at && atr_decimal_of(text, &per_second);
	if (sampler.has_limit)
		atr_bucket_setup(&sampler.limit, per_second);
	else if (text.at)
		atr_log_bad_env("AUTOTRACE_RATE_LIMIT", text, "not a number", "there is no limit");
}

static void read_sampler(void)
{
	static const char prefix[] = "parentbased_";
	struct atr_str name = atr_str_trim(atr_env_get("OTEL_TRACES_SAMPLER")), rest = name;

	sampler.parent_based = true;
	sampler.is_ratio = sampler.is_xray = sampler.is_jaeger = false;
	sampler.threshold = 0;
	atr_parents_setup();
	if (!name.at)
		return;
	sampler.parent_based = name.len > sizeof(prefix) - 1 &&
			       atr_str_equal_nocase((struct atr_str){ name.at, sizeof(prefix) - 1 },
						    ATR_STR("parentbased_"));
	if (sampler.parent_based)
		rest = (struct atr_str){ name.at + sizeof(prefix) - 1,
					 name.len - sizeof(prefix) + 1 };
	if (atr_str_equal_nocase(rest, ATR_STR("always_on")))
		return;
	if (atr_str_equal_nocase(rest, ATR_STR("always_off"))) {
		sampler.threshold = ATR_OT_ALL;
	} else if (atr_str_equal_nocase(rest, ATR_STR("traceidratio"))) {
		read_ratio();
	} else if (atr_str_equal_nocase(rest, ATR_STR("xray"))) {
		/* a decision in the header is above all rules */
		sampler.is_xray = sampler.parent_based = true;
	} else if (atr_str_equal_nocase(rest, ATR_STR("jaeger_remote"))) {
		sampler.is_jaeger = true;
		atr_jaeger_setup();
	} else {
		sampler.parent_based = true;
		atr_log_bad_env("OTEL_TRACES_SAMPLER", name, "not a sampler known here",
				"parentbased_always_on is used");
	}
}

static void know(void)
{
	atr_sampler_known.is_plain = !sampler.is_ratio && !sampler.follows &&
				     !atr_sampler_wants_request && !atr_parents_are_told_apart();
	atr_sampler_known.follows = sampler.parent_based;
	atr_sampler_known.samples = !sampler.threshold;
}

void atr_sampler_setup(void)
{
	atr_sampler_known.makes_spans = !atr_env_bool("OTEL_SDK_DISABLED", false);
	read_sampler();
	check_arg();
	read_limit();
	sampler.follows = sampler.has_limit || sampler.is_jaeger;
	atr_sampler_wants_request = sampler.is_xray || sampler.is_jaeger;
	know();
}

bool atr_sampler_is_jaeger(void)
{
	return sampler.is_jaeger;
}

bool atr_sampler_is_xray(void)
{
	return sampler.is_xray;
}

bool atr_sampler_wants_request;

void atr_sampler_asks(bool has_rules)
{
	sampler.follows |= has_rules;
	atr_sampler_wants_request |= has_rules;
	know();
}

bool atr_sampler_drops_all(void)
{
	return sampler.threshold >= ATR_OT_ALL && !sampler.parent_based &&
	       !atr_sampler_wants_request;
}

/* What the parent left open is decided as for a root. */
static bool is_parents(const struct atr_context *parent)
{
	return parent && !(parent->marks & ATR_MARK_UNDECIDED) &&
	       (sampler.parent_based ||
		((sampler.follows || atr_outcome_is_on) && !parent->remote));
}

/* What is kept by its outcome is kept or dropped whole. */
static bool is_for_rules(const struct atr_beginning *span)
{
	return atr_sampler_wants_request && !(atr_outcome_is_on && !span->parent->remote);
}

bool atr_sampler_is_in(const struct atr_beginning *span, uint64_t threshold)
{
	return !threshold || (threshold < ATR_OT_ALL &&
			      atr_ot_randomness(span->tracestate, span->trace_id) >= threshold);
}

/*
 * A ratio says what it was. `always_on` says so only where somebody before it said
 * otherwise, or where what is kept by its outcome is to be reckoned from it: else no
 * tracestate is made for it.
 */
static void decide_by(const struct atr_beginning *span, uint64_t threshold, bool is_ratio,
		      struct atr_decision *out)
{
	bool says_all = is_ratio || atr_outcome_is_on;

	out->is_sampled = atr_sampler_is_in(span, threshold);
	out->tells = says_all || span->tracestate.len;
	out->th = out->is_sampled ? threshold : ATR_TH_NONE;
	if (out->is_sampled && !says_all && span->tracestate.len) {
		struct atr_ot ot;

		atr_ot_read(span->tracestate, &ot);
		out->tells = ot.th != ATR_TH_NONE;
	}
}

void atr_sampler_by_ratio(const struct atr_beginning *span, uint64_t threshold,
			  struct atr_decision *out)
{
	decide_by(span, threshold, true, out);
}

static void ask_sampler(const struct atr_beginning *span, struct atr_decision *out)
{
	if (sampler.is_jaeger)
		atr_jaeger_decide(span, out);
	else
		decide_by(span, sampler.threshold, sampler.is_ratio, out);
}

/* How likely it was to be within the limit is not known. */
static void keep_limit(const struct atr_beginning *span, struct atr_decision *out)
{
	out->th = ATR_TH_NONE;
	if (atr_bucket_take(&sampler.limit, atr_beginning_ns(span)))
		return;
	out->is_sampled = false;
	out->tells = true;
	atr_count(ATR_COUNT_OVER_LIMIT);
}

static void ask_rules(const struct atr_beginning *span, struct atr_decision *out)
{
	bool is_later = sampler.is_xray && atr_rules_are_local();

	if (!atr_sampler_wants_request)
		ask_sampler(span, out);
	else if ((is_later || !atr_rules_decide(span, out)) &&
		 !(sampler.is_xray && atr_xray_decide(span, out)) &&
		 !(is_later && atr_rules_decide(span, out))) {
		if (sampler.is_xray)
			atr_xray_decide_without(span, out);
		else
			ask_sampler(span, out);
	}
}

void atr_sampler_decide(const struct atr_beginning *span, struct atr_decision *out)
{
	uint64_t threshold;

	*out = (struct atr_decision){ .th = ATR_TH_NONE };
	if (is_parents(span->parent)) {
		if (is_for_rules(span) && atr_rules_precede(span, out))
			return;
		if (sampler.parent_based && atr_parents_threshold(span->parent, &threshold))
			decide_by(span, threshold, threshold && threshold < ATR_OT_ALL, out);
		else
			out->is_sampled = span->parent->flags & ATR_FLAG_SAMPLED;
		return;
	}
	ask_rules(span, out);
	if (out->is_sampled && sampler.has_limit)
		keep_limit(span, out);
}

void atr_request_of(struct atr_str method, struct atr_str target, struct atr_str host,
		    struct atr_request *out)
{
	size_t len = 0, at;
	const char *slashes =
		target.len && target.at[0] != '/' ? memmem(target.at, target.len, "://", 3) : NULL;

	if (slashes) {
		at = (size_t)(slashes + 3 - target.at);
		while (at + len < target.len && !strchr("/?#", target.at[at + len]))
			len++;
		host = (struct atr_str){ target.at + at, len };
		target = (struct atr_str){ target.at + at + len, target.len - at - len };
	}
	for (len = 0; len < target.len && target.at[len] != '?' && target.at[len] != '#';)
		len++;
	out->method = method;
	out->path = len ? (struct atr_str){ target.at, len } : ATR_STR("/");
	slashes = host.len ? memrchr(host.at, '@', host.len) : NULL;
	if (slashes)
		host = (struct atr_str){ slashes + 1, host.len - (size_t)(slashes + 1 - host.at) };
	/* an IPv6 address has brackets around its colons */
	for (len = host.len; len && host.at[len - 1] >= '0' && host.at[len - 1] <= '9';)
		len--;
	if (len > 1 && host.at[len - 1] == ':')
		host.len = len - 1;
	out->host = host;
}
