/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_UNIT_TOOLS_H
#define ATR_TESTS_UNIT_TOOLS_H

/* What the tests of the command share: fixtures in, text out. */
#include "tests/test.h"

#include "tools/otlp_read.h"

#include <stdio.h>
#include <stdlib.h>

#define TOOLS_DATA "tests/data/tools/"

/* A file of tests/data/tools, in memory of malloc that is exactly as long. */
static inline struct atr_str tools_file(const char *name)
{
	char path[256], buffer[65536];
	FILE *in;
	size_t len;
	char *bytes;

	snprintf(path, sizeof(path), TOOLS_DATA "%s", name);
	in = fopen(path, "rb");
	CHECK(in);
	len = fread(buffer, 1, sizeof(buffer), in);
	CHECK(len < sizeof(buffer));
	fclose(in);
	bytes = malloc(len + !len);
	memcpy(bytes, buffer, len);
	return (struct atr_str){ bytes, len };
}

/* The fixture, read and linked. */
static inline struct atr_trace tools_services(void)
{
	struct atr_str bytes = tools_file("services.pb");
	struct atr_otlp_result result = { 0 };
	struct atr_trace trace = { 0 };

	CHECK(atr_otlp_read_protobuf(&trace, bytes, &result));
	free((void *)bytes.at);
	atr_trace_link(&trace);
	return trace;
}

/*
 * Whether the text is what the file holds. With UPDATE_GOLDEN in the environment
 * the file is written instead: then read what changed before it is kept.
 */
static inline bool tools_is_golden(const char *text, const char *name)
{
	struct atr_str golden;
	bool same;

	if (getenv("UPDATE_GOLDEN")) {
		char path[256];
		FILE *out;

		snprintf(path, sizeof(path), TOOLS_DATA "%s", name);
		out = fopen(path, "wb");
		fputs(text, out);
		fclose(out);
	}
	golden = tools_file(name);
	same = atr_str_equal(golden, atr_str(text));
	if (!same)
		printf("# %s should be:\n%.*s# and is:\n%s", name, (int)golden.len, golden.at,
		       text);
	free((void *)golden.at);
	return same;
}

/* Runs statements that write to `out`; what they wrote is then in the char *text, to be freed. */
#define TOOLS_WRITE(text, statements)                           \
	do {                                                    \
		size_t text_len = 0;                            \
		FILE *out = open_memstream(&(text), &text_len); \
		CHECK(out);                                     \
		statements;                                     \
		fclose(out);                                    \
	} while (0)

/* A span for a trace that is built by hand; ids are their last byte. */
static inline struct atr_node *tools_add(struct atr_trace *trace, uint8_t id, uint8_t parent,
					 uint64_t start_ns)
{
	struct atr_node *node;

	if (!trace->resources) {
		atr_trace_add_scope(trace, atr_trace_add_resource(trace));
		atr_resource_complete(trace->resources);
	}
	node = atr_trace_add_node(trace, trace->resources, trace->resources->scopes);
	node->trace_id[ATR_TRACE_ID_LEN - 1] = 1;
	node->span_id[ATR_SPAN_ID_LEN - 1] = id;
	node->parent_id[ATR_SPAN_ID_LEN - 1] = parent;
	node->start_ns = start_ns;
	node->end_ns = start_ns + 10;
	return node;
}

#endif
