/* SPDX-License-Identifier: Apache-2.0 */
#include "export/config/reading.h"

#include "export/list.h"

#define TRACES "OTEL_EXPORTER_OTLP_TRACES_"
#define HEADERS_MAX 16384

/* The name of a member of a list of headers. */
static struct atr_str name_of(struct atr_str member)
{
	const char *equals = memchr(member.at, '=', member.len);

	return atr_str_trim(
		(struct atr_str){ member.at, equals ? (size_t)(equals - member.at) : member.len });
}

static bool is_in(struct atr_str list, struct atr_str name)
{
	struct atr_str member;

	while (atr_list_next(&list, &member))
		if (atr_str_equal_nocase(name_of(member), name))
			return true;
	return false;
}

static void print_member(struct atr_print *list, struct atr_str member)
{
	if (list->len)
		atr_print(list, ATR_STR(","));
	atr_print(list, member);
}

/* An entry of `headers`: name and value. */
static void print_header(struct atr_reading *r, int node, struct atr_print *list)
{
	int name = atr_reading_find(r, node, "name"), value = atr_reading_find(r, node, "value");
	struct atr_str text;

	if (!name || atr_reading_is_null(r, name) || !value) {
		atr_reading_fail(r, "a name or a value is missing");
		return;
	}
	text = atr_reading_text(r, value);
	if (!text.at)
		return;
	print_member(list, atr_reading_text(r, name));
	atr_print(list, ATR_STR("="));
	atr_reading_print_encoded(list, text);
}

static void read_headers(struct atr_reading *r, int exporter)
{
	int own = atr_reading_find(r, exporter, "headers");
	int more = atr_reading_find(r, exporter, "headers_list");
	struct atr_print list = atr_reading_room(r, HEADERS_MAX);
	struct atr_str others = more ? atr_reading_text(r, more) : (struct atr_str){ 0 }, member;
	size_t nr = own && !atr_reading_is_null(r, own) ? atr_reading_items(r, own) : 0, len;

	for (size_t i = 0; i < nr && !r->is_wrong; i++)
		print_header(r, atr_reading_item(r, own, i), &list);
	len = list.len;
	while (atr_list_next(&others, &member))
		if (!is_in((struct atr_str){ list.at, len }, name_of(member)))
			print_member(&list, member);
	if (list.is_cut)
		atr_reading_fail(r, "its headers are longer than 16384 bytes");
	else if (list.len && !r->is_wrong)
		atr_reading_put(r, TRACES "HEADERS", (struct atr_str){ list.at, list.len });
}

static void read_encoding(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str text = atr_reading_text(r, node);

	(void)field;
	if (atr_str_equal(text, ATR_STR("json")))
		atr_reading_put(r, TRACES "PROTOCOL", ATR_STR("http/json"));
	else if (text.at && !atr_str_equal(text, ATR_STR("protobuf")))
		atr_reading_fail(r, "neither protobuf nor json");
}

#define TLS_FIELDS                                                                          \
	{ .key = "ca_file", .read = atr_read_file_name, .variable = TRACES "CERTIFICATE" }, \
		{ .key = "key_file",                                                        \
		  .read = atr_read_file_name,                                               \
		  .variable = TRACES "CLIENT_KEY" },                                        \
	{                                                                                   \
		.key = "cert_file", .read = atr_read_file_name,                             \
		.variable = TRACES "CLIENT_CERTIFICATE"                                     \
	}
static const struct atr_field http_tls[] = { TLS_FIELDS, { 0 } };
static const struct atr_field grpc_tls[] = {
	TLS_FIELDS,
	{ .key = "insecure", .read = atr_read_switch, .variable = TRACES "INSECURE" },
	{ 0 },
};

/* The sizes are those of the protocol's text, and none of ours to set. */
#define OTLP_FIELDS                                                                                \
	{ .key = "endpoint", .read = atr_read_text, .variable = TRACES "ENDPOINT" },               \
		{ .key = "headers", .read = atr_read_nothing },                                    \
		{ .key = "headers_list", .read = atr_read_nothing },                               \
		{ .key = "compression", .read = atr_read_text, .variable = TRACES "COMPRESSION" }, \
		{ .key = "timeout", .read = atr_read_count, .variable = TRACES "TIMEOUT" },        \
		{ .key = "max_request_size", .read = atr_read_count },                             \
	{                                                                                          \
		.key = "max_response_size", .read = atr_read_count, .least = 1                     \
	}
static const struct atr_field otlp_http[] = {
	OTLP_FIELDS,
	{ .key = "encoding", .read = read_encoding },
	{ .key = "tls", .read = atr_read_map, .fields = http_tls },
	{ 0 },
};
static const struct atr_field otlp_grpc[] = {
	OTLP_FIELDS,
	{ .key = "tls", .read = atr_read_map, .fields = grpc_tls },
	{ 0 },
};
static const struct atr_field zipkin[] = {
	{ .key = "endpoint", .read = atr_read_text, .variable = "OTEL_EXPORTER_ZIPKIN_ENDPOINT" },
	{ .key = "timeout", .read = atr_read_count, .variable = "OTEL_EXPORTER_ZIPKIN_TIMEOUT" },
	{ 0 },
};
static const struct atr_field nothing[] = { { 0 } };

