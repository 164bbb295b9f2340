/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/aws.h"

#include "export/attr.h"
#include "preload/conn/semconv.h"
#include "propagator/hex.h"

#include <string.h>

/* The services by their name in a signature's scope; the others go by that name itself. */
enum service { OTHER, DYNAMODB, SQS, SNS, S3, LAMBDA, KINESIS, STATES, EVENTS, SECRETS, STS };
static const struct {
	char scope[16], name[16];
} services[] = {
	[OTHER] = { "", "" },
	[DYNAMODB] = { "dynamodb", "DynamoDB" },
	[SQS] = { "sqs", "SQS" },
	[SNS] = { "sns", "SNS" },
	[S3] = { "s3", "S3" },
	[LAMBDA] = { "lambda", "Lambda" },
	[KINESIS] = { "kinesis", "Kinesis" },
	[STATES] = { "states", "SFN" },
	[EVENTS] = { "events", "EventBridge" },
	[SECRETS] = { "secretsmanager", "Secrets Manager" },
	[STS] = { "sts", "STS" },
};

/*
 * What of a body in JSON becomes an attribute: MEMBER(its path, attribute, service, whether
 * it stands in the answer). Of a refusal, what it is called and what is said of it.
 */
#define MEMBERS(MEMBER)                                                                    \
	MEMBER("TableName", ATR_AWS_DYNAMODB_TABLE_NAMES, DYNAMODB, false)                 \
	MEMBER("QueueUrl", ATR_AWS_SQS_QUEUE_URL, SQS, false)                              \
	MEMBER("TopicArn", ATR_AWS_SNS_TOPIC_ARN, SNS, false)                              \
	MEMBER("StreamName", ATR_AWS_KINESIS_STREAM_NAME, KINESIS, false)                  \
	MEMBER("stateMachineArn", ATR_AWS_STEP_FUNCTIONS_STATE_MACHINE_ARN, STATES, false) \
	MEMBER("ARN", ATR_AWS_SECRETSMANAGER_SECRET_ARN, SECRETS, true)                    \
	MEMBER("__type", ATR_AWS_ERROR_CODE, OTHER, true)                                  \
	MEMBER("~message", ATR_STATUS_MESSAGE, OTHER, true)

#define PATH(path, attr, service, in_answer) path,
static const char *const paths[] = { MEMBERS(PATH) };
#undef PATH
#define MEANING(path, attr, service, in_answer) { attr, service, in_answer },
static const struct {
	uint16_t attr;
	uint8_t service; /* OTHER: any, of a refusal */
	bool in_answer;
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
		if (atr_str_equal(atr_str(services[i].scope), scope))
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
	atr_span_rename(span, (struct atr_str){ name, len });
}

/* The text without its %XX, '+' as a space where it is a form's; what is longer than out is cut. */
static struct atr_str decoded(struct atr_str text, bool is_form, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len && n < cap; i++) {
		char c = text.at[i];

		if (c == '%' && i + 2 < text.len && atr_hex_digit(text.at[i + 1]) < 16 &&
		    atr_hex_digit(text.at[i + 2]) < 16) {
			c = (char)(atr_hex_digit(text.at[i + 1]) << 4 |
				   atr_hex_digit(text.at[i + 2]));
			i += 2;
		} else if (c == '+' && is_form) {
			c = ' ';
		}
		out[n++] = c;
	}
	return (struct atr_str){ out, n };
}

/* The last part of a queue's URL, a topic's or function's ARN: its name. */
static struct atr_str last_part(struct atr_str text, char between)
{
	const char *at = text.len ? memrchr(text.at, between, text.len) : NULL;

