/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a JSON text, or is not. Claims:
 * - however it is cut, the same values are found, and the same facts of an event;
 * - where cJSON and we both find it whole, we find the same strings at the same paths;
 * - what an event keeps lies within it, and is of the kind that was wanted.
 */
#include "preload/proto/event.h"
#include "preload/proto/json.h"
#include "tests/fuzz/fuzz.h"

#include <cJSON.h>
#include <strings.h>

static const char *const paths[] = { "a", "a.b", "a.*", "r.*.x", "r.*.*.y", "~errorType", "*" };
enum { NR_PATHS = sizeof(paths) / sizeof(paths[0]), FOUND_MAX = 1 << 16 };

/* What was found: for each value its path, its element, its key, its text. */
struct finding {
	size_t len;
	bool is_open;
	char text[FOUND_MAX];
};

static void put(struct finding *f, const void *bytes, size_t len)
{
	if (len > sizeof(f->text) - f->len)
		len = sizeof(f->text) - f->len;
	if (len)
		memcpy(f->text + f->len, bytes, len);
	f->len += len;
}

static void found(void *arg, const struct atr_json_value *value)
{
	struct finding *f = arg;
	bool has_key = strchr(paths[value->path], '*') != NULL;
	char head[64];

	CLAIM(value->path < NR_PATHS && value->key.len <= ATR_JSON_KEY_MAX);
	if (!f->is_open) {
		put(f, head,
		    (size_t)sprintf(head, "\n%u %u %d ", value->path, value->element,
				    value->is_string));
		if (has_key)
			put(f, value->key.at, value->key.len);
		put(f, "=", 1);
	}
	put(f, value->piece.at, value->piece.len);
	f->is_open = !value->ends;
}

/*
 * The next piece, at the very end of `room`, of which it is given the length: what is read behind
 * it is behind the memory. One room for all: memory for each byte cost more than all the reading.
 */
static const char *piece_at(char *room, size_t room_len, const uint8_t *data, size_t n)
{
	return memcpy(room + room_len - n, data, n);
}

/* Cut into pieces of so many bytes. */
static bool read_in(struct finding *f, const uint8_t *data, size_t size, size_t step)
{
	struct atr_json json;
	char *room = malloc(step);

	f->len = 0;
	f->is_open = false;
	atr_json_begin(&json, paths, NR_PATHS, found, f);
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < step ? size - at : step;
		atr_json_feed(&json, piece_at(room, step, data + at, n), n);
	}
	free(room);
	return atr_json_is_whole(&json);
}

/* ---- what cJSON says ---- */

static void expect(struct finding *f, unsigned path, uint32_t element, const char *key,
		   const cJSON *item)
{
	char head[64];

	put(f, head, (size_t)sprintf(head, "\n%u %u 1 ", path, element));
	if (key)
		put(f, key, strlen(key));
	put(f, "=", 1);
	put(f, item->valuestring, strlen(item->valuestring));
}

/* The strings at "a" and "r.*.x", in their order. */
static void read_theirs(struct finding *f, const cJSON *root)
{
	const cJSON *item, *element, *inner;

	f->len = 0;
	if (!cJSON_IsObject(root))
		return;
	cJSON_ArrayForEach(item, root)
	{
		uint32_t n = 0;

		if (!strcmp(item->string, "a") && cJSON_IsString(item))
			expect(f, 0, 0, NULL, item);
		if (strcmp(item->string, "r") || !cJSON_IsArray(item))
			continue;
		cJSON_ArrayForEach(element, item)
		{
			if (cJSON_IsObject(element))
				cJSON_ArrayForEach(inner,
						   element) if (!strcmp(inner->string, "x") &&
								cJSON_IsString(inner))
					expect(f, 3, n, NULL, inner);
			n++;
		}
	}
}

/* Of ours those of that kind alone, without the names that '*' stands for. */
static void only_those(struct finding *f)
{
	static struct finding kept;
	char *at = f->text, *end = f->text + f->len;

	kept.len = 0;
	while (at < end) {
		char *next = memchr(at + 1, '\n', (size_t)(end - at - 1));
		char *equals;

		next = next ? next : end;
		equals = memchr(at, '=', (size_t)(next - at));
		if (equals && at[1] == '0' && !strncmp(at, "\n0 0 1 ", 7))
			put(&kept, at, (size_t)(next - at));
		if (equals && at[1] == '3') {
			char *space = memchr(at + 3, ' ', (size_t)(next - at - 3));

			if (space && space[1] == '1') {
				put(&kept, at, (size_t)(space + 3 - at));
				put(&kept, equals, (size_t)(next - equals));
			}
		}
		at = next;
	}
	memcpy(f->text, kept.text, kept.len);
	f->len = kept.len;
}

