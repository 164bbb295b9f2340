/* SPDX-License-Identifier: Apache-2.0 */
/* jaeger.c itself, with the collector and the exporter's alarm in the test's hands. */
#include "preload/live/jaeger.c"

#include "export/span.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static unsigned nr_alarms, nr_begun, nr_asked;
static uint64_t alarm_at_ms;
static void (*on_alarm)(void);
static struct atr_str jaeger_answer; /* absent: none */
static char asked_path[1024], asked_body[300], asked_host[64];
static size_t asked_len;
static uint16_t asked_port;
static bool asked_by_grpc, was_posted;

static void jaeger_alarm(uint64_t at_ms, void (*ring)(void))
{
	nr_alarms++;
	alarm_at_ms = at_ms;
	on_alarm = ring;
}

static void jaeger_begin(void)
{
	nr_begun++;
}

static bool jaeger_ask(const struct atr_exporter_options *to, struct atr_str body,
		       uint32_t timeout_ms, struct atr_answer *out)
{
	CHECK(timeout_ms > 0 && body.len <= sizeof(asked_body));
	nr_asked++;
	snprintf(asked_path, sizeof(asked_path), "%.*s", (int)to->path.len, to->path.at);
	snprintf(asked_host, sizeof(asked_host), "%.*s", (int)to->host.len, to->host.at);
	asked_port = to->port;
	asked_by_grpc = to->is_grpc;
	was_posted = body.at;
	asked_len = body.len;
	if (body.len)
		memcpy(asked_body, body.at, body.len);
	if (!jaeger_answer.at)
		return false;
	out->body_len = jaeger_answer.len;
	memcpy(out->body, jaeger_answer.at, jaeger_answer.len);
	out->body[out->body_len] = 0;
	return true;
}

static void begin(const char *arg, const char *service)
{
	static char a[1024];
	static char *variables[] = { a, NULL };

	snprintf(a, sizeof(a), "OTEL_TRACES_SAMPLER_ARG=%s", arg);
	atr_env_capture(variables);
	nr_alarms = nr_begun = nr_asked = 0;
	jaeger_answer = (struct atr_str){ 0 };
	atr_remote_alarm = jaeger_alarm;
	atr_remote_begin = jaeger_begin;
	atr_remote_post = jaeger_ask;
	atr_jaeger_setup();
	atr_jaeger_serves(atr_str(service));
}

/* Of a trace whose random number begins like this. */
static struct atr_decision decision_on(const char *method, const char *path, uint8_t random,
				       uint64_t now_ns)
{
	uint8_t trace_id[16];
	struct atr_request request = { atr_str(method), atr_str(path), ATR_STR("h") };
	struct atr_beginning span = { .trace_id = trace_id,
				      .start_ns = now_ns,
				      .kind = ATR_KIND_SERVER,
				      .request = *method ? &request : NULL };
	struct atr_decision decision = { .th = ATR_TH_NONE };

	memset(trace_id, random, sizeof(trace_id));
	atr_jaeger_decide(&span, &decision);
	return decision;
}

static bool is_kept(const char *method, const char *path, uint8_t random, uint64_t now_ns)
{
	return decision_on(method, path, random, now_ns).is_sampled;
}

/* The collector says this, and has been asked. */
static void hears(const char *text)
{
	is_kept("GET", "/", 0, atr_clock_ns());
	jaeger_answer = text ? atr_str(text) : (struct atr_str){ 0 };
	on_alarm();
}

static const char half[] =
	"{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":0.5}}";

