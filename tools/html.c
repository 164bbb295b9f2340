/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/html.h"
#include "tools/breakdown.h"
#include "tools/label.h"
#include "tools/text.h"

#include <inttypes.h>
#include <stdlib.h>

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	"<meta http-equiv=\"Content-Security-Policy\" "
	"content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
	"<meta name=\"viewport\" content=\"width=device-width\">\n"
	"<style>\n"
	":root { color-scheme: light dark; --back: #fff; --text: #1b1f24; --quiet: #6a737d;\n"
	"  --line: #e1e4e8; --bar: #3b82c4; --error: #c62828; --hover: #f3f6f9 }\n"
	"@media (prefers-color-scheme: dark) { :root { --back: #14181d; --text: #dde3ea;\n"
	"  --quiet: #8b96a3; --line: #2b323b; --bar: #4f9ae0; --error: #ff6b60; --hover: #1c232b } "
	"}\n"
	"body { margin: 1.5em; background: var(--back); color: var(--text);\n"
	"  font: 14px/1.5 system-ui, sans-serif }\n"
	"h1 { font-size: 1.3em } h2 { font-size: 1em; margin: 2em 0 .5em; overflow-wrap: anywhere "
	"}\n"
	"h2 small, .service, .kind, .note, .start { color: var(--quiet); font-weight: normal }\n"
	"summary { display: grid; gap: .8em; padding: .1em .3em; cursor: pointer;\n"
	"  border-top: 1px solid var(--line); align-items: center;\n"
	"  grid-template-columns: minmax(8em, 3fr) minmax(5em, 1fr) 5em minmax(8em, 4fr) 5em 5em "
	"minmax(4em, 1fr) }\n"
	"summary:hover { background: var(--hover) }\n"
	"summary > * { overflow: hidden; text-overflow: ellipsis; white-space: nowrap }\n"
	".kind { font-size: .8em } .number { text-align: right; font-variant-numeric: tabular-nums "
	"}\n"
	".lane { position: relative; height: .9em; background: var(--hover); border-radius: 2px }\n"
	".bar { position: absolute; top: 0; bottom: 0; min-width: 2px; border-radius: 2px;\n"
	"  background: var(--bar) }\n"
	".error .bar { background: var(--error) } .error .name, .error .status { color: "
	"var(--error) }\n"
	"dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em;\n"
	"  margin: .3em 0 .8em 2em; font-family: ui-monospace, monospace; font-size: .9em }\n"
	"dt { color: var(--quiet) } dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap "
	"}\n"
	"h3 { margin: .6em 0 0 2em; font-size: .9em } p { margin: .3em 0 0 2em }\n"
	"</style>\n";

/* Characters with a meaning in HTML are named; what cannot be shown is U+FFFD. */
static void put_text(FILE *out, struct atr_str text)
{
	while (text.len) {
		uint32_t code = atr_text_next(&text);

		if (code == '<')
			fputs("&lt;", out);
		else if (code == '>')
			fputs("&gt;", out);
		else if (code == '&')
			fputs("&amp;", out);
		else if (code == '"')
			fputs("&quot;", out);
		else if (code == '\'')
			fputs("&#39;", out);
		else if (code == '\n' || code == '\t' || atr_text_is_plain(code))
			atr_text_put(out, code);
		else
			atr_text_put(out, ATR_TEXT_REPLACEMENT);
	}
}

/* Runs a label's writer and escapes what it wrote. */
#define PUT_LABEL(out, write, ...)                                   \
	do {                                                         \
		char *label = NULL;                                  \
		size_t label_len = 0;                                \
		FILE *into = open_memstream(&label, &label_len);     \
		if (!into)                                           \
			break;                                       \
		write(into, __VA_ARGS__);                            \
		fclose(into);                                        \
		put_text(out, (struct atr_str){ label, label_len }); \
		free(label);                                         \
	} while (0)

static void put_value(FILE *out, const struct atr_value *value)
{
	if (value->type == ATR_VALUE_STR)
		put_text(out, value->str);
	else
		PUT_LABEL(out, atr_text_value, value);
}

