/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/faas.h"

#include "export/attr.h"
#include "export/env.h"
#include "export/options.h"
#include "preload/conn/capture.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"
#include "propagator/hex.h"

/*
 * Sources: the specification's FaaS and AWS Lambda conventions, and for where
 * each service keeps a context its developer guide. A batch of messages has no
 * parent among them: each one's context is a link.
 */

#define PAIRS_MAX 64

static struct atr_str function_name, version;
static bool is_provisioned;
static bool follows_header; /* the segment that Lambda made is in the backend: X-Ray's */
static bool keeps_unsampled;

void atr_faas_setup(void)
{
	struct atr_str init = atr_env_get("AWS_LAMBDA_INITIALIZATION_TYPE");

	function_name = atr_env_get("AWS_LAMBDA_FUNCTION_NAME");
	version = atr_env_get("AWS_LAMBDA_FUNCTION_VERSION");
	is_provisioned = atr_str_equal(init, ATR_STR("provisioned-concurrency"));
	follows_header =
		atr_options_say_xray() || atr_propagators_use(&atr_formats, ATR_FORMAT_XRAY_LAMBDA);
	keeps_unsampled = !atr_env_bool("AUTOTRACE_LAMBDA_HONOUR_SAMPLED", follows_header);
}

/* ---- what is read ----------------------------------------------------------------------------- */

static bool wants(struct atr_str name)
{
	static const char http[][20] = {
		"host", "user-agent", "x-forwarded-proto", "x-forwarded-for", "x-forwarded-port",
	};

	if (atr_propagators_want(&atr_formats, name) || atr_capture_wants(name))
		return true;
	for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++)
		if (atr_str_equal_nocase(name, atr_str(http[i])))
			return true;
	return false;
}

void atr_next_begin(struct atr_next *next)
{
	memset(next, 0, offsetof(struct atr_next, text));
	atr_event_begin(&next->event, wants);
}

static struct atr_str keep(struct atr_next *next, struct atr_str text)
{
	char *at = next->text + next->text_len;

	if (!text.len || text.len > sizeof(next->text) - next->text_len)
		return (struct atr_str){ 0 };
	memcpy(at, text.at, text.len);
	next->text_len += (uint32_t)text.len;
	return (struct atr_str){ at, text.len };
}

#define NUMBER_MAX 999999999999999 /* milliseconds: some thousand years */

static uint64_t number(struct atr_str text)
{
	uint64_t n = 0;

	atr_str_decimal(text, NUMBER_MAX, &n);
	return n;
}

void atr_next_head(struct atr_next *next, const char *bytes, size_t len,
		   const struct atr_http1_head *head, uint64_t now_ns)
{
	uint32_t at = head->fields_at;
	struct atr_pair f;

	next->arrived_ns = now_ns;
	while (atr_http1_next_field(bytes, len, &at, &f)) {
		if (atr_str_equal_nocase(f.name, ATR_STR("Lambda-Runtime-Aws-Request-Id"))) {
			next->id = keep(next, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("Lambda-Runtime-Deadline-Ms"))) {
			next->deadline_ms = number(f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("Lambda-Runtime-Trace-Id"))) {
			next->trace = keep(next, f.value);
		} else if (atr_str_equal_nocase(f.name,
						ATR_STR("Lambda-Runtime-Invoked-Function-Arn"))) {
			next->arn = keep(next, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("Lambda-Runtime-Client-Context"))) {
			atr_event_feed(&next->event, f.value.at, f.value.len);
			atr_event_next_text(&next->event);
		}
	}
}

void atr_next_error_type(struct atr_next *next, struct atr_str type)
{
	next->error_type = keep(next, type);
}

/* Base64 as the trailer has it; decoded in runs into the event. */
static void feed_base64(struct atr_event *event, struct atr_str text)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint32_t bits = 0;
	int nr = 0;

	for (size_t i = 0; i < text.len && text.at[i] != '='; i++) {
		const char *digit = text.at[i] ? strchr(digits, text.at[i]) : NULL;
		char byte;

		if (!digit)
			return;
		bits = bits << 6 | (uint32_t)(digit - digits);
		nr += 6;
		if (nr < 8)
			continue;
		nr -= 8;
		byte = (char)(bits >> nr);
		atr_event_feed(event, &byte, 1);
	}
}