	if (!at)
		return text;
	return (struct atr_str){ at + 1, text.len - (size_t)(at + 1 - text.at) };
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

/*
 * S3's operations are told by method, depth of the path, and sub-resource. A query
 * that begins with a sub-resource that is not listed makes another operation of it.
 */
static struct atr_str s3_method(struct atr_str method, bool has_key, struct atr_str query)
{
	static const struct {
		char method[8], parameter[12];
		bool has_key;
		char name[24];
	} operations[] = {
		{ "POST", "uploads", true, "CreateMultipartUpload" },
		{ "PUT", "partNumber", true, "UploadPart" },
		{ "POST", "uploadId", true, "CompleteMultipartUpload" },
		{ "DELETE", "uploadId", true, "AbortMultipartUpload" },
		{ "GET", "uploadId", true, "ListParts" },
		{ "GET", "tagging", true, "GetObjectTagging" },
		{ "PUT", "tagging", true, "PutObjectTagging" },
		{ "GET", "attributes", true, "GetObjectAttributes" },
		{ "POST", "select", true, "SelectObjectContent" },
		{ "GET", "uploads", false, "ListMultipartUploads" },
		{ "GET", "location", false, "GetBucketLocation" },
		{ "GET", "versioning", false, "GetBucketVersioning" },
		{ "GET", "versions", false, "ListObjectVersions" },
		{ "GET", "list-type", false, "ListObjectsV2" },
		{ "POST", "delete", false, "DeleteObjects" },
		{ "GET", "", true, "GetObject" },
		{ "HEAD", "", true, "HeadObject" },
		{ "PUT", "", true, "PutObject" },
		{ "DELETE", "", true, "DeleteObject" },
		{ "HEAD", "", false, "HeadBucket" },
		{ "PUT", "", false, "CreateBucket" },
		{ "DELETE", "", false, "DeleteBucket" },
		{ "GET", "", false, "ListObjects" },
	};
	const char *amp = query.len ? memchr(query.at, '&', query.len) : NULL;
	size_t first_len = amp ? (size_t)(amp - query.at) : query.len;
	bool is_plain = !first_len || memchr(query.at, '=', first_len);

	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (operations[i].has_key == has_key &&
		    atr_str_equal(method, atr_str(operations[i].method)) &&
		    (*operations[i].parameter ?
			     parameter(query, atr_str(operations[i].parameter)).at != NULL :
			     is_plain))
			return atr_str(operations[i].name);
	return (struct atr_str){ 0 };
}

static struct atr_str field(const char *bytes, size_t len, const struct atr_http1_head *head,
			    struct atr_str name)
{
	uint32_t at = head->fields_at;
	struct atr_pair f;

	while (atr_http1_next_field(bytes, len, &at, &f))
		if (atr_str_equal_nocase(f.name, name))
			return f.value;
	return (struct atr_str){ 0 };
}

/* An object that is put may be another one's copy. */
static struct atr_str s3_copy(struct atr_span *span, struct atr_str method, const char *bytes,
			      size_t len, const struct atr_http1_head *head)
{
	bool is_part = atr_str_equal(method, ATR_STR("UploadPart"));
	struct atr_str source;

	if (!is_part && !atr_str_equal(method, ATR_STR("PutObject")))
		return method;
	source = field(bytes, len, head, ATR_STR("x-amz-copy-source"));
	if (!source.len)
		return method;
	atr_span_put_str(span, ATR_AWS_S3_COPY_SOURCE, source);
	return is_part ? ATR_STR("UploadPartCopy") : ATR_STR("CopyObject");
}

/* "bucket.s3.region.amazonaws.com/key", or "host/bucket/key". */
static struct atr_str describe_s3(struct atr_span *span, const char *bytes, size_t len,
				  const struct atr_http1_head *head)
{
	struct atr_str path, query, bucket = { 0 };
	char key[1024];
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
		atr_span_put_str(span, ATR_AWS_S3_KEY, decoded(path, false, key, sizeof(key)));
	return s3_copy(span, s3_method(head->method, path.len != 0, query), bytes, len, head);
}

/* "/2015-03-31/functions/NAME/invocations" */
static struct atr_str describe_lambda(struct atr_span *span, struct atr_str region,
				      const struct atr_http1_head *head)
{
	struct atr_str path, query, part, name;
	char room[256];

	split(head->target, &path, &query);
	if (!take_to(&path, '/', &part) || !take_to(&path, '/', &part) ||
	    !take_to(&path, '/', &part) || !atr_str_equal(part, ATR_STR("functions")) ||
	    !take_to(&path, '/', &name) || !atr_str_equal(path, ATR_STR("invocations")))
		return (struct atr_str){ 0 };
	/* by its name, or as the service's or the whole ARN's last part */
	name = decoded(name, false, room, sizeof(room));
	if (atr_str_begins(name, ATR_STR("arn:")) || memmem(name.at, name.len, ":function:", 10)) {
		const char *at = memmem(name.at, name.len, ":function:", 10);
		struct atr_str rest = { at ? at + 10 : name.at,
					at ? name.len - (size_t)(at + 10 - name.at) : name.len };

		if (!take_to(&rest, ':', &name))
			name = rest;
	}
	atr_span_put_str(span, ATR_FAAS_INVOKED_NAME, name);
	atr_span_put_str(span, ATR_FAAS_INVOKED_PROVIDER, ATR_STR("aws"));
	atr_span_put_str(span, ATR_FAAS_INVOKED_REGION, region);
	return ATR_STR("Invoke");
}

/* ---- the request's head ------------------------------------------------------------------------ */

static void begin_call(struct atr_aws_call *call, uint8_t service, bool is_form);

static void put_method(struct atr_span *span, uint8_t service, struct atr_str method)
{
	static const struct {
		char method[24], type[8];
	} operations[] = {
		{ "SendMessage", "send" },
		{ "SendMessageBatch", "send" },
		{ "Publish", "send" },
		{ "PublishBatch", "send" },
		{ "ReceiveMessage", "receive" },
		{ "DeleteMessage", "settle" },
		{ "DeleteMessageBatch", "settle" },
		{ "ChangeMessageVisibility", "settle" },
	};

	if (!method.len)
		return;
	atr_span_late_str(span, ATR_RPC_METHOD, method);
	if (service == DYNAMODB)
		atr_span_late_str(span, ATR_DB_OPERATION_NAME, method);
	if (service != SQS && service != SNS)
		return;
	for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
		if (!atr_str_equal(method, atr_str(operations[i].method)))
			continue;
		atr_span_late_str(span, ATR_MESSAGING_OPERATION_TYPE, atr_str(operations[i].type));
		atr_span_late_str(span, ATR_MESSAGING_OPERATION_NAME, method);
	}
}