static void put_pair(FILE *out, const char *name, struct atr_str text)
{
	if (!text.len)
		return;
	fprintf(out, "<dt>%s</dt><dd>", name);
	put_text(out, text);
	fputs("</dd>\n", out);
}

static void put_fields(FILE *out, const struct atr_field_list *list)
{
	for (const struct atr_field *f = list->first; f; f = f->next) {
		fputs("<dt>", out);
		put_text(out, f->key);
		fputs("</dt><dd>", out);
		put_value(out, &f->value);
		fputs("</dd>\n", out);
	}
}

static void put_hex(FILE *out, const char *name, const uint8_t *id, size_t len)
{
	fprintf(out, "<dt>%s</dt><dd>", name);
	for (size_t i = 0; i < len; i++)
		fprintf(out, "%02x", id[i]);
	fputs("</dd>\n", out);
}

static void put_section(FILE *out, const char *title, const struct atr_field_list *list)
{
	if (!list->first)
		return;
	fprintf(out, "<h3>%s</h3>\n<dl>\n", title);
	put_fields(out, list);
	fputs("</dl>\n", out);
}

static void put_events(FILE *out, const struct atr_node *node)
{
	char at[ATR_TEXT_DURATION_MAX];

	for (const struct atr_event *e = node->events; e; e = e->next) {
		atr_text_duration(e->time_ns > node->start_ns ? e->time_ns - node->start_ns : 0,
				  at);
		fputs("<h3>event ", out);
		put_text(out, e->name);
		fprintf(out, " <span class=\"note\">at %s</span></h3>\n<dl>\n", at);
		put_fields(out, &e->attributes);
		fputs("</dl>\n", out);
	}
}

static void put_lines(FILE *out, const struct atr_node *node)
{
	char at[ATR_TEXT_DURATION_MAX];

	if (!node->nr_lines)
		return;
	fputs("<h3>log</h3>\n<dl>\n", out);
	for (size_t i = 0; i < node->nr_lines; i++) {
		const struct atr_log_line *line = node->lines[i];

		atr_text_duration(
			line->time_ns > node->start_ns ? line->time_ns - node->start_ns : 0, at);
		fprintf(out, "<dt>at %s ", at);
		put_text(out, line->severity.len ? line->severity : line->stream);
		fputs("</dt><dd>", out);
		put_text(out, line->text);
		fputs("</dd>\n", out);
	}
	fputs("</dl>\n", out);
}

static void put_links(FILE *out, const struct atr_node *node)
{
	for (const struct atr_link *l = node->links; l; l = l->next) {
		fputs("<h3>link</h3>\n<dl>\n", out);
		put_hex(out, "trace id", l->trace_id, sizeof(l->trace_id));
		put_hex(out, "span id", l->span_id, sizeof(l->span_id));
		put_fields(out, &l->attributes);
		fputs("</dl>\n", out);
	}
}

static void put_breakdown(FILE *out, const struct atr_node *node)
{
	char *text = NULL;
	size_t len = 0;
	FILE *into = open_memstream(&text, &len);
	bool has_any = into && atr_breakdown_put(into, node);

	if (into)
		fclose(into);
	if (has_any) {
		fputs("<p>", out);
		put_text(out, (struct atr_str){ text, len });
		fputs("</p>\n", out);
	}
	free(text);
}

static void put_details(FILE *out, const struct atr_node *node)
{
	put_breakdown(out, node);
	fputs("<dl>\n", out);
	put_pair(out, "span", node->name);
	put_hex(out, "span id", node->span_id, sizeof(node->span_id));
	if (node->parent || node->is_orphan)
		put_hex(out, "parent id", node->parent_id, sizeof(node->parent_id));
	put_pair(out, "trace state", node->tracestate);
	put_pair(out, "status", atr_str(atr_text_status(node->status)));
	put_pair(out, "status message", node->status_message);
	put_fields(out, &node->attributes);
	fputs("</dl>\n", out);
	put_lines(out, node);
	put_events(out, node);
	put_links(out, node);
	put_section(out, "resource", &node->resource->attributes);
}

