/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/rules.h"

#include "export/env.h"
#include "export/span.h"
#include "tests/unit/live.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

static char *logged;
static int log_fd = -1;

static ssize_t log_write(int fd, const void *bytes, size_t len)
{
	(void)fd;
	logged = realloc(logged, (logged ? strlen(logged) : 0) + len + 1);
	if (!logged)
		return -1;
	logged[log_fd = log_fd < 0 ? 0 : log_fd] = 0;
	memcpy(logged + log_fd, bytes, len);
	log_fd += (int)len;
	logged[log_fd] = 0;
	return (ssize_t)len;
}

static const struct atr_io io = { .open = open, .read = read, .close = close, .write = log_write };
static const struct atr_process process = { .executable_path = { "/usr/bin/shop", 13 } };

static void setup(const char *rules, const char *sampler)
{
	static char a[8192], b[128];
	static char *variables[] = { a, b, NULL };

	snprintf(a, sizeof(a), "AUTOTRACE_SAMPLING_RULES=%s", rules);
	snprintf(b, sizeof(b), "%s", sampler);
	free(logged);
	logged = NULL;
	log_fd = -1;
	atr_env_capture(variables);
	atr_log_setup(ATR_STR("stderr"), &io);
	atr_sampler_setup();
	atr_rules_setup(&io, &process);
	atr_log_setup((struct atr_str){ 0 }, &io);
}

static bool log_has(const char *text)
{
	if (logged && strstr(logged, text))
		return true;
	print_error("log: %s\n", logged ? logged : "");
	return false;
}

#define SECOND UINT64_C(1000000000)

static struct atr_decision ask_at(uint8_t kind, const char *method, const char *target,
				  const char *host, uint8_t random, uint64_t now_ns)
{
	uint8_t trace_id[16];
	struct atr_request request;
	struct atr_beginning span = { .trace_id = trace_id, .start_ns = now_ns, .kind = kind };
	struct atr_decision decision;

	memset(trace_id, random, sizeof(trace_id));
	if (method) {
		atr_request_of(atr_str(method), atr_str(target), atr_str(host), &request);
		span.request = &request;
	}
	atr_sampler_decide(&span, &decision);
	return decision;
}

/* A span of a kind, and its parent: NULL, or "remote" or "local", and its flags; and a request for /a. */
static char asked(uint8_t kind, const char *from, uint8_t flags)
{
	static const uint8_t trace_id[16] = { 1 };
	struct atr_context parent = live_parent(1);
	struct atr_request request;
	struct atr_beginning span = { .trace_id = trace_id, .start_ns = SECOND, .kind = kind };
	struct atr_decision decision;

	if (from) {
		parent.remote = !strcmp(from, "remote");
		parent.flags = flags & ATR_FLAG_SAMPLED;
		parent.marks = flags & ATR_FLAG_RANDOM ? ATR_MARK_UNDECIDED : 0;
		span.parent = &parent;
	}
	atr_request_of(ATR_STR("GET"), ATR_STR("/a"), ATR_STR("h"), &request);
	span.request = &request;
	atr_sampler_decide(&span, &decision);
	return decision.is_sampled ? 'y' : 'n';
}

/* Of a root, a remote parent not sampled and sampled, a local one not and sampled. */
static const char *of_all(uint8_t kind)
{
	static char said[6];

	said[0] = asked(kind, NULL, 0);
	said[1] = asked(kind, "remote", 0);
	said[2] = asked(kind, "remote", 1);
	said[3] = asked(kind, "local", 0);
	said[4] = asked(kind, "local", 1);
	return said;
}

static bool keeps(const char *method, const char *target, const char *host)
{
	return ask_at(ATR_KIND_SERVER, method, target, host, 0x80, SECOND).is_sampled;
}

TEST(rules_are_asked_in_their_order_and_then_the_sampler)
{
	setup("path=/health* ratio=0; method=GET,HEAD route=/a/? ratio=0\n"
	      "host=*.Example ratio=0 # these too; really\n ; \n# nothing\n"
	      "path=/a/* ratio=1;path=/a/b ratio=0",
	      "OTEL_TRACES_SAMPLER=parentbased_always_on");
	CHECK(!logged);
	CHECK(!keeps("GET", "/healthz?x=/y", "h") && !keeps("POST", "/health", "h"));
	CHECK(!keeps("GET", "/a/b", "h") && !keeps("HEAD", "/a/b", "h"));
	CHECK(keeps("POST", "/a/b", "h") && keeps("GET", "/a/bc", "h") && keeps("GET", "/", "h"));
	CHECK(!keeps("GET", "/", "x.eXample:80") && keeps("GET", "/", "example"));
	CHECK(keeps(NULL, NULL, NULL));

	setup("path=/a ratio=1", "OTEL_TRACES_SAMPLER=always_off");
	CHECK(keeps("GET", "/a", "h") && !keeps("GET", "/b", "h") && !keeps(NULL, NULL, NULL));
}