TEST(jaeger_is_asked_when_there_is_a_request_and_the_initial_share_holds_until_then)
{
	uint64_t now = atr_clock_ns();

	begin("endpoint=http://10.0.0.1:5778,pollingIntervalMs=5000,initialSamplingRate=0.25",
	      "the shop/1");
	CHECK(nr_alarms == 0);
	CHECK(!is_kept("GET", "/", 0xbf, now) && is_kept("GET", "/", 0xc0, now));
	CHECK(decision_on("GET", "/", 0xff, now).th == atr_ot_threshold(0.25));
	CHECK(nr_alarms == 1 && nr_begun == 1 && nr_asked == 0);
	hears(half);
	CHECK(nr_asked == 1 && !strcmp(asked_host, "10.0.0.1") && asked_port == 5778);
	CHECK(!strcmp(asked_path, "/sampling?service=the%20shop%2F1"));
	CHECK(!was_posted && !asked_by_grpc);

	CHECK(!is_kept("GET", "/", 0x7f, now) && is_kept("GET", "/", 0x80, now));
	CHECK(decision_on("GET", "/", 0xff, now).th == atr_ot_threshold(0.5));
	CHECK(nr_alarms == 2 && alarm_at_ms + 1000 > atr_now_ms() + 5000 - 1000 &&
	      alarm_at_ms <= atr_now_ms() + 5000);
}

TEST(jaeger_without_an_argument_keeps_one_in_a_thousand)
{
	uint64_t now = atr_clock_ns();

	begin("", "shop");
	CHECK(decision_on("GET", "/", 0xff, now).th == atr_ot_threshold(0.001));
	hears(half);
	CHECK(!strcmp(asked_host, "localhost") && asked_port == 5778 &&
	      !strcmp(asked_path, "/sampling?service=shop"));
	is_kept("GET", "/", 0, now);
	CHECK(alarm_at_ms > atr_now_ms() + 50000);
}

TEST(jaeger_argument_that_is_wrong_is_left_out)
{
	static const char *const wrong[] = {
		"initialSamplingRate=2",
		"initialSamplingRate=",
		"pollingIntervalMs=0",
		"pollingIntervalMs=soon",
		"rate=1",
		"0.5",
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin(wrong[i], "shop");
		CHECK(decision_on("GET", "/", 0xff, 1).th == atr_ot_threshold(0.001));
		CHECK(jaeger.interval_ms == 60000);
	}
	begin("wrong,initialSamplingRate=1", "shop");
	CHECK(is_kept("GET", "/", 0, 1));
}

TEST(jaeger_is_asked_by_http_where_there_is_a_path_and_by_grpc_where_there_is_none)
{
	begin("endpoint=http://c:14268/api/sampling?x=1", "a");
	hears(half);
	CHECK(!asked_by_grpc && !strcmp(asked_path, "/api/sampling?x=1&service=a"));
	begin("endpoint=c:14250", "shop");
	hears(half);
	CHECK(asked_by_grpc && !strcmp(asked_host, "c") && asked_port == 14250);
	CHECK(asked_len == 6 && !memcmp(asked_body, "\x0a\x04shop", 6));
	begin("endpoint=un", "shop");
	hears(half);
	CHECK(asked_by_grpc && !strcmp(asked_host, "un"));
	begin("endpoint=ftp://c", "shop");
	hears(half);
	CHECK(nr_asked == 0);
}

TEST(jaeger_limits_a_rate)
{
	uint64_t now = atr_clock_ns();
	unsigned nr = 0;

	begin("", "shop");
	hears("{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":3}}");
	for (int i = 0; i < 10; i++)
		nr += is_kept("GET", "/", 0, now);
	CHECK(nr == 3);
	CHECK(decision_on("GET", "/", 0xff, now + SECOND).tells &&
	      decision_on("GET", "/", 0xff, now + SECOND).th == ATR_TH_NONE);
	/* the same once more does not begin it anew */
	hears("{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":3}}");
	CHECK(!is_kept("GET", "/", 0, now));
	hears("{\"strategyType\":\"RATE_LIMITING\",\"rateLimitingSampling\":{}}");
	CHECK(!is_kept("GET", "/", 0xff, now + 10 * SECOND));
}

#define OPERATION(name, rate) \
	"{\"operation\":\"" name "\",\"probabilisticSampling\":{\"samplingRate\":" rate "}}"
static const char operations[] =
	"{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":0},"
	"\"operationSampling\":{\"defaultSamplingProbability\":0.5,"
	"\"perOperationStrategies\":[" OPERATION("GET", "0") "," OPERATION(
		"GET /orders/{id}", "1") "," OPERATION("GET /orders/new",
						       "0.25") "," OPERATION("/health", "0") "]}}";

