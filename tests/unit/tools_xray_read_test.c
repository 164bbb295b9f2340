/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/tree.h"
#include "tools/xray_daemon.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#define TRACE "\"trace_id\":\"1-5759e988-bd862e3fe1be46a994272793\""
#define ONE "{\"name\":\"one\",\"id\":\"00000000000000a1\"," TRACE ","
#define TIMES "\"start_time\":1478293361.271,\"end_time\":1478293361.449"

static struct atr_xray_result read_as(struct atr_trace *trace, const char *text, bool *good)
{
	struct atr_xray_result result = { 0 };

	*good = atr_xray_read(trace, atr_str(text), ATR_STR("function"), &result);
	return result;
}

/* Of one node, which is there and alone. */
static struct atr_node *read_one(struct atr_trace *trace, const char *text)
{
	bool good;

	*trace = (struct atr_trace){ 0 };
	CHECK(read_as(trace, text, &good).nr_segments == 1 && good);
	CHECK(trace->nr_nodes == 1);
	return trace->nodes[0];
}

static bool has_text(const struct atr_field_list *list, const char *key, const char *value)
{
	return atr_str_equal(atr_fields_text(list, key), atr_str(value));
}

TEST(xray_read_takes_ids_and_times_of_a_segment)
{
	static const uint8_t trace_id[] = { 0x57, 0x59, 0xe9, 0x88, 0xbd, 0x86, 0x2e, 0x3f,
					    0xe1, 0xbe, 0x46, 0xa9, 0x94, 0x27, 0x27, 0x93 };
	struct atr_trace trace;
	struct atr_node *n = read_one(
		&trace, ONE
		"\"parent_id\":\"53995c3f42cd8ad8\",\"service\":{\"version\":\"7\"}," TIMES "}");

	CHECK(memcmp(n->trace_id, trace_id, sizeof(trace_id)) == 0);
	CHECK(n->span_id[7] == 0xa1 && n->parent_id[0] == 0x53 && n->parent_id[7] == 0xd8);
	CHECK(n->kind == 2 && n->status == 0);
	/* to the microsecond, which is what the number's text holds */
	CHECK(n->start_ns / 1000 == 1478293361271000 && n->end_ns / 1000 == 1478293361449000);
	CHECK(atr_str_equal(n->name, ATR_STR("one")));
	CHECK(atr_str_equal(n->resource->service, ATR_STR("one")));
	CHECK(has_text(&n->resource->attributes, "service.version", "7"));
	atr_trace_free(&trace);
}

TEST(xray_read_of_a_subsegment_has_the_service_of_its_sender)
{
	struct atr_trace trace;
	struct atr_node *n = read_one(&trace, ONE "\"type\":\"subsegment\"," TIMES "}");

	CHECK(n->kind == 1);
	CHECK(atr_str_equal(n->resource->service, ATR_STR("function")));
	atr_trace_free(&trace);
	n = read_one(&trace, ONE "\"type\":\"subsegment\",\"namespace\":\"aws\"," TIMES "}");
	CHECK(n->kind == 3);
	atr_trace_free(&trace);
}

TEST(xray_read_puts_nested_subsegments_below)
{
	struct atr_tree_style style = { .attributes = "" };
	struct atr_trace trace = { 0 };
	struct atr_xray_result result;
	char *text = NULL;
	bool good;

	result = read_as(
		&trace,
		ONE TIMES
		",\"subsegments\":["
		"{\"name\":\"two\",\"id\":\"00000000000000a2\",\"namespace\":\"remote\"," TIMES
		",\"subsegments\":[{\"name\":\"three\",\"id\":\"00000000000000a3\"," TIMES "}]},"
		"\"00000000000000a9\",{\"name\":\"bad id\",\"id\":\"x\"," TIMES "}]}",
		&good);
	CHECK(good && result.nr_segments == 3 && result.nr_rejected == 1);
	atr_trace_link(&trace);
	TOOLS_WRITE(text, atr_tree_draw(&trace, &style, out));
	CHECK(strcmp(text, "SERVER one [one] UNSET\n"
			   "  CLIENT two [one] UNSET\n"
			   "    INTERNAL three [one] UNSET\n") == 0);
	free(text);
	atr_trace_free(&trace);
}

