/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/runtime_api.h"

#include "propagator/ids.h"
#include "tools/decode.h"
#include "tools/extensions_api.h"
#include "tools/server.h"

#include <cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	WAITING_MAX = 1024,
	STREAM_MAX = 200 * 1024 * 1024, /* Lambda's limit of a streamed response */
};

struct atr_runtime {
	struct atr_runtime_options options;
	struct atr_runtime_status status;
	struct atr_server *server;
	struct atr_extensions extensions;
	struct atr_peer *waiting[WAITING_MAX]; /* the first has waited longest */
	struct atr_peer *restoring;
	bool has_served;	      /* Init is over, for the extensions too */
	struct atr_invocation *first; /* in the order in which they were given */
};

uint64_t atr_runtime_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void atr_runtime_new_id(char out[static ATR_REQUEST_ID_LEN + 1])
{
	struct atr_ids ids = { 0 };
	uint64_t a = atr_ids_next(&ids), b = atr_ids_next(&ids);

	snprintf(out, ATR_REQUEST_ID_LEN + 1,
		 "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-%04" PRIx64 "-%012" PRIx64, a >> 32,
		 a >> 16 & 0xffff, a & 0xfff, (b >> 48 & 0x3fff) | 0x8000, b & 0xffffffffffff);
}

static void refuse_state(struct atr_peer *peer)
{
	atr_api_refuse(peer, "403 Forbidden", "InvalidStateTransition",
		       "State transition is not allowed");
}

static void accept_call(struct atr_peer *peer)
{
	atr_peer_answer(peer, &(struct atr_answer){ .status = "202 Accepted",
						    .fields = "Content-Type: application/json\r\n",
						    .body = ATR_STR("{\"status\":\"OK\"}") });
}

static void put_field(FILE *out, const char *name, const char *value)
{
	if (value && *value)
		fprintf(out, "%s: %s\r\n", name, value);
}

static void send_invocation(struct atr_runtime *r, struct atr_peer *peer,
			    struct atr_invocation *invocation)
{
	char *fields = NULL, deadline[32];
	size_t len = 0;
	FILE *out = open_memstream(&fields, &len);

	if (!out)
		return;
	snprintf(deadline, sizeof(deadline), "%" PRIu64, invocation->deadline_ms);
	put_field(out, "Content-Type", "application/json");
	put_field(out, "Lambda-Runtime-Aws-Request-Id", invocation->id);
	put_field(out, "Lambda-Runtime-Deadline-Ms", deadline);
	put_field(out, "Lambda-Runtime-Invoked-Function-Arn", r->options.arn);
	put_field(out, "Lambda-Runtime-Trace-Id", invocation->trace_header);
	put_field(out, "Lambda-Runtime-Client-Context", r->options.client_context);
	put_field(out, "Lambda-Runtime-Cognito-Identity", r->options.cognito_identity);
	fclose(out);
	invocation->state = ATR_INVOCATION_RUNNING;
	invocation->sent_ns = atr_runtime_now_ns();
	r->has_served = true;
	atr_peer_answer(peer, &(struct atr_answer){ .status = "200 OK",
						    .fields = fields,
						    .body = invocation->event,
						    .is_chunked = r->options.is_chunked });
	free(fields);
	atr_extensions_invoke(&r->extensions, invocation);
}

static struct atr_invocation *first_of(struct atr_runtime *r, enum atr_invocation_state state)
{
	struct atr_invocation *i = r->first;

	while (i && i->state != state)
		i = i->next;
	return i;
}

static void stop_waiting(struct atr_runtime *r, size_t i)
{
	r->status.nr_waiting--;
	memmove(r->waiting + i, r->waiting + i + 1,
		(r->status.nr_waiting - i) * sizeof(r->waiting[0]));
}

static void deliver(struct atr_runtime *r)
{
	struct atr_invocation *invocation;

	while (r->status.nr_waiting && (invocation = first_of(r, ATR_INVOCATION_QUEUED)) != NULL) {
		struct atr_peer *peer = r->waiting[0];

		stop_waiting(r, 0);
		send_invocation(r, peer, invocation);
	}
}

/* Lambda lets a runtime ask for more work only when it has answered the last. */
static void take_next(struct atr_runtime *r, struct atr_peer *peer)
{
	if (r->status.nr_waiting == WAITING_MAX ||
	    (r->options.concurrency == 1 && first_of(r, ATR_INVOCATION_RUNNING))) {
		refuse_state(peer);
		return;
	}
	r->status.has_begun = true;
	r->waiting[r->status.nr_waiting++] = peer;
	deliver(r);
}

static void copy_type(char out[static ATR_ERROR_TYPE_MAX], struct atr_str type)
{
	if (!type.len)
		type = ATR_STR("Runtime.Unknown");
	snprintf(out, ATR_ERROR_TYPE_MAX, "%.*s", (int)type.len, type.at);
}

