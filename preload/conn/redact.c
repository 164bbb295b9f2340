/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/redact.h"

#include "export/attr.h"
#include "export/env.h"
#include "export/list.h"
#include "preload/conn/rules.h"
#include "propagator/hex.h"
#include "propagator/ids.h"

static const char variable[] = "AUTOTRACE_REDACT";

#define GLOB_MAX 128
#define LOOKED_AT 1024 /* of a text that a glob is held against: no more of it is ever told */
#define MASK ATR_STR("REDACTED")

enum kind { QUERY, PATH, HEADER, ATTRIBUTE };

struct rule {
	enum kind kind;
	enum atr_redact how;
	struct atr_str glob;
};

static struct rule rules[ATR_REDACT_MAX];
static unsigned nr_rules;
static unsigned kinds; /* bits: of which there is one */
static uint64_t key[2];
static uint8_t of_attribute[ATR_NR_ATTRS]; /* enum atr_redact */
static struct atr_str secrets; /* keys that the configuration file has for the conventions' */

/* ---- globs ----------------------------------------------------------------------------------- */

/* The byte at *at, which is moved past it; of what is escaped the one that is meant. */
static unsigned char next_byte(struct atr_str text, bool is_escaped, size_t *at)
{
	const char *c = text.at + *at;

	if (is_escaped && *c == '%' && text.len - *at > 2 && atr_hex_digit(c[1]) < 16 &&
	    atr_hex_digit(c[2]) < 16) {
		*at += 3;
		return (unsigned char)(atr_hex_digit(c[1]) << 4 | atr_hex_digit(c[2]));
	}
	++*at;
	return (unsigned char)*c;
}

