/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/observed.h"

#include "export/version.h"
#include "preload/proto/http1.h"
#include "propagator/ids.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNS_MAX = 4096, PROCESSES_MAX = 256, CLIENT = 3, SERVER = 2 };

/* An exchange on a descriptor, from its request on. */
struct conn {
	uint32_t process;
	int fd;
	uint8_t kind;	 /* of the span; 0: no request is under way */
	uint16_t status; /* 0: no answer yet */
	uint64_t start_ns, end_ns;
	uint64_t sent, received;
	char method[33], target[ATR_WIRE_BYTES_MAX], host[256];
	struct atr_context parent; /* without ids: the run */
	char peer[INET6_ADDRSTRLEN];
	int peer_port; /* 0: not known */
};

struct process {
	uint32_t id;
	struct atr_resource *resource;
	struct atr_scope *scope;
};

struct atr_observed {
	struct atr_trace *trace;
	const struct atr_root_span *root;
	const char *executable;
	struct atr_ids ids;
	struct conn *conns[CONNS_MAX];
	size_t nr_conns;
	struct process processes[PROCESSES_MAX];
	size_t nr_processes;
};

struct atr_observed *atr_observed_open(struct atr_trace *trace, const struct atr_root_span *root,
				       const char *executable)
{
	struct atr_observed *o = calloc(1, sizeof(*o));

	if (o) {
		o->trace = trace;
		o->root = root;
		o->executable = executable;
	}
	return o;
}

static struct process *process_of(struct atr_observed *o, uint32_t id)
{
	char link[64], path[PATH_MAX];
	struct process *p;
	ssize_t n;

	for (size_t i = 0; i < o->nr_processes; i++)
		if (o->processes[i].id == id)
			return &o->processes[i];
	if (o->nr_processes == PROCESSES_MAX)
		return &o->processes[PROCESSES_MAX - 1];
	snprintf(link, sizeof(link), "/proc/%u/exe", id);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = 0;
	p = &o->processes[o->nr_processes++];
	p->id = id;
	p->resource = atr_root_span_resource(o->trace, n > 0 ? path : o->executable, (pid_t)id);
	p->scope = atr_trace_add_scope(o->trace, p->resource);
	p->scope->name = ATR_STR("autotrace");
	p->scope->version = ATR_STR(ATR_VERSION);
	return p;
}

static struct conn *find(const struct atr_observed *o, uint32_t process, int fd)
{
	for (size_t i = o->nr_conns; i-- > 0;)
		if (o->conns[i]->fd == fd && o->conns[i]->process == process)
			return o->conns[i];
	return NULL;
}

static struct conn *find_or_add(struct atr_observed *o, uint32_t process, int fd)
{
	struct conn *conn = find(o, process, fd);

	if (conn || o->nr_conns == CONNS_MAX)
		return conn;
	conn = calloc(1, sizeof(*conn));
	if (!conn)
		return NULL;
	conn->process = process;
	conn->fd = fd;
	o->conns[o->nr_conns++] = conn;
	return conn;
}

static void put_text(struct atr_trace *trace, struct atr_node *node, struct atr_str key,
		     const char *text)
{
	struct atr_field *field;

	if (!*text)
		return;
	field = atr_trace_add_field(trace, &node->attributes);
	field->key = key;
	field->value.type = ATR_VALUE_STR;
	field->value.str = atr_trace_copy(trace, atr_str(text));
}

static void put_integer(struct atr_trace *trace, struct atr_node *node, struct atr_str key,
			int64_t value)
{
	struct atr_field *field = atr_trace_add_field(trace, &node->attributes);

	field->key = key;
	field->value.type = ATR_VALUE_INT;
	field->value.integer = value;
}

/* host:port of a Host field, or the address that was connected to. */
static void put_server(struct atr_observed *o, struct atr_node *node, const struct conn *conn)
{
	const char *colon =
		conn->host[0] == '[' ? strstr(conn->host, "]:") : strchr(conn->host, ':');
	char address[sizeof(conn->host)];
	int len = colon ? (int)(colon - conn->host + (*colon == ']')) : (int)strlen(conn->host);

	snprintf(address, sizeof(address), "%.*s", len, conn->host);
	put_text(o->trace, node, ATR_STR("server.address"), *address ? address : conn->peer);
	if (colon)
		put_integer(o->trace, node, ATR_STR("server.port"), atoi(strrchr(colon, ':') + 1));
	else if (conn->peer_port)
		put_integer(o->trace, node, ATR_STR("server.port"), conn->peer_port);
}

