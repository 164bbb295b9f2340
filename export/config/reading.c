/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

#include "export/encode/arena.h"

#include <yaml.h>

void atr_reading_fault(struct atr_reading *r, const char *why, const char *instead)
{
	r->host->fault((struct atr_str){ r->where.at, r->where.len }, why, instead);
}

void atr_reading_fail(struct atr_reading *r, const char *why)
{
	if (!r->is_wrong)
		atr_reading_fault(r, why, "nothing is traced");
	r->is_wrong = true;
}

void atr_reading_put(struct atr_reading *r, const char *variable, struct atr_str value)
{
	struct atr_str name = atr_str(variable);

	for (unsigned i = 0; i < r->nr_put; i++)
		if (atr_str_equal(r->put[i].name, name)) {
			if (!atr_str_equal(r->put[i].value, value))
				atr_reading_fault(
					r, "another is said before, and there is one for all",
					"that one is used");
			return;
		}
	if (value.len && memchr(value.at, 0, value.len))
		atr_reading_fail(r, "it has a NUL in it");
	else if (r->nr_put == ATR_CONFIG_VARIABLES_MAX || !r->host->put(name, value))
		atr_reading_fail(r, "there is no room for all that the file says");
	else
		r->put[r->nr_put++] = (struct atr_pair){ name, value };
}

size_t atr_reading_down(struct atr_reading *r, struct atr_str key)
{
	size_t before = r->where.len;

	if (before)
		atr_print(&r->where, ATR_STR("."));
	atr_print(&r->where, key);
	return before;
}

size_t atr_reading_down_item(struct atr_reading *r, size_t i)
{
	size_t before = r->where.len;

	atr_print(&r->where, ATR_STR("["));
	atr_print_uint(&r->where, i);
	atr_print(&r->where, ATR_STR("]"));
	return before;
}

void atr_reading_up(struct atr_reading *r, size_t before)
{
	r->where.len = before;
	r->where.is_cut = false;
}

struct atr_print atr_reading_room(struct atr_reading *r, size_t cap)
{
	struct atr_print t = { atr_arena_malloc(cap), 0, cap, false };

	if (!t.at) {
		t.cap = 0;
		atr_reading_fail(r, "there is no memory to read it");
	}
	return t;
}

static bool is_plain(char c)
{
	return ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~/:", c));
}

void atr_reading_print_encoded(struct atr_print *t, struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];
		char code[3] = { '%', "0123456789ABCDEF"[c >> 4], "0123456789ABCDEF"[c & 15] };

		if (is_plain((char)c))
			atr_print(t, (struct atr_str){ text.at + i, 1 });
		else
			atr_print(t, (struct atr_str){ code, sizeof(code) });
	}
}

static yaml_node_t *at(struct atr_reading *r, int node)
{
	return yaml_document_get_node(r->document, node);
}

const struct atr_scalar *atr_reading_scalar(struct atr_reading *r, int node)
{
	yaml_node_t *n = at(r, node);

	return n && n->type == YAML_SCALAR_NODE ? &r->scalars[node - 1] : NULL;
}

bool atr_reading_is_null(struct atr_reading *r, int node)
{
	const struct atr_scalar *scalar = atr_reading_scalar(r, node);

	return scalar && scalar->type == ATR_SCALAR_NULL;
}

struct atr_str atr_reading_text(struct atr_reading *r, int node)
{
	const struct atr_scalar *scalar = atr_reading_scalar(r, node);

	if (!scalar)
		atr_reading_fail(r, "not a text");
	if (!scalar || scalar->type == ATR_SCALAR_NULL)
		return (struct atr_str){ 0 };
	return scalar->text;
}

size_t atr_reading_items(struct atr_reading *r, int node)
{
	yaml_node_t *n = at(r, node);

	if (n && n->type == YAML_SEQUENCE_NODE)
		return (size_t)(n->data.sequence.items.top - n->data.sequence.items.start);
	atr_reading_fail(r, "not a list");
	return 0;
}

int atr_reading_item(struct atr_reading *r, int node, size_t i)
{
	return at(r, node)->data.sequence.items.start[i];
}

#define PAIRS_MAX 1000 /* each key is compared with those before it */

static size_t pairs(struct atr_reading *r, int node)
{
	yaml_node_t *n = at(r, node);
	size_t nr = 0;

	if (!n || n->type != YAML_MAPPING_NODE)
		atr_reading_fail(r, "not a mapping");
	else
		nr = (size_t)(n->data.mapping.pairs.top - n->data.mapping.pairs.start);
	if (nr > PAIRS_MAX) {
		atr_reading_fail(r, "more than 1000 keys in one mapping");
		nr = 0;
	}
	return nr;
}

/* The text of a key, as it stands: nothing is replaced in it. */
static struct atr_str key_at(struct atr_reading *r, int node, size_t i)
{
	yaml_node_t *key = at(r, at(r, node)->data.mapping.pairs.start[i].key);

	if (!key || key->type != YAML_SCALAR_NODE) {
		atr_reading_fail(r, "a key in it is no text");
		return (struct atr_str){ 0 };
	}
	return (struct atr_str){ (const char *)key->data.scalar.value, key->data.scalar.length };
}

