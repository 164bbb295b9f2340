/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_EVENT_H
#define ATR_PRELOAD_PROTO_EVENT_H

/*
 * event: what a Lambda invocation's event says of who sent it and where it keeps
 * a trace context. The forms are those of the services' developer guides: API
 * Gateway (REST, HTTP), function URL, load balancer, SQS, SNS, EventBridge,
 * Kinesis, DynamoDB streams, S3, schedules; and the client context and the error
 * report of the Runtime API.
 *
 * Pure, resumable at any byte, no allocation. Of an event only the first
 * ATR_EVENT_LOOKED_AT bytes are read, and of what is wanted only as much kept as
 * there is room for.
 */
#include "preload/proto/json.h"

#define ATR_EVENT_LOOKED_AT (1u << 20)
#define ATR_EVENT_FACTS_MAX 512
#define ATR_EVENT_TEXT_MAX (32 * 1024)
#define ATR_EVENT_VALUE_MAX 4096   /* a longer one is left out */
#define ATR_EVENT_ELEMENTS_MAX 128 /* records of a batch that are looked at */

/* ATR_FACT(name, path in the event) */
#define ATR_FACTS(ATR_FACT)                                                      \
	ATR_FACT(RESOURCE, "resource")                                           \
	ATR_FACT(PATH, "path")                                                   \
	ATR_FACT(HTTP_METHOD, "httpMethod")                                      \
	ATR_FACT(VERSION, "version")                                             \
	ATR_FACT(ROUTE_KEY, "routeKey")                                          \
	ATR_FACT(RAW_PATH, "rawPath")                                            \
	ATR_FACT(RAW_QUERY, "rawQueryString")                                    \
	ATR_FACT(CONTEXT_STAGE, "requestContext.stage")                          \
	ATR_FACT(CONTEXT_DOMAIN, "requestContext.domainName")                    \
	ATR_FACT(CONTEXT_PROTOCOL, "requestContext.protocol")                    \
	ATR_FACT(CONTEXT_SOURCE_IP, "requestContext.identity.sourceIp")          \
	ATR_FACT(CONTEXT_USER_AGENT, "requestContext.identity.userAgent")        \
	ATR_FACT(CONTEXT_HTTP_METHOD, "requestContext.http.method")              \
	ATR_FACT(CONTEXT_HTTP_PATH, "requestContext.http.path")                  \
	ATR_FACT(CONTEXT_HTTP_PROTOCOL, "requestContext.http.protocol")          \
	ATR_FACT(CONTEXT_HTTP_SOURCE_IP, "requestContext.http.sourceIp")         \
	ATR_FACT(CONTEXT_HTTP_USER_AGENT, "requestContext.http.userAgent")       \
	ATR_FACT(TARGET_GROUP, "requestContext.elb.targetGroupArn")              \
	ATR_FACT(HEADER, "headers.*")                                            \
	ATR_FACT(MULTI_HEADER, "multiValueHeaders.*.*")                          \
	ATR_FACT(EVENT_SOURCE, "Records.*.~eventSource")                         \
	ATR_FACT(EVENT_SOURCE_ARN, "Records.*.~eventSourceARN")                  \
	ATR_FACT(EVENT_NAME, "Records.*.eventName")                              \
	ATR_FACT(EVENT_TIME, "Records.*.eventTime")                              \
	ATR_FACT(MESSAGE_ID, "Records.*.messageId")                              \
	ATR_FACT(AWS_TRACE_HEADER, "Records.*.attributes.AWSTraceHeader")        \
	ATR_FACT(MESSAGE_ATTRIBUTE, "Records.*.messageAttributes.*.stringValue") \
	ATR_FACT(SNS_TOPIC, "Records.*.Sns.TopicArn")                            \
	ATR_FACT(SNS_MESSAGE_ID, "Records.*.Sns.MessageId")                      \
	ATR_FACT(SNS_ATTRIBUTE, "Records.*.Sns.MessageAttributes.*.Value")       \
	ATR_FACT(BODY, "Records.*.body")                                         \
	ATR_FACT(S3_BUCKET, "Records.*.s3.bucket.name")                          \
	ATR_FACT(S3_KEY, "Records.*.s3.object.key")                              \
	ATR_FACT(SOURCE, "source")                                               \
	ATR_FACT(DETAIL_TYPE, "detail-type")                                     \
	ATR_FACT(TIME, "time")                                                   \
	ATR_FACT(RESOURCES, "resources.*")                                       \
	ATR_FACT(DETAIL, "detail.*")                                             \
	ATR_FACT(CUSTOM, "custom.*")                                             \
	ATR_FACT(STATUS_CODE, "statusCode")                                      \
	ATR_FACT(ERROR_TYPE, "errorType")                                        \
	ATR_FACT(ERROR_MESSAGE, "errorMessage")                                  \
	ATR_FACT(STACK_TRACE, "stackTrace.*")                                    \
	/* in a message's body: a notification that came on by a queue */        \
	ATR_FACT(INNER_TYPE, "Type")                                             \
	ATR_FACT(INNER_TOPIC, "TopicArn")                                        \
	ATR_FACT(INNER_ATTRIBUTE, "MessageAttributes.*.Value")

enum atr_fact_id {
#define ATR_FACT(name, path) ATR_FACT_##name,
	ATR_FACTS(ATR_FACT)
#undef ATR_FACT
		ATR_NR_FACTS
};

struct atr_fact {
	uint16_t id; /* enum atr_fact_id */
	uint16_t element;
	uint16_t key_at, key_len; /* in the text */
	uint16_t at, len;
};

struct atr_event {
	struct atr_json json, inner;
	bool (*wants)(struct atr_str name);
	uint32_t left; /* bytes still to be looked at */
	uint32_t nr_facts, text_len;
	bool keeps, is_open; /* the value that goes by: is kept; has begun */
	bool inner_open;     /* a message's body goes by, and may be a notification */
	uint32_t elements;   /* of the batch, counted */
	struct atr_fact fact[ATR_EVENT_FACTS_MAX];
	char text[ATR_EVENT_TEXT_MAX];
};

/*
 * `wants` says which headers and message attributes are to be kept, by name; it
 * borrows the name for the call.
 */
void atr_event_begin(struct atr_event *event, bool (*wants)(struct atr_str name));
void atr_event_feed(struct atr_event *event, const char *bytes, size_t len);
/* What was fed was a text of its own; another follows, and what was found stays. */
void atr_event_next_text(struct atr_event *event);

/* The value, borrowed from the event; absent. */
struct atr_str atr_event_get(const struct atr_event *event, enum atr_fact_id id, unsigned element);

/*
 * The named ones of this kind (headers, message attributes) of one element, in
 * order, at most `max`; borrowed. Returns how many.
 */
size_t atr_event_named(const struct atr_event *event, enum atr_fact_id id, unsigned element,
		       struct atr_pair *out, size_t max);

/* The records of a batch that were looked at. */
unsigned atr_event_records(const struct atr_event *event);

#endif