TEST(jaeger_has_a_share_for_each_operation)
{
	uint64_t now = atr_clock_ns();

	begin("", "shop");
	hears(operations);
	CHECK(decision_on("GET", "/orders/17", 0, now).th == 0);
	CHECK(decision_on("GET", "/orders/new", 0xff, now).th == atr_ot_threshold(0.25));
	CHECK(!is_kept("GET", "/orders/17/items", 0xff, now));
	CHECK(!is_kept("GET", "/orders/", 0xff, now));
	CHECK(!is_kept("GET", "/", 0xff, now));
	CHECK(!is_kept("POST", "/health", 0xff, now));
	CHECK(decision_on("POST", "/orders/17", 0xff, now).th == atr_ot_threshold(0.5));
	CHECK(decision_on("", "", 0xff, now).th == atr_ot_threshold(0.5));
}

TEST(jaeger_keeps_some_of_each_operation_at_least)
{
	uint64_t now = atr_clock_ns();

	begin("", "shop");
	hears("{\"operationSampling\":{\"defaultSamplingProbability\":0,"
	      "\"defaultLowerBoundTracesPerSecond\":1,\"perOperationStrategies\":[" OPERATION(
		      "GET /a", "0") "," OPERATION("GET /b", "0.5") "]}}");
	CHECK(is_kept("GET", "/a", 0, now) && !is_kept("GET", "/a", 0, now));
	CHECK(is_kept("GET", "/b", 0xff, now) && !is_kept("GET", "/b", 0, now));
	CHECK(is_kept("GET", "/c", 0, now) && !is_kept("GET", "/d", 0, now));
	now += SECOND;
	CHECK(decision_on("GET", "/a", 0, now).th == ATR_TH_NONE);
	CHECK(decision_on("GET", "/b", 0xff, now).th == atr_ot_threshold(0.5));
}

TEST(jaeger_answer_that_is_no_strategy_changes_nothing_and_is_counted)
{
	static const char *const wrong[] = {
		"",
		"{",
		"[]",
		"null",
		"{}",
		"5",
		"{\"strategyType\":7,\"probabilisticSampling\":{\"samplingRate\":1}}",
		"{\"strategyType\":\"OTHER\",\"probabilisticSampling\":{\"samplingRate\":1}}",
		"{\"strategyType\":[],\"probabilisticSampling\":{\"samplingRate\":1}}",
		"{\"probabilisticSampling\":{\"samplingRate\":1.5}}",
		"{\"probabilisticSampling\":{\"samplingRate\":-1}}",
		"{\"probabilisticSampling\":{\"samplingRate\":\"1\"}}",
		"{\"probabilisticSampling\":1}",
		"{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":-1}}",
		"{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":1e30}}",
		"{\"operationSampling\":{\"defaultSamplingProbability\":2}}",
		"{\"operationSampling\":{\"defaultLowerBoundTracesPerSecond\":-1}}",
		"{\"operationSampling\":{\"perOperationStrategies\":5}}",
		"{\"operationSampling\":{\"perOperationStrategies\":[5]}}",
		"{\"operationSampling\":{\"perOperationStrategies\":[{\"operation\":\"a\"}]}}",
	};
	uint64_t before;

	begin("", "shop");
	hears(half);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		before = atr_count_read(ATR_COUNT_STRATEGIES_MALFORMED);
		hears(wrong[i]);
		CHECK(atr_count_read(ATR_COUNT_STRATEGIES_MALFORMED) == before + 1);
		CHECK(decision_on("GET", "/", 0xff, 1).th == atr_ot_threshold(0.5));
	}
	before = atr_count_read(ATR_COUNT_STRATEGIES_FAILED);
	hears(NULL);
	CHECK(atr_count_read(ATR_COUNT_STRATEGIES_FAILED) == before + 1);
	CHECK(decision_on("GET", "/", 0xff, 1).th == atr_ot_threshold(0.5));
}

