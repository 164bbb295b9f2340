/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/sampler.h"

#include "export/list.h"

/*
 * A tree of samplers is walked from its root, and on the way down what fits becomes narrower:
 * whose child the span is, of which kind, with which attributes. Each leaf is then a rule of
 * its own, and the first that fits is the one that the tree would have come to.
 */
enum { SERVER = 1, CLIENT = 2, INTERNAL = 4, ANY_KIND = 7 };

#define ANY_PARENT ((1 << ATR_NR_SITUATIONS) - 1)
#define PARENTS (ANY_PARENT & ~(1 << ATR_ROOT))
#define RULES_MAX 128
#define TEXT_MAX 32768
#define CONDITIONS_LEN 1024
#define TOLD_MAX 64

struct narrowed {
	unsigned parents, kinds;
	struct atr_str conditions; /* " path=/a path!=/b" */
};

struct walk {
	struct atr_reading *r;
	struct atr_print text;
	unsigned nr, nr_seen;
	int told[TOLD_MAX]; /* nodes: one comes by several ways */
	unsigned nr_told;
};

static void walk_sampler(struct walk *w, int node, int depth, struct narrowed n);
static void walk_composed(struct walk *w, int node, int depth, struct narrowed n);

static bool is_named(struct atr_str name, const char *other)
{
	return atr_str_equal(name, atr_str(other));
}

/* One warning for a node. */
static void tell(struct walk *w, int node, const char *why, const char *instead)
{
	for (unsigned i = 0; i < w->nr_told; i++)
		if (w->told[i] == node)
			return;
	if (w->nr_told == TOLD_MAX)
		return;
	w->told[w->nr_told++] = node;
	atr_reading_fault(w->r, why, instead);
}

/* ---- a rule -------------------------------------------------------------------------------------- */

struct word {
	unsigned bits;
	const char *name;
};

static const struct word parents[] = {
	{ ANY_PARENT, "any" },
	{ 1 << ATR_REMOTE_SAMPLED | 1 << ATR_REMOTE_NOT, "remote" },
	{ 1 << ATR_LOCAL_SAMPLED | 1 << ATR_LOCAL_NOT, "local" },
	{ 1 << ATR_ROOT, "none" },
	{ 1 << ATR_REMOTE_SAMPLED, "remote_sampled" },
	{ 1 << ATR_REMOTE_NOT, "remote_not_sampled" },
	{ 1 << ATR_LOCAL_SAMPLED, "local_sampled" },
	{ 1 << ATR_LOCAL_NOT, "local_not_sampled" },
	{ 0, NULL },
};

static const struct word kinds[] = {
	{ SERVER, "server" },
	{ CLIENT, "client" },
	{ INTERNAL, "internal" },
	{ 0, NULL },
};

/* The words for all of the bits, the widest first. */
static void print_words(struct atr_print *t, const struct word *words, unsigned bits)
{
	for (const char *comma = ""; words->bits; words++) {
		if ((bits & words->bits) != words->bits)
			continue;
		bits &= ~words->bits;
		atr_print(t, atr_str(comma));
		atr_print(t, atr_str(words->name));
		comma = ",";
	}
}

static void put_rule(struct walk *w, struct narrowed n, struct atr_str ratio)
{
	struct atr_print *t = &w->text;

	if (!n.parents || !n.kinds || w->r->is_wrong)
		return;
	if (w->nr++)
		atr_print(t, ATR_STR("; "));
	atr_print(t, ATR_STR("parent="));
	print_words(t, parents, n.parents);
	if (n.kinds != ANY_KIND) {
		atr_print(t, ATR_STR(" kind="));
		print_words(t, kinds, n.kinds);
	}
	atr_print(t, n.conditions);
	atr_print(t, ATR_STR(" ratio="));
	atr_print(t, ratio);
	if (w->nr > RULES_MAX)
		atr_reading_fail(w->r, "its rules come to more than 128");
	else if (t->is_cut)
		atr_reading_fail(w->r, "its rules are longer than 32768 bytes");
}

static struct narrowed of_parents(struct narrowed n, unsigned bits)
{
	n.parents &= bits;
	return n;
}

/* ---- what a rule of theirs asks for -------------------------------------------------------------- */

/* Ways in which it can be met, each a text of conditions. */
struct ways {
	struct atr_str *at;
	unsigned nr;
	bool are_asked;
};

/* What is known of a request when its span begins. */
static const struct {
	const char *key, *word;
	unsigned kinds;
} attributes[] = {
	{ "http.request.method", "method", SERVER | CLIENT },
	{ "server.address", "host", SERVER | CLIENT },
	{ "url.path", "path", SERVER },
	{ "http.route", "path", SERVER },
	{ "url.template", "path", CLIENT },
};