void atr_next_trailers(struct atr_next *next, struct atr_str trailers)
{
	while (trailers.len) {
		const char *end = memmem(trailers.at, trailers.len, "\r\n", 2);
		size_t len = end ? (size_t)(end - trailers.at) : trailers.len;
		const char *colon = memchr(trailers.at, ':', len);
		struct atr_str name = { trailers.at, colon ? (size_t)(colon - trailers.at) : 0 };
		struct atr_str value = { trailers.at + name.len + 1, 0 };

		value.len = colon ? len - name.len - 1 : 0;
		value = atr_str_trim(value);
		if (atr_str_equal_nocase(name, ATR_STR("Lambda-Runtime-Function-Error-Type"))) {
			next->error_type = keep(next, value);
		} else if (atr_str_equal_nocase(name,
						ATR_STR("Lambda-Runtime-Function-Error-Body"))) {
			atr_event_next_text(&next->event);
			feed_base64(&next->event, value);
		}
		trailers.at += end ? len + 2 : len;
		trailers.len -= end ? len + 2 : len;
	}
}

struct atr_str atr_next_error(const struct atr_next *next)
{
	struct atr_str type = atr_event_get(&next->event, ATR_FACT_ERROR_TYPE, 0);

	if (type.len)
		return type;
	return next->error_type.len ? next->error_type : ATR_STR("_OTHER");
}

/* ---- who sent it ------------------------------------------------------------------------------ */

static bool is_from(const struct atr_event *event, struct atr_str source)
{
	return atr_str_equal(atr_event_get(event, ATR_FACT_EVENT_SOURCE, 0), source);
}

bool atr_faas_is_http(const struct atr_event *event)
{
	bool has_context = atr_event_get(event, ATR_FACT_CONTEXT_STAGE, 0).at ||
			   atr_event_get(event, ATR_FACT_TARGET_GROUP, 0).at ||
			   atr_event_get(event, ATR_FACT_CONTEXT_DOMAIN, 0).at;

	return atr_event_get(event, ATR_FACT_CONTEXT_HTTP_METHOD, 0).at ||
	       (atr_event_get(event, ATR_FACT_HTTP_METHOD, 0).at && has_context);
}

static bool is_schedule(const struct atr_event *event)
{
	return atr_str_equal(atr_event_get(event, ATR_FACT_DETAIL_TYPE, 0),
			     ATR_STR("Scheduled Event"));
}

static struct atr_str trigger_of(const struct atr_event *event)
{
	if (atr_faas_is_http(event))
		return ATR_STR("http");
	if (is_from(event, ATR_STR("aws:sqs")) || is_from(event, ATR_STR("aws:sns")))
		return ATR_STR("pubsub");
	if (is_from(event, ATR_STR("aws:s3")) || is_from(event, ATR_STR("aws:dynamodb")) ||
	    is_from(event, ATR_STR("aws:kinesis")))
		return ATR_STR("datasource");
	if (is_schedule(event))
		return ATR_STR("timer");
	if (atr_event_get(event, ATR_FACT_DETAIL_TYPE, 0).at)
		return ATR_STR("pubsub");
	return ATR_STR("other");
}

/* The fields that a context is looked for in: of one message, or of the request. */
static size_t carriers(const struct atr_event *event, struct atr_pair out[static PAIRS_MAX])
{
	static const enum atr_fact_id kinds[] = { ATR_FACT_HEADER, ATR_FACT_MULTI_HEADER,
						  ATR_FACT_SNS_ATTRIBUTE, ATR_FACT_DETAIL,
						  ATR_FACT_CUSTOM };
	size_t nr;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		nr = atr_event_named(event, kinds[i], 0, out, PAIRS_MAX);
		if (nr)
			return nr;
	}
	return 0;
}

