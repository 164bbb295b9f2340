/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/message.h"

#include "export/encode/encode.h"
#include "export/encode/pb.h"
#include "export/print.h"
#include "export/version.h"
#include "propagator/hex.h"

static void put(struct atr_message *m, const char *text)
{
	atr_buf_put(m->out, text, strlen(text));
}

/* ,"name": or what of it is needed here. */
static void put_name(struct atr_message *m, const char *name)
{
	if (!m->is_first)
		put(m, ",");
	m->is_first = false;
	if (!name)
		return;
	put(m, "\"");
	put(m, name);
	put(m, "\":");
}

static void put_uint(struct atr_message *m, uint64_t value)
{
	char text[24];
	struct atr_print t = { text, 0, sizeof(text), false };

	atr_print_uint(&t, value);
	atr_buf_put(m->out, text, t.len);
}

/* Of 64 bits: as text. */
static void put_long(struct atr_message *m, uint64_t value, bool is_negative)
{
	put(m, is_negative ? "\"-" : "\"");
	put_uint(m, value);
	put(m, "\"");
}

/* What JSON has no number for is a word, as in protobuf's mapping to JSON. */
static void put_real(struct atr_message *m, double value)
{
	char text[ATR_PRINT_DOUBLE_MAX];

	if (value != value)
		put(m, "\"NaN\"");
	else if (value - value != 0)
		put(m, value > 0 ? "\"Infinity\"" : "\"-Infinity\"");
	else
		atr_buf_put(m->out, text, atr_print_double(value, text));
}

/* Room for a tag, a number, and so many bytes. */
static char *room(struct atr_message *m, size_t len)
{
	return atr_buf_room(m->out, len + 24);
}

static void wrote(struct atr_message *m, const char *end)
{
	m->out->len = (size_t)(end - m->out->at);
}

void atr_message_begin(struct atr_message *m, struct atr_buf *out, bool is_json)
{
	*m = (struct atr_message){ .out = out, .is_json = is_json, .is_first = true, .depth = 1 };
	if (is_json)
		put(m, "{");
}

void atr_message_open(struct atr_message *m, char tag, const char *name)
{
	char *at;

	if (m->is_json) {
		put_name(m, name);
		put(m, "{");
		m->is_first = true;
	} else if ((at = room(m, 0))) {
		wrote(m, atr_pb_open(at, tag));
	}
	m->begun[m->depth++] = m->out->len;
}

void atr_message_close(struct atr_message *m)
{
	size_t begun = m->begun[--m->depth];

	if (m->is_json)
		put(m, "}");
	else if (m->depth && !m->out->failed)
		atr_pb_close(m->out->at + begun, m->out->at + m->out->len);
	m->is_first = false;
}

void atr_message_list(struct atr_message *m, const char *name)
{
	if (!m->is_json)
		return;
	put_name(m, name);
	put(m, "[");
	m->is_first = true;
}

void atr_message_end(struct atr_message *m)
{
	if (m->is_json)
		put(m, "]");
	m->is_first = false;
}

/* Clean text, as it stands between quotation marks (RFC 8259). */
static void put_escaped(struct atr_message *m, const char *text, size_t len)
{
	size_t from = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)text[i];
		char escape[7] = "\\u00";

		if (c >= ' ' && c != '"' && c != '\\')
			continue;
		atr_buf_put(m->out, text + from, i - from);
		from = i + 1;
		if (c < ' ') {
			atr_hex_write(escape + 4, &c, 1);
		} else {
			escape[1] = (char)c;
			escape[2] = 0;
		}
		put(m, escape);
	}
	atr_buf_put(m->out, text + from, len - from);
}

#define PART 512

/* By parts, none of which ends within a character. */
static void put_text(struct atr_message *m, struct atr_str text)
{
	char clean[3 * PART];

	put(m, "\"");
	while (text.len) {
		size_t len = text.len < PART ? text.len : PART;

		while (len < text.len && len > PART - 4 && ((uint8_t)text.at[len] & 0xc0) == 0x80)
			len--;
		put_escaped(m, clean, atr_utf8_clean(text.at, len, SIZE_MAX, clean));
		text.at += len;
		text.len -= len;
	}
	put(m, "\"");
}

void atr_message_text(struct atr_message *m, char tag, const char *name, struct atr_str text)
{
	char *at, *begin;

	if (m->is_json) {
		put_name(m, name);
		put_text(m, text);
	} else if ((at = room(m, 3 * text.len))) {
		begin = atr_pb_open(at, tag);
		at = begin + atr_utf8_clean(text.at, text.len, SIZE_MAX, begin);
		wrote(m, atr_pb_close(begin, at));
	}
}

void atr_message_id(struct atr_message *m, char tag, const char *name, const uint8_t *id,
		    size_t len)
{
	char text[2 * ATR_TRACE_ID_LEN];
	char *at;

	if (m->is_json) {
		put_name(m, name);
		atr_hex_write(text, id, len);
		put_text(m, (struct atr_str){ text, 2 * len });
	} else if ((at = room(m, len))) {
		wrote(m, atr_pb_bytes(at, tag, id, len));
	}
}

void atr_message_fixed64(struct atr_message *m, char tag, const char *name, uint64_t value)
{
	char *at;

	if (m->is_json) {
		put_name(m, name);
		put_long(m, value, false);
	} else if ((at = room(m, 0))) {
		wrote(m, atr_pb_fixed64(at, tag, value));
	}
}

void atr_message_int(struct atr_message *m, char tag, const char *name, int64_t value)
{
	char *at;

	if (m->is_json) {
		put_name(m, name);
		put_long(m, value < 0 ? -(uint64_t)value : (uint64_t)value, value < 0);
	} else if ((at = room(m, 0))) {
		wrote(m, atr_pb_number(at, tag, (uint64_t)value));
	}
}