/* Out of {"errorMessage":...}, which may as well be anything else. */
static void copy_message(char out[static ATR_ERROR_MESSAGE_MAX], struct atr_str json)
{
	cJSON *object = json.len ? cJSON_ParseWithLength(json.at, json.len) : NULL;
	const char *text =
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "errorMessage"));

	snprintf(out, ATR_ERROR_MESSAGE_MAX, "%s", text ? text : "");
	cJSON_Delete(object);
}

/* The same in base64, as a trailer has it. */
static void copy_encoded_message(char out[static ATR_ERROR_MESSAGE_MAX], struct atr_str digits)
{
	char *json = malloc(digits.len + 1);
	size_t len;

	if (!json)
		return;
	len = atr_decode_base64(&digits, json);
	json[len] = '\0';
	copy_message(out, (struct atr_str){ json, len });
	free(json);
}

static void keep_answer(struct atr_invocation *invocation, const struct atr_request *request)
{
	invocation->state = ATR_INVOCATION_ANSWERED;
	invocation->answered_ns = atr_runtime_now_ns();
	invocation->response = malloc(request->body.len + 1);
	if (!invocation->response)
		return;
	if (request->body.len)
		memcpy(invocation->response, request->body.at, request->body.len);
	invocation->response[request->body.len] = '\0';
	invocation->response_len = request->body.len;
}

static void take_error(struct atr_peer *peer, struct atr_invocation *invocation,
		       const struct atr_request *request)
{
	keep_answer(invocation, request);
	copy_type(invocation->error_type,
		  atr_request_field(request, "Lambda-Runtime-Function-Error-Type"));
	copy_message(invocation->error_message,
		     (struct atr_str){ invocation->response, invocation->response_len });
	accept_call(peer);
}

/* A stream that fails half way has said 200 long ago: the failure comes behind its body. */
static void take_response(struct atr_peer *peer, struct atr_invocation *invocation,
			  const struct atr_request *request)
{
	struct atr_str mode = atr_request_field(request, "Lambda-Runtime-Function-Response-Mode");
	struct atr_str type = atr_request_trailer(request, "Lambda-Runtime-Function-Error-Type");
	bool is_stream = atr_str_equal_nocase(mode, ATR_STR("streaming"));

	if (mode.len && !is_stream) {
		atr_api_refuse(peer, "400 Bad Request", "InvalidFunctionResponseMode",
			       "there is no such response mode");
		return;
	}
	keep_answer(invocation, request);
	if (type.len) {
		copy_type(invocation->error_type, type);
		copy_encoded_message(
			invocation->error_message,
			atr_request_trailer(request, "Lambda-Runtime-Function-Error-Body"));
	}
	if (request->body_len > (is_stream ? STREAM_MAX : ATR_PAYLOAD_MAX)) {
		invocation->response_len = 0;
		copy_type(invocation->error_type, ATR_STR("Function.ResponseSizeTooLarge"));
		atr_api_refuse(peer, "413 Request Entity Too Large", "RequestEntityTooLarge",
			       "Exceeded maximum allowed payload size (6291556 bytes).");
		return;
	}
	accept_call(peer);
}

/* `path` is "<id>/response" or "<id>/error". */
static void take_answer(struct atr_runtime *r, struct atr_peer *peer, struct atr_str path,
			const struct atr_request *request)
{
	const char *slash = path.len ? memchr(path.at, '/', path.len) : NULL;
	struct atr_str id = { path.at, slash ? (size_t)(slash - path.at) : path.len };
	struct atr_str what = { path.at + id.len, path.len - id.len };
	struct atr_invocation *i = r->first;

	while (i && !atr_str_equal(atr_str(i->id), id))
		i = i->next;
	if (!i || i->state == ATR_INVOCATION_QUEUED)
		atr_api_refuse(peer, "400 Bad Request", "InvalidRequestID", "Invalid request ID");
	else if (i->state == ATR_INVOCATION_ANSWERED)
		refuse_state(peer);
	else if (atr_str_equal(what, ATR_STR("/response")))
		take_response(peer, i, request);
	else if (atr_str_equal(what, ATR_STR("/error")))
		take_error(peer, i, request);
	else
		atr_api_refuse(peer, "404 Not Found", "NotFound", "there is no such call");
}

static void take_failure(struct atr_runtime *r, struct atr_peer *peer,
			 const struct atr_request *request)
{
	if (r->status.has_begun) {
		refuse_state(peer);
		return;
	}
	r->status.has_failed = true;
	copy_type(r->status.error_type,
		  atr_request_field(request, "Lambda-Runtime-Function-Error-Type"));
	accept_call(peer);
}

static void take_restore(struct atr_runtime *r, struct atr_peer *peer)
{
	if (r->status.has_begun || r->restoring) {
		refuse_state(peer);
		return;
	}
	r->restoring = peer;
	r->status.is_restorable = true;
}

