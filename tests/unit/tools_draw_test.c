/* SPDX-License-Identifier: Apache-2.0 */
/* The drawings: waterfall, tree, page, and the text they are made of. */
#include "tests/unit/tools.h"

#include "tools/breakdown.h"
#include "tools/html.h"
#include "tools/text.h"
#include "tools/tree.h"
#include "tools/waterfall.h"

static const char hostile[] = "<script>alert(\"1\")</script>\033[2J\n&'\xe2\x80\xae";

static char *waterfall(const struct atr_trace *trace, unsigned width, bool utf8, bool colour)
{
	struct atr_waterfall_style style = { width, utf8, colour };
	char *text = NULL;

	TOOLS_WRITE(text, atr_waterfall_draw(trace, &style, out));
	return text;
}

static char *tree(struct atr_trace *trace, const char *attributes, bool mask_ports)
{
	struct atr_tree_style style = { attributes, mask_ports };
	char *text = NULL;

	TOOLS_WRITE(text, atr_tree_draw(trace, &style, out));
	return text;
}

static void check_golden(char *text, const char *name)
{
	CHECK(tools_is_golden(text, name));
	free(text);
}

TEST(waterfall_in_utf8_is_as_stored)
{
	struct atr_trace trace = tools_services();

	check_golden(waterfall(&trace, 120, true, false), "services.120.txt");
	atr_trace_free(&trace);
}

TEST(waterfall_in_ascii_and_narrow_is_as_stored)
{
	struct atr_trace trace = tools_services();

	check_golden(waterfall(&trace, 70, false, false), "services.70.txt");
	atr_trace_free(&trace);
}

TEST(waterfall_colours_lines_with_errors_only)
{
	struct atr_trace trace = tools_services();
	char *text = waterfall(&trace, 100, true, true), *line, *rest = text;

	while ((line = strsep(&rest, "\n"))) {
		bool is_error = strstr(line, " 502") || strstr(line, "refused");

		CHECK((strncmp(line, "\033[31m", 5) == 0) == is_error);
	}
	free(text);
	atr_trace_free(&trace);
}

/* Of one line, in columns; all is of width 1 here. */
static unsigned columns_of(const char *line)
{
	return atr_text_columns((struct atr_str){ line, strcspn(line, "\n") }, true);
}

TEST(waterfall_keeps_to_its_width)
{
	for (unsigned width = 60; width <= 200; width += 7) {
		struct atr_trace trace = tools_services();
		char *text = waterfall(&trace, width, true, false);
		const char *line = strchr(text, '\n') + 1; /* the heading is as long as it is */

		for (; strncmp(line, "\n", 1) != 0; line = strchr(line, '\n') + 1)
			CHECK(columns_of(line) <= width);
		free(text);
		atr_trace_free(&trace);
	}
}

TEST(waterfall_makes_foreign_text_harmless)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 0)->name = atr_str(hostile);
	atr_trace_link(&trace);
	text = waterfall(&trace, 120, true, false);
	CHECK(strstr(text, "</script>?[2J?&'?"));
	CHECK(!strchr(text, '\033'));
	free(text);
	text = waterfall(&trace, 120, false, false);
	for (const char *c = text; *c; c++)
		CHECK((*c >= ' ' && *c <= '~') || *c == '\n');
	free(text);
	atr_trace_free(&trace);
}

TEST(waterfall_of_times_that_make_no_sense_stays_in_its_columns)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 0)->end_ns = UINT64_MAX;
	tools_add(&trace, 2, 1, UINT64_MAX)->end_ns =
		5; /* ends before it starts, at the end of time */
	tools_add(&trace, 3, 1, 7)->end_ns = 0;
	atr_trace_link(&trace);
	text = waterfall(&trace, 100, true, false);
	CHECK(strstr(text, "3 spans"));
	free(text);
	atr_trace_free(&trace);
}

static void add_seconds(struct atr_trace *trace, struct atr_node *node, const char *key,
			double value)
{
	struct atr_field *field = atr_trace_add_field(trace, &node->attributes);

	field->key = atr_str(key);
	field->value.type = ATR_VALUE_DOUBLE;
	field->value.real = value;
}

static void add_count(struct atr_trace *trace, struct atr_node *node, const char *key,
		      int64_t value)
{
	struct atr_field *field = atr_trace_add_field(trace, &node->attributes);

	field->key = atr_str(key);
	field->value.type = ATR_VALUE_INT;
	field->value.integer = value;
}

static void add_text(struct atr_trace *trace, struct atr_node *node, const char *key,
		     const char *value)
{
	struct atr_field *field = atr_trace_add_field(trace, &node->attributes);

	field->key = atr_str(key);
	field->value.type = ATR_VALUE_STR;
	field->value.str = atr_str(value);
}