TEST(rules_know_a_request_in_all_its_forms)
{
	setup("host=shop path=/a ratio=0", "");
	CHECK(!keeps("GET", "/a", "shop:8080") && !keeps("GET", "http://shop:1/a?q", "other"));
	CHECK(!keeps("GET", "http://u:p@shop/a#f", "") && keeps("GET", "http://shop", "shop"));
	CHECK(keeps("OPTIONS", "*", "shop") && keeps("CONNECT", "shop:1", "shop:1"));
	setup("host=[::1] path=/ ratio=0", "");
	CHECK(!keeps("GET", "/", "[::1]:80") && !keeps("GET", "/", "[::1]") &&
	      !keeps("GET", "http://[::1]", ""));
}

TEST(rules_about_parents_are_asked_before_them)
{
	static const struct {
		const char *rules, *expected;
	} of[] = {
		{ "path=/a ratio=0", "nnyny" }, /* not where a parent has decided */
		{ "parent=any path=/a ratio=0", "nnnnn" },
		{ "parent=any path=/b ratio=0", "ynyny" },
		{ "parent=any ratio=1", "yyyyy" },
		{ "parent=none ratio=0", "nnyny" },
		{ "parent=none,local ratio=0", "nnynn" },
		{ "parent=remote ratio=1; parent=any ratio=0", "nyynn" },
		{ "parent=remote_not_sampled ratio=1; parent=local_sampled ratio=0", "yyynn" },
		{ "parent=remote_sampled,local_not_sampled ratio=0", "ynnny" },
		{ "parent=any ratio=parent", "ynyny" },
		{ "parent=remote ratio=parent; parent=any ratio=0", "nnynn" },
		/* in their order, as far as they are asked */
		{ "path=/a ratio=1; parent=any ratio=0", "ynnnn" },
	};

	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
		setup(of[i].rules, "");
		CHECK(!logged);
		CHECK(live_is(of_all(ATR_KIND_SERVER), of[i].expected));
	}
	/* a sampler that asks no parent, and one that was left open */
	setup("parent=remote ratio=0", "OTEL_TRACES_SAMPLER=always_on");
	CHECK(live_is(of_all(ATR_KIND_SERVER), "ynnny"));
	setup("parent=none ratio=0", "");
	CHECK(asked(ATR_KIND_SERVER, "remote", ATR_FLAG_RANDOM) == 'n');
	setup("parent=any ratio=parent", "");
	CHECK(asked(ATR_KIND_SERVER, "remote", ATR_FLAG_RANDOM) == 'y');
}

TEST(rules_as_the_parent_leave_its_threshold)
{
	static const uint8_t trace_id[16] = { 1 };
	struct atr_context parent = live_parent(1);
	struct atr_beginning span = { .trace_id = trace_id, .parent = &parent, .kind = 1 };
	struct atr_decision decision;

	parent.flags = ATR_FLAG_SAMPLED;
	setup("parent=any ratio=parent", "");
	atr_sampler_decide(&span, &decision);
	CHECK(decision.is_sampled && !decision.tells);
	setup("parent=any ratio=1", "");
	atr_sampler_decide(&span, &decision);
	CHECK(decision.is_sampled && decision.tells && !decision.th);
}

TEST(rules_of_several_kinds_and_of_what_must_not_be)
{
	setup("kind=client,internal ratio=0", "");
	CHECK(asked(ATR_KIND_SERVER, NULL, 0) == 'y' && asked(ATR_KIND_CLIENT, NULL, 0) == 'n' &&
	      asked(ATR_KIND_INTERNAL, NULL, 0) == 'n');
	setup("path=/a* path!=/ab path!=*z method!=POST,PUT host!=x ratio=0", "");
	CHECK(!keeps("GET", "/a", "h") && !keeps("GET", "/abc", "h"));
	CHECK(keeps("GET", "/ab", "h") && keeps("GET", "/az", "h") && keeps("GET", "/b", "h"));
	CHECK(keeps("POST", "/a", "h") && keeps("PUT", "/a", "h") && keeps("GET", "/a", "X:80"));
	CHECK(!logged && keeps(NULL, NULL, NULL));
	setup("kind!=server ratio=0", "");
	CHECK(log_has("!= is for method, path and host"));
	setup("parent=mother ratio=0", "");
	CHECK(log_has("parent is not any, none, remote or local"));
	setup("kind=server,mother ratio=0", "");
	CHECK(log_has("kind is not server, client or internal"));
	setup("path=1 path=2 path=3 path=4 path=5 path=6 path=7 path=8 path=9 ratio=0", "");
	CHECK(log_has("more than 8 conditions"));
}