TEST(xray_read_names_what_opentelemetry_has_a_name_for)
{
	struct atr_trace trace;
	struct atr_node *n = read_one(
		&trace, ONE TIMES
		",\"http\":{\"request\":{\"method\":\"GET\",\"url\":\"http://a/b\","
		"\"client_ip\":\"1.2.3.4\"},\"response\":{\"status\":404,\"content_length\":7}},"
		"\"aws\":{\"operation\":\"GetItem\",\"retries\":2,\"xray\":{\"sdk\":\"s\"}},"
		"\"sql\":{\"sanitized_query\":\"select ?\",\"url\":\"db\"},"
		"\"annotations\":{\"kind\":\"tea\",\"hot\":true,\"half\":0.5},"
		"\"metadata\":{\"default\":{\"a.b\":[1,\"x\"]},\"mine\":{\"c\":{\"d\":null}}}}");
	int64_t number;

	CHECK(has_text(&n->attributes, "http.request.method", "GET"));
	CHECK(has_text(&n->attributes, "url.full", "http://a/b"));
	CHECK(has_text(&n->attributes, "client.address", "1.2.3.4"));
	CHECK(atr_fields_integer(&n->attributes, "http.response.status_code", &number));
	CHECK(number == 404);
	CHECK(has_text(&n->attributes, "aws.operation", "GetItem"));
	CHECK(atr_fields_integer(&n->attributes, "aws.retries", &number) && number == 2);
	CHECK(!atr_fields_find(&n->attributes, "aws.xray"));
	CHECK(has_text(&n->resource->attributes, "telemetry.sdk.name", "s"));
	CHECK(has_text(&n->attributes, "db.query.text", "select ?"));
	CHECK(has_text(&n->attributes, "sql.url", "db"));
	CHECK(has_text(&n->attributes, "kind", "tea"));
	CHECK(atr_fields_find(&n->attributes, "hot")->truth);
	CHECK(atr_fields_find(&n->attributes, "half")->real == 0.5);
	CHECK(atr_fields_find(&n->attributes, "a.b")->type == ATR_VALUE_ARRAY);
	CHECK(atr_fields_find(&n->attributes, "metadata.mine.c")->type == ATR_VALUE_MAP);
	atr_trace_free(&trace);
}

TEST(xray_read_makes_one_status_of_error_throttle_and_fault)
{
	static const char *const cases[][3] = {
		{ "\"error\":false", NULL, NULL },
		{ "\"error\":true", "error", NULL },
		{ "\"error\":true,\"throttle\":true", "throttle", NULL },
		{ "\"fault\":true", "fault", NULL },
		{ "\"fault\":true,\"cause\":\"53995c3f42cd8ad8\"", "fault", NULL },
		{ "\"fault\":true,\"cause\":{\"exceptions\":[{\"type\":\"E\",\"message\":\"m\","
		  "\"stack\":[{\"path\":\"f.c\",\"line\":3,\"label\":\"g\"}]}]}",
		  "E", "g (f.c:3)\n" },
		{ "\"fault\":true,\"annotations\":{\"error.type\":\"timed_out\"}", "timed_out",
		  NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];
		struct atr_trace trace;
		struct atr_node *n;

		snprintf(text, sizeof(text), ONE TIMES ",%s}", cases[i][0]);
		n = read_one(&trace, text);
		CHECK(n->status == (cases[i][1] ? 2 : 0));
		if (cases[i][1])
			CHECK(has_text(&n->attributes, "error.type", cases[i][1]));
		CHECK(!n->events == !cases[i][2]);
		if (n->events)
			CHECK(has_text(&n->events->attributes, "exception.stacktrace",
				       cases[i][2]));
		atr_trace_free(&trace);
	}
}

TEST(xray_read_replaces_what_was_in_progress_whatever_came_first)
{
	static const char *const begun = ONE "\"in_progress\":true,\"start_time\":1478293361.271}";
	static const char *const ended = ONE TIMES "}";

	for (int order = 0; order < 2; order++) {
		struct atr_trace trace = { 0 };
		bool good;

		read_as(&trace, order ? begun : ended, &good);
		CHECK(good);
		read_as(&trace, order ? ended : begun, &good);
		CHECK(good && trace.nr_nodes == 1);
		CHECK(trace.nodes[0]->end_ns > trace.nodes[0]->start_ns);
		CHECK(!atr_fields_find(&trace.nodes[0]->attributes, "aws.xray.in_progress"));
		atr_trace_free(&trace);
	}
}

