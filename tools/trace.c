/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/trace.h"

#include <stdalign.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Memory is taken in chunks and never given back before the whole trace is. */
struct atr_chunk {
	struct atr_chunk *next;
	size_t used, cap;
	alignas(max_align_t) unsigned char bytes[];
};

enum { CHUNK_LEN = 64 * 1024 };

static _Noreturn void out_of_memory(void)
{
	fputs("autotrace: out of memory\n", stderr);
	exit(125);
}

void *atr_trace_alloc(struct atr_trace *trace, size_t len)
{
	struct atr_chunk *chunk = trace->chunks;
	size_t align = alignof(max_align_t);
	void *at;

	len = (len + align - 1) / align * align;
	if (!chunk || chunk->cap - chunk->used < len) {
		size_t cap = len > CHUNK_LEN ? len : CHUNK_LEN;

		chunk = calloc(1, sizeof(*chunk) + cap);
		if (!chunk)
			out_of_memory();
		chunk->cap = cap;
		chunk->next = trace->chunks;
		trace->chunks = chunk;
	}
	at = chunk->bytes + chunk->used;
	chunk->used += len;
	return at;
}

struct atr_str atr_trace_copy(struct atr_trace *trace, struct atr_str bytes)
{
	char *copy = atr_trace_alloc(trace, bytes.len + 1);

	if (bytes.len)
		memcpy(copy, bytes.at, bytes.len);
	return (struct atr_str){ copy, bytes.len };
}

void atr_trace_free(struct atr_trace *trace)
{
	while (trace->chunks) {
		struct atr_chunk *chunk = trace->chunks;

		trace->chunks = chunk->next;
		free(chunk);
	}
	free(trace->nodes);
	free(trace->groups);
	free(trace->lines_by_span);
	*trace = (struct atr_trace){ 0 };
}

struct atr_resource *atr_trace_add_resource(struct atr_trace *trace)
{
	struct atr_resource *resource = atr_trace_alloc(trace, sizeof(*resource));

	if (trace->last_resource)
		trace->last_resource->next = resource;
	else
		trace->resources = resource;
	trace->last_resource = resource;
	return resource;
}

struct atr_scope *atr_trace_add_scope(struct atr_trace *trace, struct atr_resource *resource)
{
	struct atr_scope *scope = atr_trace_alloc(trace, sizeof(*scope));

	if (resource->last_scope)
		resource->last_scope->next = scope;
	else
		resource->scopes = scope;
	resource->last_scope = scope;
	return scope;
}

struct atr_node *atr_trace_add_node(struct atr_trace *trace, struct atr_resource *resource,
				    struct atr_scope *scope)
{
	struct atr_node *node = atr_trace_alloc(trace, sizeof(*node));

	if (trace->nr_nodes == trace->cap_nodes) {
		size_t cap = trace->cap_nodes ? trace->cap_nodes * 2 : 64;
		struct atr_node **grown = realloc(trace->nodes, cap * sizeof(struct atr_node *));

		if (!grown)
			out_of_memory();
		trace->nodes = grown;
		trace->cap_nodes = cap;
	}
	node->resource = resource;
	node->scope = scope;
	trace->nodes[trace->nr_nodes++] = node;
	return node;
}

struct atr_event *atr_trace_add_event(struct atr_trace *trace, struct atr_node *node)
{
	struct atr_event *event = atr_trace_alloc(trace, sizeof(*event));

	if (node->last_event)
		node->last_event->next = event;
	else
		node->events = event;
	node->last_event = event;
	return event;
}

struct atr_link *atr_trace_add_link(struct atr_trace *trace, struct atr_node *node)
{
	struct atr_link *link = atr_trace_alloc(trace, sizeof(*link));

	if (node->last_link)
		node->last_link->next = link;
	else
		node->links = link;
	node->last_link = link;
	return link;
}

struct atr_field *atr_trace_add_field(struct atr_trace *trace, struct atr_field_list *list)
{
	struct atr_field *field = atr_trace_alloc(trace, sizeof(*field));