static bool read_header(struct atr_str text, char *store, struct atr_context *out)
{
	memset(out, 0, sizeof(*out));
	return text.len && atr_xray_extract(text, store, out);
}

/*
 * The trace that Lambda made the invocation in, without a parent in it: so that
 * what is said elsewhere of this trace is found. "Root=1-8 digits-24 digits".
 */
static void read_root(struct atr_str text, struct atr_context *out)
{
	const char *root = text.len ? memmem(text.at, text.len, "Root=1-", 7) : NULL;
	size_t left = root ? text.len - (size_t)(root + 7 - text.at) : 0;

	memset(out, 0, sizeof(*out));
	if (left < 33 || root[15] != '-')
		return;
	if (!atr_hex_read(root + 7, out->trace_id, 4) ||
	    !atr_hex_read(root + 16, out->trace_id + 4, ATR_TRACE_ID_LEN - 4))
		memset(out, 0, sizeof(*out));
}

void atr_faas_parent(const struct atr_next *next, struct atr_faas_parent *out)
{
	struct atr_pair pairs[PAIRS_MAX];
	size_t nr = carriers(&next->event, pairs);
	struct atr_context event, header;
	bool has_event = false, has_header = false;
	char *store;

	memset(out, 0, sizeof(*out));
	out->block = atr_block_take();
	store = atr_block_bytes(out->block);
	if (!store) {
		read_root(next->trace, &out->context);
		return;
	}
	has_event = atr_propagators_extract(&atr_formats, pairs, nr, store, &event);
	has_header = read_header(next->trace, store + ATR_CARRY_MAX, &header);
	if (has_header)
		out->header = header;
	if (has_header && !(header.flags & ATR_FLAG_SAMPLED) && keeps_unsampled)
		has_header = false;
	if (follows_header && has_header) {
		out->context = header;
		out->context.baggage = event.baggage;
		out->has_other = has_event;
		out->other = event;
	} else if (has_event) {
		out->context = event;
		out->has_other = has_header;
		out->other = header;
	} else {
		read_root(next->trace, &out->context);
		out->context.baggage = event.baggage;
		out->has_other = has_header;
		out->other = header;
	}
}

/* ---- what is said of it ----------------------------------------------------------------------- */

static struct atr_str named(const struct atr_event *event, struct atr_str name)
{
	struct atr_pair pairs[PAIRS_MAX];
	size_t nr = atr_event_named(event, ATR_FACT_HEADER, 0, pairs, PAIRS_MAX);

	if (!nr)
		nr = atr_event_named(event, ATR_FACT_MULTI_HEADER, 0, pairs, PAIRS_MAX);
	for (size_t i = 0; i < nr; i++)
		if (atr_str_equal_nocase(pairs[i].name, name))
			return pairs[i].value;
	return (struct atr_str){ 0 };
}

static struct atr_str first_of(const struct atr_event *event, enum atr_fact_id a,
			       enum atr_fact_id b)
{
	struct atr_str text = atr_event_get(event, a, 0);

	return text.at ? text : atr_event_get(event, b, 0);
}

/* "/pets/{id}" of "GET /pets/{id}"; absent for $default. */
static struct atr_str route_of(const struct atr_event *event)
{
	struct atr_str route = atr_event_get(event, ATR_FACT_RESOURCE, 0);
	const char *slash;

	if (route.at)
		return route;
	route = atr_event_get(event, ATR_FACT_ROUTE_KEY, 0);
	slash = route.len ? memchr(route.at, '/', route.len) : NULL;
	if (!slash)
		return (struct atr_str){ 0 };
	return (struct atr_str){ slash, route.len - (size_t)(slash - route.at) };
}

static struct atr_str target_of(const struct atr_event *event, char out[static 2048])
{
	struct atr_str path = first_of(event, ATR_FACT_RAW_PATH, ATR_FACT_PATH);
	struct atr_str query = atr_event_get(event, ATR_FACT_RAW_QUERY, 0);
	size_t len = 0;