static int value_at(struct atr_reading *r, int node, size_t i)
{
	return at(r, node)->data.mapping.pairs.start[i].value;
}

int atr_reading_named(struct atr_reading *r, int node, struct atr_str *name)
{
	yaml_node_t *n = at(r, node);

	*name = (struct atr_str){ 0 };
	if (!n || n->type != YAML_MAPPING_NODE || pairs(r, node) != 1) {
		atr_reading_fail(r, "not a mapping of one name");
		return 0;
	}
	*name = key_at(r, node, 0);
	return value_at(r, node, 0);
}

int atr_reading_find(struct atr_reading *r, int node, const char *key)
{
	size_t nr = atr_reading_is_null(r, node) ? 0 : pairs(r, node);

	for (size_t i = 0; i < nr; i++)
		if (atr_str_equal(key_at(r, node, i), atr_str(key)))
			return value_at(r, node, i);
	return 0;
}

static bool is_twice(struct atr_reading *r, int node, size_t i)
{
	struct atr_str key = key_at(r, node, i);

	for (size_t k = 0; k < i; k++)
		if (atr_str_equal(key_at(r, node, k), key))
			return true;
	return false;
}

static void read_pair(struct atr_reading *r, int node, size_t i, const struct atr_field *fields)
{
	struct atr_str key = key_at(r, node, i);
	size_t before = atr_reading_down(r, key);

	while (fields->key && !atr_str_equal(key, atr_str(fields->key)))
		fields++;
	if (is_twice(r, node, i))
		atr_reading_fail(r, "it is there twice");
	else if (fields->key)
		fields->read(r, value_at(r, node, i), fields);
	else
		atr_reading_fault(r, "not known here", "it is left out");
	atr_reading_up(r, before);
}

void atr_reading_fields(struct atr_reading *r, int node, const struct atr_field *fields)
{
	size_t nr = atr_reading_is_null(r, node) ? 0 : pairs(r, node);

	for (size_t i = 0; i < nr && !r->is_wrong; i++)
		read_pair(r, node, i, fields);
	for (; fields->key && !r->is_wrong; fields++) {
		int value = fields->is_required ? atr_reading_find(r, node, fields->key) : 0;
		size_t before = atr_reading_down(r, atr_str(fields->key));

		if (fields->is_required && (!value || atr_reading_is_null(r, value)))
			atr_reading_fail(r, "it is missing");
		atr_reading_up(r, before);
	}
}

void atr_read_map(struct atr_reading *r, int node, const struct atr_field *field)
{
	atr_reading_fields(r, node, field->fields);
}

void atr_read_text(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str text = atr_reading_text(r, node);

	if (text.len)
		atr_reading_put(r, field->variable, text);
}

void atr_read_file_name(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str text = atr_reading_text(r, node);

	if (text.len && text.at[0] != '/')
		atr_reading_fail(r, "not an absolute path");
	else if (text.len)
		atr_reading_put(r, field->variable, text);
}

void atr_read_count(struct atr_reading *r, int node, const struct atr_field *field)
{
	const struct atr_scalar *scalar = atr_reading_scalar(r, node);
	struct atr_print t;

	if (scalar && scalar->type == ATR_SCALAR_NULL)
		return;
	if (!scalar || scalar->type != ATR_SCALAR_INT || scalar->number < field->least ||
	    scalar->number > INT32_MAX) {
		atr_reading_fail(r, field->least ? "not a whole number from 1 to 2147483647" :
						   "not a whole number from 0 to 2147483647");
		return;
	}
	t = atr_reading_room(r, 16);
	atr_print_int(&t, scalar->number);
	if (field->variable && !r->is_wrong)
		atr_reading_put(r, field->variable, (struct atr_str){ t.at, t.len });
}

void atr_read_switch(struct atr_reading *r, int node, const struct atr_field *field)
{
	const struct atr_scalar *scalar = atr_reading_scalar(r, node);

	if (scalar && scalar->type == ATR_SCALAR_NULL)
		return;
	if (!scalar || scalar->type != ATR_SCALAR_BOOL)
		atr_reading_fail(r, "neither true nor false");
	else
		atr_reading_put(r, field->variable,
				scalar->number ? ATR_STR("true") : ATR_STR("false"));
}

void atr_read_list(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_print list;
	size_t nr;

	if (atr_reading_is_null(r, node))
		return;
	nr = atr_reading_items(r, node);
	list = atr_reading_room(r, 4096);
	for (size_t i = 0; i < nr; i++) {
		if (i)
			atr_print(&list, ATR_STR(","));
		atr_print(&list, atr_reading_text(r, atr_reading_item(r, node, i)));
	}
	if (list.is_cut)
		atr_reading_fail(r, "longer than 4096 bytes");
	else if (list.len && !r->is_wrong)
		atr_reading_put(r, field->variable, (struct atr_str){ list.at, list.len });
}

void atr_read_nothing(struct atr_reading *r, int node, const struct atr_field *field)
{
	(void)r;
	(void)node;
	(void)field;
}
