/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

#include "export/list.h"
#include "export/options.h"

#define RESOURCE_MAX 65536

struct building {
	struct atr_print list;	/* texts: OTEL_RESOURCE_ATTRIBUTES */
	struct atr_print typed; /* all others, as export/resource.c reads them */
	bool has_service_name;
};

/* The letter of a type; 0: there is none of this name. A list's is a capital. */
static char letter_of(struct atr_str type)
{
	static const char *const names[] = { "bool", "double", "int", "string" };
	struct atr_str array = ATR_STR("_array");
	bool is_list = type.len > array.len &&
		       memcmp(type.at + type.len - array.len, array.at, array.len) == 0;

	if (is_list)
		type.len -= array.len;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (atr_str_equal(type, atr_str(names[i])))
			return is_list ? names[i][0] & ~0x20 : names[i][0];
	return 0;
}

static bool is_of_type(const struct atr_scalar *value, char type)
{
	switch (type | 0x20) {
	case 'i':
		return value->type == ATR_SCALAR_INT;
	case 'd':
		return value->type == ATR_SCALAR_INT || value->type == ATR_SCALAR_FLOAT;
	case 'b':
		return value->type == ATR_SCALAR_BOOL;
	default:
		return value->type != ATR_SCALAR_NULL;
	}
}

/* As it is read again: a whole number in decimal, of truth the word. */
static void print_value(struct atr_print *t, const struct atr_scalar *value, char type)
{
	if ((type | 0x20) == 's')
		atr_reading_print_encoded(t, value->text);
	else if (value->type == ATR_SCALAR_INT)
		atr_print_int(t, value->number);
	else if (value->type == ATR_SCALAR_BOOL)
		atr_print(t, value->number ? ATR_STR("true") : ATR_STR("false"));
	else
		atr_print(t, value->text);
}

static void add(struct building *b, char type, struct atr_str name)
{
	struct atr_print *t = type == 's' ? &b->list : &b->typed;

	if (t->len)
		atr_print(t, ATR_STR(","));
	if (type != 's')
		atr_print(t, (struct atr_str){ &type, 1 });
	atr_reading_print_encoded(t, name);
	atr_print(t, ATR_STR("="));
	b->has_service_name |= atr_str_equal(name, ATR_STR("service.name"));
}

static void read_list(struct atr_reading *r, int value, char type, struct atr_str name,
		      struct building *b)
{
	size_t nr = atr_reading_items(r, value);

	add(b, type, name);
	for (size_t i = 0; i < nr && !r->is_wrong; i++) {
		const struct atr_scalar *item =
			atr_reading_scalar(r, atr_reading_item(r, value, i));

		if (!item || !is_of_type(item, type)) {
			atr_reading_fail(r, "an item of its value is not of its type");
			return;
		}
		print_value(&b->typed, item, type);
		atr_print(&b->typed, ATR_STR(";"));
	}
}

static void read_attribute(struct atr_reading *r, int node, struct building *b)
{
	int name = atr_reading_find(r, node, "name"), value = atr_reading_find(r, node, "value");
	int type = atr_reading_find(r, node, "type");
	struct atr_str of_type = type ? atr_reading_text(r, type) : (struct atr_str){ 0 };
	const struct atr_scalar *scalar = value ? atr_reading_scalar(r, value) : NULL;
	char letter = of_type.len ? letter_of(of_type) : 's';

	if (!name || !value || !atr_reading_text(r, name).len) {
		atr_reading_fail(r, "a name or a value is missing");
	} else if (!letter) {
		atr_reading_fail(r, "there is no such type");
	} else if (scalar && scalar->type == ATR_SCALAR_NULL) {
		return;
	} else if (!scalar == (letter >= 'a') || (scalar && !is_of_type(scalar, letter))) {
		atr_reading_fail(r, "its value is not of its type");
	} else if (!scalar) {
		read_list(r, value, letter, atr_reading_text(r, name), b);
	} else {
		add(b, letter, atr_reading_text(r, name));
		print_value(letter == 's' ? &b->list : &b->typed, scalar, letter);
	}
}

static void read_attributes(struct atr_reading *r, int node, struct building *b)
{
	size_t outer = atr_reading_down(r, ATR_STR("attributes"));
	size_t nr = node && !atr_reading_is_null(r, node) ? atr_reading_items(r, node) : 0;

	for (size_t i = 0; i < nr && !r->is_wrong; i++) {
		size_t before = atr_reading_down_item(r, i);

		read_attribute(r, atr_reading_item(r, node, i), b);
		atr_reading_up(r, before);
	}
	atr_reading_up(r, outer);
}

