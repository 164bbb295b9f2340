/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "export/encode/encode.h"
#include "export/ring.h"
#include "export/span.h"

#include "tests/test.h"

#include <pthread.h>

static uint64_t room[ATR_SPAN_MAX / 8];

TEST(span_items_come_back_as_they_were_put)
{
	struct atr_span *span = atr_span_begin(room);
	const struct atr_item *item;

	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	atr_span_put_int(span, ATR_SERVER_PORT, 8080);
	atr_span_put_str(span, ATR_URL_PATH, (struct atr_str){ 0 });
	item = atr_span_next(span, NULL);
	CHECK(item->id == ATR_NAME && item->len == 3 && !memcmp(atr_item_bytes(item), "GET", 3));
	item = atr_span_next(span, item);
	CHECK(item->id == ATR_SERVER_PORT && item->type == ATR_TYPE_INT);
	CHECK(!atr_span_next(span, item));
	CHECK(atr_span_is_whole(span, sizeof(room)));
}

TEST(span_keeps_room_for_what_comes_last)
{
	struct atr_span *span = atr_span_begin(room);
	char long_text[4000];

	memset(long_text, 'x', sizeof(long_text));
	for (int i = 0; i < 8; i++)
		atr_span_put_str(span, ATR_URL_FULL,
				 (struct atr_str){ long_text, sizeof(long_text) });
	CHECK(span->cut_strings > 0 && span->dropped_attributes > 0);
	atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 500);
	atr_span_late_str(span, ATR_ERROR_TYPE, ATR_STR("500"));
	CHECK(atr_span_find(span, ATR_HTTP_RESPONSE_STATUS_CODE));
	CHECK(atr_span_find(span, ATR_ERROR_TYPE));
	CHECK(span->len <= ATR_SPAN_MAX);
}

TEST(span_that_lies_about_its_length_is_not_whole)
{
	struct atr_span *span = atr_span_begin(room);
	struct atr_item *item;

	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	item = (struct atr_item *)(span + 1);
	item->len = 1 << 30;
	CHECK(!atr_span_is_whole(span, sizeof(room)));
	item->len = 3;
	CHECK(!atr_span_is_whole(span, span->len - 8));
}

static void put(struct atr_ring *ring, int value)
{
	int *slot = atr_ring_claim(ring, sizeof(int));

	*slot = value;
	atr_ring_publish(ring, slot);
}

TEST(ring_full_loses_the_newest_and_counts_it)
{
	struct atr_ring *ring = atr_ring_create(2, sizeof(int));

	put(ring, 1);
	put(ring, 2);
	CHECK(!atr_ring_claim(ring, sizeof(int)));
	CHECK(atr_ring_lost(ring) == 1);
	CHECK(*(const int *)atr_ring_peek(ring) == 1);
	atr_ring_destroy(ring);
}

TEST(ring_gives_pages_back_and_goes_on)
{
	struct atr_ring *ring = atr_ring_create(256, 2048);

	for (int i = 0; i < 1000; i++) {
		put(ring, i);
		CHECK(*(const int *)atr_ring_peek(ring) == i);
		atr_ring_release(ring);
		atr_ring_trim(ring);
		CHECK(atr_ring_count(ring) == 0);
	}
	CHECK(atr_ring_lost(ring) == 0);
	atr_ring_destroy(ring);
}

#define WRITERS 4
#define EACH 20000

static void *write_many(void *ring)
{
	for (int i = 0; i < EACH;) {
		int *slot = atr_ring_claim(ring, sizeof(int));

		if (!slot) {
			sched_yield();
			continue;
		}
		*slot = ++i;
		atr_ring_publish(ring, slot);
	}
	return NULL;
}

TEST(ring_threads_lose_nothing_that_was_claimed)
{
	struct atr_ring *ring = atr_ring_create(128, sizeof(int));
	pthread_t thread[WRITERS];
	long sum = 0;

	for (int i = 0; i < WRITERS; i++)
		pthread_create(&thread[i], NULL, write_many, ring);
	for (int got = 0; got < WRITERS * EACH;) {
		const int *slot = atr_ring_peek(ring);

		if (!slot) {
			atr_ring_trim(ring);
			sched_yield();
			continue;
		}
		sum += *slot;
		got++;
		atr_ring_release(ring);
	}
	for (int i = 0; i < WRITERS; i++)
		pthread_join(thread[i], NULL);
	CHECK(sum == (long)WRITERS * EACH * (EACH + 1) / 2);
	atr_ring_destroy(ring);
}

static struct atr_buf encoded(const struct atr_encoder *encoder, struct atr_span *span)
{
	static const struct atr_options limits = { .attribute_value_length_limit = 8,
						   .attribute_count_limit = 2,
						   .event_count_limit = 1,
						   .event_attribute_count_limit = 1 };
	struct atr_resource_attr resource = { .key = ATR_STR("service.name"),
					      .value = ATR_STR("s") };
	const struct atr_span *spans[] = { span };
	struct atr_batch batch = { spans, 1, &resource, 1, &limits };
	struct atr_buf out = { 0 };

	CHECK(encoder->encode(&batch, &out));
	return out;
}

static struct atr_span *sample(void)
{
	struct atr_span *span = atr_span_begin(room);

	span->trace_id[0] = span->span_id[0] = 0xab;
	span->kind = ATR_KIND_CLIENT;
	span->start_ns = 1;
	span->end_ns = 2;
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	atr_span_put_str(span, ATR_URL_PATH, ATR_STR("/123456789"));
	atr_span_put_str(span, ATR_URL_QUERY,
			 ATR_STR("a\xff"
				 "b"));
	atr_span_put_int(span, ATR_SERVER_PORT, 80);
	return span;
}

TEST(json_follows_otlp_with_limits_and_clean_text)
{
	struct atr_buf out = encoded(&atr_encoder_otlp_json, sample());

	atr_buf_put(&out, "", 1);
	CHECK(strstr(out.at, "\"traceId\":\"ab000000000000000000000000000000\""));
	CHECK(strstr(out.at, "\"startTimeUnixNano\":\"1\""));
	CHECK(strstr(out.at, "\"stringValue\":\"/1234567\""));
	CHECK(strstr(out.at, "a\xef\xbf\xbd"
			     "b"));
	CHECK(strstr(out.at, "\"droppedAttributesCount\":1"));
	CHECK(!strstr(out.at, "parentSpanId"));
	atr_buf_release(&out);
}

TEST(protobuf_has_the_fields_of_otlp)
{
	struct atr_buf out = encoded(&atr_encoder_otlp_pb, sample());
	static const char id[] = "\x0a\x10\xab\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x12\x08\xab";

	CHECK((unsigned char)out.at[0] == 0x0a);
	CHECK(memmem(out.at, out.len, id, sizeof(id) - 1));
	CHECK(memmem(out.at, out.len, "service.name", 12));
	atr_buf_release(&out);
}

TEST(protobuf_response_tells_what_was_rejected)
{
	uint64_t rejected = 0;
	struct atr_str message = { 0 };

	atr_encoder_otlp_pb.response(ATR_STR("\x0a\x06\x08\x05\x12\x02no"), &rejected, &message);
	CHECK(rejected == 5 && atr_str_equal(message, ATR_STR("no")));
	rejected = 0;
	atr_encoder_otlp_pb.response(ATR_STR("\x0a\xff\xff\xff\xff\x0f"), &rejected, &message);
	CHECK(rejected == 0);
}
