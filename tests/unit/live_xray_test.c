/* SPDX-License-Identifier: Apache-2.0 */
/* xray.c itself, with X-Ray's daemon and the exporter's alarm in the test's hands. */
#include "export/exporter.h"
#include "export/transport/transport.h"

#include "preload/live/xray.c"

#include "export/span.h"
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)

static unsigned nr_alarms, nr_asked;
static uint64_t alarm_at_ms;
static void (*on_alarm)(void);
static const char *rules_answer, *targets_answer;
static char asked_path[64], asked_body[4096], asked_host[64];
static uint16_t asked_port;

static void xray_alarm(uint64_t at_ms, void (*ring)(void))
{
	nr_alarms++;
	alarm_at_ms = at_ms;
	on_alarm = ring;
}

static bool xray_ask(const struct atr_exporter_options *to, struct atr_str body,
		     uint32_t timeout_ms, struct atr_answer *answer_to)
{
	const char *text = atr_str_equal(to->path, ATR_STR("/GetSamplingRules")) ? rules_answer :
										   targets_answer;

	CHECK(timeout_ms > 0 && body.len < sizeof(asked_body));
	nr_asked++;
	snprintf(asked_path, sizeof(asked_path), "%.*s", (int)to->path.len, to->path.at);
	snprintf(asked_body, sizeof(asked_body), "%.*s", (int)body.len, body.at);
	snprintf(asked_host, sizeof(asked_host), "%.*s", (int)to->host.len, to->host.at);
	asked_port = to->port;
	if (!text)
		return false;
	answer_to->body_len = strlen(text);
	memcpy(answer_to->body, text, answer_to->body_len + 1);
	return true;
}

static void xray_begin(void)
{
}

static void begin(const char *arg, const char *address)
{
	static char a[256], b[256];
	static char *variables[] = { a, b, NULL };

	snprintf(a, sizeof(a), "OTEL_TRACES_SAMPLER_ARG=%s", arg);
	snprintf(b, sizeof(b), "AWS_XRAY_DAEMON_ADDRESS=%s", address);
	atr_env_capture(variables);
	nr_alarms = nr_asked = 0;
	atr_remote_alarm = xray_alarm;
	atr_remote_begin = xray_begin;
	atr_remote_post = xray_ask;
	rules_answer = targets_answer = NULL;
	atr_xray_setup(ATR_STR("shop"));
}

static bool is_sampled(const char *method, const char *path, const char *host, uint8_t random,
		       uint64_t now_ns, bool *found)
{
	uint8_t trace_id[16];
	struct atr_request request = { atr_str(method), atr_str(path), atr_str(host) };
	struct atr_beginning span = { .trace_id = trace_id,
				      .start_ns = now_ns,
				      .kind = ATR_KIND_SERVER,
				      .request = method ? &request : NULL };
	struct atr_decision decision = { .is_sampled = false };

	memset(trace_id, random, sizeof(trace_id));
	*found = atr_xray_decide(&span, &decision);
	CHECK(!*found || (decision.tells && decision.th == ATR_TH_NONE));
	return decision.is_sampled;
}

#define RULE(name, priority, host, method, path, reservoir, rate, service)                        \
	"{\"SamplingRule\":{\"RuleName\":\"" name "\",\"Priority\":" priority ",\"Host\":\"" host \
	"\",\"HTTPMethod\":\"" method "\",\"URLPath\":\"" path "\",\"ReservoirSize\":" reservoir  \
	",\"FixedRate\":" rate ",\"ServiceName\":\"" service                                      \
	"\",\"ServiceType\":\"*\",\"ResourceARN\":\"*\",\"Version\":1,\"Attributes\":{}}}"
#define RULES(list) "{\"SamplingRuleRecords\":[" list "]}"

static const char usual[] = RULES(RULE("Default", "10000", "*", "*", "*", "0", "0", "*") "," RULE(
	"half", "5", "*.Example", "GET", "/api/*", "0", "0.5",
	"Sh*") "," RULE("first", "1", "*", "*", "/api/x", "5", "0",
			"*") "," RULE("other", "1", "*", "*", "*", "0", "1", "order"));