	if (path.len + query.len + 1 > 2048)
		return (struct atr_str){ "/", 1 };
	memcpy(out, path.len ? path.at : "/", path.len ? path.len : 1);
	len = path.len ? path.len : 1;
	if (query.len) {
		out[len++] = '?';
		memcpy(out + len, query.at, query.len);
		len += query.len;
	}
	return (struct atr_str){ out, len };
}

static void describe_http(struct atr_span *span, const struct atr_event *event)
{
	struct atr_pair headers[PAIRS_MAX];
	char room[2048];
	size_t nr;
	struct atr_str protocol =
		first_of(event, ATR_FACT_CONTEXT_HTTP_PROTOCOL, ATR_FACT_CONTEXT_PROTOCOL);
	struct atr_http1_head head = {
		.minor = protocol.len && protocol.at[protocol.len - 1] == '0' ? 0 : 1,
		.method = first_of(event, ATR_FACT_CONTEXT_HTTP_METHOD, ATR_FACT_HTTP_METHOD),
		.target = target_of(event, room),
		.host = named(event, ATR_STR("host")),
		.user_agent = named(event, ATR_STR("user-agent")),
		.x_forwarded_for = named(event, ATR_STR("x-forwarded-for")),
		.x_forwarded_proto = named(event, ATR_STR("x-forwarded-proto")),
	};

	if (!head.host.len)
		head.host = atr_event_get(event, ATR_FACT_CONTEXT_DOMAIN, 0);
	if (!head.x_forwarded_for.len)
		head.x_forwarded_for = first_of(event, ATR_FACT_CONTEXT_HTTP_SOURCE_IP,
						ATR_FACT_CONTEXT_SOURCE_IP);
	if (!head.user_agent.len)
		head.user_agent = first_of(event, ATR_FACT_CONTEXT_HTTP_USER_AGENT,
					   ATR_FACT_CONTEXT_USER_AGENT);
	atr_span_put_str(span, ATR_HTTP_ROUTE, route_of(event));
	atr_semconv_request(span, ATR_KIND_SERVER, &head, false, NULL, 0, NULL);
	nr = atr_event_named(event, ATR_FACT_HEADER, 0, headers, PAIRS_MAX);
	if (!nr)
		nr = atr_event_named(event, ATR_FACT_MULTI_HEADER, 0, headers, PAIRS_MAX);
	atr_capture_fields(span, false, headers, nr);
}

/* The last part of an ARN: a queue's or topic's name. */
static struct atr_str last_part(struct atr_str arn)
{
	const char *colon = arn.len ? memrchr(arn.at, ':', arn.len) : NULL;

	if (!colon)
		return arn;
	return (struct atr_str){ colon + 1, arn.len - (size_t)(colon + 1 - arn.at) };
}

/* The one queue that all records came from; absent. */
static struct atr_str queue_of(const struct atr_event *event)
{
	struct atr_str queue = atr_event_get(event, ATR_FACT_EVENT_SOURCE_ARN, 0);
	unsigned nr = atr_event_records(event);

	for (unsigned i = 1; i < nr && i < ATR_EVENT_ELEMENTS_MAX; i++)
		if (!atr_str_equal(atr_event_get(event, ATR_FACT_EVENT_SOURCE_ARN, i), queue))
			return (struct atr_str){ 0 };
	return last_part(queue);
}