TEST(xray_read_leaves_out_what_has_no_valid_ids)
{
	static const char *const texts[] = {
		"{}",
		"{\"name\":\"one\",\"id\":\"00000000000000a1\"," TIMES "}",
		ONE "\"start_time\":\"soon\"}",
		ONE "\"start_time\":1e300}",
		"{\"id\":\"00000000000000a1\"," TRACE "," TIMES "}",
		"{\"name\":\"x\",\"id\":7," TRACE "," TIMES "}",
		"{\"name\":\"x\",\"id\":\"0000000000000000\"," TRACE "," TIMES "}",
		"{\"name\":\"x\",\"id\":\"00000000000000a1\",\"trace_id\":\"2-5759e988-"
		"bd862e3fe1be46a994272793\"," TIMES "}",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct atr_trace trace = { 0 };
		struct atr_xray_result result;
		bool good;

		result = read_as(&trace, texts[i], &good);
		CHECK(good && result.nr_segments == 0 && result.nr_rejected == 1);
		CHECK(trace.nr_nodes == 0);
		atr_trace_free(&trace);
	}
}

/* In memory that ends where the text does, for the sanitizer to see what is read beyond it. */
TEST(xray_read_of_a_document_cut_anywhere_adds_nothing)
{
	static const char text[] =
		ONE TIMES ",\"http\":{\"request\":{\"method\":\"GET\"}},\"subsegments\":[{\"name\":"
			  "\"two\",\"id\":\"00000000000000a2\"," TIMES "}],\"fault\":true}";

	for (size_t len = 0; len < sizeof(text) - 1; len++) {
		struct atr_xray_result result = { 0 };
		struct atr_trace trace = { 0 };
		char *cut = malloc(len + !len);

		memcpy(cut, text, len);
		CHECK(!atr_xray_read(&trace, (struct atr_str){ cut, len }, ATR_STR("f"), &result));
		CHECK(trace.nr_nodes == 0);
		free(cut);
		atr_trace_free(&trace);
	}
}

static void send_to(const struct atr_xray_daemon *daemon, const char *text)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons(atr_xray_daemon_port(daemon)),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	CHECK(sendto(fd, text, strlen(text), 0, (struct sockaddr *)&to, sizeof(to)) ==
	      (ssize_t)strlen(text));
	close(fd);
}

#define HEADER "{\"format\":\"json\",\"version\":1}\n"

TEST(xray_daemon_takes_what_has_its_header_and_nothing_else)
{
	static const struct {
		const char *text;
		bool is_malformed;
	} cases[] = {
		{ HEADER ONE TIMES "}", false },
		{ "{ \"version\": 1, \"format\": \"json\" }\n" ONE TIMES "}", false },
		{ HEADER "T1S", true }, /* no base64 is no more than a document of three letters */
		{ HEADER "T1S!", true },
		{ HEADER "T1U????", false },
		{ HEADER "T1S/w==", true },
		{ HEADER, true },
		{ ONE TIMES "}", true },
		{ "{\"format\":\"json\",\"version\":2}\n" ONE TIMES "}", true },
		{ "{\"format\":7,\"version\":1}\n" ONE TIMES "}", true },
		{ "", true },
	};
	struct atr_trace trace = { 0 };
	struct atr_xray_daemon *d = atr_xray_daemon_open(&trace, ATR_STR("function"));
	const struct atr_xray_daemon_result *result = atr_xray_daemon_result(d);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t nr_malformed = result->nr_malformed;

		send_to(d, cases[i].text);
		CHECK(atr_xray_daemon_serve(d) == 1);
		CHECK(result->nr_malformed - nr_malformed == cases[i].is_malformed);
	}
	CHECK(result->documents.nr_segments == 2 && result->nr_unsampled == 1);
	atr_xray_daemon_close(d);
	atr_trace_free(&trace);
}