/* The attribute's word here; NULL: none, which is told. */
static const char *word_of(struct walk *w, int node, struct narrowed *n)
{
	int key = atr_reading_find(w->r, node, "key");
	struct atr_str name = key ? atr_reading_text(w->r, key) : (struct atr_str){ 0 };

	if (!name.len)
		atr_reading_fail(w->r, "its key is missing");
	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++)
		if (is_named(name, attributes[i].key)) {
			n->kinds &= attributes[i].kinds;
			return attributes[i].word;
		}
	if (name.len)
		tell(w, node, "this attribute is not known when a span begins",
		     "no span fits the rule");
	return NULL;
}

/* In a rule's words there is nothing that would end it. */
static bool is_word(struct atr_str text, bool is_exact)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c <= ' ' || c == 0x7f || strchr(is_exact ? ";#,*?{" : ";#,", c))
			return false;
	}
	return text.len;
}

static void add_way(struct walk *w, struct ways *ways, const char *word, const char *is,
		    struct atr_str value)
{
	struct atr_print t = atr_reading_room(w->r, strlen(word) + value.len + 4);

	atr_print(&t, ATR_STR(" "));
	atr_print(&t, atr_str(word));
	atr_print(&t, atr_str(is));
	atr_print(&t, value);
	ways->at[ways->nr++] = (struct atr_str){ t.at, t.len };
}

static size_t items(struct walk *w, int list)
{
	return list && !atr_reading_is_null(w->r, list) ? atr_reading_items(w->r, list) : 0;
}

static struct ways room_for(struct walk *w, size_t nr)
{
	struct atr_print room = atr_reading_room(w->r, (nr + 1) * sizeof(struct atr_str));

	/* a room of none is a fault, and nothing is written */
	return (struct ways){ room.cap ? (struct atr_str *)(void *)room.at : NULL, 0, true };
}

/* Of a list of values or patterns a way each. */
static struct ways read_values(struct walk *w, int list, const char *word, const char *is,
			       bool is_exact)
{
	size_t nr = items(w, list);
	struct ways ways = room_for(w, nr);

	for (size_t i = 0; i < nr && !w->r->is_wrong; i++) {
		int item = atr_reading_item(w->r, list, i);
		struct atr_str value = atr_reading_text(w->r, item);

		if (is_word(value, is_exact))
			add_way(w, &ways, word, is, value);
		else if (!w->r->is_wrong)
			tell(w, item, "a value with a character that is not for rules here",
			     "it is left out");
	}
	return ways;
}

static struct ways read_attribute_values(struct walk *w, int node, struct narrowed *n)
{
	const char *word = word_of(w, node, n);
	int list = atr_reading_find(w->r, node, "values");

	if (!list)
		atr_reading_fail(w->r, "its values are missing");
	if (!word || w->r->is_wrong)
		return (struct ways){ .are_asked = true };
	return read_values(w, list, word, "=", true);
}

/* Every way has what is excluded behind it. */
static struct ways read_attribute_patterns(struct walk *w, int node, struct narrowed *n)
{
	const char *word = word_of(w, node, n);
	int list = atr_reading_find(w->r, node, "included");
	struct ways ways, without;
	struct atr_print t;

	if (!word || w->r->is_wrong)
		return (struct ways){ .are_asked = true };
	ways = read_values(w, list, word, "=", false);
	if (!items(w, list) && !w->r->is_wrong)
		add_way(w, &ways, word, "=", ATR_STR("*"));
	without = read_values(w, atr_reading_find(w->r, node, "excluded"), word, "!=", false);
	t = atr_reading_room(w->r, CONDITIONS_LEN);
	for (unsigned i = 0; i < without.nr; i++)
		atr_print(&t, without.at[i]);
	for (unsigned i = 0; i < ways.nr && !w->r->is_wrong; i++) {
		struct atr_print both = atr_reading_room(w->r, ways.at[i].len + t.len);

		atr_print(&both, ways.at[i]);
		atr_print(&both, (struct atr_str){ t.at, t.len });
		ways.at[i] = (struct atr_str){ both.at, both.len };
	}
	if (t.is_cut)
		atr_reading_fail(w->r, "what it excludes is too long");
	return ways;
}

/* The bits of a list of names; what there is none of here (a producer) fits nothing. */
static unsigned read_bits(struct walk *w, int list, const struct word *words, unsigned all)
{
	size_t nr = items(w, list);
	unsigned bits = 0;

	if (!list || atr_reading_is_null(w->r, list))
		return all;
	for (size_t i = 0; i < nr && !w->r->is_wrong; i++) {
		struct atr_str name = atr_reading_text(w->r, atr_reading_item(w->r, list, i));

		const struct word *word = words;

		while (word->bits && !is_named(name, word->name))
			word++;
		bits |= word->bits;
		if (!word->bits && !is_named(name, "producer") && !is_named(name, "consumer"))
			atr_reading_fail(w->r, "there is no such kind or parent");
	}
	return bits;
}

