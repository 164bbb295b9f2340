/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/event.h"

#include <string.h>

static const char *const paths[ATR_NR_FACTS] = {
#define ATR_FACT(name, path) path,
	ATR_FACTS(ATR_FACT)
#undef ATR_FACT
};
_Static_assert(ATR_NR_FACTS <= ATR_JSON_PATHS_MAX, "too many paths");
_Static_assert(ATR_EVENT_TEXT_MAX <= UINT16_MAX, "an offset has 16 bits");

/* The inner ones come last, and are the paths of another text. */
#define NR_OUTER ATR_FACT_INNER_TYPE

static bool is_named(unsigned id)
{
	return id == ATR_FACT_HEADER || id == ATR_FACT_MULTI_HEADER ||
	       id == ATR_FACT_MESSAGE_ATTRIBUTE || id == ATR_FACT_SNS_ATTRIBUTE ||
	       id == ATR_FACT_DETAIL || id == ATR_FACT_CUSTOM || id == ATR_FACT_INNER_ATTRIBUTE;
}

/* Of every record of a batch; the others are wanted once. */
static bool is_of_each(unsigned id)
{
	return id == ATR_FACT_AWS_TRACE_HEADER || id == ATR_FACT_MESSAGE_ID ||
	       id == ATR_FACT_EVENT_SOURCE_ARN || id == ATR_FACT_STACK_TRACE;
}

static bool wanted(const struct atr_event *event, unsigned id, uint32_t element, struct atr_str key)
{
	if (element >= ATR_EVENT_ELEMENTS_MAX || event->nr_facts == ATR_EVENT_FACTS_MAX)
		return false;
	/* the elements of a header's own array are not records */
	if (element && !is_of_each(id) && id != ATR_FACT_MULTI_HEADER)
		return false;
	return !is_named(id) || (key.len && event->wants(key));
}

static bool append(struct atr_event *event, struct atr_str text)
{
	if (text.len > ATR_EVENT_TEXT_MAX - event->text_len)
		return false;
	memcpy(event->text + event->text_len, text.at, text.len);
	event->text_len += (uint32_t)text.len;
	return true;
}

static bool begin_fact(struct atr_event *event, unsigned id, uint32_t element, struct atr_str key)
{
	struct atr_fact *fact = &event->fact[event->nr_facts];

	if (!wanted(event, id, element, key))
		return false;
	fact->id = (uint16_t)id;
	fact->element = (uint16_t)element;
	fact->key_at = (uint16_t)event->text_len;
	fact->key_len = 0;
	if (is_named(id)) {
		if (!append(event, key))
			return false;
		fact->key_len = (uint16_t)key.len;
	}
	fact->at = (uint16_t)event->text_len;
	fact->len = 0;
	return true;
}

static void forget_fact(struct atr_event *event)
{
	event->text_len = event->fact[event->nr_facts].key_at;
	event->keeps = false;
}

static void keep(struct atr_event *event, unsigned id, const struct atr_json_value *value)
{
	struct atr_fact *fact = &event->fact[event->nr_facts];

	if (!event->is_open)
		event->keeps = begin_fact(event, id, value->element, value->key);
	event->is_open = !value->ends;
	if (event->keeps &&
	    (fact->len + value->piece.len > ATR_EVENT_VALUE_MAX || !append(event, value->piece)))
		forget_fact(event);
	if (!event->keeps)
		return;
	fact->len = (uint16_t)(fact->len + value->piece.len);
	if (value->ends)
		event->nr_facts++;
}

static void found_inner(void *arg, const struct atr_json_value *value)
{
	keep(arg, NR_OUTER + value->path, value);
}

/* A message's body is a text of its own; only the first message's is looked into. */
static void feed_inner(struct atr_event *event, const struct atr_json_value *value)
{
	if (value->element || !value->is_string)
		return;
	if (!event->inner_open)
		atr_json_begin(&event->inner, paths + NR_OUTER, ATR_NR_FACTS - NR_OUTER,
			       found_inner, event);
	event->inner_open = !value->ends;
	atr_json_feed(&event->inner, value->piece.at, value->piece.len);
	if (value->ends && event->is_open) {
		/* it broke off inside a value */
		if (event->keeps)
			forget_fact(event);
		event->is_open = false;
	}
}

static void found(void *arg, const struct atr_json_value *value)
{
	struct atr_event *event = arg;

	if (value->path == ATR_FACT_EVENT_SOURCE && value->element >= event->elements)
		event->elements = value->element + 1;
	if (value->path == ATR_FACT_BODY)
		feed_inner(event, value);
	else
		keep(event, value->path, value);
}

void atr_event_begin(struct atr_event *event, bool (*wants)(struct atr_str name))
{
	memset(event, 0, offsetof(struct atr_event, fact));
	event->wants = wants;
	event->left = ATR_EVENT_LOOKED_AT;
	atr_json_begin(&event->json, paths, NR_OUTER, found, event);
}

void atr_event_feed(struct atr_event *event, const char *bytes, size_t len)
{
	size_t n = len < event->left ? len : event->left;

	event->left -= (uint32_t)n;
	atr_json_feed(&event->json, bytes, n);
}

void atr_event_next_text(struct atr_event *event)
{
	if (event->is_open && event->keeps)
		forget_fact(event);
	event->is_open = event->inner_open = false;
	atr_json_begin(&event->json, paths, NR_OUTER, found, event);
}

static struct atr_str text_of(const struct atr_event *event, const struct atr_fact *fact)
{
	return (struct atr_str){ event->text + fact->at, fact->len };
}

struct atr_str atr_event_get(const struct atr_event *event, enum atr_fact_id id, unsigned element)
{
	for (uint32_t i = 0; i < event->nr_facts; i++)
		if (event->fact[i].id == id && event->fact[i].element == element)
			return text_of(event, &event->fact[i]);
	return (struct atr_str){ 0 };
}

size_t atr_event_named(const struct atr_event *event, enum atr_fact_id id, unsigned element,
		       struct atr_pair *out, size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < event->nr_facts && n < max; i++) {
		const struct atr_fact *fact = &event->fact[i];

		if (fact->id != id || (fact->element != element && id != ATR_FACT_MULTI_HEADER))
			continue;
		out[n].name = (struct atr_str){ event->text + fact->key_at, fact->key_len };
		out[n++].value = text_of(event, fact);
	}
	return n;
}

unsigned atr_event_records(const struct atr_event *event)
{
	return event->elements;
}
