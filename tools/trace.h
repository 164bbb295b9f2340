/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_TRACE_H
#define ATR_TOOLS_TRACE_H

/*
 * trace: spans in memory, as the command receives, stores and draws them.
 *
 * A struct atr_trace holds every span of one run or of some files, of however
 * many trace ids. Readers (otlp_read.h) add to it; atr_trace_link then ties the
 * spans into trees; the writers and drawings walk those. All memory belongs to
 * the trace and goes with it; nothing that it hands out is freed alone. One
 * thread. When memory cannot be had the command ends with a message.
 */
#include "propagator/context.h"

enum atr_value_type {
	ATR_VALUE_NONE, /* an AnyValue with no member set */
	ATR_VALUE_STR,
	ATR_VALUE_BOOL,
	ATR_VALUE_INT,
	ATR_VALUE_DOUBLE,
	ATR_VALUE_ARRAY, /* a list whose fields have no key */
	ATR_VALUE_MAP,
	ATR_VALUE_BYTES,
};

struct atr_field_list {
	struct atr_field *first, *last;
};

struct atr_value {
	enum atr_value_type type;
	union {
		struct atr_str str; /* STR, BYTES */
		bool truth;
		int64_t integer;
		double real;
		struct atr_field_list list; /* ARRAY, MAP */
	};
};

struct atr_field {
	struct atr_field *next;
	struct atr_str key;
	struct atr_value value;
};

/* One process: what ResourceSpans says of it. */
struct atr_resource {
	struct atr_resource *next;
	struct atr_field_list attributes;
	uint32_t dropped_attributes;
	struct atr_str schema_url;
	struct atr_str service; /* service.name; "unknown_service" when it is not told */
	int64_t pid;		/* process.pid; 0 when it is not told */
	bool shares_name; /* of atr_trace_link: processes of other pids have this service too */
	struct atr_scope *scopes, *last_scope;
};

struct atr_scope {
	struct atr_scope *next;
	struct atr_str name, version, schema_url;
	struct atr_field_list attributes;
	uint32_t dropped_attributes;
};

struct atr_event {
	struct atr_event *next;
	uint64_t time_ns;
	struct atr_str name;
	struct atr_field_list attributes;
	uint32_t dropped_attributes;
};

struct atr_link {
	struct atr_link *next;
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	struct atr_str tracestate;
	struct atr_field_list attributes;
	uint32_t dropped_attributes;
	uint32_t flags;
};

/* A line that the program wrote, with the span it belongs to. */
struct atr_log_line {
	struct atr_log_line *next;
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	uint64_t time_ns;
	struct atr_str text, severity, stream; /* the last two: as told, or absent */
};

enum { ATR_NODE_KINDS = 6 }; /* as OTLP numbers them; greater ones are read as 0 */

/* A span as received, and its place in its tree. */
struct atr_node {
	uint8_t trace_id[ATR_TRACE_ID_LEN];
	uint8_t span_id[ATR_SPAN_ID_LEN];
	uint8_t parent_id[ATR_SPAN_ID_LEN]; /* all zero: a root */
	uint8_t kind;
	uint8_t status; /* 0 unset, 1 ok, 2 error */
	uint32_t flags;
	uint64_t start_ns, end_ns;
	struct atr_str name, tracestate, status_message;
	struct atr_field_list attributes;
	struct atr_event *events, *last_event;
	struct atr_link *links, *last_link;
	uint32_t dropped_attributes, dropped_events, dropped_links;
	struct atr_resource *resource;
	struct atr_scope *scope;

	/* what atr_trace_link finds */
	struct atr_node *parent, *first_child, *last_child, *next_sibling;
	uint32_t depth;
	bool is_orphan; /* it names a parent that was not received, or that is its own descendant */
	struct atr_log_line **lines; /* of it, in the order of their time; */
	size_t nr_lines;
	struct atr_str note; /* a drawing's own */
};

/* The spans of one trace id: roots in the order of their start, tied by next_sibling. */
struct atr_group {
	struct atr_node *first_root, *last_root;
	uint64_t start_ns, end_ns;
	size_t nr_spans, nr_errors, nr_services;
};

struct atr_trace {
	struct atr_chunk *chunks;
	struct atr_node **nodes; /* in the order of arrival until atr_trace_link */
	size_t nr_nodes, cap_nodes;
	struct atr_resource *resources, *last_resource;
	struct atr_group *groups; /* of atr_trace_link, in the order of their start */
	size_t nr_groups;
	struct atr_log_line *lines; /* the last that came first */
	size_t nr_lines;
	struct atr_log_line **lines_by_span; /* of atr_trace_link */
};

/* An empty trace is all zeros. */
void atr_trace_free(struct atr_trace *trace);

/* Memory of the trace, zeroed and aligned for anything. _copy: bytes, and a NUL behind them. */
void *atr_trace_alloc(struct atr_trace *trace, size_t len);
struct atr_str atr_trace_copy(struct atr_trace *trace, struct atr_str bytes);

/* Each adds to the end of what it belongs to. A field is returned for its value to be filled in. */
struct atr_resource *atr_trace_add_resource(struct atr_trace *trace);
struct atr_scope *atr_trace_add_scope(struct atr_trace *trace, struct atr_resource *resource);
struct atr_node *atr_trace_add_node(struct atr_trace *trace, struct atr_resource *resource,
				    struct atr_scope *scope);
struct atr_event *atr_trace_add_event(struct atr_trace *trace, struct atr_node *node);
struct atr_link *atr_trace_add_link(struct atr_trace *trace, struct atr_node *node);
struct atr_log_line *atr_trace_add_line(struct atr_trace *trace);
struct atr_field *atr_trace_add_field(struct atr_trace *trace, struct atr_field_list *list);

/*
 * For a reader, when the node it added last is filled in: takes it out again,
 * and returns false, when its ids are invalid (all zero, or never read).
 */
bool atr_trace_keep_valid(struct atr_trace *trace, const struct atr_node *node);

/*
 * Where the trace ends now, to take back what was added since: a request that
 * turns out malformed in its middle leaves nothing behind (but memory).
 */
struct atr_trace_mark {
	size_t nr_nodes;
	struct atr_resource *last_resource;
};

struct atr_trace_mark atr_trace_mark(const struct atr_trace *trace);
void atr_trace_rewind(struct atr_trace *trace, struct atr_trace_mark mark);

/* Once the resource's attributes are complete: service and pid come out of them. */
void atr_resource_complete(struct atr_resource *resource);

/*
 * Ties spans to their parents, and traces to groups; may be called again when
 * spans were added. Siblings follow one another by start. Whatever the ids say,
 * every span is in exactly one tree: a circle of parents is cut where it is met first.
 */
void atr_trace_link(struct atr_trace *trace);

/*
 * The walk through a group, parents before children: the first root, then
 * _next until NULL. No recursion: a chain may be as long as the input.
 */
struct atr_node *atr_node_next(const struct atr_node *node);

/* The value of an attribute, or NULL. _text: a string attribute's text, absent when there is none. */
const struct atr_value *atr_fields_find(const struct atr_field_list *fields, const char *key);
struct atr_str atr_fields_text(const struct atr_field_list *fields, const char *key);
bool atr_fields_integer(const struct atr_field_list *fields, const char *key, int64_t *out);

/* Nanoseconds a span took; 0 when it claims to end before its start. */
static inline uint64_t atr_node_duration(const struct atr_node *node)
{
	return node->end_ns > node->start_ns ? node->end_ns - node->start_ns : 0;
}

#endif