static const struct atr_field rule_parts[] = {
	{ .key = "attribute_values", .read = atr_read_nothing },
	{ .key = "attribute_patterns", .read = atr_read_nothing },
	{ .key = "span_kinds", .read = atr_read_nothing },
	{ .key = "parent", .read = atr_read_nothing },
	{ .key = "sampler", .read = atr_read_nothing, .is_required = true },
	{ 0 },
};

static struct ways read_ways(struct walk *w, int node, const char *key, struct narrowed *n,
			     struct ways (*read)(struct walk *, int, struct narrowed *))
{
	int of = atr_reading_find(w->r, node, key);
	size_t before = atr_reading_down(w->r, atr_str(key));
	struct ways ways = { 0 };

	if (of && !atr_reading_is_null(w->r, of))
		ways = read(w, of, n);
	atr_reading_up(w->r, before);
	return ways;
}

/* Each way of the one with each way of the other. */
static void walk_rule(struct walk *w, int node, int depth, struct narrowed n)
{
	struct ways values, patterns;
	int sampler;

	atr_reading_fields(w->r, node, rule_parts);
	if (w->r->is_wrong)
		return;
	sampler = atr_reading_find(w->r, node, "sampler");
	n.kinds &= read_bits(w, atr_reading_find(w->r, node, "span_kinds"), kinds, ANY_KIND);
	n.parents &= read_bits(w, atr_reading_find(w->r, node, "parent"), parents, ANY_PARENT);
	values = read_ways(w, node, "attribute_values", &n, read_attribute_values);
	patterns = read_ways(w, node, "attribute_patterns", &n, read_attribute_patterns);
	for (unsigned i = 0; i < (values.are_asked ? values.nr : 1); i++) {
		for (unsigned k = 0; k < (patterns.are_asked ? patterns.nr : 1); k++) {
			struct atr_print t = atr_reading_room(w->r, CONDITIONS_LEN);
			struct narrowed more = n;

			atr_print(&t, n.conditions);
			if (values.are_asked)
				atr_print(&t, values.at[i]);
			if (patterns.are_asked)
				atr_print(&t, patterns.at[k]);
			if (t.is_cut)
				atr_reading_fail(w->r, "its conditions are too long");
			if (w->r->is_wrong)
				return;
			more.conditions = (struct atr_str){ t.at, t.len };
			walk_composed(w, sampler, depth + 1, more);
		}
	}
}

/* ---- samplers ------------------------------------------------------------------------------------ */

static bool is_too_much(struct walk *w, int depth)
{
	if (depth > ATR_SAMPLERS_DEEPEST)
		atr_reading_fail(w->r, "samplers are nested too deep");
	else if (++w->nr_seen > ATR_SAMPLERS_MAX)
		atr_reading_fail(w->r, "there are too many samplers in it");
	return w->r->is_wrong;
}

static void walk_rules(struct walk *w, int node, int depth, struct narrowed n)
{
	int list = atr_reading_find(w->r, node, "rules");
	size_t nr = items(w, list), before = atr_reading_down(w->r, ATR_STR("rules"));

	for (size_t i = 0; i < nr && !w->r->is_wrong; i++) {
		size_t at = atr_reading_down_item(w->r, i);

		walk_rule(w, atr_reading_item(w->r, list, i), depth, n);
		atr_reading_up(w->r, at);
	}
	atr_reading_up(w->r, before);
	put_rule(w, n, ATR_STR("0"));
}

static void walk_threshold(struct walk *w, int node, int depth, struct narrowed n)
{
	int root = atr_reading_find(w->r, node, "root");

	if (!root)
		atr_reading_fail(w->r, "its root is missing");
	else
		walk_composed(w, root, depth + 1, of_parents(n, 1 << ATR_ROOT));
	put_rule(w, of_parents(n, PARENTS), ATR_STR("parent"));
}

/* A sampler, as the file names it. */
struct named {
	struct atr_str name;
	int node, own; /* it, and what it says of itself */
};

/* False: there is none of that name. */
typedef bool walk_named(struct walk *w, const struct named *s, int depth, struct narrowed n);

/* Those that are in every place, and the others of this one. */
static void walk_any(struct walk *w, int node, int depth, struct narrowed n, walk_named *walk_other)
{
	struct named s = { .node = node };
	bool is_known = true;
	size_t before;

	if (!n.parents || !n.kinds || is_too_much(w, depth))
		return;
	s.own = atr_reading_named(w->r, node, &s.name);
	before = atr_reading_down(w->r, s.name);
	if (w->r->is_wrong)
		;
	else if (is_named(s.name, "always_on"))
		put_rule(w, n, ATR_STR("1"));
	else if (is_named(s.name, "always_off"))
		put_rule(w, n, ATR_STR("0"));
	else
		is_known = walk_other(w, &s, depth, n);
	if (!is_known)
		atr_reading_fail(w->r, "there is no such sampler");
	atr_reading_up(w->r, before);
}