/* Where a span lies on its trace's axis, in hundredths. */
static double share_of(const struct atr_group *group, uint64_t ns)
{
	uint64_t total = group->end_ns - group->start_ns;

	return total ? 100.0 * (double)ns / (double)total : 0;
}

/* Deeper levels are drawn no deeper: there must be room left for the name. */
static unsigned indent_of(const struct atr_node *node)
{
	return node->depth < 20 ? node->depth : 20;
}

/* Beside the name, and less loud; all of it when pointed at. */
static void put_where(FILE *out, const struct atr_node *node)
{
	if (!atr_fields_find(&node->attributes, "code.function.name") &&
	    !atr_fields_find(&node->attributes, "code.file.path"))
		return;
	fputs(" <span class=\"note\" title=\"", out);
	PUT_LABEL(out, atr_label_where, node);
	fputs("\">", out);
	PUT_LABEL(out, atr_label_where, node);
	fputs("</span>", out);
}

static void put_name(FILE *out, const struct atr_node *node)
{
	fprintf(out, "<span class=\"name\" style=\"padding-left:%uem\">", indent_of(node));
	if (node->is_orphan)
		fputs("<span class=\"note\" title=\"its parent was not received\">? </span>", out);
	PUT_LABEL(out, atr_label_name, node);
	put_where(out, node);
	fputs("</span><span class=\"service\">", out);
	PUT_LABEL(out, atr_label_service, node->resource);
	fprintf(out, "</span><span class=\"kind\">%s</span>", atr_text_kind(node->kind));
}

static void put_times(FILE *out, const struct atr_group *group, const struct atr_node *node)
{
	uint64_t from = node->start_ns - group->start_ns, took = atr_node_duration(node);
	char start[ATR_TEXT_DURATION_MAX], duration[ATR_TEXT_DURATION_MAX];

	atr_text_duration(from, start);
	atr_text_duration(took, duration);
	fprintf(out,
		"<span class=\"lane\"><span class=\"bar\" style=\"left:%.3f%%;width:%.3f%%\">"
		"</span></span>",
		share_of(group, from), share_of(group, took));
	fprintf(out, "<span class=\"number start\">%s</span><span class=\"number\">%s</span>",
		start, duration);
}

static void put_row(FILE *out, const struct atr_group *group, const struct atr_node *node)
{
	fprintf(out, "<details%s>\n<summary>", node->status == 2 ? " class=\"error\"" : "");
	put_name(out, node);
	put_times(out, group, node);
	fputs("<span class=\"status\">", out);
	PUT_LABEL(out, atr_label_status, node);
	fputs("</span></summary>\n", out);
	put_details(out, node);
	fputs("</details>\n", out);
}

static void put_group(FILE *out, const struct atr_group *group)
{
	char total[ATR_TEXT_DURATION_MAX];

	atr_text_duration(group->end_ns - group->start_ns, total);
	fputs("<h2>trace ", out);
	for (size_t i = 0; i < ATR_TRACE_ID_LEN; i++)
		fprintf(out, "%02x", group->first_root->trace_id[i]);
	fprintf(out, " <small>%s, spans: %zu, services: %zu, errors: %zu</small></h2>\n", total,
		group->nr_spans, group->nr_services, group->nr_errors);
	for (const struct atr_node *n = group->first_root; n; n = atr_node_next(n))
		put_row(out, group, n);
}

bool atr_html_draw(const struct atr_trace *trace, const char *title, FILE *out)
{
	fputs(head, out);
	fputs("<title>", out);
	put_text(out, atr_str(title));
	fputs("</title>\n</head>\n<body>\n<h1>", out);
	put_text(out, atr_str(title));
	fputs("</h1>\n", out);
	for (size_t i = 0; i < trace->nr_groups; i++)
		put_group(out, &trace->groups[i]);
	fputs("</body>\n</html>\n", out);
	return fflush(out) == 0 && !ferror(out);
}