TEST(rules_of_a_kind_and_of_no_request)
{
	setup("kind=client ratio=0", "");
	CHECK(!ask_at(ATR_KIND_CLIENT, "GET", "/", "h", 0, 1).is_sampled);
	CHECK(!ask_at(ATR_KIND_CLIENT, NULL, NULL, NULL, 0, 1).is_sampled);
	CHECK(ask_at(ATR_KIND_SERVER, "GET", "/", "h", 0, 1).is_sampled);
}

TEST(rules_of_other_services_are_not_for_us)
{
	const char *rules = "service=shop* ratio=0";

	setup(rules, "OTEL_SERVICE_NAME=shop-2");
	CHECK(!keeps("GET", "/", "h"));
	setup(rules, "OTEL_SERVICE_NAME=order");
	CHECK(keeps("GET", "/", "h") && !logged);
	setup(rules, "OTEL_RESOURCE_ATTRIBUTES=a=b,service.name=shop");
	CHECK(!keeps("GET", "/", "h"));
	setup("service=unknown_service:shop ratio=0", "");
	CHECK(!keeps("GET", "/", "h"));
}

TEST(rules_tell_what_a_ratio_was_and_nothing_beside_a_rate)
{
	struct atr_decision d;

	setup("path=/a ratio=0.5; path=/b rate=1; path=/c rate=1 ratio=0.5", "");
	d = ask_at(ATR_KIND_SERVER, "GET", "/a", "h", 0x80, SECOND);
	CHECK(d.is_sampled && d.tells && d.th == UINT64_C(1) << 55);
	CHECK(!ask_at(ATR_KIND_SERVER, "GET", "/a", "h", 0x7f, SECOND).is_sampled);
	d = ask_at(ATR_KIND_SERVER, "GET", "/b", "h", 0xff, SECOND);
	CHECK(d.is_sampled && d.tells && d.th == ATR_TH_NONE);
	CHECK(!ask_at(ATR_KIND_SERVER, "GET", "/b", "h", 0xff, SECOND).is_sampled);
	CHECK(ask_at(ATR_KIND_SERVER, "GET", "/b", "h", 0, 2 * SECOND).is_sampled);
	CHECK(ask_at(ATR_KIND_SERVER, "GET", "/c", "h", 0, SECOND).is_sampled);
	d = ask_at(ATR_KIND_SERVER, "GET", "/c", "h", 0x80, SECOND);
	CHECK(d.is_sampled && d.th == ATR_TH_NONE);
	CHECK(!ask_at(ATR_KIND_SERVER, "GET", "/c", "h", 0x7f, SECOND).is_sampled);
}

TEST(rules_that_are_wrong_are_named_and_the_others_hold)
{
	static const struct {
		const char *rule, *why;
	} wrong[] = {
		{ "path=/x", "neither ratio nor rate" },
		{ "path=/x ratio=2", "ratio is not" },
		{ "path=/x ratio=", "empty" },
		{ "path=/x rate=-1", "rate is not" },
		{ "path=/x ratio=0 then", "not key=value" },
		{ "path=/x ration=0", "not known" },
		{ "kind=waiter ratio=0", "kind is not" },
		{ "=/x ratio=0", "not known" },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		snprintf(text, sizeof(text), "path=/a ratio=0;%s;path=/b ratio=0", wrong[i].rule);
		setup(text, "");
		CHECK(log_has(wrong[i].rule) && log_has(wrong[i].why));
		CHECK(strchr(logged, '\n') == logged + strlen(logged) - 1);
		CHECK(!keeps("GET", "/a", "h") && !keeps("GET", "/b", "h"));
		CHECK(keeps("GET", "/x", "h"));
	}
}

TEST(rules_come_from_a_file)
{
	char path[] = "/tmp/rules-XXXXXX", marked[64];
	static const char text[] = "# of all services\npath=/a ratio=0\npath=/b ratio=0";
	int fd = mkstemp(path);

	CHECK(fd >= 0 && write(fd, text, sizeof(text) - 1) == sizeof(text) - 1);
	close(fd);
	setup(path, "");
	CHECK(!logged && !keeps("GET", "/a", "h") && !keeps("GET", "/b", "h"));
	CHECK(keeps("GET", "/c", "h"));
	snprintf(marked, sizeof(marked), "@%s", path);
	setup(marked, "");
	CHECK(!logged && !keeps("GET", "/b", "h"));
	unlink(path);
	setup(marked, "");
	CHECK(log_has("cannot be opened") && keeps("GET", "/a", "h"));
	setup("/", "");
	CHECK(log_has("cannot be read") && keeps("GET", "/a", "h"));
	setup("/dev/zero", "");
	CHECK(log_has("larger than 256 KiB") && keeps("GET", "/a", "h"));
}

