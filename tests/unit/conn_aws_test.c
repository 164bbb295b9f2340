/* SPDX-License-Identifier: Apache-2.0 */
#include "export/attr.h"
#include "preload/conn/aws.h"
#include "tests/test.h"

#include <string.h>

static uint64_t room[ATR_SPAN_MAX / 8];
static struct atr_span *span;
static struct atr_aws_call call;

static bool says(uint16_t id, const char *value)
{
	const struct atr_item *item = atr_span_find(span, id);

	if (!item)
		return !value;
	return value && item->len == strlen(value) &&
	       !memcmp(atr_item_bytes(item), value, item->len);
}

static bool asks(const char *scope, const char *x_amz_target, const char *method, const char *host,
		 const char *target)
{
	struct atr_http1_head head = { .method = atr_str(method),
				       .host = atr_str(host),
				       .target = atr_str(target) };
	struct atr_aws_fields fields = { atr_str(scope), atr_str(x_amz_target) };

	span = atr_span_begin(room);
	return atr_aws_request(span, &fields, "\r\n", 2, &head, &call);
}

/* The answer's head, as it is on the wire. */
static void answers(const char *text)
{
	struct atr_http1_head head;

	CHECK(atr_http1_parse_response(text, strlen(text), false, false, &head));
	atr_aws_answer(span, &call, text, strlen(text), &head);
}

#define SIGNED(service)                                                                  \
	"AWS4-HMAC-SHA256 Credential=AKID/20261121/eu-west-1/" service "/aws4_request, " \
	"SignedHeaders=host, Signature=0"

static void feed(bool is_answer, const char *text, size_t step)
{
	for (size_t at = 0, len = strlen(text); at < len; at += step)
		atr_aws_payload(span, &call, is_answer,
				(struct atr_str){ text + at, len - at < step ? len - at : step });
}

TEST(aws_json_calls_are_named_and_their_tables_read_over_any_cut)
{
	static const char body[] = "{\"Key\": {\"TableName\": \"no\"}, \"TableName\": \"pets\"}";

	for (size_t step = 1; step < sizeof(body); step++) {
		CHECK(asks(SIGNED("dynamodb"), "DynamoDB_20120810.GetItem", "POST", "h", "/"));
		CHECK(says(ATR_NAME, "DynamoDB.GetItem"));
		CHECK(says(ATR_RPC_SYSTEM, "aws-api"));
		CHECK(says(ATR_RPC_METHOD, "GetItem"));
		CHECK(says(ATR_CLOUD_REGION, "eu-west-1"));
		CHECK(says(ATR_DB_SYSTEM_NAME, "aws.dynamodb"));
		feed(false, body, step);
		CHECK(says(ATR_AWS_DYNAMODB_TABLE_NAMES, "pets"));
		answers("HTTP/1.1 400 x\r\nx-amzn-RequestId: R1\r\n\r\n");
		CHECK(says(ATR_AWS_REQUEST_ID, "R1"));
		feed(true,
		     "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\","
		     "\"Message\":\"no table\"}",
		     step);
		CHECK(says(ATR_AWS_ERROR_CODE, "ResourceNotFoundException"));
		CHECK(says(ATR_STATUS_MESSAGE, "no table"));
	}
}

TEST(aws_what_an_answer_that_is_no_refusal_says_is_not_an_error)
{
	CHECK(asks(SIGNED("dynamodb"), "DynamoDB_20120810.GetItem", "POST", "h", "/"));
	answers("HTTP/1.1 200 x\r\n\r\n");
	feed(true, "{\"message\":\"hello\",\"__type\":\"x#y\",\"TableName\":\"pets\"}", 7);
	CHECK(says(ATR_STATUS_MESSAGE, NULL) && says(ATR_AWS_ERROR_CODE, NULL));
	CHECK(says(ATR_AWS_DYNAMODB_TABLE_NAMES, NULL));
}

TEST(aws_a_secrets_arn_is_the_answers)
{
	CHECK(asks(SIGNED("secretsmanager"), "secretsmanager.GetSecretValue", "POST", "h", "/"));
	CHECK(says(ATR_NAME, "Secrets Manager.GetSecretValue"));
	feed(false, "{\"SecretId\":\"db\",\"ARN\":\"no\"}", 3);
	answers("HTTP/1.1 200 x\r\n\r\n");
	feed(true, "{\"ARN\":\"arn:db\",\"SecretString\":\"s\"}", 3);
	CHECK(says(ATR_AWS_SECRETSMANAGER_SECRET_ARN, "arn:db"));
}

