/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

#include "export/list.h"

/* "1.0", "1.1", "1.0-rc.2": another major version may mean anything. */
static void read_format(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str text = atr_reading_text(r, node);

	(void)field;
	if (text.len < 3 || text.at[0] != '1' || text.at[1] != '.')
		atr_reading_fail(r, "not a version that is read here, 1.0 or 1.1");
	else if (text.len > 3 ? text.at[3] != '-' : text.at[2] > '1')
		atr_reading_fault(r, "newer than 1.1", "what is known of it is used");
}

static void read_log_level(struct atr_reading *r, int node, const struct atr_field *field)
{
	static const char *const names[] = { "trace", "debug", "info", "warn", "error", "fatal" };
	struct atr_str text = atr_reading_text(r, node), name = text;

	if (name.len && name.at[name.len - 1] >= '2' && name.at[name.len - 1] <= '4')
		name.len--;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (atr_str_equal(name, atr_str(names[i]))) {
			atr_reading_put(r, field->variable, name);
			return;
		}
	if (text.at)
		atr_reading_fail(r, "not a level of logs");
}

/* Names, each once, in the order of the list. */
static void add_name(struct atr_print *list, struct atr_str name)
{
	struct atr_str so_far = { list->at, list->len }, member;

	while (atr_list_next(&so_far, &member))
		if (atr_str_equal(member, name))
			return;
	if (list->len)
		atr_print(list, ATR_STR(","));
	atr_print(list, name);
}

static void add_composite(struct atr_reading *r, int node, struct atr_print *list)
{
	size_t nr = atr_reading_is_null(r, node) ? 0 : atr_reading_items(r, node);
	struct atr_str name;

	for (size_t i = 0; i < nr && !r->is_wrong; i++) {
		atr_reading_named(r, atr_reading_item(r, node, i), &name);
		add_name(list, name);
	}
}

static const struct atr_field propagator_parts[] = {
	{ .key = "composite", .read = atr_read_nothing },
	{ .key = "composite_list", .read = atr_read_nothing },
	{ 0 },
};

/* A part that is left out is none. */
static void read_propagator(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_print list = atr_reading_room(r, 1024);
	int composite = 0, names = 0;
	struct atr_str text = { 0 }, name;

	if (node) {
		atr_reading_fields(r, node, propagator_parts);
		composite = atr_reading_find(r, node, "composite");
		names = atr_reading_find(r, node, "composite_list");
	}
	if (composite)
		add_composite(r, composite, &list);
	if (names)
		text = atr_reading_text(r, names);
	while (atr_list_next(&text, &name))
		add_name(&list, name);
	if (!list.len)
		atr_print(&list, ATR_STR("none"));
	if (list.is_cut)
		atr_reading_fail(r, "its names are longer than 1024 bytes");
	else if (!r->is_wrong)
		atr_reading_put(r, field->variable, (struct atr_str){ list.at, list.len });
}

static const struct atr_field limits[] = {
	{ .key = "attribute_value_length_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT" },
	{ .key = "attribute_value_depth_limit",
	  .read = atr_read_count,
	  .least = 1 }, /* none of ours is nested */
	{ .key = "attribute_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT" },
	{ .key = "event_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_SPAN_EVENT_COUNT_LIMIT" },
	{ .key = "link_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_SPAN_LINK_COUNT_LIMIT" },
	{ .key = "event_attribute_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT" },
	{ .key = "link_attribute_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT" },
	{ 0 },
};

static const struct atr_field general_limits[] = {
	{ .key = "attribute_value_length_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT" },
	{ .key = "attribute_value_depth_limit", .read = atr_read_count, .least = 1 },
	{ .key = "attribute_count_limit",
	  .read = atr_read_count,
	  .variable = "OTEL_ATTRIBUTE_COUNT_LIMIT" },
	{ 0 },
};

static void read_id_generator(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str name;

	(void)field;
	if (atr_reading_named(r, node, &name) && !atr_str_equal(name, ATR_STR("random")))
		atr_reading_fail(r, "there is no such generator of ids");
}

static const struct atr_field tracer_provider[] = {
	{ .key = "processors", .read = atr_read_processors, .is_required = true },
	{ .key = "limits", .read = atr_read_map, .fields = limits },
	{ .key = "sampler", .read = atr_read_sampler },
	{ .key = "id_generator", .read = read_id_generator },
	{ .key = "tracer_configurator/development", .read = atr_read_nothing },
	{ 0 },
};

#define KNOWN_METHODS "OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS"

#define CAPTURE(kind, of) "OTEL_INSTRUMENTATION_HTTP_" kind "_CAPTURE_" of "_HEADERS"

