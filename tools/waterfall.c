/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/waterfall.h"
#include "tools/breakdown.h"
#include "tools/label.h"
#include "tools/text.h"

#include <langinfo.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	WIDTH_LEAST = 60,
	WIDTH_PIPED = 100,
	WIDTH_MOST = 500,
	BAR_LEAST = 10,
	SERVICE_MOST = 20,
	STATUS_MOST = 30,
	NUMBER = 8, /* start and duration: "99m59s", "999ms", "12.3us" and a space */
	SPACES = 5, /* between name, service, kind, bar and status, with the kind's letter */
};

/* What a span says in each column, before it is cut to the column. */
struct row {
	const struct atr_node *node;
	char name[256], service[128], status[256];
};

struct columns {
	unsigned name, service, bar, status;
	unsigned step; /* of the indent, a level */
};

static unsigned number_in(const char *text)
{
	unsigned long n = text ? strtoul(text, NULL, 10) : 0;

	return n < WIDTH_MOST ? (unsigned)n : WIDTH_MOST;
}

struct atr_waterfall_style atr_waterfall_style_of(int fd)
{
	bool is_terminal = isatty(fd);
	const char *no_colour = getenv("NO_COLOR");
	struct atr_waterfall_style style = {
		.width = WIDTH_PIPED,
		.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
		.colour = is_terminal && !(no_colour && *no_colour),
	};
	struct winsize size;

	if (number_in(getenv("COLUMNS")))
		style.width = number_in(getenv("COLUMNS"));
	else if (is_terminal && ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col)
		style.width = size.ws_col;
	return style;
}

static void repeat(FILE *out, const char *text, unsigned times)
{
	while (times--)
		fputs(text, out);
}

/* Text in a column: cut to its width, filled up with spaces. */
static void put_cell(FILE *out, const char *text, unsigned columns, bool utf8)
{
	unsigned used = atr_text_fit(out, atr_str(text), columns, utf8);

	repeat(out, " ", columns - used);
}

/* fmemopen cuts what is too long, which is more than any column takes. */
static FILE *open_buffer(char *buffer, size_t len)
{
	FILE *out = fmemopen(buffer, len, "w");

	if (!out) {
		perror("autotrace");
		exit(125);
	}
	return out;
}

static void fill_row(struct row *row, const struct atr_node *node)
{
	FILE *out;

	*row = (struct row){ .node = node };
	out = open_buffer(row->name, sizeof(row->name) - 1);
	atr_label_name(out, node);
	fclose(out);
	out = open_buffer(row->service, sizeof(row->service) - 1);
	atr_label_service(out, node->resource);
	fclose(out);
	out = open_buffer(row->status, sizeof(row->status) - 1);
	atr_label_status(out, node);
	fclose(out);
}

static unsigned at_most(unsigned n, unsigned most)
{
	return n < most ? n : most;
}

