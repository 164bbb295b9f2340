/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_AWS_H
#define ATR_PRELOAD_CONN_AWS_H

/*
 * aws: calls to AWS services, told by their signature (Signature Version 4) and
 * protocol (JSON, query, REST), by the AWS SDK semantic conventions. Nothing of
 * them is changed: what is read is read as it goes by. The holder of the connection.
 */
#include "export/span.h"
#include "preload/live/live.h"
#include "preload/proto/http1.h"
#include "preload/proto/json.h"

/* The fields of a request's head that say so; absent. */
struct atr_aws_fields {
	struct atr_str authorization, target;
};

/* Looks at one field of a head. Cheap for the ones that are neither. */
static inline void atr_aws_field(struct atr_aws_fields *out, const struct atr_pair *field)
{
	if (field->name.len == 13 && (field->name.at[0] | 0x20) == 'a' &&
	    atr_str_equal_nocase(field->name, ATR_STR("authorization")))
		out->authorization = field->value;
	else if (field->name.len == 12 && (field->name.at[0] | 0x20) == 'x' &&
		 atr_str_equal_nocase(field->name, ATR_STR("x-amz-target")))
		out->target = field->value;
}

/* What is read of its body and of the answer's; in a block. */
struct atr_aws_call {
	uint8_t service; /* number of it */
	bool is_form;	 /* the request's body is of the query protocol */
	bool is_xml;	 /* the answer's is */
	bool is_answer, is_error;
	struct atr_json json;
	uint32_t len; /* of the value that goes by, or of the form or the XML so far */
	char value[2048];
};

/*
 * Names the span for the call and says what its head tells. False: it is none.
 * `call` (NULL: no room) is begun where the body is of interest, and is to be fed.
 */
bool atr_aws_request(struct atr_span *span, const struct atr_aws_fields *fields, const char *bytes,
		     size_t len, const struct atr_http1_head *head, struct atr_aws_call *call);
void atr_aws_payload(struct atr_span *span, struct atr_aws_call *call, bool is_answer,
		     struct atr_str payload);
/* The answer's head: request ids, the error's name. `call` may be NULL. */
void atr_aws_answer(struct atr_span *span, struct atr_aws_call *call, const char *bytes, size_t len,
		    const struct atr_http1_head *head);

#endif
