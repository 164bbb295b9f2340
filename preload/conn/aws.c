/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/aws.h"

#include "export/attr.h"
#include "preload/conn/semconv.h"

#include <string.h>

/* The services by their name in a signature's scope; the others go by that name itself. */
enum service { OTHER, DYNAMODB, SQS, SNS, S3, LAMBDA, KINESIS, STATES, EVENTS, SECRETS, STS };
static const struct {
	struct atr_str scope, name;
} services[] = {
	[OTHER] = { { "", 0 }, { "", 0 } },
	[DYNAMODB] = { { "dynamodb", 8 }, { "DynamoDB", 8 } },
	[SQS] = { { "sqs", 3 }, { "SQS", 3 } },
	[SNS] = { { "sns", 3 }, { "SNS", 3 } },
	[S3] = { { "s3", 2 }, { "S3", 2 } },
	[LAMBDA] = { { "lambda", 6 }, { "Lambda", 6 } },
	[KINESIS] = { { "kinesis", 7 }, { "Kinesis", 7 } },
	[STATES] = { { "states", 6 }, { "SFN", 3 } },
	[EVENTS] = { { "events", 6 }, { "EventBridge", 11 } },
	[SECRETS] = { { "secretsmanager", 14 }, { "Secrets Manager", 15 } },
	[STS] = { { "sts", 3 }, { "STS", 3 } },
};

/*
 * What of a body in JSON becomes an attribute: MEMBER(its path, attribute, service). The
 * names of errors come in the answer.
 */
#define MEMBERS(MEMBER)                                                             \
	MEMBER("TableName", ATR_AWS_DYNAMODB_TABLE_NAMES, DYNAMODB)                 \
	MEMBER("QueueUrl", ATR_AWS_SQS_QUEUE_URL, SQS)                              \
	MEMBER("TopicArn", ATR_AWS_SNS_TOPIC_ARN, SNS)                              \
	MEMBER("StreamName", ATR_AWS_KINESIS_STREAM_NAME, KINESIS)                  \
	MEMBER("stateMachineArn", ATR_AWS_STEP_FUNCTIONS_STATE_MACHINE_ARN, STATES) \
	MEMBER("SecretId", ATR_AWS_SECRETSMANAGER_SECRET_ARN, SECRETS)              \
	MEMBER("__type", ATR_ERROR_TYPE, OTHER)

#define PATH(path, attr, service) path,
static const char *const paths[] = { MEMBERS(PATH) };
#undef PATH
#define MEANING(path, attr, service) { attr, service },
static const struct {
	uint16_t attr;
	uint8_t service;
} members[] = { MEMBERS(MEANING) };
#undef MEANING
#define NR_MEMBERS (sizeof(members) / sizeof(members[0]))

static bool take_to(struct atr_str *rest, char end, struct atr_str *part)
{
	const char *at = rest->len ? memchr(rest->at, end, rest->len) : NULL;

	if (!at)
		return false;
	*part = (struct atr_str){ rest->at, (size_t)(at - rest->at) };
	rest->len -= part->len + 1;
	rest->at = at + 1;
	return true;
}

/* "AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=..." */
static bool read_scope(struct atr_str authorization, struct atr_str *region,
		       struct atr_str *service)
{
	static const char scheme[] = "AWS4-HMAC-SHA256";
	struct atr_str rest = authorization, part;
	const char *credential;

	if (rest.len < sizeof(scheme) || memcmp(rest.at, scheme, sizeof(scheme) - 1))
		return false;
	credential = memmem(rest.at, rest.len, "Credential=", 11);
	if (!credential)
		return false;
	rest.len -= (size_t)(credential + 11 - rest.at);
	rest.at = credential + 11;
	return take_to(&rest, '/', &part) && take_to(&rest, '/', &part) &&
	       take_to(&rest, '/', region) && take_to(&rest, '/', service) && rest.len >= 12 &&
	       !memcmp(rest.at, "aws4_request", 12);
}

static uint8_t number_of(struct atr_str scope)
{
	for (uint8_t i = 1; i < sizeof(services) / sizeof(services[0]); i++)
		if (atr_str_equal(services[i].scope, scope))
			return i;
	return OTHER;
}

static void put_name(struct atr_span *span, struct atr_str service, struct atr_str method)
{
	char name[128];
	size_t len = service.len;

	if (service.len + method.len + 1 > sizeof(name))
		return;
	memcpy(name, service.at, service.len);
	if (method.len) {
		name[len++] = '.';
		memcpy(name + len, method.at, method.len);
		len += method.len;
	}
	atr_span_put_str(span, ATR_NAME, (struct atr_str){ name, len });
}

/* "Name" of "DynamoDB_20120810.Name". */
static struct atr_str target_method(struct atr_str target)
{
	const char *dot = target.len ? memrchr(target.at, '.', target.len) : NULL;

	if (!dot)
		return (struct atr_str){ 0 };
	return (struct atr_str){ dot + 1, target.len - (size_t)(dot + 1 - target.at) };
}

