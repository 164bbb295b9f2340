/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/label.h"

#include <inttypes.h>

static void put(FILE *out, struct atr_str text)
{
	if (text.len)
		fwrite(text.at, 1, text.len, out);
}

static struct atr_str without_query(struct atr_str url)
{
	const char *query = url.len ? memchr(url.at, '?', url.len) : NULL;

	if (query)
		url.len = (size_t)(query - url.at);
	return url;
}

static struct atr_str without_scheme(struct atr_str url)
{
	const char *mark = url.len ? memmem(url.at, url.len, "://", 3) : NULL;

	if (mark) {
		url.len -= (size_t)(mark + 3 - url.at);
		url.at = mark + 3;
	}
	return url;
}

void atr_label_name(FILE *out, const struct atr_node *node)
{
	struct atr_str method = atr_fields_text(&node->attributes, "http.request.method");
	struct atr_str url = atr_fields_text(&node->attributes, "url.full");
	struct atr_str path = atr_fields_text(&node->attributes, "url.path");

	put(out, node->name.len ? node->name : ATR_STR("(no name)"));
	/* a name of more than the method has its route or template already */
	if (!method.len || !atr_str_equal(node->name, method))
		return;
	if (url.len || path.len)
		putc(' ', out);
	put(out, url.len ? without_query(without_scheme(url)) : path);
}

void atr_label_service(FILE *out, const struct atr_resource *resource)
{
	struct atr_str unknown = ATR_STR("unknown_service:"), service = resource->service;

	if (atr_str_begins(service, unknown) && service.len > unknown.len) {
		service.at += unknown.len;
		service.len -= unknown.len;
	}
	put(out, service);
	if (resource->shares_name)
		fprintf(out, "(%" PRId64 ")", resource->pid);
}

bool atr_label_where(FILE *out, const struct atr_node *node)
{
	struct atr_str function = atr_fields_text(&node->attributes, "code.function.name");
	struct atr_str path = atr_fields_text(&node->attributes, "code.file.path");
	int64_t line;

	/* a span that is named after its function has that said already */
	if (atr_str_equal(function, node->name))
		function.len = 0;
	put(out, function);
	if (path.len) {
		fputs(function.len ? " (" : "", out);
		put(out, path);
		if (atr_fields_integer(&node->attributes, "code.line.number", &line))
			fprintf(out, ":%" PRId64, line);
		fputs(function.len ? ")" : "", out);
	}
	return function.len || path.len;
}

/* The code that the protocol gave, in the words of that protocol. */
static bool put_code(FILE *out, const struct atr_node *node)
{
	static const char *const textual[] = { "rpc.status_code", "rpc.response.status_code",
					       "db.response.status_code" };
	int64_t code;

	if (atr_fields_integer(&node->attributes, "http.response.status_code", &code)) {
		fprintf(out, "%" PRId64, code);
		return true;
	}
	if (atr_fields_integer(&node->attributes, "process.exit.code", &code) && code) {
		fprintf(out, "exit %" PRId64, code);
		return true;
	}
	for (size_t i = 0; i < sizeof(textual) / sizeof(textual[0]); i++) {
		struct atr_str text = atr_fields_text(&node->attributes, textual[i]);

		put(out, text);
		if (text.len)
			return true;
	}
	return false;
}

void atr_label_status(FILE *out, const struct atr_node *node)
{
	struct atr_str type = atr_fields_text(&node->attributes, "error.type");
	bool has_code = put_code(out, node);

	/* an error.type of digits is the code once more */
	if (type.len && !(has_code && type.at[0] >= '0' && type.at[0] <= '9')) {
		if (has_code)
			putc(' ', out);
		put(out, type);
	} else if (node->status == 2 && !has_code) {
		fputs("error", out);
	}
	if (node->status == 2 && node->status_message.len) {
		fputs(": ", out);
		put(out, node->status_message);
	}
}
