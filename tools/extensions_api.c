/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/extensions_api.h"

#include <cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char json_type[] = "Content-Type: application/json\r\n";

void atr_api_refuse(struct atr_peer *peer, const char *status, const char *type,
		    const char *message)
{
	char body[512];
	int len = snprintf(body, sizeof(body), "{\"errorMessage\":\"%s\",\"errorType\":\"%s\"}",
			   message, type);

	atr_peer_answer(peer, &(struct atr_answer){ .status = status,
						    .fields = json_type,
						    .body = { body, (size_t)len } });
}

static void accept_call(struct atr_peer *peer, const char *status)
{
	atr_peer_answer(peer, &(struct atr_answer){ .status = status,
						    .fields = json_type,
						    .body = ATR_STR("{\"status\":\"OK\"}") });
}

/* Takes the object, and sends it. */
static void answer_object(struct atr_peer *peer, const char *fields, cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	atr_peer_answer(peer, &(struct atr_answer){ .status = "200 OK",
						    .fields = fields,
						    .body = atr_str(text ? text : "{}") });
	free(text);
	cJSON_Delete(object);
}

static bool lists_event(const cJSON *events, const char *name)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, events)
	{
		if (cJSON_IsString(item) && strcmp(item->valuestring, name) == 0)
			return true;
	}
	return false;
}

static struct atr_extension *find_named(struct atr_extensions *x, struct atr_str name)
{
	for (size_t i = 0; i < x->nr; i++) {
		if (atr_str_equal(atr_str(x->list[i].name), name))
			return &x->list[i];
	}
	return NULL;
}

static void answer_registered(struct atr_extensions *x, struct atr_peer *peer,
			      const struct atr_extension *extension, bool with_account)
{
	cJSON *object = cJSON_CreateObject();
	char fields[160];

	snprintf(fields, sizeof(fields), "%sLambda-Extension-Identifier: %s\r\n", json_type,
		 extension->id);
	cJSON_AddStringToObject(object, "functionName", x->options->function_name);
	cJSON_AddStringToObject(object, "functionVersion", x->options->version);
	cJSON_AddStringToObject(object, "handler", x->options->handler);
	if (with_account)
		cJSON_AddStringToObject(object, "accountId", "123456789012");
	answer_object(peer, fields, object);
}

/* Why it may not be registered, told; NULL: it was told, and there is none. */
static struct atr_extension *add_extension(struct atr_extensions *x, struct atr_peer *peer,
					   struct atr_str name, const cJSON *events)
{
	struct atr_extension new = { .wants_invoke = lists_event(events, "INVOKE"),
				     .wants_shutdown = lists_event(events, "SHUTDOWN") };

	if (!name.len || name.len >= sizeof(new.name) || !cJSON_IsArray(events)) {
		atr_api_refuse(peer, "400 Bad Request", "Extension.InvalidRequest",
			       "a name or a list of events is missing");
		return NULL;
	}
	memcpy(new.name, name.at, name.len);
	new.is_external = x->options->external &&strcmp(x->options->external, new.name) == 0;
	if (new.wants_shutdown && !new.is_external) {
		atr_api_refuse(peer, "403 Forbidden",
			       "ShutdownEventNotSupportedForInternalExtension",
			       "an internal extension may not register for SHUTDOWN");
		return NULL;
	}
	if (x->nr == ATR_EXTENSIONS_MAX || find_named(x, name)) {
		atr_api_refuse(peer, "403 Forbidden",
			       x->nr == ATR_EXTENSIONS_MAX ? "Extension.TooManyExtensions" :
							     "Extension.AlreadyRegistered",
			       "no such extension can be added");
		return NULL;
	}
	atr_runtime_new_id(new.id);
	x->list[x->nr] = new;
	return &x->list[x->nr++];
}

static void take_registration(struct atr_extensions *x, struct atr_peer *peer,
			      const struct atr_request *request, bool is_closed)
{
	struct atr_str feature = atr_request_field(request, "Lambda-Extension-Accept-Feature");
	struct atr_extension *added;
	cJSON *body;

	if (is_closed) {
		atr_api_refuse(peer, "403 Forbidden", "Extension.RegistrationClosed",
			       "Extension registration closed already");
		return;
	}
	body = cJSON_ParseWithLength(request->body.at, request->body.len);
	added = add_extension(x, peer, atr_request_field(request, "Lambda-Extension-Name"),
			      cJSON_GetObjectItemCaseSensitive(body, "events"));
	if (added)
		answer_registered(x, peer, added, atr_str_equal(feature, ATR_STR("accountId")));
	cJSON_Delete(body);
}

