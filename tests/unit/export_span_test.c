/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/test.h"

#include "export/attr.h"
#include "export/span.h"

#include <string.h>

static _Alignas(8) char record[ATR_SPAN_MAX];

static struct atr_str repeated(char c, size_t len)
{
	static char text[8192];

	memset(text, c, sizeof(text));
	return (struct atr_str){ text, len };
}

static int64_t int_of(const struct atr_item *item)
{
	int64_t value;

	memcpy(&value, atr_item_bytes(item), sizeof(value));
	return value;
}

static void fill(struct atr_span *span)
{
	for (int i = 0; i < 10; i++)
		atr_span_put_str(span, ATR_URL_FULL, repeated('u', 1024));
}

TEST(span_items_come_back_in_order_and_whole)
{
	struct atr_span *span = atr_span_begin(record);
	const struct atr_item *item;

	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	atr_span_put_int(span, ATR_SERVER_PORT, -1);
	atr_span_put_str(span, ATR_URL_QUERY, ATR_STR(""));
	CHECK(atr_span_is_whole(span, span->len));
	item = atr_span_next(span, NULL);
	CHECK(item->id == ATR_NAME && item->len == 3 && !memcmp(atr_item_bytes(item), "GET", 3));
	item = atr_span_next(span, item);
	CHECK(item->id == ATR_SERVER_PORT && item->type == ATR_TYPE_INT && int_of(item) == -1);
	item = atr_span_next(span, item);
	CHECK(item->id == ATR_URL_QUERY && item->len == 0);
	CHECK(!atr_span_next(span, item));
	CHECK(atr_span_find(span, ATR_SERVER_PORT) && !atr_span_find(span, ATR_URL_FULL));
}

TEST(span_text_of_any_length_comes_back_whole)
{
	static const char text[] =
		"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.,";

	for (size_t len = 0; len < sizeof(text); len++) {
		struct atr_span *span = atr_span_begin(record);
		const struct atr_item *item;

		memset(record + span->len, 0x55, 128);
		atr_span_put_str(span, ATR_NAME, (struct atr_str){ text, len });
		item = atr_span_next(span, NULL);
		CHECK(item && item->len == len && !memcmp(atr_item_bytes(item), text, len));
		CHECK(span->len == sizeof(*span) + sizeof(*item) + (len + 7) / 8 * 8);
	}
}

TEST(span_text_in_parts_is_put_whole_or_not_at_all)
{
	struct atr_span *span = atr_span_begin(record);
	struct atr_str parts[] = { ATR_STR("http"), ATR_STR("://"), ATR_STR(""), ATR_STR("x") };
	const struct atr_item *item;
	uint32_t len;

	CHECK(atr_span_put_parts(span, ATR_URL_FULL, parts, 4));
	item = atr_span_next(span, NULL);
	CHECK(item && item->len == 8 && !memcmp(atr_item_bytes(item), "http://x", 8));
	len = span->len;
	parts[2] = repeated('u', ATR_SPAN_STR_MAX - 7);
	CHECK(!atr_span_put_parts(span, ATR_URL_FULL, parts, 4));
	fill(span);
	CHECK(!atr_span_put_parts(span, ATR_URL_FULL, parts, 2));
	CHECK(len < span->len && atr_span_is_whole(span, span->len));
}

TEST(span_items_of_another_are_put_as_they_stand)
{
	static _Alignas(8) char other[ATR_SPAN_MAX];
	struct atr_span *span = atr_span_begin(record), *from = atr_span_begin(other);
	const char *items = other + from->len;

	atr_span_put_str(from, ATR_NAME, ATR_STR("GET"));
	CHECK(atr_span_put_items(span, items, from->len - sizeof(*from)));
	CHECK(span->len == from->len && !memcmp(record + sizeof(*span), items, 16));
	fill(span);
	CHECK(!atr_span_put_items(span, items, from->len - sizeof(*from)));
}

TEST(span_absent_text_writes_nothing)
{
	struct atr_span *span = atr_span_begin(record);

	atr_span_put_str(span, ATR_URL_QUERY, (struct atr_str){ 0 });
	CHECK(!atr_span_next(span, NULL));
	CHECK(span->dropped_attributes == 0);
}

TEST(span_text_over_the_limit_is_cut_and_counted)
{
	struct atr_span *span = atr_span_begin(record);

	atr_span_put_str(span, ATR_URL_FULL, repeated('u', ATR_SPAN_STR_MAX));
	CHECK(span->cut_strings == 0);
	span = atr_span_begin(record);
	atr_span_put_str(span, ATR_URL_FULL, repeated('u', ATR_SPAN_STR_MAX + 1));
	CHECK(span->cut_strings == 1);
	CHECK(atr_span_find(span, ATR_URL_FULL)->len == ATR_SPAN_STR_MAX);
}

