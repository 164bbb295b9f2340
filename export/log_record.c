/* SPDX-License-Identifier: Apache-2.0 */
#include "export/log_record.h"

#include "export/encode/message.h"
#include "export/list.h"

/* ---- severity ----------------------------------------------------------------------------------- */

static bool is_one_of(struct atr_str text, struct atr_str words)
{
	struct atr_str word;

	while (atr_list_next(&words, &word))
		if (atr_str_equal_nocase(text, word))
			return true;
	return false;
}

/* OpenTelemetry's logs data model, appendix B, where the word is one of syslog's, log4j's or Google's. */
static unsigned severity_of(struct atr_str word)
{
	static const struct {
		unsigned char number;
		char words[31];
	} known[] = {
		{ 1, "trace" },
		{ 5, "debug" },
		{ 9, "info,information,informational" },
		{ 10, "notice" },
		{ 13, "warn,warning" },
		{ 17, "error,err" },
		{ 18, "critical,crit" },
		{ 19, "alert" },
		{ 21, "fatal,emergency,emerg" },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_one_of(word, atr_str(known[i].words)))
			return known[i].number;
	return 0;
}

/* From its first quotation mark on: what is in it, and *at is its second. */
static struct atr_str string_at(struct atr_str line, size_t *at)
{
	size_t from = ++*at;

	while (*at < line.len && line.at[*at] != '"')
		*at += line.at[*at] == '\\' ? 2 : 1;
	if (*at > line.len)
		*at = line.len;
	return (struct atr_str){ line.at + from, *at - from };
}

unsigned atr_log_severity(struct atr_str line, struct atr_str *word)
{
	const struct atr_str names =
		ATR_STR("level,severity,severity_text,levelname,log.level,loglevel,lvl");
	struct atr_str key = { 0 }, text;
	size_t depth = 0;
	bool is_value = false;

	line = atr_str_trim(line);
	*word = (struct atr_str){ 0 };
	if (!line.len || line.at[0] != '{')
		return 0;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.at[i];

		if (c == '"') {
			text = string_at(line, &i);
			if (depth == 1 && !is_value)
				key = text;
			else if (depth == 1 && is_one_of(key, names) && severity_of(text)) {
				*word = text;
				return severity_of(text);
			}
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return 0;
		} else if (depth == 1 && (c == ':' || c == ',')) {
			is_value = c == ':';
		}
	}
	return 0;
}

/* ---- LogRecord ---------------------------------------------------------------------------------- */

/*
 * opentelemetry/proto/logs/v1/logs.proto: time = 1, severity = 2, its text = 3, body = 5,
 * attributes = 6, flags = 8, trace_id = 9, span_id = 10, observed = 11.
 */
static void put_record(struct atr_message *m, const struct atr_log_record *r)
{
	struct atr_str line = { r->line, r->len }, word;
	unsigned severity = atr_log_severity(line, &word);

	atr_message_open(m, 0x12, NULL);
	atr_message_fixed64(m, 0x09, "timeUnixNano", r->time_ns);
	atr_message_fixed64(m, 0x59, "observedTimeUnixNano", r->time_ns);
	if (severity) {
		atr_message_small(m, 0x10, "severityNumber", severity);
		atr_message_text(m, 0x1a, "severityText", word);
	}
	atr_message_open(m, 0x2a, "body");
	atr_message_text(m, 0x0a, "stringValue", line);
	atr_message_close(m);
	atr_message_list(m, "attributes");
	atr_message_attribute(m, 0x32, ATR_STR("log.iostream"),
			      r->fd == 2 ? ATR_STR("stderr") : ATR_STR("stdout"));
	atr_message_end(m);
	atr_message_fixed32(m, 0x45, "flags", r->flags);
	atr_message_id(m, 0x4a, "traceId", r->trace_id, sizeof(r->trace_id));
	atr_message_id(m, 0x52, "spanId", r->span_id, sizeof(r->span_id));
	atr_message_close(m);
}

bool atr_log_records_encode(const struct atr_log_record *const *records, size_t nr,
			    const struct atr_resource_attr *resource, size_t nr_resource,
			    bool is_json, struct atr_buf *out)
{
	struct atr_message m;

	atr_message_begin(&m, out, is_json);
	atr_message_list(&m, "resourceLogs");
	atr_message_open(&m, 0x0a, NULL);
	atr_message_resource(&m, resource, nr_resource);
	atr_message_resource_schema(&m);
	atr_message_list(&m, "scopeLogs");
	atr_message_open(&m, 0x12, NULL);
	atr_message_scope(&m);
	atr_message_list(&m, "logRecords");
	for (size_t i = 0; i < nr; i++)
		put_record(&m, records[i]);
	atr_message_end(&m);
	atr_message_close(&m);
	atr_message_end(&m);
	atr_message_close(&m);
	atr_message_end(&m);
	atr_message_close(&m);
	return !out->failed;
}
