/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/rules.h"

#include "export/diag.h"
#include "export/encode/xray_rules.h"
#include "export/env.h"
#include "export/options.h"
#include "export/span.h"
#include "preload/live/bucket.h"
#include "preload/live/glob.h"
#include "preload/live/jaeger.h"
#include "preload/live/xray.h"

#include <fcntl.h>
#include <sys/mman.h>

#define RULES_MAX 128
#define FILE_MAX ((size_t)256 << 10)
#define NAME "AUTOTRACE_SAMPLING_RULES"

#define CONDITIONS_MAX 8

/* What a span's request has to be, or is not to be. */
struct condition {
	enum { METHOD, PATH, HOST } of;
	bool is_not;
	struct atr_str glob; /* of a method several, by commas */
};

struct rule {
	struct condition conditions[CONDITIONS_MAX];
	uint8_t nr_conditions;
	uint8_t kinds;	 /* bits; 0: any */
	uint8_t parents; /* enum atr_parents; 0: any that has not decided */
	bool has_rate, has_ratio;
	bool as_parent; /* in the ratio's place */
	bool is_any_case;
	uint64_t threshold;
	struct atr_bucket bucket;
};

static struct {
	struct rule *at; /* mapped when there are any */
	unsigned nr;
	struct atr_str service;
	bool are_local;
	bool precede; /* some are asked before the parent */
} rules;

bool atr_rules_are_local(void)
{
	return rules.are_local;
}

/* ---- reading ----------------------------------------------------------------------------------- */

/* As export/resource.c has it, which is the exporter thread's. */
static struct atr_str service_name(const struct atr_process *process)
{
	static char unknown[256] = "unknown_service:";
	struct atr_str name = atr_env_get("OTEL_SERVICE_NAME"), path = process->executable_path;
	struct atr_str list = atr_env_get("OTEL_RESOURCE_ATTRIBUTES"), member;
	const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;
	size_t len = strlen("unknown_service:");

	if (name.at)
		return name;
	while (atr_list_next(&list, &member))
		if (atr_str_strip(&member, ATR_STR("service.name=")) && member.len)
			return member;
	name = atr_env_get("AWS_LAMBDA_FUNCTION_NAME");
	if (name.at || !path.len)
		return name.at ? name : ATR_STR("unknown_service");
	if (slash)
		path = (struct atr_str){ slash + 1, path.len - (size_t)(slash + 1 - path.at) };
	if (path.len > sizeof(unknown) - len)
		path.len = sizeof(unknown) - len;
	memcpy(unknown + len, path.at, path.len);
	return (struct atr_str){ unknown, len + path.len };
}

/* A name, and the bits that it stands for. */
struct named {
	const char *name;
	uint8_t bits;
};

static const struct named kinds[] = {
	{ "server", 1 << ATR_KIND_SERVER },
	{ "client", 1 << ATR_KIND_CLIENT },
	{ "internal", 1 << ATR_KIND_INTERNAL },
	{ NULL, 0 },
};

/* The bits of each parent as is_from has them. */
#define NOBODYS (1 << 4)

static const struct named parents[] = {
	{ "none", NOBODYS },
	{ "remote", 3 << 0 },
	{ "local", 3 << 2 },
	{ "any", 0x1f },
	{ "remote_not_sampled", 1 << 0 },
	{ "remote_sampled", 1 << 1 },
	{ "local_not_sampled", 1 << 2 },
	{ "local_sampled", 1 << 3 },
	{ NULL, 0 },
};

/* All members of the list are in the table; their bits together. */
static bool read_bits(struct atr_str list, const struct named *table, uint8_t *bits)
{
	struct atr_str member;
	bool is_known = true;

	while (atr_list_next(&list, &member) && is_known) {
		const struct named *n = table;

		while (n->name && !atr_str_equal_nocase(member, atr_str(n->name)))
			n++;
		*bits |= n->bits;
		is_known = n->name;
	}
	return is_known && *bits;
}