/* The value of a parameter of "a=b&c&d=e", empty where it has none; absent. */
static struct atr_str parameter(struct atr_str query, struct atr_str name)
{
	while (query.len) {
		const char *amp = memchr(query.at, '&', query.len);
		struct atr_str one = { query.at, amp ? (size_t)(amp - query.at) : query.len };
		bool has_value = one.len > name.len && one.at[name.len] == '=';

		if ((has_value || one.len == name.len) && !memcmp(one.at, name.at, name.len))
			return (struct atr_str){ one.at + name.len + has_value,
						 one.len - name.len - has_value };
		query.at += one.len + (amp ? 1 : 0);
		query.len -= one.len + (amp ? 1 : 0);
	}
	return (struct atr_str){ 0 };
}

static void split(struct atr_str target, struct atr_str *path, struct atr_str *query)
{
	const char *mark = target.len ? memchr(target.at, '?', target.len) : NULL;

	*path = target;
	*query = (struct atr_str){ 0 };
	if (!mark)
		return;
	path->len = (size_t)(mark - target.at);
	*query = (struct atr_str){ mark + 1, target.len - path->len - 1 };
}

/* S3's operations are told by method, depth of the path, and sub-resource. */
static struct atr_str s3_method(struct atr_str method, bool has_key, struct atr_str query)
{
	static const struct {
		const char *method, *parameter;
		bool has_key;
		const char *name;
	} operations[] = {
		{ "POST", "uploads", true, "CreateMultipartUpload" },
		{ "PUT", "partNumber", true, "UploadPart" },
		{ "POST", "uploadId", true, "CompleteMultipartUpload" },
		{ "DELETE", "uploadId", true, "AbortMultipartUpload" },
		{ "GET", "list-type", false, "ListObjectsV2" },
		{ "POST", "delete", false, "DeleteObjects" },
		{ "GET", NULL, true, "GetObject" },
		{ "HEAD", NULL, true, "HeadObject" },
		{ "PUT", NULL, true, "PutObject" },
		{ "DELETE", NULL, true, "DeleteObject" },
		{ "HEAD", NULL, false, "HeadBucket" },
		{ "PUT", NULL, false, "CreateBucket" },
		{ "DELETE", NULL, false, "DeleteBucket" },
		{ "GET", NULL, false, "ListObjects" },
	};

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].has_key == has_key &&
		    atr_str_equal(method, atr_str(operations[i].method)) &&
		    (!operations[i].parameter ||
		     parameter(query, atr_str(operations[i].parameter)).at))
			return atr_str(operations[i].name);
	return (struct atr_str){ 0 };
}

/* "bucket.s3.region.amazonaws.com/key", or "host/bucket/key". */
static struct atr_str describe_s3(struct atr_span *span, const struct atr_http1_head *head)
{
	struct atr_str path, query, bucket = { 0 };
	const char *dot;

	split(head->target, &path, &query);
	if (path.len && path.at[0] == '/')
		path.at++, path.len--;
	dot = head->host.len ? memmem(head->host.at, head->host.len, ".s3", 3) : NULL;
	if (dot) {
		bucket = (struct atr_str){ head->host.at, (size_t)(dot - head->host.at) };
	} else if (path.len && !take_to(&path, '/', &bucket)) {
		bucket = path;
		path.len = 0;
	}
	if (!bucket.len)
		return ATR_STR("ListBuckets");
	atr_span_put_str(span, ATR_AWS_S3_BUCKET, bucket);
	if (path.len)
		atr_span_put_str(span, ATR_AWS_S3_KEY, path);
	return s3_method(head->method, path.len != 0, query);
}

/* "/2015-03-31/functions/NAME/invocations" */
static struct atr_str describe_lambda(struct atr_span *span, struct atr_str region,
				      const struct atr_http1_head *head)
{
	struct atr_str path, query, part, name;

	split(head->target, &path, &query);
	if (!take_to(&path, '/', &part) || !take_to(&path, '/', &part) ||
	    !take_to(&path, '/', &part) || !atr_str_equal(part, ATR_STR("functions")) ||
	    !take_to(&path, '/', &name) || !atr_str_equal(path, ATR_STR("invocations")))
		return (struct atr_str){ 0 };
	atr_span_put_str(span, ATR_FAAS_INVOKED_NAME, name);
	atr_span_put_str(span, ATR_FAAS_INVOKED_PROVIDER, ATR_STR("aws"));
	atr_span_put_str(span, ATR_FAAS_INVOKED_REGION, region);
	return ATR_STR("Invoke");
}

static void begin_call(struct atr_aws_call *call, uint8_t service, bool is_form);

