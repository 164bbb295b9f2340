/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/tree.h"
#include "tools/text.h"

#include <stdlib.h>

/* A chain of all spans, each below the one before, must not give text of the square of its length. */
enum { DEPTH_SHOWN = 200 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_host_end(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == ']' ||
	       c == '-';
}

/* How many characters at text[i], which is a colon, are a port with its colon; 0: none. */
static size_t port_at(struct atr_str text, size_t i)
{
	size_t end = i + 1;

	while (end < text.len && is_digit(text.at[end]))
		end++;
	if (i == 0 || end == i + 1 || end - i > 6 || !is_host_end(text.at[i - 1]))
		return 0;
	if (end < text.len && !strchr("/?#, \"]", text.at[end]))
		return 0;
	return end - i;
}

static void put_masked(FILE *out, struct atr_str text)
{
	for (size_t i = 0; i < text.len;) {
		size_t port = text.at[i] == ':' ? port_at(text, i) : 0;

		if (port) {
			fputs(":PORT", out);
			i += port;
		} else {
			putc(text.at[i++], out);
		}
	}
}

static bool names_a_port(struct atr_str key)
{
	return key.len >= 5 && memcmp(key.at + key.len - 5, ".port", 5) == 0;
}

/* The keys of a list by commas, one after the other. */
static struct atr_str next_key(const char **list)
{
	struct atr_str key = { *list, strcspn(*list, ",") };

	*list += key.len;
	if (**list)
		++*list;
	return key;
}

static void put_attributes(FILE *out, const struct atr_node *node,
			   const struct atr_tree_style *style)
{
	for (const char *list = style->attributes; *list;) {
		struct atr_str key = next_key(&list);

		for (const struct atr_field *f = node->attributes.first; f; f = f->next) {
			if (!atr_str_equal(f->key, key))
				continue;
			fprintf(out, " %.*s=", (int)key.len, key.at);
			if (style->mask_ports && names_a_port(key))
				fputs("PORT", out);
			else
				atr_text_value(out, &f->value);
		}
	}
}

static void put_clean(FILE *out, struct atr_str text)
{
	while (text.len) {
		uint32_t code = atr_text_next(&text);

		atr_text_put(out, atr_text_is_plain(code) ? code : '?');
	}
}

/* The line of a span without its indent; memory of malloc. */
static char *line_of(const struct atr_node *node, const struct atr_tree_style *style)
{
	char *line = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&line, &len);

	if (!out)
		return NULL;
	fprintf(out, "%s%s ", node->is_orphan ? "? " : "", atr_text_kind(node->kind));
	put_clean(out, node->name);
	fputs(" [", out);
	put_clean(out, node->resource->service);
	fprintf(out, "] %s", atr_text_status(node->status));
	put_attributes(out, node, style);
	if (fclose(out) != 0) {
		free(line);
		return NULL;
	}
	return line;
}

static void note_line(struct atr_trace *trace, struct atr_node *node,
		      const struct atr_tree_style *style)
{
	char *line = line_of(node, style), *masked = NULL;
	size_t len = 0;
	FILE *out;

	if (line && style->mask_ports && (out = open_memstream(&masked, &len))) {
		put_masked(out, atr_str(line));
		fclose(out);
	}
	node->note = atr_trace_copy(trace, atr_str(masked ? masked : line ? line : ""));
	free(masked);
	free(line);
}

static int compare_text(struct atr_str a, struct atr_str b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len ? memcmp(a.at, b.at, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_nodes(const struct atr_node *a, const struct atr_node *b)
{
	int order = compare_text(a->resource->service, b->resource->service);

	if (!order)
		order = compare_text(a->name, b->name);
	if (!order)
		order = compare_text(a->note, b->note);
	return order;
}

/* The walk of atr_node_next that ends with the subtree of `top`. */
static const struct atr_node *next_below(const struct atr_node *node, const struct atr_node *top)
{
	if (node->first_child)
		return node->first_child;
	while (node != top && !node->next_sibling)
		node = node->parent;
	return node == top ? NULL : node->next_sibling;
}

/* Two subtrees whose children are sorted already, side by side: no recursion. */
static int compare_subtrees(const struct atr_node *a, const struct atr_node *b)
{
	const struct atr_node *x = a, *y = b;

	while (x && y) {
		int order = (x->depth > y->depth) - (x->depth < y->depth);

		if (!order)
			order = compare_nodes(x, y);
		if (order)
			return order;
		x = next_below(x, a);
		y = next_below(y, b);
	}
	return (x != NULL) - (y != NULL);
}

static int by_subtree(const void *x, const void *y)
{
	return compare_subtrees(*(struct atr_node *const *)x, *(struct atr_node *const *)y);
}

static void sort_siblings(struct atr_node **first, struct atr_node **last,
			  struct atr_node **scratch)
{
	size_t nr = 0;

	for (struct atr_node *n = *first; n; n = n->next_sibling)
		scratch[nr++] = n;
	if (nr < 2)
		return;
	qsort(scratch, nr, sizeof(*scratch), by_subtree);
	for (size_t i = 0; i < nr; i++)
		scratch[i]->next_sibling = i + 1 < nr ? scratch[i + 1] : NULL;
	*first = scratch[0];
	*last = scratch[nr - 1];
}

/* From the leaves up: the walk backwards meets children before their parents. */
static void sort_group(struct atr_group *group, struct atr_node **order, struct atr_node **scratch)
{
	size_t nr = 0;

	for (struct atr_node *n = group->first_root; n; n = atr_node_next(n))
		order[nr++] = n;
	while (nr--)
		sort_siblings(&order[nr]->first_child, &order[nr]->last_child, scratch);
	sort_siblings(&group->first_root, &group->last_root, scratch);
}

static int by_roots(const void *x, const void *y)
{
	const struct atr_node *a = ((const struct atr_group *)x)->first_root;
	const struct atr_node *b = ((const struct atr_group *)y)->first_root;

	for (; a && b; a = a->next_sibling, b = b->next_sibling) {
		int order = compare_subtrees(a, b);

		if (order)
			return order;
	}
	return (a != NULL) - (b != NULL);
}

static void put_group(const struct atr_group *group, FILE *out)
{
	for (const struct atr_node *n = group->first_root; n; n = atr_node_next(n)) {
		for (uint32_t i = 0; i < n->depth && i < DEPTH_SHOWN; i++)
			fputs("  ", out);
		fwrite(n->note.at, 1, n->note.len, out);
		putc('\n', out);
	}
}

void atr_tree_draw(struct atr_trace *trace, const struct atr_tree_style *style, FILE *out)
{
	size_t len = trace->nr_nodes * sizeof(struct atr_node *);
	struct atr_node **order = atr_trace_alloc(trace, len);
	struct atr_node **scratch = atr_trace_alloc(trace, len);

	for (size_t i = 0; i < trace->nr_nodes; i++)
		note_line(trace, trace->nodes[i], style);
	for (size_t i = 0; i < trace->nr_groups; i++)
		sort_group(&trace->groups[i], order, scratch);
	if (trace->nr_groups)
		qsort(trace->groups, trace->nr_groups, sizeof(*trace->groups), by_roots);
	for (size_t i = 0; i < trace->nr_groups; i++) {
		if (i)
			putc('\n', out);
		put_group(&trace->groups[i], out);
	}
}