TEST(aws_query_calls_have_their_action_in_the_body_or_the_target)
{
	for (size_t step = 1; step < 30; step++) {
		CHECK(asks(SIGNED("sns"), NULL, "POST", "h", "/"));
		CHECK(says(ATR_NAME, "SNS"));
		feed(false,
		     "Version=2010-03-31&TopicArn=arn%3Aaws%3Asns%3A1%3Aorders&Action=Publish",
		     step);
		answers("HTTP/1.1 200 x\r\nx-amzn-RequestId: R2\r\n\r\n");
		CHECK(says(ATR_NAME, "SNS.Publish") && says(ATR_RPC_METHOD, "Publish"));
		CHECK(says(ATR_AWS_SNS_TOPIC_ARN, "arn:aws:sns:1:orders"));
		CHECK(says(ATR_MESSAGING_DESTINATION_NAME, "orders"));
		CHECK(says(ATR_MESSAGING_OPERATION_TYPE, "send"));
	}
	CHECK(asks(SIGNED("sts"), NULL, "GET", "h", "/?Action=GetCallerIdentity&Version=1"));
	CHECK(says(ATR_NAME, "STS.GetCallerIdentity"));
	CHECK(asks(SIGNED("iam"), NULL, "POST", "h", "/"));
	feed(false, "Action=ListUsers", 100);
	answers("HTTP/1.1 200 x\r\n\r\n");
	CHECK(says(ATR_NAME, "iam.ListUsers"));
}

TEST(aws_a_queue_is_named_in_both_protocols)
{
	CHECK(asks(SIGNED("sqs"), "AmazonSQS.SendMessage", "POST", "h", "/"));
	feed(false, "{\"QueueUrl\":\"http:\\/\\/h\\/1\\/orders\"}", 5);
	CHECK(says(ATR_AWS_SQS_QUEUE_URL, "http://h/1/orders"));
	CHECK(says(ATR_MESSAGING_DESTINATION_NAME, "orders"));
	CHECK(asks(SIGNED("sqs"), NULL, "POST", "h", "/1/orders"));
	feed(false, "Action=ReceiveMessage&Version=1&QueueUrl=http%3A%2F%2Fh%2F1%2Forders&x=1", 5);
	answers("HTTP/1.1 200 x\r\n\r\n");
	CHECK(says(ATR_NAME, "SQS.ReceiveMessage"));
	CHECK(says(ATR_AWS_SQS_QUEUE_URL, "http://h/1/orders"));
	CHECK(says(ATR_MESSAGING_OPERATION_TYPE, "receive"));
}

TEST(aws_a_refusal_in_xml_is_read_over_any_cut)
{
	static const char body[] =
		"<ErrorResponse>\n<Error><Type>Sender</Type><Code>NotFound</Code>"
		"<Message>no topic</Message></Error></ErrorResponse>";

	for (size_t step = 1; step < sizeof(body); step += 5) {
		CHECK(asks(SIGNED("sns"), NULL, "POST", "h", "/"));
		feed(false, "Action=Publish&Version=1", 24);
		answers("HTTP/1.1 404 x\r\n\r\n");
		feed(true, body, step);
		CHECK(says(ATR_AWS_ERROR_CODE, "NotFound") && says(ATR_STATUS_MESSAGE, "no topic"));
	}
	CHECK(asks(SIGNED("s3"), NULL, "GET", "h", "/b/k"));
	answers("HTTP/1.1 404 x\r\nx-amz-request-id: R3\r\nx-amz-id-2: I2\r\n\r\n");
	feed(true, "<Error><Code>NoSuchKey</Code></Error>", 4);
	CHECK(says(ATR_AWS_ERROR_CODE, "NoSuchKey") && says(ATR_AWS_REQUEST_ID, "R3"));
	CHECK(says(ATR_AWS_EXTENDED_REQUEST_ID, "I2"));
}

TEST(aws_a_body_without_end_is_read_as_far_as_there_is_room)
{
	static char body[100000];

	memset(body, 'x', sizeof(body) - 1);
	CHECK(asks(SIGNED("sns"), NULL, "POST", "h", "/"));
	feed(false, body, 1000);
	answers("HTTP/1.1 500 x\r\n\r\n");
	feed(true, body, 1000);
	CHECK(says(ATR_NAME, "SNS") && says(ATR_AWS_ERROR_CODE, NULL));
	CHECK(asks(SIGNED("s3"), NULL, "GET", "h", "/b/k"));
	answers("HTTP/1.1 500 x\r\n\r\n");
	feed(true, body, 999);
	CHECK(says(ATR_AWS_ERROR_CODE, NULL));
}

