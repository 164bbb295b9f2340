/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes argv[1] X-Ray documents as lines: of spans with whatever a span can have, in
 * lengths and characters as they come. The same ones in every run.
 */
#include "export/attr.h"
#include "export/encode/encode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed = 1;

static unsigned below(unsigned n)
{
	seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

static struct atr_str words(unsigned most)
{
	static const char *const pieces[] = {
		"abc", "Order", " ",	"/",	"{id}", "?q=1",	    "\\", "\"",
		"\n",  "\x01",	"\xff", "\xc3", "é",	"日本",	    "—",  "\xf0\x9f\x98\x80",
		"#",   "<>",	"%20",	"\t",	"~",	"\xc2\xa0", "_",  "\xe2\x80\xa8",
	};
	static char text[4096];
	size_t len = 0;

	for (unsigned n = below(most); n; n--) {
		const char *piece = pieces[below(sizeof(pieces) / sizeof(pieces[0]))];

		memcpy(text + len, piece, strlen(piece));
		len += strlen(piece);
	}
	return (struct atr_str){ text, len };
}

static struct atr_context context(void)
{
	struct atr_context c = { .flags = 1 };

	for (int i = 0; i < ATR_TRACE_ID_LEN; i++)
		c.trace_id[i] = (uint8_t)below(256);
	for (int i = 0; i < ATR_SPAN_ID_LEN; i++)
		c.span_id[i] = (uint8_t)(1 + below(255));
	return c;
}

static void put_any(struct atr_span *span)
{
	uint16_t id = (uint16_t)(ATR_EVENT + 1 + below(ATR_NR_ATTRS - ATR_EVENT - 1));

	switch (below(8)) {
	case 0:
		atr_span_put_double(span, id, below(2) ? (double)__builtin_inf() : 0.25);
		break;
	case 1:
		atr_span_put_bool(span, id, below(2));
		break;
	case 2:
		atr_span_put_int(span, id, (int64_t)below(1u << 30) << below(33));
		break;
	default:
		atr_span_put_str(span, id, words(below(10) ? 8 : 600));
	}
}

static void put_outcome(struct atr_span *span)
{
	static const int statuses[] = { 0, 0, 200, 204, 302, 400, 404, 429, 500, 503, 599 };
	int status = statuses[below(sizeof(statuses) / sizeof(statuses[0]))];

	if (status)
		atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, status);
	span->status = status >= 400 || below(4) == 0 ? ATR_STATUS_ERROR : ATR_STATUS_UNSET;
	if (span->status == ATR_STATUS_ERROR && below(2))
		atr_span_late_str(span, ATR_ERROR_TYPE, words(4));
	if (below(4))
		return;
	atr_span_event(span, span->end_ns, ATR_STR("exception"));
	atr_span_event_str(span, ATR_EXCEPTION_TYPE, words(4));
	atr_span_event_str(span, ATR_EXCEPTION_MESSAGE, words(30));
	atr_span_event_str(span, ATR_EXCEPTION_STACKTRACE, words(80));
}

static void fill(struct atr_span *span)
{
	struct atr_context own = context(), to;

	memcpy(span->trace_id, own.trace_id, sizeof(span->trace_id));
	memcpy(span->span_id, own.span_id, sizeof(span->span_id));
	if (below(4))
		memset(span->parent_id, 0x77, sizeof(span->parent_id));
	span->kind = (uint8_t)(1 + below(3));
	span->start_ns = UINT64_C(1544712660000000000) + below(1000000000);
	span->end_ns = span->start_ns + below(1000000000);
	atr_span_put_str(span, ATR_NAME, words(below(10) ? 6 : 300));
	if (below(3) == 0)
		atr_span_put_str(span, ATR_RPC_SYSTEM, ATR_STR("aws-api"));
	for (unsigned n = below(12); n; n--) {
		put_any(span);
		if (below(6) == 0) {
			to = context();
			atr_span_link(span, &to);
			atr_span_link_str(span, ATR_MESSAGING_MESSAGE_ID, words(6));
		}
	}
	put_outcome(span);
}

int main(int argc, char **argv)
{
	static _Alignas(8) char record[ATR_SPAN_MAX];
	static const struct atr_resource_attr resource[] = {
		{ .key = { "service.name", 12 }, .value = { "shop {a}\n", 9 } },
		{ .key = { "faas.name", 9 }, .value = { "order", 5 } },
	};
	struct atr_options limits = { .attribute_value_length_limit = UINT32_MAX,
				      .attribute_count_limit = 128,
				      .link_count_limit = 128 };
	const struct atr_span *spans[] = { (const struct atr_span *)(const void *)record };
	struct atr_buf out = { 0 };

	for (int n = argc > 1 ? atoi(argv[1]) : 1; n; n--) {
		struct atr_batch batch = { spans, 1, resource, 1 + below(2), &limits };
		const char *text;

		fill(atr_span_begin(record));
		atr_buf_clear(&out);
		if (!atr_encoder_xray.encode(&batch, &out))
			return 1;
		text = memchr(out.at, '\n', out.len);
		printf("{\"bytes\":%zu,%.*s\n", out.len, (int)(out.at + out.len - text - 2),
		       text + 2);
	}
	return 0;
}
