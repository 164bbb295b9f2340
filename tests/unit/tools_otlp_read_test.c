/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/otlp_write.h"

#include "export/encode/arena.h"

static char *as_json(const struct atr_trace *trace)
{
	char *text = NULL;

	TOOLS_WRITE(text, CHECK(atr_otlp_write_json(trace, out)));
	return text;
}

/* Reads a copy that ends where its memory ends, so that ASan sees the first byte too far. */
static bool read_exact(bool (*read)(struct atr_trace *, struct atr_str, struct atr_otlp_result *),
		       const char *bytes, size_t len, struct atr_trace *trace)
{
	struct atr_otlp_result result = { 0 };
	char *copy = malloc(len ? len : 1);
	bool good;

	memcpy(copy, bytes, len);
	good = read(trace, (struct atr_str){ copy, len }, &result);
	free(copy);
	atr_arena_empty(); /* cJSON is linked over it here */
	if (!good)
		CHECK(!trace->nr_nodes && !trace->resources && !result.nr_spans &&
		      !result.nr_rejected);
	return good;
}

static size_t read_file(const char *text, struct atr_trace *trace, size_t *bad_line)
{
	struct atr_otlp_result result = { 0 };

	return atr_otlp_read_file(trace, atr_str(text), &result, bad_line);
}

TEST(otlp_protobuf_and_json_of_the_same_spans_read_the_same)
{
	struct atr_str pb = tools_file("services.pb"), json = tools_file("services.jsonl");
	struct atr_trace from_pb = { 0 }, from_json = { 0 };
	struct atr_otlp_result result = { 0 };
	char *a, *b;
	size_t line;

	CHECK(atr_otlp_read_file(&from_pb, pb, &result, &line) == 0);
	CHECK(result.nr_spans == 8 && result.nr_rejected == 0);
	CHECK(atr_otlp_read_file(&from_json, json, &result, &line) == 0);
	CHECK(result.nr_spans == 16);
	a = as_json(&from_pb);
	b = as_json(&from_json);
	CHECK(strcmp(a, b) == 0);
	free(a);
	free(b);
	free((void *)pb.at);
	free((void *)json.at);
	atr_trace_free(&from_pb);
	atr_trace_free(&from_json);
}

TEST(otlp_json_that_was_written_is_what_the_fixture_says)
{
	struct atr_str pb = tools_file("services.pb");
	struct atr_trace trace = { 0 };
	struct atr_otlp_result result = { 0 };
	char *text;

	CHECK(atr_otlp_read_protobuf(&trace, pb, &result));
	text = as_json(&trace);
	/* the rules in which OTLP's JSON differs from protobuf's own */
	CHECK(strstr(text, "\"traceId\":\"4bf92f3577b34da6a3ce929d0e0e4736\""));
	CHECK(strstr(text, "\"startTimeUnixNano\":\"1700000000000000000\""));
	CHECK(strstr(text, "{\"intValue\":\"8080\"}"));
	CHECK(strstr(text, "{\"bytesValue\":\"AP8Q\"}"));
	CHECK(strstr(text, "{\"doubleValue\":2.5}"));
	CHECK(strstr(text, "\"kind\":3"));
	CHECK(strstr(text, "\"flags\":259"));
	CHECK(strstr(text, "\"status\":{\"code\":2,\"message\":\"no answer\"}"));
	CHECK(strstr(text, "\"droppedLinksCount\":3"));
	free(text);
	free((void *)pb.at);
	atr_trace_free(&trace);
}

TEST(otlp_protobuf_cut_anywhere_is_refused_whole_or_ends_between_resources)
{
	struct atr_str pb = tools_file("services.pb");
	unsigned nr_good = 0;

	for (size_t len = 0; len < pb.len; len++) {
		struct atr_trace trace = { 0 };

		nr_good += read_exact(atr_otlp_read_protobuf, pb.at, len, &trace);
		atr_trace_free(&trace);
	}
	/* before each of the five resources, the first included */
	CHECK(nr_good == 5);
	free((void *)pb.at);
}

