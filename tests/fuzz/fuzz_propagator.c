/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input's first byte ends each of its lines: a newline in most samples, so
 * that they can be read, and another where a value is to hold one. The first line
 * is the text of OTEL_PROPAGATORS, the others are fields, "name: value", as they
 * come in a message or, with "NAME=" as it is spelled there, in the environment.
 * Claims:
 * - reading is within bounds: each name and each value lies against a page that
 *   may not be touched, and so does all that is written;
 * - what was read holds to the formats' limits;
 * - what is written is header lines and nothing else; it reads back as the same
 *   span, and as the same in all where the formats are W3C's;
 * - read back, written and read back again, nothing changes any more;
 * - a header written over in place reads as the span that it was written for, and one that
 *   is a part of several is not written over without the others;
 * - fields that are not wanted make no difference.
 */
#include "propagator/propagator.h"
#include "tests/fuzz/fuzz.h"
#include "tests/guarded.h"

#define LEN_MAX (128 * 1024)
#define FIELDS_MAX 64
#define LINES_MAX \
	(2 * 64 + 32) /* two formats have a header for each of 64 members of the baggage */
#define MOVED_MAX 8   /* fields that are put against pages of their own, and written over */

struct input {
	struct atr_propagators formats;
	struct atr_pair field[LINES_MAX];
	size_t nr;
	bool is_env;
};

static char *value_room, *store_room, *text_room;

static struct atr_str guarded_str(char **room, bool at_front, struct atr_str text)
{
	return (struct atr_str){ guarded_copy(room, at_front, text.at, text.len), text.len };
}

/* Up to the mark, or to the end; *rest is what comes behind it. */
static struct atr_str before(struct atr_str *rest, char mark)
{
	const char *end = rest->len ? memchr(rest->at, mark, rest->len) : NULL;
	struct atr_str part = { rest->at, end ? (size_t)(end - rest->at) : rest->len };
	size_t used = part.len + (end ? 1 : 0);

	*rest = (struct atr_str){ rest->at + used, rest->len - used };
	return part;
}

static bool extract(const struct input *in, char *store, struct atr_context *out)
{
	return in->is_env ?
		       atr_propagators_extract_env(&in->formats, in->field, in->nr, store, out) :
		       atr_propagators_extract(&in->formats, in->field, in->nr, store, out);
}

static bool is_same(const struct atr_context *a, const struct atr_context *b)
{
	return !memcmp(a->trace_id, b->trace_id, sizeof(a->trace_id)) &&
	       !memcmp(a->span_id, b->span_id, sizeof(a->span_id)) && a->flags == b->flags &&
	       a->marks == b->marks && a->remote == b->remote &&
	       atr_str_equal(a->tracestate, b->tracestate) &&
	       atr_str_equal(a->baggage, b->baggage) && atr_str_equal(a->xray, b->xray);
}

static void check_list(struct atr_str list, size_t members_max, size_t len_max)
{
	size_t members = 0;

	CLAIM(list.len <= len_max && (list.len || !list.at));
	while (list.len) {
		struct atr_str member = before(&list, ',');

		CLAIM(memchr(member.at, '=', member.len) && member.at[0] != '=');
		CLAIM(atr_str_trim(member).len == member.len);
		members++;
	}
	CLAIM(members <= members_max);
}

static void check_marks(const struct atr_context *c, bool is_parent)
{
	bool is_sampled = c->flags & ATR_FLAG_SAMPLED;

	CLAIM(!(c->marks & ~0x3fu));
	if (c->marks & (ATR_MARK_KEEP | ATR_MARK_DROP))
		CLAIM(!is_parent && (c->marks & (ATR_MARK_KEEP | ATR_MARK_DROP)) !=
					    (ATR_MARK_KEEP | ATR_MARK_DROP));
	if (c->marks & ATR_MARK_UNDECIDED)
		CLAIM(!is_sampled);
	if (c->marks & ATR_MARK_ASKED)
		CLAIM(c->marks & ATR_MARK_UNDECIDED);
	if (c->marks & ATR_MARK_DEBUG)
		CLAIM(is_sampled || c->marks & ATR_MARK_KEEP);
}

static void check_context(const struct atr_context *c, bool is_parent)
{
	static const struct atr_context none;

	CLAIM(c->remote && is_parent == atr_context_is_valid(c));
	if (!is_parent)
		CLAIM(!memcmp(c->trace_id, none.trace_id, sizeof(c->trace_id)) &&
		      !memcmp(c->span_id, none.span_id, sizeof(c->span_id)) && !c->flags &&
		      !c->tracestate.at && !c->xray.at);
	CLAIM(!(c->flags & ~(ATR_FLAG_SAMPLED | ATR_FLAG_RANDOM)));
	check_marks(c, is_parent);
	CLAIM(c->xray.len <= ATR_XRAY_MAX);
	check_list(c->tracestate, 32, ATR_TRACESTATE_MAX);
	check_list(c->baggage, 64, ATR_BAGGAGE_MAX);
}

