/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_RUNTIME_API_H
#define ATR_TOOLS_RUNTIME_API_H

/*
 * runtime_api: AWS Lambda's side of the Runtime API (2018-06-01) and of the
 * Extensions API (2020-01-01), on the loopback.
 *
 *	invoke -> QUEUED -> a `next` takes it -> RUNNING -> response or error -> ANSWERED
 *
 * What may be asked when, and how a wrong call is refused, is as Lambda has it:
 * 403 for a call out of turn, 400 for a request id that is not running, 413 for
 * a response that is too large. The owner polls _fd for reading, calls _serve,
 * and then looks at the status and at his invocations. One thread.
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_REQUEST_ID_LEN 36
#define ATR_ERROR_TYPE_MAX 128
#define ATR_ERROR_MESSAGE_MAX 256
#define ATR_PAYLOAD_MAX \
	(6u * 1024 * 1024 + 100) /* of an event, and of a response that is no stream */

enum atr_invocation_state {
	ATR_INVOCATION_QUEUED,
	ATR_INVOCATION_RUNNING,
	ATR_INVOCATION_ANSWERED,
};

struct atr_invocation {
	/* the owner's, before _invoke */
	char id[ATR_REQUEST_ID_LEN + 1];
	const char *trace_header; /* NULL: none is sent */
	struct atr_str event;
	uint64_t deadline_ms; /* since 1970 */

	/* what came of it */
	enum atr_invocation_state state;
	uint64_t sent_ns, answered_ns;		   /* of atr_runtime_now_ns */
	char error_type[ATR_ERROR_TYPE_MAX];	   /* empty: it went well */
	char error_message[ATR_ERROR_MESSAGE_MAX]; /* errorMessage of what the runtime told */
	char *response;				   /* of malloc; the owner frees it */
	size_t response_len;
	struct atr_invocation *next;
};

struct atr_runtime_options {
	const char *function_name, *version, *handler, *arn;
	const char *client_context, *cognito_identity; /* JSON; NULL: not sent */
	const char *external; /* the name of an extension that is not internal; NULL: all are */
	unsigned concurrency; /* invocations that may run at once, at least 1 */
	bool closes;	      /* a connection for each call */
	bool is_chunked;      /* events in the chunked coding */
};

struct atr_runtime_status {
	size_t nr_waiting;  /* `next` calls that wait for an event */
	bool has_begun;	    /* the first `next` came: Init is over */
	bool is_restorable; /* `restore/next` waits: SnapStart would take its snapshot now */
	bool has_failed;    /* init/error or restore/error came, of error_type */
	char error_type[ATR_ERROR_TYPE_MAX];
	size_t nr_extensions;
	bool has_external;
};

struct atr_runtime;

/* NULL with errno set. The options' texts are borrowed. */
struct atr_runtime *atr_runtime_open(const struct atr_runtime_options *options);
void atr_runtime_close(struct atr_runtime *runtime);

int atr_runtime_fd(const struct atr_runtime *runtime);
uint16_t atr_runtime_port(const struct atr_runtime *runtime);
void atr_runtime_serve(struct atr_runtime *runtime);
const struct atr_runtime_status *atr_runtime_status(const struct atr_runtime *runtime);

/*
 * A next waits, and so does every extension that takes part in what is going on
 * (all of them in Init, those of INVOKE afterwards): the phase is over.
 */
bool atr_runtime_is_idle(const struct atr_runtime *runtime);

/* For the next that waits, or the one that comes. The invocation stays where it is until _forget. */
void atr_runtime_invoke(struct atr_runtime *runtime, struct atr_invocation *invocation);
void atr_runtime_forget(struct atr_runtime *runtime, struct atr_invocation *invocation);

/* Answers restore/next. */
void atr_runtime_restore(struct atr_runtime *runtime);

/* SHUTDOWN to those that registered for it: reason SPINDOWN, TIMEOUT or FAILURE. */
void atr_runtime_shutdown(struct atr_runtime *runtime, const char *reason, uint64_t deadline_ms);

/* The sandbox is gone, a new one begins; what was queued waits for it. */
void atr_runtime_reset(struct atr_runtime *runtime);

/* Nanoseconds since 1970, as everything here is timed. */
uint64_t atr_runtime_now_ns(void);

/* A random UUID. */
void atr_runtime_new_id(char out[static ATR_REQUEST_ID_LEN + 1]);

#endif