TEST(otlp_protobuf_with_any_byte_changed_is_read_without_harm)
{
	static const unsigned char changes[] = { 0x01, 0x04, 0x80, 0xff };
	struct atr_str pb = tools_file("services.pb");
	char *bytes = (char *)pb.at;

	for (size_t i = 0; i < pb.len * sizeof(changes); i++) {
		struct atr_trace trace = { 0 };
		unsigned char change = changes[i % sizeof(changes)];

		bytes[i / sizeof(changes)] ^= (char)change;
		read_exact(atr_otlp_read_protobuf, pb.at, pb.len, &trace);
		atr_trace_link(&trace);
		bytes[i / sizeof(changes)] ^= (char)change;
		atr_trace_free(&trace);
	}
	free(bytes);
}

TEST(otlp_json_cut_anywhere_is_refused_and_adds_nothing)
{
	struct atr_str json = tools_file("services.jsonl");
	const char *end = memchr(json.at, '\n', json.len);

	for (size_t len = 0; len < (size_t)(end - json.at); len++) {
		struct atr_trace trace = { 0 };

		CHECK(!read_exact(atr_otlp_read_json, json.at, len, &trace));
		atr_trace_free(&trace);
	}
	free((void *)json.at);
}

TEST(otlp_json_with_any_byte_changed_is_read_without_harm)
{
	struct atr_str json = tools_file("services.jsonl");
	char *bytes = (char *)json.at;

	for (size_t i = 0; i < json.len; i++) {
		struct atr_trace trace = { 0 };
		char was = bytes[i];

		bytes[i] = "\"{[0,\\x"[i % 7];
		read_exact(atr_otlp_read_json, json.at, json.len, &trace);
		bytes[i] = was;
		atr_trace_free(&trace);
	}
	free(bytes);
}

#define SPAN(members) "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[{" members "}]}]}]}"

TEST(otlp_json_of_another_shape_holds_no_spans)
{
	static const char *const shapes[] = {
		"{}",
		"{\"resourceSpans\":5}",
		"{\"resourceSpans\":[5,null,\"x\",[],{}]}",
		"{\"resourceSpans\":[{\"resource\":[],\"scopeSpans\":[{\"spans\":{\"a\":1}}]}]}",
		SPAN("\"traceId\":5,\"spanId\":[]"),
		"{\"resourceMetrics\":[{}]}",
	};

	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct atr_trace trace = { 0 };

		CHECK(read_exact(atr_otlp_read_json, shapes[i], strlen(shapes[i]), &trace));
		CHECK(trace.nr_nodes == 0);
		atr_trace_free(&trace);
	}
}

#define IDS "\"traceId\":\"0123456789ABCDEF0123456789abcdef\",\"spanId\":\"00000000000000aA\""

TEST(otlp_json_ids_of_either_case_and_numbers_as_numbers_are_read)
{
	static const char text[] = SPAN(IDS ",\"startTimeUnixNano\":17,\"endTimeUnixNano\":\"18\","
					    "\"kind\":99,\"unknownMember\":{}");
	struct atr_trace trace = { 0 };

	CHECK(read_exact(atr_otlp_read_json, text, strlen(text), &trace));
	CHECK(trace.nr_nodes == 1);
	CHECK(trace.nodes[0]->span_id[7] == 0xaa && trace.nodes[0]->trace_id[7] == 0xef);
	CHECK(trace.nodes[0]->start_ns == 17 && trace.nodes[0]->end_ns == 18);
	CHECK(trace.nodes[0]->kind == 0);
	atr_trace_free(&trace);
}

TEST(otlp_span_with_invalid_ids_is_left_out_and_counted)
{
	static const char *const bad[] = {
		SPAN("\"traceId\":\"0123456789abcdef0123456789abcdef\""),
		SPAN("\"traceId\":\"00000000000000000000000000000000\",\"spanId\":"
		     "\"00000000000000aa\""),
		SPAN("\"traceId\":\"0123456789abcdef0123456789abcde\",\"spanId\":"
		     "\"00000000000000aa\""),
		SPAN("\"traceId\":\"0123456789abcdef0123456789abcdeg\",\"spanId\":"
		     "\"00000000000000aa\""),
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct atr_otlp_result result = { 0 };
		struct atr_trace trace = { 0 };

		CHECK(atr_otlp_read_json(&trace, atr_str(bad[i]), &result));
		CHECK(trace.nr_nodes == 0 && result.nr_spans == 0 && result.nr_rejected == 1);
		atr_trace_free(&trace);
	}
}

