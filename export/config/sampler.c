/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/sampler.h"

/*
 * However samplers are nested, in each of five situations one simple one decides. The
 * file is asked five times, and what it comes to is said by two variables: the
 * root's sampler, and what the others are where they are not what parents decide. Where
 * there are rules among them, see rules.c.
 */
const char *const atr_situation_key[ATR_NR_SITUATIONS] = {
	"root",
	"remote_parent_sampled",
	"remote_parent_not_sampled",
	"local_parent_sampled",
	"local_parent_not_sampled",
};

struct simple {
	const char *name;     /* NULL: a fault */
	struct atr_str ratio; /* of traceidratio; of jaeger_remote all that is said of it */
};

static struct simple by_default(enum atr_situation situation)
{
	bool is_kept = situation == ATR_ROOT || situation == ATR_REMOTE_SAMPLED ||
		       situation == ATR_LOCAL_SAMPLED;

	return (struct simple){ is_kept ? "always_on" : "always_off", ATR_STR("") };
}

#define DIGITS_MAX 32

/* Digits, and where among them the point is. */
struct decimal {
	char digits[DIGITS_MAX];
	int nr, point;
};

static void read_exponent(struct atr_str text, struct decimal *d)
{
	bool is_negative = text.len && text.at[0] == '-';
	int n = 0;

	for (size_t i = text.len && (is_negative || text.at[0] == '+'); i < text.len; i++)
		n = n < 40 ? n * 10 + (text.at[i] - '0') : 40;
	d->point += is_negative ? -n : n;
}

/* YAML's number in the plain decimal notation of the variable, which knows no exponents. */
static void print_plain(struct atr_str text, struct atr_print *out)
{
	struct decimal d = { .nr = 0, .point = 0 };
	bool has_point = false;

	for (size_t i = 0; i < text.len; i++) {
		if ((text.at[i] | 0x20) == 'e') {
			read_exponent((struct atr_str){ text.at + i + 1, text.len - i - 1 }, &d);
			break;
		}
		has_point |= text.at[i] == '.';
		if (text.at[i] < '0' || text.at[i] > '9' || d.nr == DIGITS_MAX)
			continue;
		d.digits[d.nr++] = text.at[i];
		d.point += !has_point;
	}
	for (int i = d.point < 0 ? d.point : 0; i < d.nr || i < d.point; i++) {
		if (i == d.point)
			atr_print(out, ATR_STR("."));
		atr_print(out,
			  i < 0 || i >= d.nr ? ATR_STR("0") : (struct atr_str){ d.digits + i, 1 });
	}
}

struct atr_str atr_ratio_of(struct atr_reading *r, int node)
{
	int ratio = atr_reading_find(r, node, "ratio");
	const struct atr_scalar *scalar = ratio ? atr_reading_scalar(r, ratio) : NULL;
	struct atr_print t;

	if (!ratio || (scalar && scalar->type == ATR_SCALAR_NULL))
		return ATR_STR("1.0");
	t = atr_reading_room(r, 128);
	if (!scalar || scalar->type == ATR_SCALAR_TEXT || scalar->type == ATR_SCALAR_BOOL ||
	    scalar->text.at[0] == '-')
		atr_reading_fail(r, "its ratio is no number from 0 to 1");
	else
		print_plain(scalar->text, &t);
	return (struct atr_str){ t.at, t.len };
}

/* The root is asked for first, and tells. */
static struct simple unknown(struct atr_reading *r, struct atr_str name,
			     enum atr_situation situation)
{
	bool is_known = name.len > 12 && !memcmp(name.at + name.len - 12, "/development", 12);

	if (is_known && situation == ATR_ROOT)
		atr_reading_fault(r, "this sampler is not in this version",
				  "always_on is used for it");
	else if (!is_known)
		atr_reading_fail(r, "there is no such sampler");
	return (struct simple){ "always_on", ATR_STR("") };
}

static struct simple resolve(struct atr_reading *r, int node, enum atr_situation situation,
			     int depth);