/* A query may hold what is secret, and there are no rules for it here: it is left out. */
static void put_url(struct atr_observed *o, struct atr_node *node, const struct conn *conn)
{
	char full[sizeof(conn->host) + sizeof(conn->target) + 16];
	int len = (int)strcspn(conn->target, "?#");

	if (conn->kind == SERVER || conn->target[0] != '/') {
		snprintf(full, sizeof(full), "%.*s", len, conn->target);
		put_text(o->trace, node, ATR_STR("url.path"), full);
		return;
	}
	snprintf(full, sizeof(full), "http://%s%.*s", conn->host[0] ? conn->host : conn->peer, len,
		 conn->target);
	put_text(o->trace, node, ATR_STR("url.full"), full);
}

static void put_outcome(struct atr_observed *o, struct atr_node *node, const struct conn *conn)
{
	char digits[8];

	if (!conn->status) {
		node->status = 2;
		put_text(o->trace, node, ATR_STR("error.type"), "no_response");
		return;
	}
	put_integer(o->trace, node, ATR_STR("http.response.status_code"), conn->status);
	if (conn->status < (conn->kind == CLIENT ? 400 : 500))
		return;
	node->status = 2;
	snprintf(digits, sizeof(digits), "%u", conn->status);
	put_text(o->trace, node, ATR_STR("error.type"), digits);
}

static struct atr_node *add_node(struct atr_observed *o, const struct conn *conn)
{
	const struct process *p = process_of(o, conn->process);
	struct atr_node *node = atr_trace_add_node(o->trace, p->resource, p->scope);
	bool is_below_run = !atr_context_is_valid(&conn->parent);
	const struct atr_context *parent = is_below_run ? &o->root->context : &conn->parent;

	memcpy(node->trace_id, parent->trace_id, sizeof(node->trace_id));
	memcpy(node->parent_id, parent->span_id, sizeof(node->parent_id));
	atr_ids_span(&o->ids, node->span_id);
	node->flags = parent->flags;
	node->kind = conn->kind;
	node->start_ns = conn->start_ns;
	node->end_ns = conn->end_ns;
	node->name = atr_trace_copy(o->trace, atr_str(conn->method));
	return node;
}

/* The exchange is over, as far as was seen. Of a request without an answer nothing is known but to its client. */
static void finish(struct atr_observed *o, struct conn *conn)
{
	struct atr_field *field;
	struct atr_node *node;

	if (conn->kind && (conn->status || conn->kind == CLIENT)) {
		node = add_node(o, conn);
		put_text(o->trace, node, ATR_STR("http.request.method"), conn->method);
		put_url(o, node, conn);
		put_server(o, node, conn);
		if (conn->peer_port) {
			put_text(o->trace, node, ATR_STR("network.peer.address"), conn->peer);
			put_integer(o->trace, node, ATR_STR("network.peer.port"), conn->peer_port);
		}
		put_integer(o->trace, node, ATR_STR("autotrace.bytes.sent"), (int64_t)conn->sent);
		put_integer(o->trace, node, ATR_STR("autotrace.bytes.received"),
			    (int64_t)conn->received);
		put_outcome(o, node, conn);
		field = atr_trace_add_field(o->trace, &node->attributes);
		field->key = ATR_STR("autotrace.observed");
		field->value.type = ATR_VALUE_BOOL;
		field->value.truth = true;
	}
	conn->kind = 0;
}

static void copy(char *to, size_t cap, struct atr_str from)
{
	snprintf(to, cap, "%.*s", (int)from.len, from.len ? from.at : "");
}

#define TRACEPARENT_BIT (1u << (sizeof("traceparent") - 1))