	if (list->last)
		list->last->next = field;
	else
		list->first = field;
	list->last = field;
	return field;
}

bool atr_trace_keep_valid(struct atr_trace *trace, const struct atr_node *node)
{
	struct atr_context ids = { 0 };

	memcpy(ids.trace_id, node->trace_id, sizeof(ids.trace_id));
	memcpy(ids.span_id, node->span_id, sizeof(ids.span_id));
	if (atr_context_is_valid(&ids))
		return true;
	trace->nr_nodes--;
	return false;
}

struct atr_trace_mark atr_trace_mark(const struct atr_trace *trace)
{
	return (struct atr_trace_mark){ trace->nr_nodes, trace->last_resource };
}

void atr_trace_rewind(struct atr_trace *trace, struct atr_trace_mark mark)
{
	trace->nr_nodes = mark.nr_nodes;
	trace->last_resource = mark.last_resource;
	if (mark.last_resource)
		mark.last_resource->next = NULL;
	else
		trace->resources = NULL;
}

const struct atr_value *atr_fields_find(const struct atr_field_list *fields, const char *key)
{
	struct atr_str wanted = atr_str(key);

	for (const struct atr_field *f = fields->first; f; f = f->next) {
		if (atr_str_equal(f->key, wanted))
			return &f->value;
	}
	return NULL;
}

struct atr_str atr_fields_text(const struct atr_field_list *fields, const char *key)
{
	const struct atr_value *value = atr_fields_find(fields, key);

	return value && value->type == ATR_VALUE_STR ? value->str : (struct atr_str){ NULL, 0 };
}

bool atr_fields_integer(const struct atr_field_list *fields, const char *key, int64_t *out)
{
	const struct atr_value *value = atr_fields_find(fields, key);

	if (!value || value->type != ATR_VALUE_INT)
		return false;
	*out = value->integer;
	return true;
}

void atr_resource_complete(struct atr_resource *resource)
{
	resource->service = atr_fields_text(&resource->attributes, "service.name");
	if (!resource->service.len)
		resource->service = ATR_STR("unknown_service");
	if (!atr_fields_integer(&resource->attributes, "process.pid", &resource->pid))
		resource->pid = 0;
}

/*
 * The order in which spans are tied: a trace's together, its earliest first.
 * The ids settle what is left, so that the same spans always give the same trees.
 */
static int by_trace_and_start(const void *x, const void *y)
{
	const struct atr_node *a = *(struct atr_node *const *)x, *b = *(struct atr_node *const *)y;
	int order = memcmp(a->trace_id, b->trace_id, sizeof(a->trace_id));

	if (order)
		return order;
	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return memcmp(a->span_id, b->span_id, sizeof(a->span_id));
}

static int by_span_id(const void *x, const void *y)
{
	const struct atr_node *a = *(struct atr_node *const *)x, *b = *(struct atr_node *const *)y;
	int order = memcmp(a->span_id, b->span_id, sizeof(a->span_id));

	return order ? order : by_trace_and_start(x, y);
}

static int by_group_start(const void *x, const void *y)
{
	const struct atr_group *a = x, *b = y;

	if (a->start_ns != b->start_ns)
		return a->start_ns < b->start_ns ? -1 : 1;
	return memcmp(a->first_root->trace_id, b->first_root->trace_id, ATR_TRACE_ID_LEN);
}

static bool has_parent_id(const struct atr_node *node)
{
	static const uint8_t none[ATR_SPAN_ID_LEN];

	return memcmp(node->parent_id, none, sizeof(none)) != 0;
}

/* Of several spans with this id, the earliest: `by_id` is sorted by_span_id. */
static struct atr_node *find_span(struct atr_node *const *by_id, size_t nr, const uint8_t *id)
{
	size_t low = 0, high = nr;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(by_id[middle]->span_id, id, ATR_SPAN_ID_LEN) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < nr && memcmp(by_id[low]->span_id, id, ATR_SPAN_ID_LEN) == 0)
		return by_id[low];
	return NULL;
}