bool atr_aws_request(struct atr_span *span, const struct atr_aws_fields *fields,
		     const struct atr_http1_head *head, struct atr_aws_call *call)
{
	struct atr_str region = { 0 }, scope = { 0 }, method, path, query;
	uint8_t service;

	if (!read_scope(fields->authorization, &region, &scope))
		return false;
	service = number_of(scope);
	method = target_method(fields->target);
	split(head->target, &path, &query);
	if (!method.len)
		method = parameter(query, ATR_STR("Action"));
	if (service == S3)
		method = describe_s3(span, head);
	else if (service == LAMBDA)
		method = describe_lambda(span, region, head);
	if (service != OTHER)
		scope = services[service].name;
	put_name(span, scope, method);
	atr_span_put_str(span, ATR_RPC_SYSTEM, ATR_STR("aws-api"));
	atr_span_put_str(span, ATR_RPC_SERVICE, scope);
	if (method.len)
		atr_span_put_str(span, ATR_RPC_METHOD, method);
	atr_span_put_str(span, ATR_CLOUD_REGION, region);
	if (service == DYNAMODB) {
		atr_span_put_str(span, ATR_DB_SYSTEM_NAME, ATR_STR("aws.dynamodb"));
		if (method.len)
			atr_span_put_str(span, ATR_DB_OPERATION_NAME, method);
	} else if (service == SQS || service == SNS) {
		atr_span_put_str(span, ATR_MESSAGING_SYSTEM,
				 service == SQS ? ATR_STR("aws_sqs") : ATR_STR("aws.sns"));
	}
	if (call)
		begin_call(call, service, !method.len && service != S3 && service != LAMBDA);
	return true;
}

/* ---- bodies ----------------------------------------------------------------------------------- */

static void put_member(struct atr_span *span, uint16_t attr, struct atr_str value)
{
	const char *hash = value.len ? memrchr(value.at, '#', value.len) : NULL;

	if (attr != ATR_ERROR_TYPE) {
		atr_span_late_str(span, attr, value);
		return;
	}
	/* "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException" */
	if (hash) {
		value.len -= (size_t)(hash + 1 - value.at);
		value.at = hash + 1;
	}
	if (value.len && !atr_span_find(span, ATR_AWS_ERROR_CODE))
		atr_span_late_str(span, ATR_AWS_ERROR_CODE, value);
}

struct feeding {
	struct atr_span *span;
	struct atr_aws_call *call;
};

static void found(void *arg, const struct atr_json_value *value)
{
	struct feeding *f = arg;
	struct atr_aws_call *call = f->call;
	bool is_error = members[value->path].attr == ATR_ERROR_TYPE;
	size_t room = sizeof(call->value) - call->len;
	size_t n = value->piece.len < room ? value->piece.len : room;

	if (is_error != call->is_answer ||
	    (!is_error && members[value->path].service != call->service))
		return;
	memcpy(call->value + call->len, value->piece.at, n);
	call->len += (uint32_t)n;
	if (!value->ends)
		return;
	put_member(f->span, members[value->path].attr, (struct atr_str){ call->value, call->len });
	call->len = 0;
}

static void begin_call(struct atr_aws_call *call, uint8_t service, bool is_form)
{
	call->service = service;
	call->is_form = is_form;
	call->is_answer = call->is_open = call->has_method = false;
	call->len = 0;
	atr_json_begin(&call->json, paths, NR_MEMBERS, found, NULL);
}

/* The query protocol's body: the parameters up to what there is room for. */
static void feed_form(struct atr_span *span, struct atr_aws_call *call, struct atr_str payload)
{
	size_t room = sizeof(call->value) - call->len;
	size_t n = payload.len < room ? payload.len : room;
	struct atr_str form, method;

	if (call->has_method || !n)
		return;
	memcpy(call->value + call->len, payload.at, n);
	call->len += (uint32_t)n;
	form = (struct atr_str){ call->value, call->len };
	method = parameter(form, ATR_STR("Action"));
	/* whole only when something follows it */
	if (!method.len || method.at + method.len == form.at + form.len)
		return;
	call->has_method = true;
	atr_span_late_str(span, ATR_RPC_METHOD, method);
}

void atr_aws_payload(struct atr_span *span, struct atr_aws_call *call, bool is_answer,
		     struct atr_str payload)
{
	struct feeding feeding = { span, call };

	if (is_answer && !call->is_answer) {
		call->is_answer = true;
		call->len = 0;
		atr_json_begin(&call->json, paths, NR_MEMBERS, found, NULL);
	}
	if (!is_answer && call->is_form) {
		feed_form(span, call, payload);
		return;
	}
	call->json.arg = &feeding;
	atr_json_feed(&call->json, payload.at, payload.len);
}

void atr_aws_answer(struct atr_span *span, const char *bytes, size_t len,
		    const struct atr_http1_head *head)
{
	uint32_t at = head->fields_at;
	struct atr_pair f;

	while (atr_http1_next_field(bytes, len, &at, &f)) {
		if (f.name.len < 10 || (f.name.at[0] | 0x20) != 'x')
			continue;
		if (atr_str_equal_nocase(f.name, ATR_STR("x-amzn-requestid")) ||
		    atr_str_equal_nocase(f.name, ATR_STR("x-amz-request-id"))) {
			atr_span_late_str(span, ATR_AWS_REQUEST_ID, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("x-amz-id-2"))) {
			atr_span_late_str(span, ATR_AWS_EXTENDED_REQUEST_ID, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("x-amzn-errortype"))) {
			const char *colon =
				f.value.len ? memchr(f.value.at, ':', f.value.len) : NULL;

			if (colon)
				f.value.len = (size_t)(colon - f.value.at);
			put_member(span, ATR_ERROR_TYPE, f.value);
		}
	}
}
