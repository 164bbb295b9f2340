/* SPDX-License-Identifier: Apache-2.0 */
#include "export/log_record.h"

#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

static bool has(const char *line, unsigned number, const char *word)
{
	struct atr_str said;

	return atr_log_severity(atr_str(line), &said) == number &&
	       (number ? atr_str_equal(said, atr_str(word)) : !said.at);
}

TEST(log_record_severity_is_what_a_json_line_says)
{
	CHECK(has("{\"level\":\"info\"}", 9, "info"));
	CHECK(has(" { \"msg\" : \"level\", \"Level\" : \"WARNING\" } ", 13, "WARNING"));
	CHECK(has("{\"a\":{\"level\":\"error\"},\"levelname\":\"CRITICAL\"}", 18, "CRITICAL"));
	CHECK(has("{\"a\":[\"level\",\"error\"],\"severity\":\"ERROR\"}", 17, "ERROR"));
	CHECK(has("{\"m\":\"\\\"level\\\":\\\"error\\\"\",\"lvl\":\"debug\"}", 5, "debug"));
}

TEST(log_record_severity_is_none_where_it_is_not_told_positively)
{
	CHECK(has("level=error", 0, NULL));
	CHECK(has("ERROR: it broke", 0, NULL));
	CHECK(has("{\"level\":30}", 0, NULL)); /* 30 is INFO to some, WARNING to others */
	CHECK(has("{\"level\":\"loud\"}", 0, NULL));
	CHECK(has("{\"msg\":\"error\"}", 0, NULL));
	CHECK(has("{\"a\":{\"level\":\"error\"}}", 0, NULL));
	CHECK(has("", 0, NULL));
	CHECK(has("{\"level", 0, NULL) && has("{\"level\":\"err\\", 0, NULL) &&
	      has("{}}}", 0, NULL));
}

/* One record, with the rest of what it takes. */
static char *encoded(const char *line, bool is_json, size_t *len)
{
	struct atr_log_record record = { .time_ns = 7, .fd = 1, .len = (uint16_t)strlen(line) };
	const struct atr_log_record *const records[] = { &record };
	struct atr_buf out = { 0 };
	char *text;

	memcpy(record.line, line, record.len);
	CHECK(atr_log_records_encode(records, 1, NULL, 0, is_json, &out));
	text = malloc(out.len + 1);
	memcpy(text, out.at, out.len);
	text[out.len] = 0;
	*len = out.len;
	atr_buf_release(&out);
	return text;
}

TEST(log_record_json_escapes_what_it_has_to)
{
	size_t len;
	char *text = encoded("a\"b\\c\td\x01\xff\xc3\xa4", true, &len);

	CHECK(strstr(text, "\"stringValue\":\"a\\\"b\\\\c\\u0009d\\u0001\xef\xbf\xbd\xc3\xa4\""));
	CHECK(strstr(text, "\"timeUnixNano\":\"7\"") && text[len - 1] == '}');
	CHECK(!strstr(text, ",}") && !strstr(text, "{,") && !strstr(text, "[,"));
	free(text);
}

/* Parts of a text that is long end between its characters. */
TEST(log_record_long_text_is_whole)
{
	char line[ATR_LOG_LINE_MAX], want[sizeof(line) + 2];
	size_t len;

	for (size_t shift = 0; shift < 4; shift++) {
		char *text;

		memset(line, 'x', sizeof(line));
		for (size_t i = shift; i + 5 < sizeof(line); i += 4)
			memcpy(line + i, "\xf0\x9f\x98\x80", 4);
		line[sizeof(line) - 1] = 0;
		snprintf(want, sizeof(want), "\"%s", line);
		text = encoded(line, true, &len);
		CHECK(strstr(text, want));
		free(text);
		text = encoded(line, false, &len);
		CHECK(memmem(text, len, line, strlen(line)));
		free(text);
	}
}