/*
 * Follows the parents upwards and cuts where they lead into a circle. `depth`
 * serves as the mark meanwhile: 0 not seen, `lap` seen in this climb, another
 * value seen in an earlier one, which is known to end at a root.
 */
static void cut_cycles(struct atr_node **nodes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		uint32_t lap = (uint32_t)i + 1;
		struct atr_node *node = nodes[i];

		while (node && !node->depth) {
			node->depth = lap;
			node = node->parent;
		}
		if (node && node->depth == lap) {
			node->parent = NULL;
			node->is_orphan = true;
		}
	}
}

static void append_child(struct atr_group *group, struct atr_node *node)
{
	struct atr_node **first = node->parent ? &node->parent->first_child : &group->first_root;
	struct atr_node **last = node->parent ? &node->parent->last_child : &group->last_root;

	if (*last)
		(*last)->next_sibling = node;
	else
		*first = node;
	*last = node;
}

struct atr_node *atr_node_next(const struct atr_node *node)
{
	if (node->first_child)
		return node->first_child;
	while (node && !node->next_sibling)
		node = node->parent;
	return node ? node->next_sibling : NULL;
}

/* The names, not the processes: ten workers of one service are one. */
static size_t count_services(struct atr_node *const *nodes, size_t nr)
{
	enum { MANY = 64 };
	struct atr_str seen[MANY];
	size_t nr_seen = 0;

	for (size_t i = 0; i < nr && nr_seen < MANY; i++) {
		struct atr_str service = nodes[i]->resource->service;
		size_t s = 0;

		while (s < nr_seen && !atr_str_equal(seen[s], service))
			s++;
		if (s == nr_seen)
			seen[nr_seen++] = service;
	}
	return nr_seen;
}

/* `nodes`: all the spans of one trace id, by start. `scratch` has room for as many. */
static struct atr_group link_group(struct atr_node **nodes, size_t nr, struct atr_node **scratch)
{
	struct atr_group group = { .nr_spans = nr, .start_ns = nodes[0]->start_ns };

	memcpy(scratch, nodes, nr * sizeof(struct atr_node *));
	qsort(scratch, nr, sizeof(struct atr_node *), by_span_id);
	for (size_t i = 0; i < nr; i++) {
		struct atr_node *node = nodes[i];

		node->parent = has_parent_id(node) ? find_span(scratch, nr, node->parent_id) : NULL;
		node->is_orphan = has_parent_id(node) && !node->parent;
		node->first_child = node->last_child = node->next_sibling = NULL;
		node->depth = 0;
	}
	cut_cycles(nodes, nr);
	for (size_t i = 0; i < nr; i++) {
		append_child(&group, nodes[i]);
		if (nodes[i]->end_ns > group.end_ns)
			group.end_ns = nodes[i]->end_ns;
		group.nr_errors += nodes[i]->status == 2;
	}
	for (struct atr_node *n = group.first_root; n; n = atr_node_next(n))
		n->depth = n->parent ? n->parent->depth + 1 : 0;
	if (group.end_ns < group.start_ns)
		group.end_ns = group.start_ns;
	group.nr_services = count_services(nodes, nr);
	return group;
}

static bool same_trace(const struct atr_node *a, const struct atr_node *b)
{
	return memcmp(a->trace_id, b->trace_id, sizeof(a->trace_id)) == 0;
}