static void describe_messages(struct atr_span *span, const struct atr_event *event)
{
	bool is_queue = is_from(event, ATR_STR("aws:sqs"));
	unsigned nr = atr_event_records(event);

	atr_span_put_str(span, ATR_MESSAGING_SYSTEM,
			 is_queue ? ATR_STR("aws_sqs") : ATR_STR("aws.sns"));
	atr_span_put_str(span, ATR_MESSAGING_OPERATION_TYPE, ATR_STR("process"));
	atr_span_put_str(span, ATR_MESSAGING_OPERATION_NAME, ATR_STR("process"));
	atr_span_put_str(span, ATR_MESSAGING_DESTINATION_NAME,
			 is_queue ? queue_of(event) :
				    last_part(atr_event_get(event, ATR_FACT_SNS_TOPIC, 0)));
	if (nr > 1)
		atr_span_put_int(span, ATR_MESSAGING_BATCH_MESSAGE_COUNT, nr);
	else
		atr_span_put_str(span, ATR_MESSAGING_MESSAGE_ID,
				 first_of(event, ATR_FACT_MESSAGE_ID, ATR_FACT_SNS_MESSAGE_ID));
}

static void describe_document(struct atr_span *span, const struct atr_event *event)
{
	struct atr_str name = atr_event_get(event, ATR_FACT_EVENT_NAME, 0);
	struct atr_str arn = atr_event_get(event, ATR_FACT_EVENT_SOURCE_ARN, 0);
	struct atr_str what = { 0 };

	if (memmem(name.at ? name.at : "", name.len, "Created", 7) ||
	    atr_str_equal(name, ATR_STR("INSERT")))
		what = ATR_STR("insert");
	else if (memmem(name.at ? name.at : "", name.len, "Removed", 7) ||
		 atr_str_equal(name, ATR_STR("REMOVE")))
		what = ATR_STR("delete");
	else if (atr_str_equal(name, ATR_STR("MODIFY")))
		what = ATR_STR("edit");
	atr_span_put_str(span, ATR_FAAS_DOCUMENT_COLLECTION,
			 is_from(event, ATR_STR("aws:s3")) ?
				 atr_event_get(event, ATR_FACT_S3_BUCKET, 0) :
				 last_part(arn));
	atr_span_put_str(span, ATR_FAAS_DOCUMENT_OPERATION, what);
	atr_span_put_str(span, ATR_FAAS_DOCUMENT_TIME,
			 atr_event_get(event, ATR_FACT_EVENT_TIME, 0));
	atr_span_put_str(span, ATR_FAAS_DOCUMENT_NAME, atr_event_get(event, ATR_FACT_S3_KEY, 0));
}

/* "arn:aws:lambda:region:account:function:name[:alias]": the fifth field; and without the alias. */
static void describe_arn(struct atr_span *span, struct atr_str arn)
{
	struct atr_str account = { 0 };
	const char *begin = arn.at;
	char resource[256];
	size_t end = arn.len;
	int colons = 0;

	for (size_t i = 0; i < arn.len; i++) {
		if (arn.at[i] != ':')
			continue;
		if (++colons == 5)
			account = (struct atr_str){ begin, (size_t)(arn.at + i - begin) };
		if (colons == 7)
			end = i;
		begin = arn.at + i + 1;
	}
	atr_span_put_str(span, ATR_AWS_LAMBDA_INVOKED_ARN, arn);
	atr_span_put_str(span, ATR_CLOUD_ACCOUNT_ID, account);
	if (!arn.len || end + version.len + 1 > sizeof(resource))
		return;
	memcpy(resource, arn.at, end);
	if (end < arn.len && version.len) {
		resource[end++] = ':';
		memcpy(resource + end, version.at, version.len);
		end += version.len;
	}
	atr_span_put_str(span, ATR_CLOUD_RESOURCE_ID, (struct atr_str){ resource, end });
}

void atr_faas_describe(struct atr_span *span, const struct atr_next *next, bool is_cold)
{
	const struct atr_event *event = &next->event;
	struct atr_str trigger = trigger_of(event), route = { 0 };
	bool is_http = atr_faas_is_http(event);

	if (is_http)
		route = atr_event_get(event, ATR_FACT_RESOURCE, 0);
	atr_span_put_str(span, ATR_NAME, route.len ? route : function_name);
	atr_span_put_str(span, ATR_FAAS_TRIGGER, trigger);
	atr_span_put_str(span, ATR_FAAS_INVOCATION_ID, next->id);
	atr_span_put_bool(span, ATR_FAAS_COLDSTART, is_cold && !is_provisioned);
	describe_arn(span, next->arn);
	if (next->deadline_ms)
		atr_span_put_int(span, ATR_FAAS_DEADLINE, (int64_t)next->deadline_ms);
	if (is_http)
		describe_http(span, event);
	else if (atr_str_equal(trigger, ATR_STR("datasource")))
		describe_document(span, event);
	else if (is_from(event, ATR_STR("aws:sqs")) || is_from(event, ATR_STR("aws:sns")))
		describe_messages(span, event);
	else if (is_schedule(event))
		atr_span_put_str(span, ATR_FAAS_TIME, atr_event_get(event, ATR_FACT_TIME, 0));
}