static bool begin(struct atr_observed *o, const struct atr_wire_event *event, uint64_t to_unix_ns)
{
	char store[ATR_CARRY_MAX];
	struct atr_http1_head head;
	struct conn *conn;
	uint8_t state = 0;

	if (atr_http1_guess_request(event->bytes, event->bytes_len) != ATR_HTTP1_YES ||
	    atr_http1_read_request(&state, event->bytes, event->bytes_len, TRACEPARENT_BIT, NULL,
				   &head) <= 0)
		return false;
	conn = find_or_add(o, event->process, event->fd);
	if (!conn)
		return true;
	finish(o, conn);
	conn->kind = event->kind == ATR_WIRE_SAID ? CLIENT : SERVER;
	conn->status = 0;
	conn->sent = conn->received = 0;
	copy(conn->method, sizeof(conn->method), head.method);
	copy(conn->target, sizeof(conn->target), head.target);
	copy(conn->host, sizeof(conn->host), head.host);
	conn->start_ns = to_unix_ns + (conn->kind == CLIENT ? event->start_ns : event->end_ns);
	conn->end_ns = to_unix_ns + event->end_ns;
	memset(&conn->parent, 0, sizeof(conn->parent));
	if (!atr_propagators_extract(&o->root->formats, head.kept, head.nr_kept, store,
				     &conn->parent))
		memset(&conn->parent, 0, sizeof(conn->parent));
	else if (conn->kind == CLIENT)
		conn->kind = 0; /* who asks traces it */
	return true;
}

/* An answer, or more of it; an interim one is not it. */
static void answered(struct conn *conn, const struct atr_wire_event *event, uint64_t to_unix_ns)
{
	bool is_answer = (event->kind == ATR_WIRE_SAID) == (conn->kind == SERVER);
	int status;

	if (!conn->kind)
		return;
	*(event->kind == ATR_WIRE_SAID ? &conn->sent : &conn->received) += (uint64_t)event->result;
	if (!is_answer || !event->result)
		return;
	if (!conn->status && event->bytes_len > 12 && !memcmp(event->bytes, "HTTP/1.", 7)) {
		status = atoi(event->bytes + 9);
		if (status >= 200 && status <= 999)
			conn->status = (uint16_t)status;
	}
	conn->end_ns = to_unix_ns + event->end_ns;
}

static void connected(struct atr_observed *o, const struct atr_wire_event *event)
{
	struct sockaddr_in6 six;
	struct sockaddr_in four;
	struct conn *conn;
	uint16_t family;

	memcpy(&family, event->bytes, sizeof(family));
	if (event->bytes_len < 16 || (family != AF_INET && family != AF_INET6))
		return;
	conn = find_or_add(o, event->process, event->fd);
	if (!conn)
		return;
	finish(o, conn);
	memcpy(&four, event->bytes, sizeof(four));
	memcpy(&six, event->bytes, sizeof(six));
	if (family == AF_INET)
		inet_ntop(AF_INET, &four.sin_addr, conn->peer, sizeof(conn->peer));
	else
		inet_ntop(AF_INET6, &six.sin6_addr, conn->peer, sizeof(conn->peer));
	conn->peer_port = ntohs(four.sin_port);
}

static void drop(struct atr_observed *o, size_t i)
{
	finish(o, o->conns[i]);
	free(o->conns[i]);
	o->conns[i] = o->conns[--o->nr_conns];
}

static void over(struct atr_observed *o, uint32_t process, int fd)
{
	for (size_t i = o->nr_conns; i-- > 0;)
		if (o->conns[i]->process == process && (fd < 0 || o->conns[i]->fd == fd))
			drop(o, i);
}

void atr_observed_see(struct atr_observed *o, const struct atr_wire_event *event,
		      uint64_t to_unix_ns)
{
	struct conn *conn;

	switch (event->kind) {
	case ATR_WIRE_CONNECT:
		connected(o, event);
		break;
	case ATR_WIRE_CLOSE:
	case ATR_WIRE_EXIT:
		over(o, event->process, event->fd);
		break;
	case ATR_WIRE_SAID:
	case ATR_WIRE_HEARD:
		if (event->bytes_len <= sizeof(event->bytes))
			begin(o, event, to_unix_ns);
		conn = find(o, event->process, event->fd);
		if (conn)
			answered(conn, event, to_unix_ns);
	}
}

void atr_observed_close(struct atr_observed *o)
{
	while (o->nr_conns)
		drop(o, o->nr_conns - 1);
	free(o);
}