static unsigned char lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* Goes back to the last star alone: the longer of both, times the other, at most. */
static bool fits(struct atr_str glob, struct atr_str text, bool is_escaped)
{
	size_t g = 0, t = 0, star = SIZE_MAX, again = 0;

	if (text.len > LOOKED_AT)
		text.len = LOOKED_AT;
	while (t < text.len) {
		size_t next = t;
		unsigned char c = lower(next_byte(text, is_escaped, &next));

		if (g < glob.len && glob.at[g] == '*') {
			star = g++;
			again = t;
		} else if (g < glob.len &&
			   (glob.at[g] == '?' || lower((unsigned char)glob.at[g]) == c)) {
			g++;
			t = next;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			next_byte(text, is_escaped, &again);
			t = again;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.at[g] == '*')
		g++;
	return g == glob.len;
}

static enum atr_redact by_rule(enum kind kind, struct atr_str text, bool is_escaped)
{
	if (!(kinds & 1u << kind))
		return ATR_REDACT_NOT;
	for (const struct rule *r = rules; r < rules + nr_rules; r++)
		if (r->kind == kind && fits(r->glob, text, is_escaped))
			return r->how;
	return ATR_REDACT_NOT;
}

/* ---- hashes ---------------------------------------------------------------------------------- */

static uint64_t rotated(uint64_t x, int by)
{
	return x << by | x >> (64 - by);
}

static void mix(uint64_t v[static 4])
{
	v[0] += v[1];
	v[1] = rotated(v[1], 13) ^ v[0];
	v[0] = rotated(v[0], 32);
	v[2] += v[3];
	v[3] = rotated(v[3], 16) ^ v[2];
	v[0] += v[3];
	v[3] = rotated(v[3], 21) ^ v[0];
	v[2] += v[1];
	v[1] = rotated(v[1], 17) ^ v[2];
	v[2] = rotated(v[2], 32);
}

static void take_word(uint64_t v[static 4], uint64_t word)
{
	v[3] ^= word;
	mix(v);
	mix(v);
	v[0] ^= word;
}

/* SipHash-2-4 (Aumasson and Bernstein) of the bytes that are meant. */
static uint64_t siphash(const uint64_t k[static 2], struct atr_str text, bool is_escaped)
{
	uint64_t v[4] = { k[0] ^ UINT64_C(0x736f6d6570736575), k[1] ^ UINT64_C(0x646f72616e646f6d),
			  k[0] ^ UINT64_C(0x6c7967656e657261),
			  k[1] ^ UINT64_C(0x7465646279746573) };
	uint64_t word = 0, nr = 0;

	for (size_t at = 0; at < text.len;) {
		word |= (uint64_t)next_byte(text, is_escaped, &at) << 8 * (nr & 7);
		if (!(++nr & 7)) {
			take_word(v, word);
			word = 0;
		}
	}
	take_word(v, word | nr << 56);
	v[2] ^= 0xff;
	for (int i = 0; i < 4; i++)
		mix(v);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

uint64_t atr_redact_siphash(const uint64_t k[static 2], struct atr_str text)
{
	return siphash(k, text, false);
}

static struct atr_str replaced(enum atr_redact how, struct atr_str value, bool is_escaped,
			       char room[static ATR_REDACTED_MAX])
{
	uint64_t hash;
	uint8_t bytes[8];
	char *end;

	switch (how) {
	case ATR_REDACT_NOT:
		return value;
	case ATR_REDACT_MASK:
		return MASK;
	case ATR_REDACT_DROP:
		return (struct atr_str){ 0 };
	case ATR_REDACT_HASH:
		break;
	}
	hash = siphash(key, value, is_escaped);
	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(hash >> 8 * (7 - i));
	memcpy(room, "hash:", 5);
	end = atr_hex_write(room + 5, bytes, sizeof(bytes));
	return (struct atr_str){ room, (size_t)(end - room) };
}

struct atr_str atr_redact_value(enum atr_redact how, struct atr_str value,
				char room[static ATR_REDACTED_MAX])
{
	return replaced(how, value, false, room);
}

/* ---- reading --------------------------------------------------------------------------------- */

static bool read_kind(struct atr_str *rule, enum kind *kind)
{
	if (atr_str_strip_nocase(rule, ATR_STR("query:")))
		*kind = QUERY;
	else if (atr_str_strip_nocase(rule, ATR_STR("path:")))
		*kind = PATH;
	else if (atr_str_strip_nocase(rule, ATR_STR("header:")))
		*kind = HEADER;
	else if (atr_str_strip_nocase(rule, ATR_STR("attribute:")))
		*kind = ATTRIBUTE;
	else
		return false;
	return true;
}

static bool read_how(struct atr_str how, enum atr_redact *out)
{
	if (atr_str_equal_nocase(how, ATR_STR("mask")))
		*out = ATR_REDACT_MASK;
	else if (atr_str_equal_nocase(how, ATR_STR("hash")))
		*out = ATR_REDACT_HASH;
	else if (atr_str_equal_nocase(how, ATR_STR("drop")))
		*out = ATR_REDACT_DROP;
	else
		return false;
	return true;
}

static const char *read_rule(struct atr_str text)
{
	struct rule r = { .how = ATR_REDACT_MASK };
	const char *equals;

	if (!read_kind(&text, &r.kind))
		return "a rule in it begins with none of query:, path:, header:, attribute:";
	equals = text.len ? memrchr(text.at, '=', text.len) : NULL;
	r.glob = atr_str_trim(text);
	if (equals) {
		struct atr_str how = { equals + 1, text.len - (size_t)(equals + 1 - text.at) };

		if (!read_how(atr_str_trim(how), &r.how))
			return "a rule in it ends in none of =drop, =mask, =hash";
		r.glob = atr_str_trim((struct atr_str){ text.at, (size_t)(equals - text.at) });
	}
	if (!r.glob.len || r.glob.len > GLOB_MAX)
		return "a rule in it has no name, or one of more than 128 bytes";
	if (r.kind == PATH && r.glob.at[0] != '/' && memchr(r.glob.at, '/', r.glob.len))
		return "a path of several segments in it does not begin with a slash";
	if (nr_rules == ATR_REDACT_MAX)
		return "there are more than 64 rules in it";
	rules[nr_rules++] = r;
	kinds |= 1u << r.kind;
	return NULL;
}

/* 32 digits are the key; any other text makes one. Without it there is one for this process. */
static void read_key(void)
{
	static const uint64_t making[2][2] = { { 1, 2 }, { 3, 4 } };
	struct atr_str text = atr_env_get("AUTOTRACE_REDACT_KEY");
	struct atr_ids ids;
	uint8_t bytes[16];

	if (!text.len) {
		atr_ids_seed(&ids);
		key[0] = atr_ids_next(&ids);
		key[1] = atr_ids_next(&ids);
		return;
	}
	for (unsigned i = 0; i < 2; i++)
		key[i] = siphash(making[i], text, false);
	for (unsigned i = 0; i < 16; i++) {
		unsigned high = text.len == 32 ? atr_hex_digit(text.at[2 * i]) : 16;
		unsigned low = high < 16 ? atr_hex_digit(text.at[2 * i + 1]) : 16;

		if (low == 16)
			return;
		bytes[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(key, bytes, sizeof(key));
}

void atr_redact_setup(const struct atr_io *io)
{
	struct atr_str text = atr_rules_text(variable, io), rule;
	bool hashes = false;
	unsigned told = 0;

	nr_rules = kinds = 0;
	secrets = atr_env_get("file: sensitive_query_parameters");
	while (atr_rules_next(&text, &rule)) {
		const char *why = read_rule(rule);

		if (why)
			atr_rules_wrong(variable, rule, why, &told);
	}
	for (unsigned i = 0; i < nr_rules; i++)
		hashes = hashes || rules[i].how == ATR_REDACT_HASH;
	if (hashes)
		read_key();
	for (unsigned id = 0; id < ATR_NR_ATTRS && kinds & 1u << ATTRIBUTE; id++)
		of_attribute[id] =
			id > ATR_EVENT ?
				(uint8_t)atr_redact_attribute(atr_attr_name((uint16_t)id)) :
				0;
}

enum atr_redact atr_redact_header(struct atr_str name)
{
	return by_rule(HEADER, name, false);
}

enum atr_redact atr_redact_attribute(struct atr_str name)
{
	return by_rule(ATTRIBUTE, name, false);
}

/* ---- URLs ------------------------------------------------------------------------------------ */

#define KEY(text)                      \
	{                              \
		text, sizeof(text) - 1 \
	}
/* The shortest first. */
static const struct atr_str conventions_secrets[] = {
	KEY("sig"),
	KEY("Signature"),
	KEY("AWSAccessKeyId"),
	KEY("X-Amz-Signature"),
	KEY("X-Amz-Credential"),
	KEY("X-Goog-Signature"),
	KEY("X-Amz-Security-Token"),
};
#undef KEY
#define NR_SECRETS (sizeof(conventions_secrets) / sizeof(conventions_secrets[0]))

/* Or one of those that the configuration file names in their place. */
static bool is_conventions_secret(struct atr_str name)
{
	struct atr_str list = secrets, member;

	while (atr_list_next(&list, &member))
		if (atr_str_equal(name, member))
			return true;
	if (secrets.at)
		return false;
	for (size_t i = 0; i < NR_SECRETS; i++)
		if (atr_str_equal(name, conventions_secrets[i]))
			return true;
	return false;
}

/* Whether one of the conventions' keys ends where an equals sign stands. */
static bool ends_in_secret(const char *query, const char *equals)
{
	size_t before = (size_t)(equals - query);

	for (size_t i = 0; i < NR_SECRETS && before >= conventions_secrets[i].len; i++) {
		struct atr_str key = conventions_secrets[i];
		const char *at = equals - key.len;

		if (equals[-1] == key.at[key.len - 1] &&
		    (at == query || at[-1] == '&' || at[-1] == ';') && !memcmp(at, key.at, key.len))
			return true;
	}
	return false;
}

static enum atr_redact of_query_key(struct atr_str name)
{
	enum atr_redact how = by_rule(QUERY, name, true);

	if (how == ATR_REDACT_NOT && is_conventions_secret(name))
		return ATR_REDACT_MASK;
	return how;
}

static void put_value(struct atr_print *to, enum atr_redact how, struct atr_str value)
{
	char room[ATR_REDACTED_MAX];

	atr_print(to, value.len ? replaced(how, value, true, room) : MASK);
}

/*
 * One "key=value" up to the next '&'. Some take ';' for '&': behind one a key is looked
 * for too; but what belongs to a secret then may, so that all up to the '&' goes with it.
 * False: nothing is left of it.
 */
static bool put_parameter(struct atr_print *to, struct atr_str parameter, struct atr_str before)
{
	bool is_kept = false;

	while (parameter.at) {
		const char *semicolon =
			parameter.len ? memchr(parameter.at, ';', parameter.len) : NULL;
		size_t len = semicolon ? (size_t)(semicolon - parameter.at) : parameter.len;
		const char *equals = len ? memchr(parameter.at, '=', len) : NULL;
		struct atr_str name = { parameter.at,
					equals ? (size_t)(equals - parameter.at) : len };
		enum atr_redact how = equals ? of_query_key(name) : ATR_REDACT_NOT;

		if (how == ATR_REDACT_DROP)
			return is_kept;
		is_kept = true;
		atr_print(to, before);
		if (how != ATR_REDACT_NOT) {
			atr_print(to, (struct atr_str){ name.at, name.len + 1 });
			put_value(to, how,
				  (struct atr_str){ equals + 1, parameter.len - name.len - 1 });
			break;
		}
		atr_print(to, (struct atr_str){ parameter.at, len });
		before = ATR_STR(";");
		parameter.at = semicolon ? semicolon + 1 : NULL;
		parameter.len -= semicolon ? len + 1 : 0;
	}
	return is_kept;
}

void atr_redact_query(struct atr_print *to, struct atr_str query)
{
	bool is_any = false;

	while (query.at) {
		const char *amp = query.len ? memchr(query.at, '&', query.len) : NULL;
		size_t len = amp ? (size_t)(amp - query.at) : query.len;

		is_any |= put_parameter(to, (struct atr_str){ query.at, len },
					is_any ? ATR_STR("&") : ATR_STR(""));
		query.at = amp ? amp + 1 : NULL;
		query.len -= amp ? len + 1 : 0;
	}
}

bool atr_redact_looks_into(struct atr_str query)
{
	const char *at = query.at, *end = query.at + query.len, *equals;

	if (kinds & 1u << QUERY || secrets.at)
		return true;
	while (at < end && (equals = memchr(at, '=', (size_t)(end - at)))) {
		if (ends_in_secret(query.at, equals))
			return true;
		at = equals + 1;
	}
	return false;
}

/* The segment of a glob that begins with a slash; *is_last: none follows. False: it has not so many. */
static bool segment_of(struct atr_str glob, unsigned nr, struct atr_str *segment, bool *is_last)
{
	const char *slash;

	for (;; nr--) {
		glob.at++, glob.len--;
		slash = glob.len ? memchr(glob.at, '/', glob.len) : NULL;
		*segment =
			(struct atr_str){ glob.at, slash ? (size_t)(slash - glob.at) : glob.len };
		*is_last = !slash;
		if (!nr || !slash)
			return !nr;
		glob.at += segment->len;
		glob.len -= segment->len;
	}
}

/* Of the path's segment `nr`. `dead`: bits of the rules that do not begin as this path does. */
static enum atr_redact of_segment(struct atr_str segment, unsigned nr, uint64_t *dead)
{
	enum atr_redact how = ATR_REDACT_NOT;

	for (unsigned i = 0; i < nr_rules; i++) {
		const struct rule *r = &rules[i];
		struct atr_str part = r->glob;
		bool is_last = true;

		if (r->kind != PATH || *dead & UINT64_C(1) << i)
			continue;
		if (r->glob.at[0] == '/' && !segment_of(r->glob, nr, &part, &is_last))
			*dead |= UINT64_C(1) << i;
		else if (!fits(part, segment, true))
			*dead |= r->glob.at[0] == '/' ? UINT64_C(1) << i : 0;
		else if (is_last && how == ATR_REDACT_NOT)
			how = r->how;
	}
	return how;
}

bool atr_redact_hides_paths(void)
{
	return kinds & 1u << ATTRIBUTE &&
	       (of_attribute[ATR_URL_PATH] || of_attribute[ATR_URL_FULL]);
}

bool atr_redact_wants_paths(void)
{
	return kinds & 1u << PATH;
}

void atr_redact_path(struct atr_print *to, struct atr_str path)
{
	uint64_t dead = 0;
	unsigned nr = 0;

	if (!atr_redact_wants_paths() || !path.len || path.at[0] != '/') {
		atr_print(to, path);
		return;
	}
	/* what is told is cut anyway */
	while (path.len && !to->is_cut) {
		const char *slash = path.len > 1 ? memchr(path.at + 1, '/', path.len - 1) : NULL;
		size_t len = slash ? (size_t)(slash - path.at) : path.len;
		struct atr_str segment = { path.at + 1, len - 1 };
		enum atr_redact how = of_segment(segment, nr++, &dead);

		atr_print(to, ATR_STR("/"));
		if (how == ATR_REDACT_NOT)
			atr_print(to, segment);
		else if (segment.len && how != ATR_REDACT_DROP)
			put_value(to, how, segment);
		path.at += len;
		path.len -= len;
	}
}

/* ---- records --------------------------------------------------------------------------------- */

bool atr_redact_wants_records(void)
{
	return kinds & 1u << ATTRIBUTE;
}

/* A list has the name of its header in it, by which it was redacted when it was put there. */
static enum atr_redact of_item(const struct atr_item *item)
{
	return item->id < ATR_NR_ATTRS && item->type != ATR_TYPE_LIST ? of_attribute[item->id] :
									ATR_REDACT_NOT;
}

/* Was taken back, with what it said; words for an addition are none of that. */
static bool is_over(const struct atr_item *item)
{
	return item->part == ATR_OF_NOTHING && item->type != ATR_TYPE_WORDS;
}

static bool has_any(const struct atr_span *span)
{
	const struct atr_item *item = NULL;

	while ((item = atr_span_next(span, item)))
		if (is_over(item) || of_item(item) != ATR_REDACT_NOT)
			return true;
	return false;
}

/*
 * Appends an item; `most` is how long the record may be with it. A mask needs no more room
 * than there was: what has bytes has eight.
 */
static void put_item(struct atr_span *out, const struct atr_item *item, size_t most)
{
	struct atr_str value = { atr_item_bytes(item), item->len };
	enum atr_redact how = value.len ? of_item(item) : ATR_REDACT_NOT;
	struct atr_item *to = (struct atr_item *)((char *)out + out->len);
	char room[ATR_REDACTED_MAX];

	if (is_over(item) || of_item(item) == ATR_REDACT_DROP)
		return;
	if (how == ATR_REDACT_HASH && out->len + sizeof(*to) + ATR_REDACTED_MAX > most)
		how = ATR_REDACT_MASK;
	*to = *item;
	if (how != ATR_REDACT_NOT) {
		value = atr_redact_value(how, value, room);
		to->type = ATR_TYPE_STR;
		to->len = (uint32_t)value.len;
	}
	out->len += (uint32_t)(sizeof(*to) + ((value.len + 7) & ~(size_t)7));
	memset(to + 1, 0, (char *)out + out->len - (char *)(to + 1));
	if (value.len)
		memcpy(to + 1, value.at, value.len);
}

const struct atr_span *atr_redact_record(const struct atr_span *span,
					 uint64_t room[static ATR_SPAN_MAX / 8])
{
	struct atr_span *out = (struct atr_span *)room;
	const struct atr_item *item = NULL;

	if (!has_any(span))
		return span;
	*out = *span;
	out->len = sizeof(*out);
	while ((item = atr_span_next(span, item))) {
		size_t end = (size_t)(atr_item_bytes(item) - (const char *)span) +
			     ((item->len + 7) & ~(size_t)7);

		put_item(out, item, ATR_SPAN_MAX - (span->len - end));
	}
	return out;
}