static int by_service(const void *x, const void *y)
{
	struct atr_str a = (*(struct atr_resource *const *)x)->service;
	struct atr_str b = (*(struct atr_resource *const *)y)->service;
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* `sorted`: the resources of one service. Those without a pid tell nothing about it. */
static void note_shared_name(struct atr_resource **sorted, size_t nr)
{
	int64_t pid = 0;
	bool shared = false;

	for (size_t i = 0; i < nr; i++) {
		shared |= pid && sorted[i]->pid && sorted[i]->pid != pid;
		pid = sorted[i]->pid ? sorted[i]->pid : pid;
	}
	for (size_t i = 0; i < nr; i++)
		sorted[i]->shares_name = shared && sorted[i]->pid;
}

static void find_shared_names(struct atr_trace *trace)
{
	struct atr_resource **sorted;
	size_t nr = 0;

	for (struct atr_resource *r = trace->resources; r; r = r->next)
		nr++;
	sorted = malloc(nr * sizeof(*sorted));
	if (!sorted)
		out_of_memory();
	nr = 0;
	for (struct atr_resource *r = trace->resources; r; r = r->next)
		sorted[nr++] = r;
	qsort(sorted, nr, sizeof(*sorted), by_service);
	for (size_t from = 0, to; from < nr; from = to) {
		for (to = from + 1; to < nr && by_service(sorted + from, sorted + to) == 0;)
			to++;
		note_shared_name(sorted + from, to - from);
	}
	free(sorted);
}

struct atr_log_line *atr_trace_add_line(struct atr_trace *trace)
{
	struct atr_log_line *line = atr_trace_alloc(trace, sizeof(*line));

	line->next = trace->lines;
	trace->lines = line;
	trace->nr_lines++;
	return line;
}

static int by_span(const struct atr_log_line *a, const uint8_t *trace_id, const uint8_t *span_id)
{
	int order = memcmp(a->trace_id, trace_id, ATR_TRACE_ID_LEN);

	return order ? order : memcmp(a->span_id, span_id, ATR_SPAN_ID_LEN);
}

static int by_span_and_time(const void *a, const void *b)
{
	const struct atr_log_line *x = *(struct atr_log_line *const *)a;
	const struct atr_log_line *y = *(struct atr_log_line *const *)b;
	int order = by_span(x, y->trace_id, y->span_id);

	return order ? order : (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

/* The first of the sorted lines that is not before this span's. */
static size_t first_line(const struct atr_trace *trace, const struct atr_node *node)
{
	size_t from = 0, to = trace->nr_lines;

	while (from < to) {
		size_t middle = from + (to - from) / 2;

		if (by_span(trace->lines_by_span[middle], node->trace_id, node->span_id) < 0)
			from = middle + 1;
		else
			to = middle;
	}
	return from;
}

static void give_lines(struct atr_trace *trace)
{
	size_t nr = trace->nr_lines, n = 0;

	free(trace->lines_by_span);
	trace->lines_by_span = NULL;
	if (!nr)
		return;
	trace->lines_by_span = malloc(nr * sizeof(*trace->lines_by_span));
	if (!trace->lines_by_span)
		out_of_memory();
	/* the newest is first in the list; glibc's sorting keeps the order of equals */
	for (struct atr_log_line *line = trace->lines; line; line = line->next)
		trace->lines_by_span[nr - ++n] = line;
	qsort(trace->lines_by_span, nr, sizeof(*trace->lines_by_span), by_span_and_time);
	for (size_t i = 0; i < trace->nr_nodes; i++) {
		struct atr_node *node = trace->nodes[i];
		size_t at = first_line(trace, node), end = at;

		while (end < nr &&
		       !by_span(trace->lines_by_span[end], node->trace_id, node->span_id))
			end++;
		node->lines = trace->lines_by_span + at;
		node->nr_lines = end - at;
	}
}

void atr_trace_link(struct atr_trace *trace)
{
	struct atr_node **scratch;
	size_t nr = trace->nr_nodes;

	free(trace->groups);
	trace->groups = NULL;
	trace->nr_groups = 0;
	if (!nr)
		return;
	find_shared_names(trace);
	give_lines(trace);
	qsort(trace->nodes, nr, sizeof(struct atr_node *), by_trace_and_start);
	scratch = malloc(nr * sizeof(struct atr_node *));
	trace->groups = malloc(nr * sizeof(*trace->groups));
	if (!scratch || !trace->groups)
		out_of_memory();
	for (size_t from = 0, to; from < nr; from = to) {
		for (to = from + 1; to < nr && same_trace(trace->nodes[from], trace->nodes[to]);)
			to++;
		trace->groups[trace->nr_groups++] =
			link_group(trace->nodes + from, to - from, scratch);
	}
	free(scratch);
	qsort(trace->groups, trace->nr_groups, sizeof(*trace->groups), by_group_start);
}