static void check_breakdown(const struct atr_node *node, const char *expected)
{
	char *text = NULL;

	TOOLS_WRITE(text, CHECK(atr_breakdown_put(out, node) == (*expected != 0)));
	CHECK(strcmp(text, expected) == 0);
	free(text);
}

TEST(breakdown_of_an_exchange_is_its_opening_and_what_is_left)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);

	node->end_ns = 100000000;
	check_breakdown(node, "");
	node->kind = 3;
	check_breakdown(node, "");
	add_seconds(&trace, node, "autotrace.dns.lookup.duration", 0.002);
	add_seconds(&trace, node, "autotrace.connect.duration", 0.005);
	add_seconds(&trace, node, "autotrace.tls.handshake.duration", 0.012);
	check_breakdown(node, "lookup 2.00ms, connect 5.00ms, TLS 12.0ms, waiting 81.0ms");
	add_seconds(&trace, node, "autotrace.http.response.first_byte", 0.06);
	check_breakdown(
		node, "lookup 2.00ms, connect 5.00ms, TLS 12.0ms, waiting 41.0ms, reading 40.0ms");
	node->kind = 2;
	check_breakdown(node, "");
	atr_trace_free(&trace);
}

TEST(breakdown_has_the_longest_system_calls_first)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);

	add_seconds(&trace, node, "autotrace.syscall.read.duration", 0.001);
	add_seconds(&trace, node, "autotrace.syscall.recvfrom.duration", 0.058);
	add_count(&trace, node, "autotrace.syscall.recvfrom.count", 3);
	check_breakdown(node, "system calls: recvfrom 58.0ms (3), read 1.00ms");
	add_seconds(&trace, node, "autotrace.blocked.duration", 0.06);
	add_seconds(&trace, node, "autotrace.cpu.duration", 0.004);
	add_seconds(&trace, node, "autotrace.runqueue.duration", 0.0002);
	for (int i = 0; i < 9; i++)
		add_seconds(&trace, node, "autotrace.syscall.poll.duration", 0.002 + i * 0.001);
	check_breakdown(node, "on CPU 4.00ms, runnable 200us, blocked 60.0ms: recvfrom 58.0ms (3), "
			      "poll 10.0ms, poll 9.00ms, poll 8.00ms, poll 7.00ms");
	atr_trace_free(&trace);
}

TEST(breakdown_has_what_the_kernel_counted)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);

	add_seconds(&trace, node, "autotrace.tcp.rtt", 0.00025);
	check_breakdown(node, "round trip 250us");
	add_count(&trace, node, "autotrace.page_faults.minor", 12);
	add_count(&trace, node, "autotrace.page_faults.major", 2);
	add_count(&trace, node, "autotrace.tcp.retransmits", 1);
	add_seconds(&trace, node, "autotrace.blocked.io.duration", 0.002);
	check_breakdown(node, "round trip 250us, sent again 1, page faults 12, from disk 2");
	add_seconds(&trace, node, "autotrace.blocked.duration", 0.06);
	add_seconds(&trace, node, "autotrace.syscall.read.duration", 0.05);
	check_breakdown(node, "blocked 60.0ms (disk 2.00ms): read 50.0ms | round trip 250us, "
			      "sent again 1, page faults 12, from disk 2");
	atr_trace_free(&trace);
}

TEST(waterfall_has_the_line_of_code_under_its_span)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);
	char *text;

	add_text(&trace, node, "code.function.name", "submit_order");
	add_text(&trace, node, "code.file.path", "/shop/orders.c");
	add_count(&trace, node, "code.line.number", 42);
	atr_trace_link(&trace);
	text = waterfall(&trace, 80, false, false);
	CHECK(strstr(text, "at submit_order (/shop/orders.c:42)\n"));
	free(text);
	node->name = atr_str("submit_order");
	text = waterfall(&trace, 80, false, false);
	CHECK(strstr(text, "at /shop/orders.c:42\n"));
	free(text);
	atr_trace_free(&trace);
}

TEST(breakdown_of_what_makes_no_sense_is_none)
{
	static const double odd[] = { -1, 1e300, -1e300, 0.0 / 0.0, 1.0 / 0.0 };

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		struct atr_trace trace = { 0 };
		struct atr_node *node = tools_add(&trace, 1, 0, 0);

		node->kind = 3;
		add_seconds(&trace, node, "autotrace.connect.duration", odd[i]);
		add_seconds(&trace, node, "autotrace.syscall.read.duration", odd[i]);
		add_seconds(&trace, node, "autotrace.syscall.duration", 1);
		add_text(&trace, node, "autotrace.cpu.duration", "long");
		check_breakdown(node, "");
		atr_trace_free(&trace);
	}
}