static bool walk_inside(struct walk *w, const struct named *s, int depth, struct narrowed n)
{
	if (is_named(s->name, "probability"))
		put_rule(w, n, atr_ratio_of(w->r, s->own));
	else if (is_named(s->name, "parent_threshold"))
		walk_threshold(w, s->own, depth, n);
	else if (is_named(s->name, "rule_based"))
		walk_rules(w, s->own, depth, n);
	else
		return false;
	return true;
}

/* What may be inside of composite/development, where names are shorter. */
static void walk_composed(struct walk *w, int node, int depth, struct narrowed n)
{
	walk_any(w, node, depth, n, walk_inside);
}

static void walk_parent_based(struct walk *w, int node, int depth, struct narrowed n)
{
	unsigned by_flag = 0;

	for (int i = 0; i < ATR_NR_SITUATIONS; i++) {
		int of = atr_reading_find(w->r, node, atr_situation_key[i]);
		struct narrowed one = of_parents(n, 1u << i);

		if (of)
			walk_sampler(w, of, depth + 1, one);
		else if (i == ATR_ROOT)
			put_rule(w, one, ATR_STR("1"));
		else
			by_flag |= 1u << i;
	}
	put_rule(w, of_parents(n, by_flag), ATR_STR("parent"));
}

static void walk_record(struct walk *w, int node, int depth, struct narrowed n)
{
	int root = atr_reading_find(w->r, node, "root");

	if (root)
		walk_sampler(w, root, depth + 1, n);
	else
		atr_reading_fail(w->r, "its root is missing");
}

static bool walk_outside(struct walk *w, const struct named *s, int depth, struct narrowed n)
{
	if (is_named(s->name, "trace_id_ratio_based") ||
	    is_named(s->name, "probability/development"))
		put_rule(w, n, atr_ratio_of(w->r, s->own));
	else if (is_named(s->name, "parent_based"))
		walk_parent_based(w, s->own, depth, n);
	else if (is_named(s->name, "always_record"))
		walk_record(w, s->own, depth, n);
	else if (is_named(s->name, "composite/development"))
		walk_composed(w, s->own, depth + 1, n);
	else if (s->name.len > 12 && !memcmp(s->name.at + s->name.len - 12, "/development", 12)) {
		tell(w, s->node, "this sampler is not beside rules in this version",
		     "always_on is used for it");
		put_rule(w, n, ATR_STR("1"));
	} else
		return false;
	return true;
}

static void walk_sampler(struct walk *w, int node, int depth, struct narrowed n)
{
	walk_any(w, node, depth, n, walk_outside);
}

static bool looks(struct walk *w, int node, int depth)
{
	struct atr_str name;
	int own, next;
	bool found;

	if (is_too_much(w, depth))
		return false;
	own = atr_reading_named(w->r, node, &name);
	if (!own || w->r->is_wrong)
		return false;
	if (is_named(name, "rule_based"))
		return true;
	if (is_named(name, "composite/development"))
		return looks(w, own, depth + 1);
	if (!is_named(name, "parent_based") && !is_named(name, "always_record") &&
	    !is_named(name, "parent_threshold"))
		return false;
	found = false;
	for (int i = 0; i < ATR_NR_SITUATIONS && !found; i++) {
		next = atr_reading_find(w->r, own, atr_situation_key[i]);
		found = next && looks(w, next, depth + 1);
	}
	return found;
}

bool atr_sampler_has_rules(struct atr_reading *r, int node)
{
	struct walk w = { .r = r };

	return !atr_reading_is_null(r, node) && looks(&w, node, 0);
}

void atr_sampler_put_rules(struct atr_reading *r, int node)
{
	static const char rules[] = "AUTOTRACE_SAMPLING_RULES";
	struct narrowed all = { ANY_PARENT, ANY_KIND, { 0 } };
	struct walk w = { .r = r, .text = atr_reading_room(r, TEXT_MAX) };

	if (atr_environment_value(atr_str(rules), r->host->environment).len)
		atr_reading_fault(r, "its rules are in the place of AUTOTRACE_SAMPLING_RULES",
				  "the variable is left out");
	walk_sampler(&w, node, 0, all);
	if (r->is_wrong)
		return;
	atr_reading_put(r, "OTEL_TRACES_SAMPLER", ATR_STR("parentbased_always_off"));
	atr_reading_put(r, rules, (struct atr_str){ w.text.at, w.text.len });
}