void atr_message_double(struct atr_message *m, char tag, const char *name, double value)
{
	uint64_t word;
	char *at;

	memcpy(&word, &value, sizeof(word));
	if (m->is_json) {
		put_name(m, name);
		put_real(m, value);
	} else if ((at = room(m, 0))) {
		wrote(m, atr_pb_fixed64(at, tag, word));
	}
}

void atr_message_small(struct atr_message *m, char tag, const char *name, uint32_t value)
{
	char *at;

	if (m->is_json) {
		put_name(m, name);
		put_uint(m, value);
	} else if ((at = room(m, 0))) {
		wrote(m, atr_pb_number(at, tag, value));
	}
}

void atr_message_bool(struct atr_message *m, char tag, const char *name, bool value)
{
	if (m->is_json) {
		put_name(m, name);
		put(m, value ? "true" : "false");
	} else {
		atr_message_small(m, tag, name, value);
	}
}

void atr_message_fixed32(struct atr_message *m, char tag, const char *name, uint32_t value)
{
	char *at;

	if (m->is_json) {
		put_name(m, name);
		put_uint(m, value);
	} else if ((at = room(m, 0))) {
		*at = tag;
		memcpy(at + 1, &value, 4); /* as atr_pb_fixed64 */
		wrote(m, at + 5);
	}
}

/* Words of 8 bytes: packed, or a list of what each is in JSON. */
static void put_words(struct atr_message *m, char tag, const char *name, const void *values,
		      size_t nr, void (*put_one)(struct atr_message *m, const void *value))
{
	char *at;

	if (!m->is_json) {
		if ((at = room(m, 8 * nr)))
			wrote(m, atr_pb_bytes(at, tag, values, 8 * nr));
		return;
	}
	atr_message_list(m, name);
	for (size_t i = 0; i < nr; i++) {
		put_name(m, NULL);
		put_one(m, (const char *)values + 8 * i);
	}
	atr_message_end(m);
}

static void put_one_long(struct atr_message *m, const void *value)
{
	put_long(m, *(const uint64_t *)value, false);
}

static void put_one_real(struct atr_message *m, const void *value)
{
	put_real(m, *(const double *)value);
}

void atr_message_fixed64s(struct atr_message *m, char tag, const char *name, const uint64_t *values,
			  size_t nr)
{
	put_words(m, tag, name, values, nr, put_one_long);
}

void atr_message_doubles(struct atr_message *m, char tag, const char *name, const double *values,
			 size_t nr)
{
	put_words(m, tag, name, values, nr, put_one_real);
}

/* KeyValue: key = 1, value = 2 { string 1, bool 2, int 3, double 4, array 5 } */
static void open_pair(struct atr_message *m, char tag, struct atr_str key)
{
	atr_message_open(m, tag, NULL);
	atr_message_text(m, 0x0a, "key", key);
	atr_message_open(m, 0x12, "value");
}

static void close_pair(struct atr_message *m)
{
	atr_message_close(m);
	atr_message_close(m);
}

void atr_message_attribute(struct atr_message *m, char tag, struct atr_str key,
			   struct atr_str value)
{
	open_pair(m, tag, key);
	atr_message_text(m, 0x0a, "stringValue", value);
	close_pair(m);
}

void atr_message_attribute_int(struct atr_message *m, char tag, struct atr_str key, int64_t value)
{
	open_pair(m, tag, key);
	atr_message_int(m, 0x18, "intValue", value);
	close_pair(m);
}

static void put_value(struct atr_message *m, const struct atr_resource_attr *value)
{
	switch (value->type) {
	case ATR_RESOURCE_INT:
		atr_message_int(m, 0x18, "intValue", value->number);
		break;
	case ATR_RESOURCE_BOOL:
		atr_message_bool(m, 0x10, "boolValue", value->number);
		break;
	case ATR_RESOURCE_DOUBLE:
		atr_message_double(m, 0x21, "doubleValue", value->real);
		break;
	case ATR_RESOURCE_LIST:
		atr_message_open(m, 0x2a, "arrayValue");
		atr_message_list(m, "values");
		for (unsigned i = 0; i < value->nr_items; i++) {
			atr_message_open(m, 0x0a, NULL);
			put_value(m, &value->items[i]); /* no list is in one */
			atr_message_close(m);
		}
		atr_message_end(m);
		atr_message_close(m);
		break;
	default:
		atr_message_text(m, 0x0a, "stringValue", value->value);
	}
}

static void put_resource_attr(struct atr_message *m, const struct atr_resource_attr *attr)
{
	open_pair(m, 0x0a, attr->key);
	put_value(m, attr);
	close_pair(m);
}

void atr_message_resource(struct atr_message *m, const struct atr_resource_attr *attrs, size_t nr)
{
	atr_message_open(m, 0x0a, "resource");
	atr_message_list(m, "attributes");
	for (size_t i = 0; i < nr; i++)
		put_resource_attr(m, &attrs[i]);
	atr_message_end(m);
	atr_message_close(m);
}

void atr_message_scope(struct atr_message *m)
{
	atr_message_open(m, 0x0a, "scope");
	atr_message_text(m, 0x0a, "name", ATR_STR("libautotrace"));
	atr_message_text(m, 0x12, "version", ATR_STR(ATR_VERSION));
	atr_message_close(m);
	atr_message_text(m, 0x1a, "schemaUrl", ATR_STR(ATR_SCHEMA_URL));
}

void atr_message_resource_schema(struct atr_message *m)
{
	struct atr_str schema = atr_resource_schema();

	if (schema.len)
		atr_message_text(m, 0x1a, "schemaUrl", schema);
}
