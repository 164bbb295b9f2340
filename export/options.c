/* SPDX-License-Identifier: Apache-2.0 */
#include "export/options.h"

#include "export/diag.h"
#include "export/env.h"

#include <limits.h>
#include <sys/mman.h>

/*
 * Text that is not in a variable as it stands (a path put together, a header's
 * value decoded) is made once, here.
 */
#define TEXT_MAX 16384
static char text[TEXT_MAX];
static size_t text_len;

static struct atr_str keep(struct atr_str a, struct atr_str b)
{
	struct atr_str out = { text + text_len, a.len + b.len };

	if (out.len + 1 > TEXT_MAX - text_len)
		return (struct atr_str){ 0 };
	if (a.len)
		memcpy(text + text_len, a.at, a.len);
	if (b.len)
		memcpy(text + text_len + a.len, b.at, b.len);
	text[text_len + out.len] = 0;
	text_len += out.len + 1;
	return out;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

struct atr_str atr_percent_decoded(struct atr_str in)
{
	struct atr_str out = keep(in, ATR_STR(""));
	char *at = (char *)out.at;
	size_t len = 0;

	for (size_t i = 0; i < out.len; i++) {
		if (at[i] == '%' && i + 2 < out.len && hex(at[i + 1]) >= 0 && hex(at[i + 2]) >= 0) {
			at[len++] = (char)(hex(at[i + 1]) << 4 | hex(at[i + 2]));
			i += 2;
		} else {
			at[len++] = at[i];
		}
	}
	out.len = len;
	return out;
}

bool atr_list_next(struct atr_str *list, struct atr_str *member)
{
	const char *comma;

	while (list->len) {
		comma = memchr(list->at, ',', list->len);
		*member = *list;
		if (comma)
			member->len = (size_t)(comma - list->at);
		list->at += member->len + (comma ? 1 : 0);
		list->len -= member->len + (comma ? 1 : 0);
		*member = atr_str_trim(*member);
		if (member->len)
			return true;
	}
	return false;
}

/* The variable of the signal, or the general one. Its name for a warning in *name. */
static struct atr_str otlp(const char *of_traces, const char *general, const char **name)
{
	struct atr_str value = atr_env_get(of_traces);