/* cJSON takes control characters, a NUL ends its strings, and a line ours of what was found. */
static bool is_strict(const uint8_t *data, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (data[i] < 0x20 ||
		    (data[i] == '\\' && i + 1 < size && strchr("un", data[i + 1])))
			return false;
	return size < FOUND_MAX / 8;
}

static void check_against_cjson(const uint8_t *data, size_t size)
{
	static struct finding ours, theirs;
	const char *end = NULL;
	cJSON *root;
	bool is_whole;
	char *text;

	if (!is_strict(data, size))
		return;
	text = malloc(size + 1); /* with a NUL: it looks one byte too far */
	memcpy(text, data, size);
	text[size] = 0;
	root = cJSON_ParseWithLengthOpts(text, size, &end, false);
	if (root && (cJSON_IsObject(root) || cJSON_IsArray(root)) && !memchr(data, '=', size)) {
		size_t len = (size_t)(end - text);

		is_whole = read_in(&ours, data, len, len);
		only_those(&ours);
		read_theirs(&theirs, root);
		if (is_whole)
			CLAIM(ours.len == theirs.len && !memcmp(ours.text, theirs.text, ours.len));
	}
	cJSON_Delete(root);
	free(text);
}

/* ---- events ---- */

static bool wants(struct atr_str name)
{
	return name.len && (name.at[0] | 0x20) >= 'a' && (name.at[0] | 0x20) <= 't';
}

static void read_event(struct atr_event *event, const uint8_t *data, size_t size, size_t step)
{
	char *room = malloc(step);

	atr_event_begin(event, wants);
	for (size_t at = 0, n; at < size; at += n) {
		n = size - at < step ? size - at : step;
		atr_event_feed(event, piece_at(room, step, data + at, n), n);
	}
	free(room);
}

static void check_event(const struct atr_event *event)
{
	struct atr_pair pairs[8];

	CLAIM(event->nr_facts <= ATR_EVENT_FACTS_MAX && event->text_len <= ATR_EVENT_TEXT_MAX);
	for (uint32_t i = 0; i < event->nr_facts; i++) {
		const struct atr_fact *f = &event->fact[i];

		CLAIM(f->id < ATR_NR_FACTS && f->element < ATR_EVENT_ELEMENTS_MAX);
		CLAIM(f->len <= ATR_EVENT_VALUE_MAX && f->key_at + f->key_len == f->at);
		CLAIM((size_t)f->at + f->len <= event->text_len);
		CLAIM(atr_event_get(event, f->id, f->element).at);
	}
	for (unsigned id = 0; id < ATR_NR_FACTS; id++) {
		size_t nr = atr_event_named(event, id, 0, pairs, 8);

		CLAIM(nr <= 8);
		for (size_t i = 0; i < nr && pairs[i].name.len; i++)
			CLAIM(wants(pairs[i].name));
	}
}

static bool is_same_event(const struct atr_event *a, const struct atr_event *b)
{
	return a->nr_facts == b->nr_facts && a->elements == b->elements &&
	       !memcmp(a->fact, b->fact, a->nr_facts * sizeof(a->fact[0])) &&
	       (!a->nr_facts ||
		!memcmp(a->text, b->text,
			(size_t)a->fact[a->nr_facts - 1].at + a->fact[a->nr_facts - 1].len));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct finding whole, cut;
	static struct atr_event event, other;
	size_t steps[] = { 1, 2 + size % 7, 1 + size / 2 };
	bool is_whole;

	if (!size)
		return 0;
	is_whole = read_in(&whole, data, size, size);
	read_event(&event, data, size, size);
	check_event(&event);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		CLAIM(read_in(&cut, data, size, steps[i]) == is_whole);
		CLAIM(cut.len == whole.len && !memcmp(cut.text, whole.text, cut.len));
		read_event(&other, data, size, steps[i]);
		CLAIM(is_same_event(&event, &other));
	}
	check_against_cjson(data, size);
	return 0;
}