TEST(span_text_is_never_cut_within_a_character)
{
	char text[ATR_SPAN_STR_MAX + 2];
	struct atr_span *span = atr_span_begin(record);

	memset(text, 'a', sizeof(text));
	memcpy(text + ATR_SPAN_STR_MAX - 2, "\xe2\x82\xac", 3);
	atr_span_put_str(span, ATR_URL_FULL, (struct atr_str){ text, sizeof(text) });
	CHECK(atr_span_find(span, ATR_URL_FULL)->len == ATR_SPAN_STR_MAX - 2);
}

TEST(span_full_drops_what_has_no_room_and_counts_it)
{
	struct atr_span *span = atr_span_begin(record);

	fill(span);
	CHECK(span->dropped_attributes > 0);
	CHECK(span->len <= ATR_SPAN_MAX);
	CHECK(atr_span_is_whole(span, span->len));
}

TEST(span_late_items_find_room_in_a_full_record)
{
	struct atr_span *span = atr_span_begin(record);

	fill(span);
	atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 503);
	atr_span_late_str(span, ATR_ERROR_TYPE, ATR_STR("503"));
	CHECK(int_of(atr_span_find(span, ATR_HTTP_RESPONSE_STATUS_CODE)) == 503);
	CHECK(atr_span_find(span, ATR_ERROR_TYPE)->len == 3);
	for (int i = 0; i < 100; i++)
		atr_span_late_str(span, ATR_ERROR_TYPE, repeated('e', 100));
	CHECK(span->len <= ATR_SPAN_MAX);
	CHECK(atr_span_is_whole(span, span->len));
}

TEST(span_events_cannot_take_the_last_room_of_the_status)
{
	struct atr_span *span = atr_span_begin(record);

	fill(span);
	for (int i = 0; i < 100; i++)
		atr_span_event(span, 1, ATR_STR("connect"));
	CHECK(span->dropped_events > 0);
	atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 200);
	CHECK(atr_span_find(span, ATR_HTTP_RESPONSE_STATUS_CODE));
}

TEST(span_event_attributes_are_not_the_spans_own)
{
	struct atr_span *span = atr_span_begin(record);

	atr_span_event(span, 77, ATR_STR("dns"));
	atr_span_event_int(span, ATR_SERVER_PORT, 53);
	CHECK(atr_span_find(span, ATR_SERVER_PORT) == NULL);
	CHECK(atr_span_next(span, NULL)->type == ATR_TYPE_EVENT);
	CHECK(atr_span_next(span, atr_span_next(span, NULL))->part == ATR_OF_EVENT);
}

/* Every byte of a record changed, one at a time: refused, or still safe to read to its end. */
TEST(span_damaged_records_are_refused_or_safe_to_read)
{
	static _Alignas(8) char bad[ATR_SPAN_MAX];
	struct atr_span *span = atr_span_begin(record);

	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	atr_span_put_int(span, ATR_SERVER_PORT, 80);
	atr_span_event(span, 1, ATR_STR("dns"));
	for (size_t i = 0; i < span->len; i++) {
		const struct atr_item *item = NULL;
		struct atr_span *copy = (void *)bad;

		memcpy(bad, record, span->len);
		bad[i] ^= (char)0xff;
		if (!atr_span_is_whole(copy, span->len))
			continue;
		while ((item = atr_span_next(copy, item)))
			CHECK(atr_item_bytes(item) + item->len <= bad + span->len);
	}
	CHECK(!atr_span_is_whole(span, span->len - 8));
	CHECK(!atr_span_is_whole(span, 8));
}

TEST(span_has_the_better_name_and_no_other)
{
	static _Alignas(8) char room[ATR_SPAN_MAX];
	struct atr_span *span = atr_span_begin(room);
	const struct atr_item *item = NULL;
	char text[200];
	int nr = 0;

	memset(text, 'x', sizeof(text));
	atr_span_rename(span, ATR_STR("first"));
	atr_span_rename(span, ATR_STR("the second"));
	atr_span_rename(span, (struct atr_str){ 0 });
	atr_span_rename(span, (struct atr_str){ text, sizeof(text) });
	while ((item = atr_span_next(span, item)))
		nr += item->part == ATR_OF_SPAN;
	CHECK(nr == 1);
	item = atr_span_find(span, ATR_NAME);
	CHECK(item && item->len == 10 && !memcmp(atr_item_bytes(item), "the second", 10));
	while (!span->dropped_attributes)
		atr_span_late_int(span, ATR_SERVER_PORT, 1);
	atr_span_rename(span, ATR_STR("no room"));
	CHECK(atr_span_find(span, ATR_NAME) == item && atr_span_is_whole(span, sizeof(room)));
}