TEST(jaeger_more_operations_than_there_is_room_for)
{
	static char text[ATR_ANSWER_MAX];
	char *at = text;

	begin("", "shop");
	at += sprintf(at, "{\"operationSampling\":{\"defaultSamplingProbability\":1,"
			  "\"perOperationStrategies\":[");
	for (int i = 0; i < OPERATIONS_MAX + 100; i++)
		at += sprintf(at, "%s{\"operation\":\"GET /%d\",\"probabilisticSampling\":{}}",
			      i ? "," : "", i);
	strcpy(at, "]}}");
	hears(text);
	CHECK(!is_kept("GET", "/255", 0xff, 1) && is_kept("GET", "/256", 0xff, 1));
}

/* ---- gRPC's ------------------------------------------------------------------------------------ */

static void hears_message(const char *bytes, size_t len)
{
	is_kept("GET", "/", 0, atr_clock_ns());
	jaeger_answer = (struct atr_str){ bytes, len };
	on_alarm();
}
#define HEARS(text) hears_message(text, sizeof(text) - 1)
#define HALF "\x09\0\0\0\0\0\0\xe0\x3f" /* samplingRate: 0.5 */

TEST(jaeger_says_the_same_by_grpc)
{
	uint64_t now = atr_clock_ns();

	begin("endpoint=http://c:14250", "shop");
	HEARS("\x12\x09" HALF);
	CHECK(decision_on("GET", "/", 0xff, now).th == atr_ot_threshold(0.5));
	HEARS("\x08\x01\x1a\x02\x08\x02");
	CHECK(is_kept("GET", "/", 0, now) && is_kept("GET", "/", 0, now) &&
	      !is_kept("GET", "/", 0, now));
	/* by default half; GET /a half, POST none; one a second of each */
	HEARS("\x12\x09" HALF "\x22\x2f" HALF "\x11\0\0\0\0\0\0\xf0\x3f"
	      "\x1a\x13\x0a\x06GET /a\x12\x09" HALF "\x1a\x06\x0a\x04POST");
	CHECK(is_kept("POST", "/", 0xff, now) && !is_kept("POST", "/", 0xff, now));
	CHECK(decision_on("GET", "/a", 0xff, now).th == atr_ot_threshold(0.5));
	CHECK(decision_on("GET", "/b", 0xff, now).th == atr_ot_threshold(0.5));
}

TEST(jaeger_message_that_is_cut_or_wrong_changes_nothing)
{
	static const char good[] = "\x12\x09" HALF "\x22\x26" HALF
				   "\x1a\x13\x0a\x06GET /a\x12\x09" HALF "\x1a\x06\x0a\x04POST";
	static const char much[] = "\x12\x09\x09\0\0\0\0\0\0\xf8\x3f"; /* 1.5 */

	begin("endpoint=http://c:14250,initialSamplingRate=0.25", "shop");
	for (size_t len = 0; len < sizeof(good) - 1; len++) {
		char *copy = malloc(len + 1);

		if (len == 11)
			copy[0] = 0; /* one that ends with its first field is whole */
		memcpy(copy, good, len);
		if (len != 11)
			hears_message(copy, len);
		free(copy);
		CHECK(decision_on("", "", 0xff, 1).th == atr_ot_threshold(0.25));
	}
	HEARS(much);
	CHECK(decision_on("", "", 0xff, 1).th == atr_ot_threshold(0.25));
	hears_message(good, sizeof(good) - 1);
	CHECK(decision_on("", "", 0xff, 1).th == atr_ot_threshold(0.5));
	CHECK(!is_kept("POST", "/", 0xff, 1));
}

TEST(jaeger_forked_child_asks_for_itself)
{
	begin("", "shop");
	is_kept("GET", "/", 0, 1);
	CHECK(nr_alarms == 1);
	atr_jaeger_forked();
	is_kept("GET", "/", 0, 1);
	CHECK(nr_alarms == 2 && alarm_at_ms <= atr_now_ms());
}
