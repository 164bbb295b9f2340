/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

/* The last bytes of the span ids in the order of the walk, each after as many dots as it is deep. */
static const char *walk(const struct atr_trace *trace)
{
	static char text[512];
	size_t len = 0;

	for (size_t i = 0; i < trace->nr_groups; i++) {
		for (const struct atr_node *n = trace->groups[i].first_root; n;
		     n = atr_node_next(n))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "%.*s%u%s ",
						(int)n->depth, "........", n->span_id[7],
						n->is_orphan ? "?" : "");
	}
	text[len ? len - 1 : 0] = '\0';
	return text;
}

TEST(trace_spans_hang_below_their_parents_by_start)
{
	struct atr_trace trace = { 0 };

	tools_add(&trace, 4, 2, 40);
	tools_add(&trace, 3, 1, 30);
	tools_add(&trace, 2, 1, 20);
	tools_add(&trace, 5, 1, 10);
	tools_add(&trace, 1, 0, 5);
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "1 .5 .2 ..4 .3") == 0);
	atr_trace_free(&trace);
}

TEST(trace_span_without_its_parent_is_marked_and_kept)
{
	struct atr_trace trace = { 0 };

	tools_add(&trace, 1, 0, 0);
	tools_add(&trace, 2, 9, 1);
	tools_add(&trace, 3, 2, 2);
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "1 2? .3") == 0);
	atr_trace_free(&trace);
}

TEST(trace_circles_of_parents_are_cut_and_nothing_is_lost)
{
	struct atr_trace trace = { 0 };

	tools_add(&trace, 1, 1, 0);  /* its own parent */
	tools_add(&trace, 2, 4, 10); /* 2 -> 4 -> 3 -> 2 */
	tools_add(&trace, 3, 2, 11);
	tools_add(&trace, 4, 3, 12);
	tools_add(&trace, 5, 4, 13); /* hangs on the circle */
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "1? 2? .3 ..4 ...5") == 0);
	atr_trace_free(&trace);
}

TEST(trace_two_spans_with_one_id_are_both_kept)
{
	struct atr_trace trace = { 0 };

	tools_add(&trace, 1, 0, 0);
	tools_add(&trace, 2, 1, 1);
	tools_add(&trace, 2, 1, 2);
	tools_add(&trace, 3, 2, 3);
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "1 .2 ..3 .2") == 0);
	atr_trace_free(&trace);
}

TEST(trace_links_again_when_spans_were_added)
{
	struct atr_trace trace = { 0 };

	tools_add(&trace, 2, 1, 1);
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "2?") == 0);
	tools_add(&trace, 1, 0, 0);
	atr_trace_link(&trace);
	CHECK(strcmp(walk(&trace), "1 .2") == 0);
	atr_trace_free(&trace);
}

TEST(trace_chain_of_many_spans_is_walked_without_recursion)
{
	enum { LENGTH = 200000 };
	struct atr_trace trace = { 0 };
	size_t nr = 0;

	for (uint32_t i = 0; i < LENGTH; i++) {
		uint32_t id = i + 1;
		struct atr_node *node = tools_add(&trace, 0, 0, i);

		memcpy(node->span_id, &id, sizeof(id));
		memcpy(node->parent_id, &i, sizeof(i));
	}
	atr_trace_link(&trace);
	for (const struct atr_node *n = trace.groups[0].first_root; n; n = atr_node_next(n))
		nr++;
	CHECK(nr == LENGTH);
	atr_trace_free(&trace);
}

TEST(trace_processes_of_one_name_are_told_apart)
{
	struct atr_trace trace = tools_services();
	unsigned nr_shared = 0;

	for (const struct atr_resource *r = trace.resources; r; r = r->next) {
		CHECK(r->shares_name == atr_str_equal(r->service, ATR_STR("nginx")));
		nr_shared += r->shares_name;
	}
	CHECK(nr_shared == 2);
	atr_trace_free(&trace);
}