	*name = of_traces;
	if (value.at)
		return value;
	*name = general;
	return atr_env_get(general);
}

static bool strip(struct atr_str *s, struct atr_str prefix)
{
	if (s->len < prefix.len ||
	    !atr_str_equal_nocase((struct atr_str){ s->at, prefix.len }, prefix))
		return false;
	s->at += prefix.len;
	s->len -= prefix.len;
	return true;
}

static bool read_port(struct atr_str digits, uint16_t *port)
{
	uint32_t n = 0;

	if (!digits.len || digits.len > 5)
		return false;
	for (size_t i = 0; i < digits.len; i++) {
		if (digits.at[i] < '0' || digits.at[i] > '9')
			return false;
		n = n * 10 + (uint32_t)(digits.at[i] - '0');
	}
	*port = (uint16_t)n;
	return n > 0 && n < 65536;
}

/* "host:port" or "[v6]:port"; the port stays as it is when there is none. */
static bool read_authority(struct atr_str authority, struct atr_exporter_options *e)
{
	const char *close, *colon;
	struct atr_str rest;

	colon = authority.len ? memrchr(authority.at, '@', authority.len) : NULL;
	if (colon) {
		authority.len -= (size_t)(colon + 1 - authority.at);
		authority.at = colon + 1;
	}
	close = authority.len && authority.at[0] == '[' ? memchr(authority.at, ']', authority.len) :
							  NULL;
	if (close) {
		e->host = keep((struct atr_str){ authority.at + 1,
						 (size_t)(close - authority.at - 1) },
			       ATR_STR(""));
		rest = (struct atr_str){ close + 1,
					 authority.len - (size_t)(close + 1 - authority.at) };
	} else {
		colon = authority.len ? memchr(authority.at, ':', authority.len) : NULL;
		rest = colon ? (struct atr_str){ colon, authority.len - (size_t)(colon - authority.at) } :
			       (struct atr_str){ "", 0 };
		e->host = keep((struct atr_str){ authority.at, authority.len - rest.len },
			       ATR_STR(""));
	}
	if (!e->host.len)
		return false;
	if (!rest.len)
		return true;
	return rest.at[0] == ':' &&
	       read_port((struct atr_str){ rest.at + 1, rest.len - 1 }, &e->port);
}

/* unix:/path.sock, and after a colon the path of the request. */
static bool read_unix(struct atr_str url, struct atr_exporter_options *e)
{
	const char *colon = memchr(url.at, ':', url.len);
	size_t len = colon ? (size_t)(colon - url.at) : url.len;

	while (len > 1 && url.at[0] == '/' && url.at[1] == '/') {
		url.at++;
		url.len--;
		len--;
	}
	e->unix_path = keep((struct atr_str){ url.at, len }, ATR_STR(""));
	e->host = ATR_STR("localhost");
	e->path = colon ? (struct atr_str){ colon + 1, url.len - len - 1 } : ATR_STR("/v1/traces");
	return len > 0 && len < 100;
}

static bool read_http(struct atr_str url, bool is_base, struct atr_exporter_options *e)
{
	const char *slash = memchr(url.at, '/', url.len);
	struct atr_str authority = { url.at, slash ? (size_t)(slash - url.at) : url.len };
	struct atr_str path = { slash, url.len - authority.len };

	e->port = 80;
	if (!read_authority(authority, e))
		return false;
	if (is_base) {
		/* a base: the signal's path is added, with one slash between */
		while (path.len && path.at[path.len - 1] == '/')
			path.len--;
		e->path = keep(path, ATR_STR("/v1/traces"));
	} else {
		e->path = path.len ? path : ATR_STR("/");
	}
	return true;
}

static void read_endpoint(struct atr_exporter_options *e)
{
	const char *name;
	struct atr_str url = otlp("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
				  "OTEL_EXPORTER_OTLP_ENDPOINT", &name);
	struct atr_str whole = url;
	bool is_base = !strcmp(name, "OTEL_EXPORTER_OTLP_ENDPOINT");

	if (url.at && strip(&url, ATR_STR("unix:")) && read_unix(url, e))
		return;
	url = whole;
	if (url.at && strip(&url, ATR_STR("http://")) && read_http(url, is_base, e))
		return;
	if (whole.at) {
		url = whole;
		e->unix_path = (struct atr_str){ 0 };
		if (strip(&url, ATR_STR("https://"))) {
			/* never in the clear what was asked to be secret */
			atr_log_bad_env(name, whole, "https is not in this version",
					"spans are not sent");
			e->host = (struct atr_str){ 0 };
			return;
		}
		atr_log_bad_env(name, whole, "not an http:// or unix: URL",
				"http://localhost:4318 is used");
	}
	e->host = ATR_STR("localhost");
	e->port = 4318;
	e->path = ATR_STR("/v1/traces");
}

static void read_headers(struct atr_exporter_options *e)
{
	const char *name;
	struct atr_str list = otlp("OTEL_EXPORTER_OTLP_TRACES_HEADERS",
				   "OTEL_EXPORTER_OTLP_HEADERS", &name);
	struct atr_str whole = list, member;

	while (atr_list_next(&list, &member)) {
		const char *equals = memchr(member.at, '=', member.len);
		struct atr_pair *pair = &e->headers[e->nr_headers];
		size_t key_len = equals ? (size_t)(equals - member.at) : 0;

		if (!key_len || e->nr_headers == ATR_OTLP_HEADERS_MAX) {
			atr_log_bad_env(name, whole, "a header in it is not key=value",
					"it is left out");
			continue;
		}
		pair->name = atr_str_trim((struct atr_str){ member.at, key_len });
		pair->value = atr_percent_decoded(atr_str_trim(
			(struct atr_str){ equals + 1, member.len - key_len - 1 }));
		/* a line break would be a header of somebody else's */
		if (memchr(pair->value.at, '\n', pair->value.len) ||
		    memchr(pair->value.at, '\r', pair->value.len))
			continue;
		e->nr_headers++;
	}
}

static void read_otlp(struct atr_exporter_options *e)
{
	const char *name;
	struct atr_str protocol = otlp("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
				       "OTEL_EXPORTER_OTLP_PROTOCOL", &name);
	struct atr_str compression;

	e->way = ATR_WAY_HTTP;
	e->encoding = ATR_ENCODING_OTLP_PROTOBUF;
	if (atr_str_equal_nocase(protocol, ATR_STR("http/json")))
		e->encoding = ATR_ENCODING_OTLP_JSON;
	else if (protocol.at && !atr_str_equal_nocase(protocol, ATR_STR("http/protobuf")))
		atr_log_bad_env(name, protocol, "not http/protobuf or http/json",
				"http/protobuf is used");
	compression = otlp("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION",
			   "OTEL_EXPORTER_OTLP_COMPRESSION", &name);
	if (compression.at && !atr_str_equal_nocase(compression, ATR_STR("none")))
		atr_log_bad_env(name, compression, "compression is not in this version",
				"none is used");
	read_endpoint(e);
	read_headers(e);
	name = atr_env_get("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT").at ?
		       "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT" :
		       "OTEL_EXPORTER_OTLP_TIMEOUT";
	e->timeout_ms = atr_env_ms(name, 10000);
}

/* False: there is no such exporter. */
static bool read_exporter(struct atr_str name, struct atr_exporter_options *e)
{
	memset(e, 0, sizeof(*e));
	if (atr_str_equal_nocase(name, ATR_STR("otlp"))) {
		read_otlp(e);
		return true;
	}
	e->encoding = ATR_ENCODING_OTLP_JSON;
	if (atr_str_equal_nocase(name, ATR_STR("otlp/stdout")) ||
	    atr_str_equal_nocase(name, ATR_STR("console"))) {
		e->way = ATR_WAY_STDOUT;
		return true;
	}
	if (atr_str_equal_nocase(name, ATR_STR("otlp/file"))) {
		e->way = ATR_WAY_FILE;
		e->file = atr_env_get("AUTOTRACE_FILE");
		if (!e->file.at)
			e->file = ATR_STR("autotrace.jsonl");
		return true;
	}
	return false;
}

static void read_exporters(struct atr_options *out)
{
	struct atr_str list = atr_env_get("OTEL_TRACES_EXPORTER"), whole = list, name;
	bool is_none = false;

	out->nr_exporters = 0;
	while (atr_list_next(&list, &name) && out->nr_exporters < ATR_EXPORTERS_MAX) {
		if (atr_str_equal_nocase(name, ATR_STR("none")))
			is_none = true;
		else if (read_exporter(name, &out->exporter[out->nr_exporters]))
			out->nr_exporters++;
		else
			atr_log_bad_env("OTEL_TRACES_EXPORTER", whole,
					"an exporter in it is not known here", "it is left out");
	}
	if (!out->nr_exporters && !is_none)
		read_exporter(ATR_STR("otlp"), &out->exporter[out->nr_exporters++]);
}

void atr_options_read(struct atr_options *out)
{
	memset(out, 0, sizeof(*out));
	text_len = 0;
	read_exporters(out);
	out->schedule_delay_ms = atr_env_ms("OTEL_BSP_SCHEDULE_DELAY", 5000);
	out->export_timeout_ms = atr_env_ms("OTEL_BSP_EXPORT_TIMEOUT", 30000);
	out->max_queue_size = atr_env_uint("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1, 1 << 20);
	out->max_export_batch_size = atr_env_uint("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", 512, 1, 1 << 20);
	if (out->max_export_batch_size > out->max_queue_size)
		out->max_export_batch_size = out->max_queue_size;
	out->attribute_value_length_limit =
		atr_env_uint("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
			     atr_env_uint("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", UINT32_MAX, 0,
					  INT32_MAX),
			     0, INT32_MAX);
	out->attribute_count_limit =
		atr_env_uint("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
			     atr_env_uint("OTEL_ATTRIBUTE_COUNT_LIMIT", 128, 0, INT32_MAX), 0,
			     INT32_MAX);
	out->event_count_limit = atr_env_uint("OTEL_SPAN_EVENT_COUNT_LIMIT", 128, 0, INT32_MAX);
	out->event_attribute_count_limit =
		atr_env_uint("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", 128, 0, INT32_MAX);
}