TEST(aws_s3_calls_are_told_by_method_path_and_sub_resource)
{
	static const struct {
		const char *method, *host, *target, *name, *bucket, *key;
	} cases[] = {
		{ "GET", "b.s3.eu-west-1.amazonaws.com", "/k/l", "S3.GetObject", "b", "k/l" },
		{ "PUT", "localhost:9000", "/b/k", "S3.PutObject", "b", "k" },
		{ "PUT", "localhost:9000", "/b/k?partNumber=1&uploadId=u", "S3.UploadPart", "b",
		  "k" },
		{ "POST", "localhost:9000", "/b/k?uploads", "S3.CreateMultipartUpload", "b", "k" },
		{ "GET", "localhost:9000", "/b?list-type=2", "S3.ListObjectsV2", "b", NULL },
		{ "GET", "localhost:9000", "/", "S3.ListBuckets", NULL, NULL },
		{ "DELETE", "localhost:9000", "/b", "S3.DeleteBucket", "b", NULL },
		{ "GET", "localhost:9000", "/b?location", "S3.GetBucketLocation", "b", NULL },
		{ "GET", "localhost:9000", "/b?policy", "S3", "b", NULL },
		{ "GET", "localhost:9000", "/b/k?versionId=3", "S3.GetObject", "b", "k" },
		{ "GET", "localhost:9000", "/b/a%20%2Fb%", "S3.GetObject", "b", "a /b%" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(asks(SIGNED("s3"), NULL, cases[i].method, cases[i].host, cases[i].target));
		CHECK(says(ATR_NAME, cases[i].name));
		CHECK(says(ATR_AWS_S3_BUCKET, cases[i].bucket));
		CHECK(says(ATR_AWS_S3_KEY, cases[i].key));
	}
}

TEST(aws_an_object_that_is_copied_is_not_put)
{
	static const char text[] = "PUT /b/k HTTP/1.1\r\nHost: h\r\n"
				   "x-amz-copy-source: /a/k\r\nContent-Length: 0\r\n\r\n";
	struct atr_aws_fields fields = { ATR_STR(SIGNED("s3")), { 0 } };
	struct atr_http1_head head;

	CHECK(atr_http1_parse_request(text, strlen(text), &head));
	span = atr_span_begin(room);
	CHECK(atr_aws_request(span, &fields, text, strlen(text), &head, &call));
	CHECK(says(ATR_NAME, "S3.CopyObject") && says(ATR_AWS_S3_COPY_SOURCE, "/a/k"));
}

TEST(aws_a_function_that_is_invoked_is_named)
{
	CHECK(asks(
		SIGNED("lambda"), NULL, "POST", "h",
		"/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A1%3Afunction%3Apay%3Alive/"
		"invocations"));
	CHECK(says(ATR_FAAS_INVOKED_NAME, "pay"));
	CHECK(asks(SIGNED("lambda"), NULL, "POST", "h",
		   "/2015-03-31/functions/pay/invocations?Qualifier=1"));
	CHECK(says(ATR_NAME, "Lambda.Invoke"));
	CHECK(says(ATR_FAAS_INVOKED_NAME, "pay"));
	CHECK(says(ATR_FAAS_INVOKED_REGION, "eu-west-1"));
}

TEST(aws_services_without_a_name_here_go_by_their_scope)
{
	CHECK(asks(SIGNED("firehose"), "Firehose_20150804.PutRecord", "POST", "h", "/"));
	CHECK(says(ATR_NAME, "firehose.PutRecord"));
}

TEST(aws_what_is_not_signed_so_is_no_call)
{
	static const char *const others[] = {
		"",
		"Basic x",
		"AWS4-HMAC-SHA256",
		"AWS4-HMAC-SHA256 Credential=a/b/c/d",
		"AWS4-HMAC-SHA256 Credential=a/b/c/d/other_request",
		"AWS4-HMAC-SHA256 SignedHeaders=host",
	};

	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		CHECK(!asks(others[i], NULL, "GET", "h", "/"));
		CHECK(says(ATR_NAME, NULL));
	}
}