/* A span whose one attribute is an array in an array, `depth` deep: inner parts are written first. */
static size_t nested_protobuf(unsigned depth, char *at, size_t cap)
{
	char *end = at + cap, *from = end;
	size_t tags = 0;

#define WRAP(tag)                                      \
	do {                                           \
		size_t len = (size_t)(end - from);     \
		*--from = (char)(len >> 7);            \
		*--from = (char)(0x80 | (len & 0x7f)); \
		*--from = (char)(tag);                 \
	} while (0)
	for (unsigned i = 0; i < depth; i++) {
		WRAP(0x0a); /* ArrayValue.values */
		WRAP(0x2a); /* AnyValue.array_value */
	}
	WRAP(0x12); /* KeyValue.value */
	WRAP(0x4a); /* Span.attributes */
	WRAP(0x12); /* ScopeSpans.spans */
	WRAP(0x12); /* ResourceSpans.scope_spans */
	WRAP(0x0a); /* resource_spans */
#undef WRAP
	tags = (size_t)(end - from);
	memmove(at, from, tags);
	return tags;
}

TEST(otlp_protobuf_values_nested_beyond_the_limit_are_refused)
{
	char bytes[16000];
	struct atr_trace trace = { 0 };
	size_t len = nested_protobuf(60, bytes, sizeof(bytes));

	CHECK(read_exact(atr_otlp_read_protobuf, bytes, len, &trace));
	atr_trace_free(&trace);
	len = nested_protobuf(2000, bytes, sizeof(bytes));
	CHECK(!read_exact(atr_otlp_read_protobuf, bytes, len, &trace));
	atr_trace_free(&trace);
}

TEST(otlp_json_nested_without_end_is_refused)
{
	enum { DEPTH = 100000 };
	char *text = malloc(DEPTH * 5 + 1);
	struct atr_trace trace = { 0 };

	for (size_t i = 0; i < DEPTH; i++)
		memcpy(text + 5 * i, "{\"a\":", 5);
	CHECK(!read_exact(atr_otlp_read_json, text, DEPTH * 5, &trace));
	atr_trace_free(&trace);
	free(text);
}

TEST(otlp_unknown_protobuf_fields_are_passed_over)
{
	/* field 999 varint, field 500 fixed32, field 1 as varint, then a group's start: malformed */
	static const char known[] = "\xb8\x3e\x05\xa5\x1f\x01\x02\x03\x04\x08\x01";
	static const char group[] = "\x0b";
	struct atr_trace trace = { 0 };

	CHECK(read_exact(atr_otlp_read_protobuf, known, sizeof(known) - 1, &trace));
	CHECK(!read_exact(atr_otlp_read_protobuf, group, sizeof(group) - 1, &trace));
	atr_trace_free(&trace);
}

TEST(otlp_file_keeps_what_is_good_around_a_damaged_line)
{
	struct atr_trace trace = { 0 };
	size_t line = 0;

	CHECK(read_file(SPAN(IDS) "\n\n{\"resourceSpans\":[{\n" SPAN(IDS) "\n{\"cut", &trace,
			&line) == 2);
	CHECK(line == 3);
	CHECK(trace.nr_nodes == 2);
	atr_trace_free(&trace);
}

TEST(otlp_file_with_one_object_over_many_lines_is_read)
{
	struct atr_trace trace = { 0 };
	size_t line = 0;

	CHECK(read_file("\n {\"resourceSpans\":\n[{\"scopeSpans\":[\n{\"spans\":[{" IDS
			"}]}]}\n]\n}\n",
			&trace, &line) == 0);
	CHECK(trace.nr_nodes == 1);
	atr_trace_free(&trace);
}

TEST(otlp_text_that_is_not_utf8_is_written_as_replacement)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 0)->name = ATR_STR("a\xff\0b\xe2\x82\xac");
	text = as_json(&trace);
	CHECK(strstr(text, "\"name\":\"a\xef\xbf\xbd\xef\xbf\xbd"
			   "b\xe2\x82\xac\""));
	free(text);
	atr_trace_free(&trace);
}