TEST(xray_rules_are_asked_for_when_there_is_a_request_and_hold_by_priority)
{
	uint64_t now = atr_clock_ns();
	bool found;

	begin("endpoint=http://10.0.0.1:99,polling_interval=60", "");
	is_sampled("GET", "/", "h", 0, now, &found);
	CHECK(!found && nr_alarms == 1 && nr_asked == 0);
	is_sampled("GET", "/", "h", 0, now, &found);
	CHECK(nr_alarms == 1);
	rules_answer = usual;
	on_alarm();
	CHECK(nr_asked == 1 && !strcmp(asked_path, "/GetSamplingRules") &&
	      !strcmp(asked_body, "{}") && !strcmp(asked_host, "10.0.0.1") && asked_port == 99);

	now = atr_clock_ns();
	CHECK(is_sampled("get", "/API/y", "a.example", 0x80, now, &found) && found);
	CHECK(!is_sampled("GET", "/api/y", "a.example", 0x7f, now, &found) && found);
	CHECK(!is_sampled("POST", "/api/y", "a.example", 0xff, now, &found) && found);
	CHECK(!is_sampled(NULL, "", "", 0xff, now, &found) && found);
	/* until a quota comes one a second is borrowed */
	CHECK(is_sampled("GET", "/api/x", "a.example", 0, now, &found));
	CHECK(!is_sampled("GET", "/api/x", "a.example", 0xff, now, &found));
	CHECK(is_sampled("GET", "/api/x", "a.example", 0, now + SECOND, &found));
	/* what cannot be had anew is good for an hour */
	is_sampled("GET", "/", "h", 0xff, now + 3601 * SECOND, &found);
	CHECK(!found);
}

TEST(xray_is_told_what_became_of_requests_and_grants_a_quota)
{
	uint64_t now = atr_clock_ns();
	char targets[512];
	unsigned nr = 0;
	bool found;

	begin("", "tcp:10.0.0.2:7 udp:10.0.0.3:8");
	rules_answer = usual;
	is_sampled("GET", "/", "h", 0, now, &found);
	on_alarm();
	CHECK(!strcmp(asked_host, "10.0.0.2") && asked_port == 7);
	now = atr_clock_ns();
	for (int i = 0; i < 5; i++)
		is_sampled("GET", "/api/x", "a.example", 0, now, &found);
	CHECK(nr_alarms == 2 && alarm_at_ms >= atr_now_ms() + 9000);
	snprintf(targets, sizeof(targets),
		 "{\"SamplingTargetDocuments\":[{\"RuleName\":\"first\",\"FixedRate\":0.25,"
		 "\"ReservoirQuota\":2,\"ReservoirQuotaTTL\":%llu.0,\"Interval\":10},"
		 "{\"RuleName\":\"gone\",\"FixedRate\":1}],\"LastRuleModification\":1.5}",
		 (unsigned long long)(atr_clock_unix(now) / SECOND + 30));
	targets_answer = targets;
	on_alarm();
	CHECK(nr_asked == 2 && !strcmp(asked_path, "/SamplingTargets"));
	CHECK(strstr(asked_body, "\"RuleName\":\"first\",\"RequestCount\":5,\"SampledCount\":1,"
				 "\"BorrowCount\":1,\"Timestamp\":"));
	CHECK(strstr(asked_body, xray.client) && strlen(xray.client) == 24);
	CHECK(!strstr(asked_body, "Default") && !strstr(asked_body, "half"));

	now = atr_clock_ns() / SECOND * SECOND + SECOND;
	for (int i = 0; i < 6; i++)
		nr += is_sampled("GET", "/api/x", "a.example", 0, now, &found);
	CHECK(nr == 2);
	CHECK(is_sampled("GET", "/api/x", "a.example", 0xc0, now, &found));
	CHECK(!is_sampled("GET", "/api/x", "a.example", 0xbf, now, &found));
	/* when it is over, borrowing begins again */
	now += 40 * SECOND;
	CHECK(is_sampled("GET", "/api/x", "a.example", 0, now, &found));
	CHECK(!is_sampled("GET", "/api/x", "a.example", 0, now, &found));
}