static void put_system(struct atr_span *span, uint8_t service)
{
	if (service == DYNAMODB)
		atr_span_put_str(span, ATR_DB_SYSTEM_NAME, ATR_STR("aws.dynamodb"));
	else if (service == SQS)
		atr_span_put_str(span, ATR_MESSAGING_SYSTEM, ATR_STR("aws_sqs"));
	else if (service == SNS)
		atr_span_put_str(span, ATR_MESSAGING_SYSTEM, ATR_STR("aws.sns"));
}

bool atr_aws_request(struct atr_span *span, const struct atr_aws_fields *fields, const char *bytes,
		     size_t len, const struct atr_http1_head *head, struct atr_aws_call *call)
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
		method = describe_s3(span, bytes, len, head);
	else if (service == LAMBDA)
		method = describe_lambda(span, region, head);
	if (service != OTHER)
		scope = atr_str(services[service].name);
	put_name(span, scope, method);
	atr_span_put_str(span, ATR_RPC_SYSTEM, ATR_STR("aws-api"));
	atr_span_put_str(span, ATR_RPC_SERVICE, scope);
	atr_span_put_str(span, ATR_CLOUD_REGION, region);
	put_system(span, service);
	put_method(span, service, method);
	if (call)
		begin_call(call, service, !method.len && service != S3 && service != LAMBDA);
	return true;
}

/* ---- bodies ----------------------------------------------------------------------------------- */

static void put_refusal(struct atr_span *span, struct atr_str code)
{
	/* "com.amazonaws.dynamodb.v20120810#ResourceNotFoundException" */
	code = last_part(code, '#');
	if (code.len && !atr_span_find(span, ATR_AWS_ERROR_CODE))
		atr_span_late_str(span, ATR_AWS_ERROR_CODE, code);
}

static void put_member(struct atr_span *span, uint16_t attr, struct atr_str value)
{
	switch (attr) {
	case ATR_AWS_ERROR_CODE:
		put_refusal(span, value);
		return;
	case ATR_AWS_SQS_QUEUE_URL:
		atr_span_late_str(span, ATR_MESSAGING_DESTINATION_NAME, last_part(value, '/'));
		break;
	case ATR_AWS_SNS_TOPIC_ARN:
		atr_span_late_str(span, ATR_MESSAGING_DESTINATION_NAME, last_part(value, ':'));
		break;
	}
	if (value.len && !atr_span_find(span, attr))
		atr_span_late_str(span, attr, value);
}

struct feeding {
	struct atr_span *span;
	struct atr_aws_call *call;
};

static bool is_wanted(const struct atr_aws_call *call, unsigned path)
{
	if (members[path].in_answer != call->is_answer)
		return false;
	return members[path].service == OTHER ? call->is_error :
						members[path].service == call->service;
}

static void found(void *arg, const struct atr_json_value *value)
{
	struct feeding *f = arg;
	struct atr_aws_call *call = f->call;
	size_t room = sizeof(call->value) - call->len;
	size_t n = value->piece.len < room ? value->piece.len : room;

	if (!is_wanted(call, value->path) || !value->is_string)
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
	call->is_xml = is_form || service == S3;
	call->is_answer = call->is_error = false;
	call->len = 0;
	atr_json_begin(&call->json, paths, NR_MEMBERS, found, NULL);
}