static unsigned larger(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

/* Never so many columns that no name is left to read. */
static unsigned indent_of(const struct atr_node *node, const struct columns *c)
{
	return c->step * at_most(node->depth, c->name / 2 / c->step);
}

/* Each column as wide as its widest cell, within bounds; the bar has what is left. */
static struct columns measure(const struct atr_group *group,
			      const struct atr_waterfall_style *style)
{
	unsigned width = larger(style->width, WIDTH_LEAST), fixed = SPACES + 2 * NUMBER;
	struct columns c = { .name = 4, .service = 7, .status = 6 };
	unsigned deepest = 0;
	struct row row;

	for (const struct atr_node *n = group->first_root; n; n = atr_node_next(n)) {
		fill_row(&row, n);
		deepest = larger(deepest, n->depth);
		c.name = larger(c.name, 2 + at_most(n->depth, width) * 2 +
						atr_text_columns(atr_str(row.name), style->utf8));
		c.service = larger(c.service, atr_text_columns(atr_str(row.service), style->utf8));
		c.status = larger(c.status, atr_text_columns(atr_str(row.status), style->utf8));
	}
	c.service = at_most(c.service, width < 80 ? SERVICE_MOST / 2 : SERVICE_MOST);
	c.status = at_most(c.status, width < 80 ? STATUS_MOST / 3 : STATUS_MOST);
	c.name = at_most(c.name, larger(width * 2 / 5, 20));
	fixed += c.service + c.status;
	/* the status is text to read, the bar only a picture; the name gives way to neither */
	if (fixed + c.name + BAR_LEAST > width)
		c.name = width > fixed + BAR_LEAST + 12 ? width - fixed - BAR_LEAST : 12;
	c.step = deepest > c.name / 4 ? 1 : 2;
	c.bar = width > fixed + c.name ? width - fixed - c.name : BAR_LEAST;
	return c;
}

/* Which cells of the bar a span covers: at least one, and none outside. */
static void bar_cells(const struct atr_group *group, const struct atr_node *node, unsigned columns,
		      unsigned *from, unsigned *to)
{
	double total = (double)(group->end_ns - group->start_ns);
	double start = (double)(node->start_ns - group->start_ns);
	double end = start + (double)atr_node_duration(node);

	if (total <= 0) {
		*from = 0;
		*to = columns;
		return;
	}
	*from = at_most((unsigned)(start * columns / total), columns - 1);
	*to = at_most((unsigned)(end * columns / total + 0.5), columns);
	if (*to <= *from)
		*to = *from + 1;
}

static void put_bar(FILE *out, const struct atr_group *group, const struct atr_node *node,
		    unsigned columns, bool utf8)
{
	const char *full = utf8 ? "█" : "#", *sliver = utf8 ? "▏" : "|";
	double total = (double)(group->end_ns - group->start_ns);
	bool is_thin = (double)atr_node_duration(node) * columns * 2 < total;
	unsigned from, to;

	bar_cells(group, node, columns, &from, &to);
	repeat(out, " ", from);
	repeat(out, is_thin ? sliver : full, to - from);
	repeat(out, " ", columns - to);
}

static void put_row(FILE *out, const struct row *row, const struct atr_group *group,
		    const struct columns *c, const struct atr_waterfall_style *style)
{
	const struct atr_node *node = row->node;
	unsigned indent = indent_of(node, c);
	bool in_red = style->colour && node->status == 2;
	char start[ATR_TEXT_DURATION_MAX], duration[ATR_TEXT_DURATION_MAX];

	atr_text_duration(node->start_ns - group->start_ns, start);
	atr_text_duration(atr_node_duration(node), duration);
	if (in_red)
		fputs("\033[31m", out);
	fputs(node->is_orphan ? "? " : "  ", out);
	repeat(out, " ", indent);
	put_cell(out, row->name, c->name - 2 - indent, style->utf8);
	putc(' ', out);
	put_cell(out, row->service, c->service, style->utf8);
	fprintf(out, " %c ", atr_text_kind_letter(node->kind));
	put_bar(out, group, node, c->bar, style->utf8);
	fprintf(out, "%*s%*s", NUMBER, start, NUMBER, duration);
	if (row->status[0])
		putc(' ', out);
	atr_text_fit(out, atr_str(row->status), c->status, style->utf8);
	fputs(in_red ? "\033[0m\n" : "\n", out);
}

/* Under the span, where its time went. */
static void put_breakdown(FILE *out, const struct atr_node *node, const struct columns *c,
			  const struct atr_waterfall_style *style)
{
	char text[512] = "";
	FILE *into = open_buffer(text, sizeof(text) - 1);
	bool has_any = atr_breakdown_put(into, node);
	unsigned indent = indent_of(node, c) + 4;

	fclose(into);
	if (!has_any)
		return;
	repeat(out, " ", indent);
	atr_text_fit(out, atr_str(text), larger(style->width, WIDTH_LEAST) - indent, style->utf8);
	putc('\n', out);
}

/* Where in the program it was made: a line of its own, below the name. */
static void put_where(FILE *out, const struct atr_node *node, const struct columns *c,
		      const struct atr_waterfall_style *style)
{
	unsigned indent = 2 + indent_of(node, c);
	char where[1024] = "";
	FILE *buffer = open_buffer(where, sizeof(where) - 1);
	bool is_told = atr_label_where(buffer, node);

	fclose(buffer);
	if (!is_told)
		return;
	repeat(out, " ", indent);
	fputs(style->utf8 ? "└ " : "at ", out);
	atr_text_fit(out, atr_str(where), larger(style->width, WIDTH_LEAST) - indent - 3,
		     style->utf8);
	putc('\n', out);
}

/* What the program wrote while it was in the span. */
static void put_lines(FILE *out, const struct atr_node *node, const struct columns *c,
		      const struct atr_waterfall_style *style)
{
	unsigned indent = 2 + indent_of(node, c), left;

	for (size_t i = 0; i < node->nr_lines; i++) {
		repeat(out, " ", indent);
		fputs(style->utf8 ? "│ " : "| ", out);
		left = larger(style->width, WIDTH_LEAST) - indent - 2;
		atr_text_fit(out, node->lines[i]->text, left, style->utf8);
		putc('\n', out);
	}
}

static void put_heading(FILE *out, const struct atr_group *group, const struct columns *c)
{
	char total[ATR_TEXT_DURATION_MAX];

	atr_text_duration(group->end_ns - group->start_ns, total);
	fputs("trace ", out);
	for (size_t i = 0; i < ATR_TRACE_ID_LEN; i++)
		fprintf(out, "%02x", group->first_root->trace_id[i]);
	fprintf(out, "  %s, %zu span%s, %zu service%s", total, group->nr_spans,
		group->nr_spans == 1 ? "" : "s", group->nr_services,
		group->nr_services == 1 ? "" : "s");
	if (group->nr_errors)
		fprintf(out, ", %zu error%s", group->nr_errors, group->nr_errors == 1 ? "" : "s");
	putc('\n', out);
	fprintf(out, "  %-*s %-*s K %-*s%*s%*s status\n", (int)c->name - 2, "span", (int)c->service,
		"service", (int)c->bar, "", NUMBER, "start", NUMBER, "took");
}

static void draw_group(const struct atr_group *group, const struct atr_waterfall_style *style,
		       FILE *out)
{
	struct columns c = measure(group, style);
	bool has_orphans = false;
	struct row row;

	put_heading(out, group, &c);
	for (const struct atr_node *n = group->first_root; n; n = atr_node_next(n)) {
		fill_row(&row, n);
		put_row(out, &row, group, &c, style);
		put_breakdown(out, n, &c, style);
		put_where(out, n, &c, style);
		put_lines(out, n, &c, style);
		has_orphans |= n->is_orphan;
	}
	if (has_orphans)
		fputs("  (?: the parent of this span was not received)\n", out);
}

void atr_waterfall_draw(const struct atr_trace *trace, const struct atr_waterfall_style *style,
			FILE *out)
{
	for (size_t i = 0; i < trace->nr_groups; i++) {
		if (i)
			putc('\n', out);
		draw_group(&trace->groups[i], style, out);
	}
}