/* Each field lies where one byte too many would be noticed. */
static void check_bounds(const struct input *in, const struct atr_context *expected)
{
	static char *names[MOVED_MAX], *values[MOVED_MAX];

	for (int at_front = 0; at_front < 2; at_front++) {
		struct input moved = *in;
		struct atr_context c;

		for (size_t i = 0; i < in->nr && i < MOVED_MAX; i++) {
			moved.field[i].name = guarded_str(&names[i], at_front, in->field[i].name);
			moved.field[i].value =
				guarded_str(&values[i], at_front, in->field[i].value);
		}
		extract(&moved, guarded(&store_room, at_front, ATR_CARRY_MAX), &c);
		CLAIM(is_same(&c, expected));
	}
}

static void check_wanted(const struct input *in, const struct atr_context *expected)
{
	static char store[ATR_CARRY_MAX];
	struct input wanted = { .formats = in->formats, .is_env = in->is_env };
	struct atr_context c;

	for (size_t i = 0; i < in->nr; i++) {
		struct atr_str name = in->field[i].name;
		bool is_wanted = in->is_env ? atr_propagators_env_name(&in->formats, name) :
					      atr_propagators_want(&in->formats, name);

		if (atr_propagators_is_trace(&in->formats, name) ||
		    atr_propagators_except(&in->formats, name))
			CLAIM(atr_propagators_want(&in->formats, name));
		if (is_wanted)
			wanted.field[wanted.nr++] = in->field[i];
	}
	extract(&wanted, store, &c);
	CLAIM(is_same(&c, expected));
}

static void check_value(struct atr_str name, struct atr_str value)
{
	bool is_parent = atr_str_equal_nocase(name, ATR_STR("traceparent"));

	CLAIM(value.len && (!is_parent || value.len == ATR_TRACEPARENT_LEN));
	for (size_t i = 0; i < value.len; i++) {
		char c = value.at[i];

		CLAIM((c >= ' ' && c <= '~') || (c == '\t' && !is_parent));
		if (is_parent)
			CLAIM(strchr("0123456789abcdef-", c));
	}
}

/* The lines that were written, as fields again. */
static void read_lines(struct atr_str text, struct input *out)
{
	while (text.len) {
		struct atr_str name, value, line = text;

		if (out->is_env) {
			line = before(&text, 0);
			CLAIM(atr_propagators_env_name(&out->formats, line));
			name = before(&line, '=');
			value = line;
		} else {
			line = before(&text, '\n');
			CLAIM(line.len && line.at[line.len - 1] == '\r');
			line.len--;
			name = before(&line, ':');
			CLAIM(line.len && line.at[0] == ' ');
			value = (struct atr_str){ line.at + 1, line.len - 1 };
			CLAIM(atr_propagators_want(&out->formats, name));
		}
		check_value(name, value);
		CLAIM(out->nr < LINES_MAX);
		out->field[out->nr++] = (struct atr_pair){ name, value };
	}
}

static size_t inject(const struct input *in, const struct atr_context *c, unsigned except,
		     size_t cap, char **text, unsigned *nr)
{
	*nr = 0;
	*text = guarded(&text_room, false, cap);
	return in->is_env ? atr_propagators_inject_env(&in->formats, c, *text, cap, nr) :
			    atr_propagators_inject(&in->formats, c, except, *text, cap);
}

static bool is_w3c(const struct atr_propagators *p)
{
	for (int i = 0; i < p->nr; i++)
		if (p->format[i] != ATR_FORMAT_TRACECONTEXT && p->format[i] != ATR_FORMAT_BAGGAGE)
			return false;
	return true;
}

/* The same span; some formats have room for half of a trace's id. */
static bool names_same(const struct atr_context *a, const struct atr_context *b)
{
	return !memcmp(a->trace_id + 8, b->trace_id + 8, 8) &&
	       (atr_context_is_short(a) || !memcmp(a->trace_id, b->trace_id, 8)) &&
	       !memcmp(a->span_id, b->span_id, sizeof(a->span_id)) &&
	       !((a->flags ^ b->flags) & ATR_FLAG_SAMPLED);
}

/* Writes it, into no more room than it takes, and reads what was written. */
static bool read_back(const struct input *in, const struct atr_context *c, char *store,
		      struct atr_context *out)
{
	struct input again = { .formats = in->formats, .is_env = in->is_env };
	unsigned nr;
	char *text;
	size_t len = inject(in, c, 0, ATR_INJECT_MAX, &text, &nr);

	for (size_t cap = 0; cap < len; cap += 1 + cap / 2)
		CLAIM(inject(in, c, 0, cap, &text, &nr) == 0 && nr == 0);
	if (len)
		CLAIM(inject(in, c, 0, len - 1, &text, &nr) == 0);
	CLAIM(inject(in, c, 0, len, &text, &nr) == len);
	read_lines((struct atr_str){ text, len }, &again);
	CLAIM(!in->is_env || (nr == again.nr && nr <= ATR_ENV_VARIABLES_MAX));
	return extract(&again, store, out);
}