static struct atr_extension *find_caller(struct atr_extensions *x,
					 const struct atr_request *request)
{
	struct atr_str id = atr_request_field(request, "Lambda-Extension-Identifier");

	for (size_t i = 0; i < x->nr; i++) {
		if (atr_str_equal(atr_str(x->list[i].id), id))
			return &x->list[i];
	}
	return NULL;
}

void atr_extensions_asked(struct atr_extensions *x, struct atr_peer *peer, struct atr_str path,
			  const struct atr_request *request, bool is_closed)
{
	struct atr_extension *caller = find_caller(x, request);
	bool is_post = atr_str_equal(request->method, ATR_STR("POST"));

	if (is_post && atr_str_equal(path, ATR_STR("register")))
		take_registration(x, peer, request, is_closed);
	else if (!caller)
		atr_api_refuse(peer, "403 Forbidden", "Extension.InvalidExtensionIdentifier",
			       "no extension has this identifier");
	else if (!is_post && atr_str_equal(path, ATR_STR("event/next")))
		caller->waiting = peer;
	else if (is_post && (atr_str_equal(path, ATR_STR("init/error")) ||
			     atr_str_equal(path, ATR_STR("exit/error"))))
		accept_call(peer, "202 Accepted");
	else
		atr_api_refuse(peer, "404 Not Found", "NotFound", "there is no such call");
}

void atr_extensions_gone(struct atr_extensions *x, const struct atr_peer *peer)
{
	for (size_t i = 0; i < x->nr; i++) {
		if (x->list[i].waiting == peer)
			x->list[i].waiting = NULL;
	}
}

bool atr_extensions_are_waiting(const struct atr_extensions *x, bool only_invoke)
{
	for (size_t i = 0; i < x->nr; i++) {
		if (!x->list[i].waiting && (x->list[i].wants_invoke || !only_invoke))
			return false;
	}
	return true;
}

static void send_event(struct atr_extension *extension, cJSON *event)
{
	char fields[160];

	snprintf(fields, sizeof(fields), "%sLambda-Extension-Event-Identifier: %s\r\n", json_type,
		 extension->id);
	answer_object(extension->waiting, fields, event);
	extension->waiting = NULL;
}

static cJSON *new_event(const char *type, uint64_t deadline_ms)
{
	cJSON *event = cJSON_CreateObject();

	cJSON_AddStringToObject(event, "eventType", type);
	cJSON_AddNumberToObject(event, "deadlineMs", (double)deadline_ms);
	return event;
}

void atr_extensions_invoke(struct atr_extensions *x, const struct atr_invocation *invocation)
{
	for (size_t i = 0; i < x->nr; i++) {
		cJSON *event, *tracing;

		if (!x->list[i].wants_invoke || !x->list[i].waiting)
			continue;
		event = new_event("INVOKE", invocation->deadline_ms);
		cJSON_AddStringToObject(event, "requestId", invocation->id);
		cJSON_AddStringToObject(event, "invokedFunctionArn", x->options->arn);
		tracing = cJSON_AddObjectToObject(event, "tracing");
		cJSON_AddStringToObject(tracing, "type", "X-Amzn-Trace-Id");
		cJSON_AddStringToObject(tracing, "value",
					invocation->trace_header ? invocation->trace_header : "");
		send_event(&x->list[i], event);
	}
}

void atr_extensions_shutdown(struct atr_extensions *x, const char *reason, uint64_t deadline_ms)
{
	for (size_t i = 0; i < x->nr; i++) {
		cJSON *event;

		if (!x->list[i].wants_shutdown || !x->list[i].waiting)
			continue;
		event = new_event("SHUTDOWN", deadline_ms);
		cJSON_AddStringToObject(event, "shutdownReason", reason);
		send_event(&x->list[i], event);
	}
}
