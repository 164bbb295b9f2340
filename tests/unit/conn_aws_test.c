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
	return atr_aws_request(span, &fields, &head, &call);
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
		feed(true,
		     "{\"__type\":\"com.amazonaws.dynamodb.v20120810#ResourceNotFoundException\"}",
		     step);
		CHECK(says(ATR_AWS_ERROR_CODE, "ResourceNotFoundException"));
	}
}

TEST(aws_query_calls_have_their_action_in_the_body_or_the_target)
{
	CHECK(asks(SIGNED("sns"), NULL, "POST", "h", "/"));
	CHECK(says(ATR_NAME, "SNS"));
	feed(false, "Version=2010-03-31&Action=Publish&TopicArn=x", 3);
	CHECK(says(ATR_RPC_METHOD, "Publish"));
	CHECK(asks(SIGNED("sts"), NULL, "GET", "h", "/?Action=GetCallerIdentity&Version=1"));
	CHECK(says(ATR_NAME, "STS.GetCallerIdentity"));
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
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CHECK(asks(SIGNED("s3"), NULL, cases[i].method, cases[i].host, cases[i].target));
		CHECK(says(ATR_NAME, cases[i].name));
		CHECK(says(ATR_AWS_S3_BUCKET, cases[i].bucket));
		CHECK(says(ATR_AWS_S3_KEY, cases[i].key));
	}
}

TEST(aws_a_function_that_is_invoked_is_named)
{
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