static void check_written(const struct input *in, const struct atr_context *c)
{
	static char store[3][ATR_CARRY_MAX];
	struct atr_context first, second, third;

	if (read_back(in, c, store[0], &first))
		CLAIM(names_same(&first, c));
	if (is_w3c(&in->formats))
		CLAIM(is_same(&first, c));
	read_back(in, &first, store[1], &second);
	read_back(in, &second, store[2], &third);
	CLAIM(is_same(&second, &third));
}

/* Each header that can be, written over with another span's id. */
static void check_rewritten(const struct input *in, const struct atr_context *c)
{
	static char store[ATR_CARRY_MAX];
	struct atr_context other = *c, read;

	other.span_id[3] ^= 0x5a;
	other.span_id[7] |= 1;
	other.flags ^= ATR_FLAG_SAMPLED;
	other.marks = 0;
	for (size_t i = 0; i < in->nr && i < MOVED_MAX; i++) {
		struct input one = { .formats = in->formats, .nr = 1, .field = { in->field[i] } };
		struct atr_str value = in->field[i].value;
		char *text = guarded(&text_room, false, value.len);

		if (!atr_propagators_rewrite(&in->formats, in->field[i].name, value, &other, text))
			continue;
		if (!extract(&one, store, &read)) {
			/* a part of what has several is not to be changed alone */
			CLAIM(!atr_propagators_rewrite_whole(&in->formats, in->field[i].name,
							     one.field, 1, &other));
			continue;
		}
		one.field[0] = (struct atr_pair){ in->field[i].name, { text, value.len } };
		CLAIM(extract(&one, store, &read));
		/* X-Ray's without a decision stays without */
		if (read.marks & ATR_MARK_UNDECIDED)
			read.flags =
				(read.flags & ~ATR_FLAG_SAMPLED) | (other.flags & ATR_FLAG_SAMPLED);
		CLAIM(names_same(&read, &other));
	}
}

/* The text of X-Ray's header comes by other ways, too. */
static void check_xray(const struct input *in)
{
	struct atr_context c;

	for (size_t i = 0; i < in->nr && i < 2; i++) {
		struct atr_str text = guarded_str(&value_room, false, in->field[i].value);
		bool is_parent =
			atr_xray_extract(text, guarded(&store_room, false, ATR_CARRY_MAX), &c);

		check_context(&c, is_parent);
	}
}

/* What the message has itself is not written a second time. */
static void check_except(const struct input *in, const struct atr_context *c)
{
	struct input again = { .formats = in->formats };
	unsigned nr;
	char *text;
	size_t len = inject(in, c, ATR_EXCEPT_TRACESTATE | ATR_EXCEPT_BAGGAGE, ATR_INJECT_MAX,
			    &text, &nr);

	read_lines((struct atr_str){ text, len }, &again);
	for (size_t i = 0; i < again.nr; i++)
		CLAIM(atr_propagators_is_trace(&in->formats, again.field[i].name));
}

/* One field that is read alone says what it says to all formats. */
static void check_parent(const struct input *in, const struct atr_context *c)
{
	struct atr_context read;

	if (atr_propagators_extract_parent(&in->formats, in->field, in->nr, &read))
		CLAIM(is_same(&read, c));
}

static void check(const struct input *in)
{
	static char store[ATR_CARRY_MAX];
	struct atr_context c;
	bool is_parent = extract(in, store, &c);

	check_context(&c, is_parent);
	check_bounds(in, &c);
	check_wanted(in, &c);
	check_written(in, &c);
	if (!in->is_env) {
		check_parent(in, &c);
		check_except(in, &c);
		check_rewritten(in, &c);
		check_xray(in);
	}
}

static void check_formats(struct atr_str text, struct atr_propagators *out)
{
	struct atr_str copy = guarded_str(&value_room, false, text), unknown;

	atr_propagators_parse(copy, out, &unknown);
	CLAIM(out->nr <= ATR_NR_FORMATS);
	for (int i = 0; i < out->nr; i++)
		for (int k = 0; k < i; k++)
			CLAIM(out->format[i] != out->format[k]);
	CLAIM(!unknown.at || (unknown.len && unknown.at >= copy.at &&
			      unknown.at + unknown.len <= copy.at + copy.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct input in = { .nr = 0 };
	struct atr_str rest = { (const char *)data, len };
	char mark;

	if (!len || len > LEN_MAX)
		return 0;
	mark = *rest.at++;
	rest.len--;
	check_formats(before(&rest, mark), &in.formats);
	while (rest.len && in.nr < FIELDS_MAX) {
		struct atr_str value = before(&rest, mark);
		struct atr_str name = before(&value, ':');

		in.field[in.nr++] = (struct atr_pair){ name, atr_str_trim(value) };
	}
	check(&in);
	in.is_env = true;
	check(&in);
	return 0;
}