static struct simple resolve_composed(struct atr_reading *r, int node, enum atr_situation situation,
				      int depth);

static const char jaeger_remote[] = "jaeger_remote";

/* As its variable has it: endpoint=...,pollingIntervalMs=...,initialSamplingRate=... */
static struct simple jaeger(struct atr_reading *r, int node, int depth)
{
	int endpoint = atr_reading_find(r, node, "endpoint");
	int interval = atr_reading_find(r, node, "interval");
	int initial = atr_reading_find(r, node, "initial_sampler");
	struct atr_str url = endpoint ? atr_reading_text(r, endpoint) : ATR_STR("");
	const struct atr_scalar *ms = interval ? atr_reading_scalar(r, interval) : NULL;
	struct atr_print arg = atr_reading_room(r, 1024);
	struct simple first = by_default(ATR_ROOT);

	if (!url.len || memchr(url.at, ',', url.len))
		atr_reading_fail(r, "its endpoint is missing, or no URL");
	if (interval && (!ms || (ms->type != ATR_SCALAR_NULL &&
				 (ms->type != ATR_SCALAR_INT || ms->number < 0))))
		atr_reading_fail(r, "its interval is no number of milliseconds");
	if (!initial)
		atr_reading_fail(r, "its initial_sampler is missing");
	else
		first = resolve(r, initial, ATR_ROOT, depth + 1);
	if (!r->is_wrong && first.name == jaeger_remote)
		atr_reading_fail(r, "its initial_sampler is another of its kind");
	if (r->is_wrong)
		return first;
	atr_print(&arg, ATR_STR("endpoint="));
	atr_print(&arg, url);
	if (ms && ms->type == ATR_SCALAR_INT && ms->number) {
		atr_print(&arg, ATR_STR(",pollingIntervalMs="));
		atr_print_int(&arg, ms->number);
	}
	atr_print(&arg, ATR_STR(",initialSamplingRate="));
	atr_print(&arg, first.ratio.len			 ? first.ratio :
			!strcmp(first.name, "always_on") ? ATR_STR("1") :
							   ATR_STR("0"));
	if (arg.is_cut)
		atr_reading_fail(r, "its endpoint is too long");
	return (struct simple){ jaeger_remote, { arg.at, arg.len } };
}

static struct simple resolve(struct atr_reading *r, int node, enum atr_situation situation,
			     int depth)
{
	struct atr_str name;
	int own = atr_reading_named(r, node, &name), next;

	if (depth > ATR_SAMPLERS_DEEPEST)
		atr_reading_fail(r, "samplers are nested too deep");
	if (!own || r->is_wrong)
		return by_default(situation);
	if (atr_str_equal(name, ATR_STR("always_on")) || atr_str_equal(name, ATR_STR("always_off")))
		return by_default(name.at[8] == 'n' ? ATR_ROOT : ATR_REMOTE_NOT);
	if (atr_str_equal(name, ATR_STR("trace_id_ratio_based")) ||
	    atr_str_equal(name, ATR_STR("probability/development")))
		return (struct simple){ "traceidratio", atr_ratio_of(r, own) };
	if (atr_str_equal(name, ATR_STR("jaeger_remote/development")))
		return jaeger(r, own, depth);
	if (atr_str_equal(name, ATR_STR("composite/development")))
		return resolve_composed(r, own, situation, depth + 1);
	if (atr_str_equal(name, ATR_STR("parent_based"))) {
		next = atr_reading_find(r, own, atr_situation_key[situation]);
		return next ? resolve(r, next, situation, depth + 1) : by_default(situation);
	}
	if (atr_str_equal(name, ATR_STR("always_record"))) {
		/* what is only recorded goes nowhere: there are no processors but those that export */
		next = atr_reading_find(r, own, "root");
		if (next)
			return resolve(r, next, situation, depth + 1);
		atr_reading_fail(r, "its root is missing");
	}
	return unknown(r, name, situation);
}