/* A rule as it is read; `service` is looked at once. */
struct reading {
	struct rule rule;
	bool is_for_us;
	double ratio, rate;
};

static void add_condition(struct rule *rule, int of, bool is_not, struct atr_str glob)
{
	if (glob.at && rule->nr_conditions < CONDITIONS_MAX)
		rule->conditions[rule->nr_conditions++] = (struct condition){ of, is_not, glob };
}

/* What the key is about; -1: it is no condition's. */
static int condition_of(struct atr_str key)
{
	if (atr_str_equal(key, ATR_STR("method")))
		return METHOD;
	if (atr_str_equal(key, ATR_STR("path")) || atr_str_equal(key, ATR_STR("route")))
		return PATH;
	return atr_str_equal(key, ATR_STR("host")) ? HOST : -1;
}

static const char *read_ratio(struct atr_str value, struct reading *r)
{
	r->rule.has_ratio = true;
	r->rule.as_parent = atr_str_equal(value, ATR_STR("parent"));
	r->ratio = 1; /* of what has none */
	if (r->rule.as_parent || (atr_decimal_of(value, &r->ratio) && r->ratio <= 1))
		return NULL;
	return "ratio is not a number from 0 to 1, or parent";
}

/* Why this word is none of a rule's; NULL when it is one. */
static const char *read_word(struct atr_str word, struct reading *r)
{
	const char *equals = memchr(word.at, '=', word.len);
	struct atr_str key, value;
	bool is_not;
	int of;

	if (!equals)
		return "a word in it is not key=value";
	is_not = equals > word.at && equals[-1] == '!';
	key = (struct atr_str){ word.at, (size_t)(equals - word.at) - is_not };
	value = (struct atr_str){ equals + 1, word.len - (size_t)(equals + 1 - word.at) };
	of = condition_of(key);
	if (!value.len)
		return "a value in it is empty";
	if (of >= 0) {
		if (r->rule.nr_conditions == CONDITIONS_MAX)
			return "there are more than 8 conditions in it";
		add_condition(&r->rule, of, is_not, value);
	} else if (is_not)
		return "!= is for method, path and host";
	else if (atr_str_equal(key, ATR_STR("service")))
		r->is_for_us = atr_glob_fits(value, rules.service);
	else if (atr_str_equal(key, ATR_STR("kind")))
		return read_bits(value, kinds, &r->rule.kinds) ?
			       NULL :
			       "kind is not server, client or internal";
	else if (atr_str_equal(key, ATR_STR("parent")))
		return read_bits(value, parents, &r->rule.parents) ?
			       NULL :
			       "parent is not any, none, remote or local, or these sampled or not";
	else if (atr_str_equal(key, ATR_STR("ratio")))
		return read_ratio(value, r);
	else if (atr_str_equal(key, ATR_STR("rate"))) {
		r->rule.has_rate = true;
		return atr_decimal_of(value, &r->rate) ? NULL : "rate is not a number";
	} else
		return "a key in it is not known";
	return NULL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct atr_str next_word(struct atr_str *rest)
{
	struct atr_str word;

	while (rest->len && is_blank(rest->at[0]))
		rest->at++, rest->len--;
	word = (struct atr_str){ rest->at, 0 };
	while (rest->len && !is_blank(rest->at[0]))
		rest->at++, rest->len--, word.len++;
	return word;
}

static const char *add(struct reading *r)
{
	struct rule *to = &rules.at[rules.nr];

	if (rules.nr == RULES_MAX)
		return "there are more than 128 rules";
	*to = r->rule;
	rules.precede |= to->parents != 0;
	to->threshold = atr_ot_threshold(r->ratio);
	if (to->has_rate)
		atr_bucket_setup(&to->bucket, r->rate);
	rules.nr++;
	return NULL;
}

static void read_rule(struct atr_str text)
{
	struct reading r = { .is_for_us = true };
	struct atr_str rest = text, word;
	const char *why = NULL;

	while (!why && (word = next_word(&rest)).len)
		why = read_word(word, &r);
	if (!why && !r.rule.has_ratio && !r.rule.has_rate)
		why = "it has neither ratio nor rate";
	if (!why && r.is_for_us)
		why = add(&r);
	if (why)
		atr_log_bad_env(NAME, text, why, "this rule is left out");
}

static void read_rules(struct atr_str text)
{
	while (text.len) {
		struct atr_str rule = { text.at, 0 };
		bool is_comment = false;
		size_t used = 0;

		while (used < text.len && text.at[used] != '\n' &&
		       (is_comment || text.at[used] != ';')) {
			is_comment |= text.at[used] == '#';
			used++;
			rule.len += !is_comment;
		}
		text.at += used + (used < text.len);
		text.len -= used + (used < text.len);
		while (rule.len && is_blank(rule.at[rule.len - 1]))
			rule.len--;
		while (rule.len && is_blank(rule.at[0]))
			rule.at++, rule.len--;
		if (rule.len)
			read_rule(rule);
	}
}

static void *map(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

/* All of a file, which stays where it is; absent, and told, when it cannot be had. */
static struct atr_str read_file(const struct atr_io *io, struct atr_str path)
{
	int fd = io->open(path.at, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char *at = fd >= 0 ? map(FILE_MAX) : NULL;
	size_t len = 0;
	ssize_t n = -1;

	while (at && len < FILE_MAX && (n = io->read(fd, at + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (fd >= 0)
		io->close(fd);
	if (n == 0)
		return (struct atr_str){ at, len };
	atr_log_bad_env(NAME, path,
			fd < 0	       ? "the file cannot be opened" :
			len < FILE_MAX ? "the file cannot be read" :
					 "the file is larger than 256 KiB",
			"there are no rules");
	return (struct atr_str){ 0 };
}

/* Copies what X-Ray's JSON has, which does not stay. */
struct texts {
	char *at;
	size_t len;
};

static struct atr_str stays(struct texts *texts, struct atr_str text)
{
	char *at = texts->at + texts->len;

	if (!text.at || text.len > FILE_MAX - texts->len)
		return (struct atr_str){ 0 };
	memcpy(at, text.at, text.len);
	texts->len += text.len;
	return (struct atr_str){ at, text.len };
}

static void add_local(const struct atr_xray_rule *from, void *texts)
{
	struct reading r = { .rate = from->fixed, .ratio = from->rate };

	r.rule = (struct rule){ .has_rate = true, .has_ratio = true, .is_any_case = true };
	add_condition(&r.rule, METHOD, false, stays(texts, from->method));
	add_condition(&r.rule, PATH, false, stays(texts, from->path));
	add_condition(&r.rule, HOST, false, stays(texts, from->host));
	add(&r);
}

static void read_xray(struct atr_str text)
{
	struct texts texts = { .at = map(FILE_MAX) };
	const char *why =
		texts.at ? atr_xray_rules_local(text, add_local, &texts) : "there is no memory";

	atr_xray_rules_done();
	if (why)
		atr_log_bad_env(NAME, atr_env_get(NAME), why,
				rules.nr ? "it is left out" : "there are no rules");
}

bool atr_rules_want_service(void)
{
	return atr_sampler_is_xray() || atr_sampler_is_jaeger() || atr_env_get(NAME).at;
}

void atr_rules_setup(const struct atr_io *io, const struct atr_process *process)
{
	struct atr_str text = atr_str_trim(atr_env_get(NAME));
	bool is_marked = text.len && text.at[0] == '@';

	rules.nr = 0;
	rules.are_local = rules.precede = false;
	if (!atr_rules_want_service())
		return;
	rules.service = service_name(process);
	if (atr_sampler_is_xray())
		atr_xray_setup(rules.service);
	if (atr_sampler_is_jaeger())
		atr_jaeger_serves(rules.service);
	if (!text.len)
		return;
	if (!rules.at)
		rules.at = map(RULES_MAX * sizeof(struct rule));
	if (!rules.at)
		return;
	if (is_marked || text.at[0] == '/' || text.at[0] == '.')
		text = read_file(io, (struct atr_str){ text.at + is_marked, text.len - is_marked });
	text = atr_str_trim(text);
	rules.are_local = text.len && text.at[0] == '{';
	if (rules.are_local)
		read_xray(text);
	else
		read_rules(text);
	atr_sampler_asks(rules.nr != 0);
}

/* ---- deciding ---------------------------------------------------------------------------------- */

static bool is_like(const struct rule *rule, struct atr_str glob, struct atr_str text)
{
	return rule->is_any_case ? atr_glob_fits_nocase(glob, text) : atr_glob_fits(glob, text);
}

static bool is_one_of(const struct rule *rule, struct atr_str methods, struct atr_str method)
{
	struct atr_str member;

	while (atr_list_next(&methods, &member))
		if (is_like(rule, member, method))
			return true;
	return false;
}

static bool is_met(const struct rule *rule, const struct condition *c,
		   const struct atr_request *request)
{
	switch (c->of) {
	case METHOD:
		return is_one_of(rule, c->glob, request->method) != c->is_not;
	case PATH:
		return is_like(rule, c->glob, request->path) != c->is_not;
	default:
		return atr_glob_fits_nocase(c->glob, request->host) != c->is_not;
	}
}

/* One bit: whose child it is, as `parents` above has them. What a parent left open is nobody's. */
static uint8_t is_from(const struct atr_context *parent)
{
	if (!parent || parent->marks & ATR_MARK_UNDECIDED)
		return NOBODYS;
	return (uint8_t)(1u << (2 * !parent->remote + !!(parent->flags & ATR_FLAG_SAMPLED)));
}

static bool fits(const struct rule *rule, const struct atr_beginning *span)
{
	if (rule->kinds && !(rule->kinds & 1u << span->kind))
		return false;
	if (rule->parents && !(rule->parents & is_from(span->parent)))
		return false;
	if (rule->nr_conditions && !span->request)
		return false;
	for (unsigned i = 0; i < rule->nr_conditions; i++)
		if (!is_met(rule, &rule->conditions[i], span->request))
			return false;
	return true;
}

static void decide_by(struct rule *rule, const struct atr_beginning *span, struct atr_decision *out)
{
	/* as it came, with the threshold that it came with */
	if (rule->as_parent && is_from(span->parent) != NOBODYS) {
		out->is_sampled = span->parent->flags & ATR_FLAG_SAMPLED;
		return;
	}
	out->tells = true;
	out->th = ATR_TH_NONE;
	out->is_sampled = rule->has_rate && atr_bucket_take(&rule->bucket, atr_beginning_ns(span));
	if (out->is_sampled)
		return;
	out->is_sampled = rule->has_ratio && atr_sampler_is_in(span, rule->threshold);
	/* with a rate beside it, how likely it was is not known */
	if (out->is_sampled && !rule->has_rate)
		out->th = rule->threshold;
}

/* The first that fits, of those that are asked before the parent alone or of all. */
static bool decide(const struct atr_beginning *span, bool only_before, struct atr_decision *out)
{
	for (unsigned i = 0; i < rules.nr; i++) {
		struct rule *rule = &rules.at[i];

		if ((only_before && !rule->parents) || !fits(rule, span))
			continue;
		decide_by(rule, span, out);
		return true;
	}
	return false;
}

bool atr_rules_precede(const struct atr_beginning *span, struct atr_decision *out)
{
	return rules.nr && rules.precede && decide(span, true, out);
}

bool atr_rules_decide(const struct atr_beginning *span, struct atr_decision *out)
{
	return decide(span, false, out);
}