TEST(waterfall_has_the_breakdown_under_its_span)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);
	char *text, *line;

	add_text(&trace, node, "code.function.name", hostile);
	add_seconds(&trace, node, "autotrace.cpu.duration", 0.004);
	atr_trace_link(&trace);
	text = waterfall(&trace, 60, true, false);
	line = strstr(text, "\n    on CPU 4.00ms\n");
	CHECK(line && strstr(line, "<script>alert(") && !strchr(text, '\033'));
	free(text);
	TOOLS_WRITE(text, CHECK(atr_html_draw(&trace, "t", out)));
	CHECK(strstr(text, "<p>on CPU 4.00ms</p>"));
	CHECK(!strstr(text, "<script"));
	free(text);
	atr_trace_free(&trace);
}

TEST(tree_is_as_stored)
{
	struct atr_trace trace = tools_services();

	check_golden(tree(&trace, ATR_TREE_ATTRIBUTES, true), "services.tree.txt");
	atr_trace_free(&trace);
}

TEST(tree_does_not_depend_on_the_order_of_arrival_nor_on_times)
{
	struct atr_trace forth = tools_services(), back = tools_services();
	char *a, *b;

	for (size_t i = 0; i < back.nr_nodes; i++)
		back.nodes[i]->start_ns = 1000 - back.nodes[i]->start_ns % 1000 - i;
	atr_trace_link(&back);
	a = tree(&forth, ATR_TREE_ATTRIBUTES, false);
	b = tree(&back, ATR_TREE_ATTRIBUTES, false);
	CHECK(strcmp(a, b) == 0);
	free(a);
	free(b);
	atr_trace_free(&forth);
	atr_trace_free(&back);
}

/* Two like siblings, one of which has a child: `first` says which of them starts earlier. */
static char *tree_of_twins(bool first)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 0)->name = ATR_STR("root");
	tools_add(&trace, 2, 1, first ? 1 : 2)->name = ATR_STR("twin");
	tools_add(&trace, 3, 1, first ? 2 : 1)->name = ATR_STR("twin");
	tools_add(&trace, 4, 2, 3)->name = ATR_STR("child");
	atr_trace_link(&trace);
	text = tree(&trace, "", false);
	atr_trace_free(&trace);
	return text;
}

TEST(tree_tells_like_siblings_apart_by_what_is_below_them)
{
	char *a = tree_of_twins(true), *b = tree_of_twins(false);

	CHECK(strcmp(a, b) == 0);
	CHECK(strcmp(a, "UNSPECIFIED root [unknown_service] UNSET\n"
			"  UNSPECIFIED twin [unknown_service] UNSET\n"
			"  UNSPECIFIED twin [unknown_service] UNSET\n"
			"    UNSPECIFIED child [unknown_service] UNSET\n") == 0);
	free(a);
	free(b);
}

TEST(tree_sorts_siblings_by_name_then_by_the_rest_of_the_line)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 1)->name = ATR_STR("b");
	tools_add(&trace, 2, 0, 2)->name = ATR_STR("a");
	tools_add(&trace, 3, 0, 3)->name = ATR_STR("a");
	trace.nodes[1]->kind = 3;
	trace.nodes[2]->kind = 2;
	tools_add(&trace, 4, 3, 4)->name = ATR_STR("z");
	atr_trace_link(&trace);
	text = tree(&trace, "", false);
	CHECK(strcmp(text, "CLIENT a [unknown_service] UNSET\n"
			   "SERVER a [unknown_service] UNSET\n"
			   "  UNSPECIFIED z [unknown_service] UNSET\n"
			   "UNSPECIFIED b [unknown_service] UNSET\n") == 0);
	free(text);
	atr_trace_free(&trace);
}

TEST(tree_prints_the_attributes_asked_for_in_that_order)
{
	struct atr_trace trace = tools_services();
	char *text = tree(&trace, "t.quote,t.map,t.bytes,t.array,t.double,none", false);

	CHECK(strstr(text, "[orders] ERROR t.quote=\"say \\\"hi\\\" <b>\" t.map={\"k\":-5} "
			   "t.bytes=00ff10 t.array=[\"a\",1] t.double=2.5\n"));
	CHECK(strstr(text, "[stock] UNSET\n"));
	free(text);
	atr_trace_free(&trace);
}

static char *masked(const char *name)
{
	struct atr_trace trace = { 0 };
	char *text;

	tools_add(&trace, 1, 0, 0)->name = atr_str(name);
	atr_trace_link(&trace);
	text = tree(&trace, "", true);
	atr_trace_free(&trace);
	return text;
}