/* As much as there is room for. */
static void gather(struct atr_aws_call *call, struct atr_str payload)
{
	size_t room = sizeof(call->value) - call->len;
	size_t n = payload.len < room ? payload.len : room;

	if (n)
		memcpy(call->value + call->len, payload.at, n);
	call->len += (uint32_t)n;
}

/* The query protocol's request, when all of it went by: its parameters, as far as it was kept. */
static void read_form(struct atr_span *span, struct atr_aws_call *call)
{
	struct atr_str form = { call->value, call->len };
	struct atr_str action = parameter(form, ATR_STR("Action")), text;
	const struct atr_item *service;
	char room[1024];

	call->is_form = false;
	call->is_xml = action.len != 0;
	call->len = 0;
	if (!action.len)
		return;
	service = atr_span_find(span, ATR_RPC_SERVICE);
	if (service)
		put_name(span, (struct atr_str){ atr_item_bytes(service), service->len }, action);
	put_method(span, call->service, action);
	for (size_t i = 0; i < NR_MEMBERS; i++) {
		if (members[i].in_answer || members[i].service != call->service)
			continue;
		text = decoded(parameter(form, atr_str(paths[i])), true, room, sizeof(room));
		put_member(span, members[i].attr, text);
	}
}

/* "<Error><Code>NoSuchKey</Code><Message>..."; other elements may stand between them. */
static struct atr_str element(const struct atr_aws_call *call, struct atr_str open,
			      struct atr_str close)
{
	const char *at = memmem(call->value, call->len, open.at, open.len), *end;

	if (!at)
		return (struct atr_str){ 0 };
	at += open.len;
	end = memmem(at, (size_t)(call->value + call->len - at), close.at, close.len);
	return (struct atr_str){ end ? at : NULL, end ? (size_t)(end - at) : 0 };
}

static void read_xml(struct atr_span *span, const struct atr_aws_call *call)
{
	struct atr_str code = element(call, ATR_STR("<Code>"), ATR_STR("</Code>"));
	struct atr_str message = element(call, ATR_STR("<Message>"), ATR_STR("</Message>"));

	if (code.len)
		put_member(span, ATR_AWS_ERROR_CODE, code);
	if (message.len)
		put_member(span, ATR_STATUS_MESSAGE, message);
}

void atr_aws_payload(struct atr_span *span, struct atr_aws_call *call, bool is_answer,
		     struct atr_str payload)
{
	struct feeding feeding = { span, call };

	if (is_answer != call->is_answer)
		return; /* the request's, after its answer has begun */
	if (is_answer && call->is_xml) {
		if (!call->is_error)
			return;
		gather(call, payload);
		read_xml(span, call);
	} else if (!is_answer && call->is_form) {
		gather(call, payload);
	} else {
		call->json.arg = &feeding;
		atr_json_feed(&call->json, payload.at, payload.len);
	}
}

static void begin_answer(struct atr_span *span, struct atr_aws_call *call, uint16_t status)
{
	if (call->is_form)
		read_form(span, call);
	call->is_answer = true;
	call->is_error = status >= 400;
	call->len = 0;
	atr_json_begin(&call->json, paths, NR_MEMBERS, found, NULL);
}

void atr_aws_answer(struct atr_span *span, struct atr_aws_call *call, const char *bytes, size_t len,
		    const struct atr_http1_head *head)
{
	uint32_t at = head->fields_at;
	struct atr_pair f;

	if (call)
		begin_answer(span, call, head->status);
	while (atr_http1_next_field(bytes, len, &at, &f)) {
		if (f.name.len < 10 || (f.name.at[0] | 0x20) != 'x')
			continue;
		if (atr_str_equal_nocase(f.name, ATR_STR("x-amzn-requestid")) ||
		    atr_str_equal_nocase(f.name, ATR_STR("x-amz-request-id"))) {
			atr_span_late_str(span, ATR_AWS_REQUEST_ID, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("x-amz-id-2"))) {
			atr_span_late_str(span, ATR_AWS_EXTENDED_REQUEST_ID, f.value);
		} else if (atr_str_equal_nocase(f.name, ATR_STR("x-amzn-errortype"))) {
			struct atr_str rest = f.value, code;

			/* "ResourceNotFoundException:http://internal.amazon.com/..." */
			put_refusal(span, take_to(&rest, ':', &code) ? code : f.value);
		}
	}
}
