/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/lambda_trace.h"

#include "propagator/ids.h"

#include <inttypes.h>
#include <stdio.h>

enum { KIND_INTERNAL = 1, KIND_SERVER = 2, STATUS_ERROR = 2 };

static void put_hex(char *out, const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", bytes[i]);
}

void atr_lambda_segment_begin(struct atr_lambda_segment *segment, const struct atr_context *caller,
			      bool is_sampled)
{
	uint32_t now = (uint32_t)(atr_runtime_now_ns() / 1000000000u);
	char digits[2 * ATR_TRACE_ID_LEN + 1];
	struct atr_ids ids = { 0 };

	*segment = (struct atr_lambda_segment){ 0 };
	atr_ids_trace(&ids, segment->trace_id);
	atr_ids_span(&ids, segment->span_id);
	for (int i = 0; i < 4; i++)
		segment->trace_id[i] = (uint8_t)(now >> (24 - 8 * i));
	if (caller) {
		memcpy(segment->trace_id, caller->trace_id, sizeof(segment->trace_id));
		memcpy(segment->caller_id, caller->span_id, sizeof(segment->caller_id));
	}
	put_hex(digits, segment->trace_id, ATR_TRACE_ID_LEN);
	put_hex(segment->parent, segment->span_id, ATR_SPAN_ID_LEN);
	snprintf(segment->root, sizeof(segment->root), "1-%.8s-%.24s", digits, digits + 8);
	snprintf(segment->header, sizeof(segment->header), "Root=%s;Parent=%s;Sampled=%d",
		 segment->root, segment->parent, is_sampled);
}

static void put_text(struct atr_trace *trace, struct atr_field_list *list, struct atr_str key,
		     const char *text)
{
	struct atr_field *field = atr_trace_add_field(trace, list);

	field->key = key;
	field->value.type = ATR_VALUE_STR;
	field->value.str = atr_trace_copy(trace, atr_str(text));
}

struct atr_resource *atr_lambda_add_resource(struct atr_trace *trace, const char *function,
					     const char *arn)
{
	struct atr_resource *resource = atr_trace_add_resource(trace);
	struct atr_field_list *list = &resource->attributes;

	put_text(trace, list, ATR_STR("service.name"), function);
	put_text(trace, list, ATR_STR("cloud.provider"), "aws");
	put_text(trace, list, ATR_STR("cloud.platform"), "aws_lambda");
	put_text(trace, list, ATR_STR("cloud.resource_id"), arn);
	put_text(trace, list, ATR_STR("faas.name"), function);
	atr_resource_complete(resource);
	atr_trace_add_scope(trace, resource)->name = ATR_STR("AWS::Lambda");
	return resource;
}

static struct atr_node *add_node(const struct atr_lambda_segment *segment, struct atr_trace *trace,
				 struct atr_resource *resource, struct atr_str name)
{
	struct atr_node *node = atr_trace_add_node(trace, resource, resource->scopes);

	memcpy(node->trace_id, segment->trace_id, sizeof(node->trace_id));
	node->kind = KIND_INTERNAL;
	node->flags = 1;
	node->name = name;
	return node;
}

static struct atr_node *add_part(const struct atr_lambda_segment *segment, struct atr_trace *trace,
				 struct atr_resource *resource, struct atr_str name,
				 uint64_t start_ns, uint64_t end_ns)
{
	struct atr_node *node = add_node(segment, trace, resource, name);
	struct atr_ids ids = { 0 };

	atr_ids_span(&ids, node->span_id);
	memcpy(node->parent_id, segment->span_id, sizeof(node->parent_id));
	node->start_ns = start_ns;
	node->end_ns = end_ns;
	return node;
}

static void put_failure(struct atr_trace *trace, struct atr_node *node, const char *failure,
			const char *message)
{
	if (!failure)
		return;
	node->status = STATUS_ERROR;
	node->status_message = atr_trace_copy(trace, atr_str(message));
	put_text(trace, &node->attributes, ATR_STR("error.type"), failure);
}

void atr_lambda_segment_add(const struct atr_lambda_segment *segment, struct atr_trace *trace,
			    struct atr_resource *resource, const struct atr_invocation *invocation,
			    const struct atr_lambda_times *t, const char *failure)
{
	struct atr_node *root = add_node(segment, trace, resource, resource->service);
	uint64_t answered = t->answered ? t->answered : t->end;

	memcpy(root->span_id, segment->span_id, sizeof(root->span_id));
	memcpy(root->parent_id, segment->caller_id, sizeof(root->parent_id));
	root->kind = KIND_SERVER;
	root->start_ns = t->init_start ? t->init_start : t->start;
	root->end_ns = t->end;
	put_text(trace, &root->attributes, ATR_STR("faas.invocation_id"), invocation->id);
	put_failure(trace, root, failure, "");
	if (t->init_start)
		add_part(segment, trace, resource, ATR_STR("Initialization"), t->init_start,
			 t->init_end);
	put_failure(trace,
		    add_part(segment, trace, resource, ATR_STR("Invocation"), t->start, answered),
		    failure, invocation->error_message);
	if (t->answered)
		add_part(segment, trace, resource, ATR_STR("Overhead"), answered, t->end);
}