TEST(tree_masks_ports_and_no_other_numbers)
{
	static const char *const cases[][2] = {
		{ "connect 127.0.0.1:4567", "connect 127.0.0.1:PORT" },
		{ "http://[::1]:80/x", "http://[::1]:PORT/x" },
		{ "http://h:8080/a:1b", "http://h:PORT/a:1b" },
		{ "host:123456", "host:123456" },
		{ ":80", ":80" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *text = masked(cases[i][0]);
		size_t len = strlen(cases[i][1]);

		CHECK(strncmp(text + strlen("UNSPECIFIED "), cases[i][1], len) == 0);
		CHECK(text[strlen("UNSPECIFIED ") + len] == ' ');
		free(text);
	}
}

TEST(html_of_a_hostile_name_runs_nothing)
{
	struct atr_trace trace = { 0 };
	struct atr_node *node = tools_add(&trace, 1, 0, 0);
	struct atr_field *field = atr_trace_add_field(&trace, &node->attributes);
	struct atr_event *event = atr_trace_add_event(&trace, node);
	char *text = NULL;

	node->name = node->status_message = node->tracestate = event->name = atr_str(hostile);
	node->status = 2;
	trace.resources->service = atr_str(hostile);
	field->key = atr_str(hostile);
	field->value.type = ATR_VALUE_STR;
	field->value.str = atr_str(hostile);
	*atr_trace_add_field(&trace, &event->attributes) = *field;
	atr_trace_link(&trace);
	TOOLS_WRITE(text, CHECK(atr_html_draw(&trace, hostile, out)));
	CHECK(!strstr(text, "<script"));
	CHECK(!strchr(text, '\033'));
	CHECK(strstr(text, "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"));
	CHECK(strstr(text, "default-src 'none'"));
	free(text);
	atr_trace_free(&trace);
}

TEST(html_asks_nobody_for_anything)
{
	static const char *const reaching[] = { "<link", "<img",    "src=",
						"url(",	 "@import", "<script" };
	struct atr_trace trace = tools_services();
	char *text = NULL;

	TOOLS_WRITE(text, CHECK(atr_html_draw(&trace, "t", out)));
	for (size_t i = 0; i < sizeof(reaching) / sizeof(reaching[0]); i++)
		CHECK(!strstr(text, reaching[i]));
	/* attributes, events, links and the resource are there to be opened */
	CHECK(strstr(text, "<dt>t.bytes</dt><dd>00ff10</dd>"));
	CHECK(strstr(text, "<h3>event connect"));
	CHECK(strstr(text, "0102030405060708"));
	CHECK(strstr(text, "<dt>host.name</dt><dd>box</dd>"));
	free(text);
	atr_trace_free(&trace);
}

TEST(text_durations_have_three_digits_and_the_unit_that_fits)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0" },
		{ 950, "950ns" },
		{ 1000, "1.00us" },
		{ 12345, "12.3us" },
		{ 999999, "1.00ms" },
		{ 1236000, "1.24ms" },
		{ 152400000, "152ms" },
		{ 3200000000, "3.20s" },
		{ 59940000000, "59.9s" },
		{ 59999000000, "1m00s" },
		{ 123000000000, "2m03s" },
		{ 3720000000000, "1h02m" },
	};
	char out[ATR_TEXT_DURATION_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		atr_text_duration(cases[i].ns, out);
		CHECK(strcmp(out, cases[i].text) == 0);
	}
}

TEST(text_is_cut_to_its_columns_and_marked)
{
	char *text = NULL;

	TOOLS_WRITE(text, CHECK(atr_text_fit(out, ATR_STR("abcdef"), 4, false) == 4));
	CHECK(strcmp(text, "abc~") == 0);
	free(text);
	/* a wide character that does not fit any more leaves a column free */
	text = NULL;
	TOOLS_WRITE(text,
		    CHECK(atr_text_fit(out, ATR_STR("a\xe4\xb8\xad\xe4\xb8\xad"), 3, true) == 2));
	CHECK(strcmp(text, "a\xe2\x80\xa6") == 0);
	free(text);
}

TEST(text_takes_malformed_utf8_byte_by_byte)
{
	/* a lone continuation, an overlong slash, a surrogate, a sequence that is cut off */
	struct atr_str rest = ATR_STR("\x80\xc0\xaf\xed\xa0\x80x\xe2\x82");
	unsigned nr = 0, nr_good = 0;

	while (rest.len) {
		nr_good += atr_text_next(&rest) != ATR_TEXT_REPLACEMENT;
		nr++;
	}
	CHECK(nr == 9 && nr_good == 1);
}