static void runtime_asked(struct atr_runtime *r, struct atr_peer *peer, struct atr_str path,
			  const struct atr_request *request)
{
	bool is_post = atr_str_equal(request->method, ATR_STR("POST"));

	if (!is_post && atr_str_equal(path, ATR_STR("ping")))
		atr_peer_answer(peer, &(struct atr_answer){ .status = "200 OK",
							    .fields = "",
							    .body = ATR_STR("pong") });
	else if (!is_post && atr_str_equal(path, ATR_STR("runtime/invocation/next")))
		take_next(r, peer);
	else if (!is_post && atr_str_equal(path, ATR_STR("runtime/restore/next")))
		take_restore(r, peer);
	else if (is_post && (atr_str_equal(path, ATR_STR("runtime/init/error")) ||
			     atr_str_equal(path, ATR_STR("runtime/restore/error"))))
		take_failure(r, peer, request);
	else if (is_post && atr_str_strip(&path, ATR_STR("runtime/invocation/")))
		take_answer(r, peer, path, request);
	else
		atr_api_refuse(peer, "404 Not Found", "NotFound", "there is no such call");
}

static void tell_extensions(struct atr_runtime *r)
{
	r->status.nr_extensions = r->extensions.nr;
	for (size_t i = 0; i < r->extensions.nr; i++)
		r->status.has_external |= r->extensions.list[i].is_external;
}

static void asked(void *owner, struct atr_peer *peer, const struct atr_request *request)
{
	struct atr_runtime *r = owner;
	struct atr_str path = request->target;

	if (atr_str_strip(&path, ATR_STR("/2018-06-01/")))
		runtime_asked(r, peer, path, request);
	else if (atr_str_strip(&path, ATR_STR("/2020-01-01/extension/")))
		atr_extensions_asked(&r->extensions, peer, path, request, r->status.has_begun);
	else if (atr_str_strip(&path, ATR_STR("/2022-07-01/telemetry")))
		atr_api_refuse(peer, "202 Accepted", "Telemetry.NotSupported",
			       "Telemetry API is not supported");
	else
		atr_api_refuse(peer, "404 Not Found", "NotFound", "there is no such call");
	tell_extensions(r);
}

static void gone(void *owner, struct atr_peer *peer)
{
	struct atr_runtime *r = owner;

	for (size_t i = r->status.nr_waiting; i-- > 0;) {
		if (r->waiting[i] == peer)
			stop_waiting(r, i);
	}
	if (r->restoring == peer) {
		r->restoring = NULL;
		r->status.is_restorable = false;
	}
	atr_extensions_gone(&r->extensions, peer);
}

bool atr_runtime_is_idle(const struct atr_runtime *r)
{
	return r->status.nr_waiting && atr_extensions_are_waiting(&r->extensions, r->has_served);
}

void atr_runtime_invoke(struct atr_runtime *r, struct atr_invocation *invocation)
{
	struct atr_invocation **end = &r->first;

	while (*end)
		end = &(*end)->next;
	*end = invocation;
	invocation->next = NULL;
	invocation->state = ATR_INVOCATION_QUEUED;
	deliver(r);
}

void atr_runtime_forget(struct atr_runtime *r, struct atr_invocation *invocation)
{
	struct atr_invocation **at = &r->first;

	while (*at && *at != invocation)
		at = &(*at)->next;
	if (*at)
		*at = invocation->next;
}

void atr_runtime_restore(struct atr_runtime *r)
{
	struct atr_peer *peer = r->restoring;

	r->restoring = NULL;
	r->status.is_restorable = false;
	if (peer)
		atr_peer_answer(peer, &(struct atr_answer){ .status = "200 OK", .fields = "" });
}

void atr_runtime_shutdown(struct atr_runtime *r, const char *reason, uint64_t deadline_ms)
{
	atr_extensions_shutdown(&r->extensions, reason, deadline_ms);
}

void atr_runtime_reset(struct atr_runtime *r)
{
	atr_server_forget(r->server);
	r->status = (struct atr_runtime_status){ 0 };
	r->restoring = NULL;
	r->has_served = false;
	r->extensions.nr = 0;
}

struct atr_runtime *atr_runtime_open(const struct atr_runtime_options *options)
{
	struct atr_runtime *r = calloc(1, sizeof(*r));
	int error;

	if (!r)
		return NULL;
	r->options = *options;
	r->extensions.options = &r->options;
	r->server = atr_server_open(&(struct atr_server_options){ .asked = asked,
								  .gone = gone,
								  .owner = r,
								  .body_max = STREAM_MAX,
								  .closes = options->closes });
	if (r->server)
		return r;
	error = errno;
	free(r);
	errno = error;
	return NULL;
}

void atr_runtime_close(struct atr_runtime *r)
{
	atr_server_close(r->server);
	free(r);
}

int atr_runtime_fd(const struct atr_runtime *r)
{
	return atr_server_fd(r->server);
}

uint16_t atr_runtime_port(const struct atr_runtime *r)
{
	return atr_server_port(r->server);
}

void atr_runtime_serve(struct atr_runtime *r)
{
	atr_server_serve(r->server);
}

const struct atr_runtime_status *atr_runtime_status(const struct atr_runtime *r)
{
	return &r->status;
}