static const struct atr_field http_client[] = {
	{ .key = "known_methods", .read = atr_read_list, .variable = KNOWN_METHODS },
	{ .key = "request_captured_headers",
	  .read = atr_read_list,
	  .variable = CAPTURE("CLIENT", "REQUEST") },
	{ .key = "response_captured_headers",
	  .read = atr_read_list,
	  .variable = CAPTURE("CLIENT", "RESPONSE") },
	{ 0 },
};
static const struct atr_field http_server[] = {
	{ .key = "known_methods", .read = atr_read_list, .variable = KNOWN_METHODS },
	{ .key = "request_captured_headers",
	  .read = atr_read_list,
	  .variable = CAPTURE("SERVER", "REQUEST") },
	{ .key = "response_captured_headers",
	  .read = atr_read_list,
	  .variable = CAPTURE("SERVER", "RESPONSE") },
	{ 0 },
};
/* In the place of those that the conventions name; a list of none is not an absent one. */
static void read_secrets(struct atr_reading *r, int node, const struct atr_field *field)
{
	bool is_list = !atr_reading_is_null(r, node);
	size_t nr = is_list ? atr_reading_items(r, node) : 0;

	if (nr)
		atr_read_list(r, node, field);
	else if (is_list && !r->is_wrong)
		atr_reading_put(r, field->variable, ATR_STR(","));
}

static const struct atr_field url[] = {
	{ .key = "sensitive_query_parameters",
	  .read = read_secrets,
	  .variable = "file: sensitive_query_parameters" },
	{ 0 },
};
static const struct atr_field sanitization[] = {
	{ .key = "url", .read = atr_read_map, .fields = url },
	{ 0 },
};
static const struct atr_field http[] = {
	{ .key = "client", .read = atr_read_map, .fields = http_client },
	{ .key = "server", .read = atr_read_map, .fields = http_server },
	{ .key = "semconv", .read = atr_read_nothing },
	{ 0 },
};
static const struct atr_field general[] = {
	{ .key = "http", .read = atr_read_map, .fields = http },
	{ .key = "sanitization", .read = atr_read_map, .fields = sanitization },
	{ .key = "stability_opt_in_list",
	  .read = atr_read_nothing }, /* there never were other names here */
	{ .key = "code", .read = atr_read_nothing },
	{ .key = "db", .read = atr_read_nothing },
	{ .key = "gen_ai", .read = atr_read_nothing },
	{ .key = "messaging", .read = atr_read_nothing },
	{ .key = "rpc", .read = atr_read_nothing },
	{ 0 },
};
/* For other languages, whose names we need not know. */
static void read_instrumentation(struct atr_reading *r, int node, const struct atr_field *field)
{
	int ours = atr_reading_find(r, node, "general");
	size_t before = atr_reading_down(r, ATR_STR("general"));

	(void)field;
	if (ours)
		atr_reading_fields(r, ours, general);
	atr_reading_up(r, before);
}

static const struct atr_field root[] = {
	{ .key = "file_format", .read = read_format, .is_required = true },
	{ .key = "disabled", .read = atr_read_switch, .variable = "OTEL_SDK_DISABLED" },
	{ .key = "log_level", .read = read_log_level, .variable = "OTEL_LOG_LEVEL" },
	{ .key = "attribute_limits", .read = atr_read_map, .fields = general_limits },
	{ .key = "propagator", .read = read_propagator, .variable = "OTEL_PROPAGATORS" },
	{ .key = "tracer_provider", .read = atr_read_map, .fields = tracer_provider },
	{ .key = "resource", .read = atr_read_resource },
	{ .key = "instrumentation/development", .read = read_instrumentation },
	{ .key = "logger_provider", .read = atr_read_nothing },
	{ .key = "meter_provider", .read = atr_read_nothing },
	{ .key = "distribution", .read = atr_read_nothing },
	{ 0 },
};

static const struct atr_field *field_of(const char *key)
{
	const struct atr_field *field = root;

	while (strcmp(field->key, key) != 0)
		field++;
	return field;
}

/* What a file leaves out is none, and not what the variables' default is. */
static void read_absent(struct atr_reading *r, int node)
{
	int provider = atr_reading_find(r, node, "tracer_provider");

	if (!atr_reading_find(r, node, "propagator"))
		read_propagator(r, 0, field_of("propagator"));
	if (!atr_reading_find(r, node, "resource"))
		atr_read_resource(r, 0, NULL);
	if (!provider)
		atr_reading_put(r, "OTEL_SDK_DISABLED", ATR_STR("true"));
}

void atr_read_root(struct atr_reading *r, int node)
{
	atr_reading_fields(r, node, root);
	if (!r->is_wrong)
		read_absent(r, node);
}