/* Inside of composite/development, without rules: what they come to is in rules.c. */
static struct simple resolve_composed(struct atr_reading *r, int node, enum atr_situation situation,
				      int depth)
{
	struct atr_str name;
	int own = atr_reading_named(r, node, &name), root;

	if (depth > ATR_SAMPLERS_DEEPEST)
		atr_reading_fail(r, "samplers are nested too deep");
	if (!own || r->is_wrong)
		return by_default(situation);
	if (atr_str_equal(name, ATR_STR("always_on")))
		return by_default(ATR_ROOT);
	if (atr_str_equal(name, ATR_STR("always_off")))
		return by_default(ATR_REMOTE_NOT);
	if (atr_str_equal(name, ATR_STR("probability")))
		return (struct simple){ "traceidratio", atr_ratio_of(r, own) };
	root = atr_str_equal(name, ATR_STR("parent_threshold")) ? atr_reading_find(r, own, "root") :
								  0;
	if (!root)
		atr_reading_fail(r, atr_str_equal(name, ATR_STR("parent_threshold")) ?
					    "its root is missing" :
					    "there is no such sampler");
	if (!root || situation != ATR_ROOT)
		return by_default(situation);
	return resolve_composed(r, root, situation, depth + 1);
}

static bool is_same(struct simple a, struct simple b)
{
	return !strcmp(a.name, b.name) && atr_str_equal(a.ratio, b.ratio);
}

static void put_root(struct atr_reading *r, struct simple root, bool by_parent)
{
	struct atr_print name = atr_reading_room(r, 64);

	if (by_parent)
		atr_print(&name, ATR_STR("parentbased_"));
	atr_print(&name, atr_str(root.name));
	if (r->is_wrong)
		return;
	atr_reading_put(r, "OTEL_TRACES_SAMPLER", (struct atr_str){ name.at, name.len });
	if (root.ratio.len)
		atr_reading_put(r, "OTEL_TRACES_SAMPLER_ARG", root.ratio);
}

/* As AUTOTRACE_SAMPLER_PARENTS has it: remote_parent_sampled=always_off,... */
static void put_parents(struct atr_reading *r, const struct simple *all)
{
	struct atr_print list = atr_reading_room(r, 1024);

	for (int i = ATR_REMOTE_SAMPLED; i < ATR_NR_SITUATIONS; i++) {
		if (all[i].name == jaeger_remote) {
			atr_reading_fault(r, "Jaeger's strategies are for roots in this version",
					  "what parents decided is used");
			return;
		}
		if (list.len)
			atr_print(&list, ATR_STR(","));
		atr_print(&list, atr_str(atr_situation_key[i]));
		atr_print(&list, ATR_STR("="));
		atr_print(&list, atr_str(all[i].name));
		if (all[i].ratio.len)
			atr_print(&list, ATR_STR(":"));
		atr_print(&list, all[i].ratio);
	}
	if (list.is_cut)
		atr_reading_fail(r, "its ratios are too long");
	else if (!r->is_wrong)
		atr_reading_put(r, "AUTOTRACE_SAMPLER_PARENTS",
				(struct atr_str){ list.at, list.len });
}

void atr_read_sampler(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct simple all[ATR_NR_SITUATIONS];
	bool by_parent = true, is_one = true;

	(void)field;
	if (atr_sampler_has_rules(r, node)) {
		atr_sampler_put_rules(r, node);
		return;
	}
	for (int i = 0; i < ATR_NR_SITUATIONS && !r->is_wrong; i++) {
		all[i] = resolve(r, node, (enum atr_situation)i, 0);
		by_parent &= i == ATR_ROOT || is_same(all[i], by_default((enum atr_situation)i));
		is_one &= is_same(all[i], all[ATR_ROOT]);
	}
	if (r->is_wrong)
		return;
	put_root(r, all[ATR_ROOT], !is_one);
	if (!by_parent && !is_one)
		put_parents(r, all);
}