TEST(xray_rules_that_changed_are_read_again_and_counts_go_on)
{
	uint64_t now = atr_clock_ns();
	char targets[128];
	bool found;

	begin("", "");
	rules_answer = usual;
	is_sampled("GET", "/", "h", 0, now, &found);
	on_alarm();
	CHECK(!strcmp(asked_host, "127.0.0.1") && asked_port == 2000);
	is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
	snprintf(targets, sizeof(targets),
		 "{\"SamplingTargetDocuments\":[],\"LastRuleModification\":%llu}",
		 (unsigned long long)(atr_clock_unix(now) / SECOND + 5));
	targets_answer = targets;
	rules_answer = RULES(RULE("Default", "10000", "*", "*", "*", "0", "1", "*"));
	on_alarm();
	CHECK(nr_asked == 3);
	CHECK(is_sampled("GET", "/api/x", "h", 0, atr_clock_ns(), &found) && found);
	on_alarm();
	CHECK(strstr(asked_path, "Rules") || strstr(asked_body, "\"RuleName\":\"Default\""));
}

TEST(xray_without_an_answer_goes_on_as_before)
{
	static const char *const wrong[] = { NULL,  "", "{", "[]", "{\"SamplingRuleRecords\":5}",
					     "null" };
	bool found;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		begin("", "");
		rules_answer = wrong[i];
		is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
		on_alarm();
		is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
		CHECK(!found && nr_alarms == 2);
		rules_answer = usual;
		on_alarm();
		is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
		CHECK(found);
		targets_answer = wrong[i];
		rules_answer = wrong[i];
		on_alarm();
		is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
		CHECK(found);
	}
}

TEST(xray_rules_that_are_none_are_left_out)
{
	bool found;

	begin("", "");
	rules_answer = RULES(
		"5,{},{\"SamplingRule\":5}," RULE("", "1", "*", "*", "*", "0", "1", "*") "," RULE(
			"much", "1", "*", "*", "*", "0", "2",
			"*") ",{\"SamplingRule\":{\"RuleName\":\"a\",\"FixedRate\":1,"
			     "\"Attributes\":"
			     "{\"a\":\"b\"}}},{\"SamplingRule\":{\"RuleName\":\"b\",\"FixedRate\":"
			     "1,"
			     "\"ServiceType\":\"AWS::EC2::Instance\"}}");
	is_sampled("GET", "/", "h", 0xff, atr_clock_ns(), &found);
	on_alarm();
	is_sampled("GET", "/", "h", 0xff, atr_clock_ns(), &found);
	CHECK(!found);
}

TEST(xray_more_rules_than_there_is_room_for)
{
	static char text[60000];
	bool found;

	begin("", "");
	strcpy(text, "{\"SamplingRuleRecords\":[");
	for (int i = 0; i < 300; i++)
		sprintf(text + strlen(text),
			"%s{\"SamplingRule\":{\"RuleName\":\"r%d\",\"FixedRate\":0,\"URLPath\":\"/"
			"%0*d\",\"Priority\":%d}}",
			i ? "," : "", i, i % 2 ? 3 : 90, i, 1 + i % 7);
	strcat(text, "]}");
	rules_answer = text;
	is_sampled("GET", "/", "h", 0xff, atr_clock_ns(), &found);
	on_alarm();
	is_sampled("GET", "/001", "h", 0xff, atr_clock_ns(), &found);
	CHECK(found);
}

TEST(xray_without_rules_takes_one_a_second_and_5_percent)
{
	uint8_t low[16] = { 1 }, high[16];
	struct atr_beginning span = { .trace_id = low, .start_ns = 100 * SECOND };
	struct atr_decision decision;

	begin("", "");
	memset(high, 0xff, sizeof(high));
	atr_xray_decide_without(&span, &decision);
	CHECK(decision.is_sampled && decision.th == ATR_TH_NONE);
	atr_xray_decide_without(&span, &decision);
	CHECK(!decision.is_sampled);
	span.trace_id = high;
	atr_xray_decide_without(&span, &decision);
	CHECK(decision.is_sampled);
}

TEST(xray_is_not_asked_in_a_function)
{
	char *variables[] = { "AWS_LAMBDA_RUNTIME_API=127.0.0.1:1", NULL };
	bool found;

	begin("", "");
	atr_env_capture(variables);
	atr_xray_setup(ATR_STR("shop"));
	is_sampled("GET", "/", "h", 0, atr_clock_ns(), &found);
	CHECK(nr_alarms == 0);
}