/* Weaker than what follows it: of one key the last counts. */
static void read_attributes_list(struct atr_reading *r, int node, struct building *b)
{
	struct atr_str text = node ? atr_reading_text(r, node) : (struct atr_str){ 0 };
	size_t before = atr_reading_down(r, ATR_STR("attributes_list"));

	if (!atr_list_is_pairs(text))
		atr_reading_fault(r, "not a list of key=value, percent-encoded",
				  "the whole of it is discarded");
	else
		atr_print(&b->list, text);
	atr_reading_up(r, before);
}

/* The names in the list that are detectors of ours; `container` is one that finds nothing here. */
static void read_detector(struct atr_reading *r, int node, struct atr_print *list)
{
	static const char *const ours[] = { "service", "host", "process", "faas" };
	struct atr_str name;
	bool is_known = false;

	if (!atr_reading_named(r, node, &name) || atr_str_equal(name, ATR_STR("container")))
		return;
	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
		is_known |= atr_str_equal(name, atr_str(ours[i]));
	if (!is_known) {
		atr_reading_fault(r, "there is no such detector", "it is left out");
		return;
	}
	if (list->len)
		atr_print(list, ATR_STR(","));
	atr_print(list, name);
}

static void read_detection(struct atr_reading *r, int node, struct building *b)
{
	struct atr_print list = atr_reading_room(r, 256);
	int detectors = node ? atr_reading_find(r, node, "detectors") : 0;
	size_t before = atr_reading_down(r, ATR_STR("detection/development"));
	size_t nr = detectors && !atr_reading_is_null(r, detectors) ?
			    atr_reading_items(r, detectors) :
			    0;
	struct atr_str name = atr_environment_value(ATR_STR("OTEL_SERVICE_NAME"),
						    r->host->environment);

	if (node && atr_reading_find(r, node, "attributes"))
		atr_reading_fault(r, "what it includes and excludes is not in this version",
				  "all that is detected is used");
	for (size_t i = 0; i < nr && !r->is_wrong; i++)
		read_detector(r, atr_reading_item(r, detectors, i), &list);
	if (list.len && memmem(list.at, list.len, "service", 7) && name.len && !b->has_service_name)
		atr_reading_put(r, "OTEL_SERVICE_NAME", name);
	if (!list.len)
		atr_print(&list, ATR_STR("none"));
	if (!r->is_wrong)
		atr_reading_put(r, "AUTOTRACE_RESOURCE_DETECTORS",
				(struct atr_str){ list.at, list.len });
	atr_reading_up(r, before);
}

/* It goes out as it is: nothing is in it that JSON would escape. */
static void read_schema(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str url = atr_reading_text(r, node);
	bool is_good = url.len <= ATR_SCHEMA_URL_MAX;

	(void)field;
	for (size_t i = 0; i < url.len && is_good; i++)
		is_good = url.at[i] > ' ' && url.at[i] <= '~' && !strchr("\"\\", url.at[i]);
	if (!is_good)
		atr_reading_fault(r, "not a URL, or longer than 200 characters", "it is left out");
	else if (url.len)
		atr_reading_put(r, "file: resource.schema_url", url);
}

static const struct atr_field parts[] = {
	{ .key = "attributes", .read = atr_read_nothing },
	{ .key = "attributes_list", .read = atr_read_nothing },
	{ .key = "detection/development", .read = atr_read_nothing },
	{ .key = "schema_url", .read = read_schema },
	{ 0 },
};

void atr_read_resource(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct building b = { atr_reading_room(r, RESOURCE_MAX), atr_reading_room(r, RESOURCE_MAX),
			      false };

	(void)field;
	if (node)
		atr_reading_fields(r, node, parts);
	if (r->is_wrong)
		return;
	read_attributes_list(r, node ? atr_reading_find(r, node, "attributes_list") : 0, &b);
	read_attributes(r, node ? atr_reading_find(r, node, "attributes") : 0, &b);
	read_detection(r, node ? atr_reading_find(r, node, "detection/development") : 0, &b);
	if (b.list.is_cut || b.typed.is_cut)
		atr_reading_fail(r, "its attributes are longer than 65536 bytes");
	if (b.list.len && !r->is_wrong)
		atr_reading_put(r, "OTEL_RESOURCE_ATTRIBUTES",
				(struct atr_str){ b.list.at, b.list.len });
	if (b.typed.len && !r->is_wrong)
		atr_reading_put(r, "file: resource.attributes",
				(struct atr_str){ b.typed.at, b.typed.len });
}