#define LOCAL(rules, rest)                                                                         \
	"{ \"version\": 2, \"rules\": [" rules "], \"default\": { \"fixed_target\": 1, \"rate\": " \
	"0.5 } " rest "}"

TEST(rules_of_x_ray_s_own_are_known)
{
	struct atr_decision d;

	setup(LOCAL("{\"description\": \"d\", \"host\": \"*.Example\", \"http_method\": \"get\", "
		    "\"url_path\": \"/API/*\", \"fixed_target\": 0, \"rate\": 0}",
		    ""),
	      "OTEL_TRACES_SAMPLER=always_off");
	CHECK(!logged);
	CHECK(!ask_at(ATR_KIND_SERVER, "GET", "/api/x", "a.example", 0xff, SECOND).is_sampled);
	/* one a second, and half of the others */
	d = ask_at(ATR_KIND_SERVER, "PUT", "/api/x", "a.example", 0, SECOND);
	CHECK(d.is_sampled && d.tells && d.th == ATR_TH_NONE);
	CHECK(!ask_at(ATR_KIND_SERVER, "PUT", "/api/x", "a.example", 0x7f, SECOND).is_sampled);
	CHECK(ask_at(ATR_KIND_CLIENT, "PUT", "/api/x", "a.example", 0x80, SECOND).is_sampled);
	CHECK(ask_at(ATR_KIND_INTERNAL, NULL, NULL, NULL, 0, 2 * SECOND).is_sampled);
	setup("{\"version\": 1, \"rules\": [{\"service_name\": \"a\", \"http_method\": \"*\", "
	      "\"url_path\": \"*\", \"fixed_target\": 0, \"rate\": 0}], "
	      "\"default\": {\"fixed_target\": 1, \"rate\": 1}}",
	      "");
	CHECK(!logged && !keeps("GET", "/", "a") && keeps("GET", "/", "b"));
}

TEST(rules_of_x_ray_s_that_are_wrong_are_told)
{
	setup("{ nothing", "");
	CHECK(log_has("not JSON") && keeps("GET", "/", "h"));
	setup("{}", "");
	CHECK(log_has("version") && keeps("GET", "/", "h"));
	setup("{\"version\":2}", "");
	CHECK(log_has("no default") && keeps("GET", "/", "h"));
	setup(LOCAL("{\"host\": \"a\"}, 5, {\"host\": \"b\", \"http_method\": \"*\", "
		    "\"url_path\": \"*\", \"fixed_target\": 0, \"rate\": 0}",
		    ""),
	      "");
	CHECK(log_has("a rule in it") && !keeps("GET", "/", "b") && keeps("GET", "/", "a"));
}

TEST(rules_beyond_their_number_are_told)
{
	char text[4096] = "";

	for (int i = 0; i < 129; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "path=/%d ratio=0;", i);
	setup(text, "");
	CHECK(log_has("more than 128 rules") && !keeps("GET", "/127", "h") &&
	      keeps("GET", "/128", "h"));
	setup("", "");
	CHECK(keeps("GET", "/1", "h"));
}

TEST(rules_are_asked_when_a_request_s_span_begins)
{
	static const char *const variables[] = { "AUTOTRACE_SAMPLING_RULES=path=/a ratio=0", NULL };
	struct atr_context parent = live_parent(3);
	struct atr_context_copy copy;
	struct atr_request request;
	atr_ref ref, child;

	live_begin(variables);
	atr_rules_setup(&io, &process);
	CHECK(atr_sampler_wants_request);
	atr_request_of(ATR_STR("GET"), ATR_STR("/a"), ATR_STR("h"), &request);
	ref = atr_live_open_for(&atr_self, ATR_KIND_SERVER, NULL, 1000, &request);
	CHECK(!atr_live_span(ref) && atr_live_context(ref, &copy));
	/* and what it does follows it */
	child = atr_live_open(&atr_self, ATR_KIND_CLIENT, &copy.context, 1000);
	CHECK(!atr_live_span(child));
	atr_context_copy_release(&copy);
	atr_live_close(child, 2000);
	atr_live_close(ref, 2000);
	/* the parent has decided */
	ref = atr_live_open_for(&atr_self, ATR_KIND_SERVER, &parent, 1000, &request);
	CHECK(atr_live_span(ref) != NULL);
	atr_live_close(ref, 2000);
	CHECK(live_next());
	live_end();
	setup("", "");
}