TEST(span_lists_come_back_and_are_cut_where_there_is_no_room)
{
	struct atr_str in[] = { ATR_STR("one"), ATR_STR(""), ATR_STR("three") }, text;
	struct atr_span *span = atr_span_begin(record);
	struct atr_item_list list;
	char fill[1000];

	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("key"), in, 3);
	CHECK(atr_span_is_whole(span, sizeof(record)) && !span->cut_strings);
	list = atr_item_list(atr_span_find(span, ATR_HTTP_REQUEST_HEADER));
	CHECK(atr_str_equal(list.key, ATR_STR("key")));
	for (int i = 0; i < 3; i++)
		CHECK(atr_item_list_next(&list, &text) && atr_str_equal(text, in[i]));
	CHECK(!atr_item_list_next(&list, &text));
	/* wherever the room ends */
	memset(fill, 'f', sizeof(fill));
	for (size_t len = 400; len < 700; len++) {
		span = atr_span_begin(record);
		atr_span_put_str(span, ATR_URL_PATH, (struct atr_str){ fill, 1000 });
		atr_span_put_str(span, ATR_URL_PATH, (struct atr_str){ fill, len });
		atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("key"), in, 3);
		CHECK(atr_span_is_whole(span, sizeof(record)) && span->len <= ATR_SPAN_MAX - 384);
		CHECK(span->dropped_attributes || span->cut_strings ||
		      atr_span_find(span, ATR_HTTP_REQUEST_HEADER)->len == 5 + 5 + 2 + 7);
	}
	CHECK(span->dropped_attributes == 1);
	atr_span_put_list(span, ATR_HTTP_REQUEST_HEADER, ATR_STR("key"), in, 0);
}

TEST(span_lists_that_are_damaged_are_safe_to_read)
{
	static const unsigned char bytes[] = { 2, 0, 'a', 'b', 9, 0, 'c' };
	struct atr_item *item = (struct atr_item *)(void *)record;
	struct atr_str text;

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct atr_item_list list;

		*item = (struct atr_item){ .type = ATR_TYPE_LIST, .len = (uint32_t)len };
		memcpy(item + 1, bytes, len);
		list = atr_item_list(item);
		CHECK(list.key.len == (len < 4 ? 0 : 2) && !atr_item_list_next(&list, &text));
	}
}

TEST(span_words_are_seen_by_who_asks_for_them_alone)
{
	struct atr_span *span = atr_span_begin(record);
	uint64_t *words = atr_span_begin_words(span, ATR_STACK, 5), got[4];

	CHECK(words);
	words[0] = 7;
	words[1] = 8;
	words[2] = 9;
	atr_span_end_words(span, words, 3);
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	CHECK(atr_span_is_whole(span, sizeof(record)));
	CHECK(!atr_span_find(span, ATR_STACK));
	CHECK(atr_span_find(span, ATR_NAME));
	CHECK(atr_span_words(span, ATR_STACK, got, 4) == 3 && got[0] == 7 && got[2] == 9);
	CHECK(atr_span_words(span, ATR_STACK, got, 1) == 1);
	atr_span_drop_words(span, ATR_STACK);
	CHECK(atr_span_words(span, ATR_STACK, got, 4) == 0);
	CHECK(atr_span_is_whole(span, sizeof(record)));
}

TEST(span_words_that_are_none_take_no_room)
{
	struct atr_span *span = atr_span_begin(record);
	uint32_t before = span->len;

	atr_span_end_words(span, atr_span_begin_words(span, ATR_STACK, 65), 0);
	CHECK(span->len == before);
	fill(span);
	CHECK(!atr_span_begin_words(span, ATR_STACK, 65));
}

TEST(span_keyed_numbers_carry_the_rest_of_their_key)
{
	struct atr_span *span = atr_span_begin(record);
	const struct atr_item *item = NULL;
	double real;

	atr_span_add_keyed_int(span, sizeof(record), ATR_SYSCALL, ATR_STR("read.count"), 3);
	atr_span_add_keyed_double(span, sizeof(record), ATR_SYSCALL, ATR_STR("read.duration"), 0.5);
	atr_span_add_keyed_int(span, sizeof(record), ATR_SYSCALL, repeated('k', 65), 1);
	atr_span_add_bool(span, sizeof(record), ATR_SYSCALL_PARTIAL, true);
	atr_span_add_keyed_int(span, span->len, ATR_SYSCALL, ATR_STR("x"), 1);
	CHECK(atr_span_is_whole(span, span->len) && span->dropped_attributes == 2);
	item = atr_span_next(span, item);
	CHECK(item->type == ATR_TYPE_KEYED_INT && int_of(item) == 3);
	CHECK(atr_str_equal(atr_item_key(item), ATR_STR("read.count")));
	item = atr_span_next(span, item);
	memcpy(&real, atr_item_bytes(item), sizeof(real));
	CHECK(item->type == ATR_TYPE_KEYED_DOUBLE && real == 0.5);
	CHECK(atr_str_equal(atr_item_key(item), ATR_STR("read.duration")));
	item = atr_span_next(span, item);
	CHECK(item->type == ATR_TYPE_BOOL && !atr_item_key(item).len);
	CHECK(!atr_span_next(span, item));
}