void atr_faas_links(struct atr_span *span, const struct atr_next *next,
		    const struct atr_faas_parent *parent)
{
	const struct atr_event *event = &next->event;
	struct atr_pair pairs[PAIRS_MAX];
	unsigned nr = is_from(event, ATR_STR("aws:sqs")) ? atr_event_records(event) : 0;
	char *store = atr_block_bytes(parent->block);
	struct atr_context context;
	size_t n;

	if (parent->has_other)
		atr_span_link(span, &parent->other);
	if (!store)
		return;
	store += 2 * ATR_CARRY_MAX; /* what the parent borrows stays */
	for (unsigned i = 0; i < nr && i < ATR_EVENT_ELEMENTS_MAX; i++) {
		struct atr_str text = atr_event_get(event, ATR_FACT_AWS_TRACE_HEADER, i);

		if (!read_header(text, store, &context))
			continue;
		atr_span_link(span, &context);
		atr_span_link_str(span, ATR_MESSAGING_MESSAGE_ID,
				  atr_event_get(event, ATR_FACT_MESSAGE_ID, i));
	}
	if (nr != 1)
		return;
	/* the producer's own format, in the message or in the notification that it holds */
	n = atr_event_named(event, ATR_FACT_MESSAGE_ATTRIBUTE, 0, pairs, PAIRS_MAX);
	if (!n)
		n = atr_event_named(event, ATR_FACT_INNER_ATTRIBUTE, 0, pairs, PAIRS_MAX);
	if (n && atr_propagators_extract(&atr_formats, pairs, n, store, &context))
		atr_span_link(span, &context);
}

static void put_error(struct atr_span *span, const struct atr_next *answer)
{
	const struct atr_event *event = &answer->event;
	struct atr_str message = atr_event_get(event, ATR_FACT_ERROR_MESSAGE, 0), line;
	char stack[512];
	size_t len = 0;

	atr_semconv_error(span, atr_next_error(answer));
	atr_span_event(span, atr_clock_unix(atr_clock_ns()), ATR_STR("exception"));
	atr_span_event_str(span, ATR_EXCEPTION_TYPE, atr_next_error(answer));
	if (message.len > 256)
		message.len = 256;
	atr_span_event_str(span, ATR_EXCEPTION_MESSAGE, message);
	for (unsigned i = 0; i < ATR_EVENT_ELEMENTS_MAX; i++) {
		line = atr_event_get(event, ATR_FACT_STACK_TRACE, i);
		if (!line.at || len + line.len + 1 > sizeof(stack))
			break;
		memcpy(stack + len, line.at, line.len);
		len += line.len;
		stack[len++] = '\n';
	}
	if (len)
		atr_span_event_str(span, ATR_EXCEPTION_STACKTRACE,
				   (struct atr_str){ stack, len - 1 });
}

void atr_faas_answer(struct atr_span *span, const struct atr_next *answer, bool is_error,
		     bool is_http)
{
	struct atr_str code;
	uint64_t status;

	if (is_error || answer->error_type.len) {
		put_error(span, answer);
		return;
	}
	if (!is_http)
		return;
	code = atr_event_get(&answer->event, ATR_FACT_STATUS_CODE, 0);
	status = number(code);
	if (status >= 100 && status < 600)
		atr_semconv_response(span, (uint16_t)status);
}