static const char *otlp(struct atr_reading *r, int node, bool is_grpc)
{
	if (r->has_otlp) {
		atr_reading_fault(r, "there is one OTLP exporter in this version",
				  "the first is used");
		return NULL;
	}
	r->has_otlp = true;
	atr_reading_fields(r, node, is_grpc ? otlp_grpc : otlp_http);
	if (!r->is_wrong && is_grpc)
		atr_reading_put(r, TRACES "PROTOCOL", ATR_STR("grpc"));
	if (!r->is_wrong)
		read_headers(r, node);
	return "otlp";
}

/* stdout, or file:///path. */
static const char *otlp_file(struct atr_reading *r, int node)
{
	static const char scheme[] = "file://";
	int stream = atr_reading_find(r, node, "output_stream");
	struct atr_str to = stream ? atr_reading_text(r, stream) : (struct atr_str){ 0 };
	size_t len = sizeof(scheme) - 1;

	if (!to.at || atr_str_equal(to, ATR_STR("stdout")))
		return "otlp/stdout";
	if (to.len <= len || memcmp(to.at, scheme, len) != 0 || to.at[len] != '/') {
		atr_reading_fail(r, "its output_stream is neither stdout nor file:///path");
		return NULL;
	}
	atr_reading_put(r, "AUTOTRACE_FILE", (struct atr_str){ to.at + len, to.len - len });
	return "otlp/file";
}

/* What the variable calls it; NULL: it is left out, or a fault. */
static const char *exporter(struct atr_reading *r, int node, struct atr_str name)
{
	if (atr_str_equal(name, ATR_STR("otlp_http")))
		return otlp(r, node, false);
	if (atr_str_equal(name, ATR_STR("otlp_grpc")))
		return otlp(r, node, true);
	if (atr_str_equal(name, ATR_STR("otlp_file/development")))
		return otlp_file(r, node);
	if (atr_str_equal(name, ATR_STR("zipkin"))) {
		atr_reading_fields(r, node, zipkin);
		return "zipkin";
	}
	if (atr_str_equal(name, ATR_STR("console")) || atr_str_equal(name, ATR_STR("xray"))) {
		atr_reading_fields(r, node, nothing);
		return name.at[0] == 'c' ? "console" : "xray";
	}
	atr_reading_fail(r, "there is no such exporter");
	return NULL;
}

static void add_exporter(struct atr_reading *r, const char *name)
{
	struct atr_print names = atr_reading_room(r, r->exporters.len + strlen(name) + 1);

	atr_print(&names, r->exporters);
	print_member(&names, atr_str(name));
	r->exporters = (struct atr_str){ names.at, names.len };
}

static void read_exporter(struct atr_reading *r, int node, const struct atr_field *field)
{
	struct atr_str name;
	int own = atr_reading_named(r, node, &name);
	size_t before = atr_reading_down(r, name);
	const char *variable = own ? exporter(r, own, name) : NULL;

	(void)field;
	atr_reading_up(r, before);
	if (variable && !r->is_wrong)
		add_exporter(r, variable);
}

static const struct atr_field batch[] = {
	{ .key = "exporter", .read = read_exporter, .is_required = true },
	{ .key = "schedule_delay", .read = atr_read_count, .variable = "OTEL_BSP_SCHEDULE_DELAY" },
	{ .key = "export_timeout", .read = atr_read_count, .variable = "OTEL_BSP_EXPORT_TIMEOUT" },
	{ .key = "max_queue_size",
	  .read = atr_read_count,
	  .variable = "OTEL_BSP_MAX_QUEUE_SIZE",
	  .least = 1 },
	{ .key = "max_export_batch_size",
	  .read = atr_read_count,
	  .variable = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
	  .least = 1 },
	{ 0 },
};
static const struct atr_field simple[] = {
	{ .key = "exporter", .read = read_exporter, .is_required = true },
	{ 0 },
};

static void read_processor(struct atr_reading *r, int node)
{
	struct atr_str name;
	int own = atr_reading_named(r, node, &name);
	size_t before = atr_reading_down(r, name);

	if (own && atr_str_equal(name, ATR_STR("batch"))) {
		atr_reading_fields(r, own, batch);
	} else if (own && atr_str_equal(name, ATR_STR("simple"))) {
		/* a span does not wait for others */
		atr_reading_put(r, "OTEL_BSP_SCHEDULE_DELAY", ATR_STR("0"));
		atr_reading_fields(r, own, simple);
	} else if (own) {
		atr_reading_fail(r, "there is no such processor");
	}
	atr_reading_up(r, before);
}

void atr_read_processors(struct atr_reading *r, int node, const struct atr_field *field)
{
	size_t nr = atr_reading_items(r, node);

	(void)field;
	if (!nr)
		atr_reading_fail(r, "there is none");
	for (size_t i = 0; i < nr && !r->is_wrong; i++) {
		size_t before = atr_reading_down_item(r, i);

		read_processor(r, atr_reading_item(r, node, i));
		atr_reading_up(r, before);
	}
	if (!r->is_wrong)
		atr_reading_put(r, "OTEL_TRACES_EXPORTER",
				r->exporters.len ? r->exporters : ATR_STR("none"));
}
