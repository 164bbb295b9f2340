/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_LAMBDA_H
#define ATR_PRELOAD_CONN_LAMBDA_H

/*
 * lambda: a function's invocations, read off its conversation with the Runtime
 * API (Lambda developer guide, "Using the Lambda runtime API"), whichever
 * client holds it. The answer to `next` begins an invocation, the body of
 * `response` or `error` ends it. For the files of this room; the connection is
 * held, where there is one.
 *
 * Requests to the API, to the extensions' and to the metadata's are the
 * platform's: no spans, and no header of ours in them.
 */
#include "preload/conn/state.h"

/* The constructor: is this a function? Nothing below is called where it is not. */
void atr_lambda_setup(void);
extern bool atr_lambda_is_on;
extern bool atr_lambda_runs_several; /* invocations at once, in this process */

/* Whether the library is to stand aside altogether: this is an extension. */
bool atr_lambda_is_extension(struct atr_str executable_path);

/*
 * The bootstrap's start, for the processes that it starts: a function in shell is
 * several. _child_variable: "NAME=value" and its NUL; 0: none is to be added.
 * _handed: the context of the invocation that the process before left; the constructor.
 */
#define ATR_LAMBDA_START "AUTOTRACE_LAMBDA_START"
size_t atr_lambda_child_variable(char *out, size_t cap);
bool atr_lambda_handed(struct atr_context *out);

/*
 * A request's head is about to be sent. False: it is not for the platform.
 * Else what it is for is noted in the connection.
 */
bool atr_lambda_request(struct atr_conn *conn, const char *bytes, size_t len,
			const struct atr_http1_head *head);

/* The invocation that runs and was given this context in Lambda's header, whoever its parent is; 0. */
atr_ref atr_lambda_came_with(const struct atr_context *context);

/*
 * _X_AMZN_TRACE_ID as the program is to see it: of the invocation that runs, or ran
 * last. NULL: it is what the environment says. What was returned stays a text, and the
 * same one for some invocations. Any thread, any time; never set without the probe.
 */
extern const char *_Atomic atr_lambda_trace_variable;

/* Payload of a body of one of these exchanges; the request's was sent to its end. */
void atr_lambda_payload(struct atr_conn *conn, bool outward, struct atr_str payload, bool trailer);
void atr_lambda_request_sent(struct atr_thread *self, struct atr_conn *conn);

/* The answer's head, and the end of the exchange: whole, or broken off. */
void atr_lambda_answer(struct atr_conn *conn, uint16_t status, const char *bytes, size_t len,
		       const struct atr_http1_head *head);
void atr_lambda_exchange_ended(struct atr_thread *self, struct atr_conn *conn, bool is_whole);

/* Whether the call that comes next asks for the next invocation, or the restore; and then, before it is made. */
bool atr_lambda_asks_next(struct atr_conn *conn);
void atr_lambda_before_next(void);

/* The process ends, or is replaced, in the middle of an invocation. */
void atr_lambda_process_ends(struct atr_thread *self);

#endif
