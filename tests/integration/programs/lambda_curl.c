/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function in C on libcurl, as its users write it: a handle for the Runtime API and one
 * for everything else. What is in the event says what it does after a call to $DOWN/ok:
 *
 *	fail      tells of an error
 *	hang      calls what does not answer in time
 *	doze      sleeps for 600 ms
 *	crash     dies of SIGSEGV;  crash in call: in the middle of a second one
 *	exit      ends without an answer
 *	stream    answers in parts;  stream, break: and fails after the second, in a trailer
 *
 * and otherwise answers with what it was told. argv[1] = "init": its Init fails.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RUNTIME "/2018-06-01/runtime/"
#define SIGNED                                                                                     \
	"Authorization: AWS4-HMAC-SHA256 Credential=AK/20261121/eu-west-1/dynamodb/aws4_request, " \
	"SignedHeaders=host, Signature=x"

static CURL *api, *web;

struct text {
	char *at;
	size_t len;
};

static size_t append(char *bytes, size_t size, size_t nr, void *to)
{
	struct text *text = to;

	text->at = realloc(text->at, text->len + size * nr + 1);
	memcpy(text->at + text->len, bytes, size * nr);
	text->len += size * nr;
	text->at[text->len] = 0;
	return size * nr;
}

static size_t note_id(char *line, size_t size, size_t nr, void *id)
{
	static const char name[] = "Lambda-Runtime-Aws-Request-Id:";

	if (size * nr > sizeof(name) && strncasecmp(line, name, sizeof(name) - 1) == 0)
		sscanf(line + sizeof(name) - 1, " %63[0-9a-f-]", (char *)id);
	return size * nr;
}

static void perform(CURL *handle, const char *what)
{
	CURLcode code = curl_easy_perform(handle);
	long status = 0;

	curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &status);
	printf("%s: %s %ld\n", what, curl_easy_strerror(code), status);
	fflush(stdout);
}

static const char *runtime_url(const char *path)
{
	static char url[512];

	snprintf(url, sizeof(url), "http://%s" RUNTIME "%s", getenv("AWS_LAMBDA_RUNTIME_API"),
		 path);
	return url;
}

static struct text next(char id[static 64])
{
	struct text event = { 0 };
	CURLcode code;
	long status = 0;

	curl_easy_reset(api);
	curl_easy_setopt(api, CURLOPT_URL, runtime_url("invocation/next"));
	curl_easy_setopt(api, CURLOPT_WRITEFUNCTION, append);
	curl_easy_setopt(api, CURLOPT_WRITEDATA, &event);
	curl_easy_setopt(api, CURLOPT_HEADERFUNCTION, note_id);
	curl_easy_setopt(api, CURLOPT_HEADERDATA, id);
	code = curl_easy_perform(api);
	curl_easy_getinfo(api, CURLINFO_RESPONSE_CODE, &status);
	if (code || status != 200) {
		printf("next: %s %ld\n", curl_easy_strerror(code), status);
		exit(1);
	}
	if (!event.at)
		event.at = calloc(1, 1);
	return event;
}

static size_t drop(char *bytes, size_t size, size_t nr, void *unused)
{
	(void)bytes, (void)unused;
	return size * nr;
}

static void post(const char *path, const char *body, struct curl_slist *fields)
{
	curl_easy_reset(api);
	curl_easy_setopt(api, CURLOPT_URL, runtime_url(path));
	curl_easy_setopt(api, CURLOPT_POSTFIELDS, body);
	curl_easy_setopt(api, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(api, CURLOPT_WRITEFUNCTION, drop);
	perform(api, strrchr(path, '/') + 1);
	curl_slist_free_all(fields);
}

static void answer(const char *id, const char *what, const char *body, struct curl_slist *fields)
{
	char path[128];

	snprintf(path, sizeof(path), "invocation/%s/%s", id, what);
	post(path, body, fields);
}

static void ask(const char *path)
{
	char url[256];

	snprintf(url, sizeof(url), "%s%s", getenv("DOWN"), path);
	curl_easy_reset(web);
	curl_easy_setopt(web, CURLOPT_URL, url);
	curl_easy_setopt(web, CURLOPT_WRITEFUNCTION, drop);
	perform(web, path);
}

static void get_item(void)
{
	struct curl_slist *fields =
		curl_slist_append(NULL, "X-Amz-Target: DynamoDB_20120810.GetItem");

	fields = curl_slist_append(fields, "Content-Type: application/x-amz-json-1.0");
	fields = curl_slist_append(fields, SIGNED);
	curl_easy_reset(web);
	curl_easy_setopt(web, CURLOPT_URL, getenv("DOWN_AWS"));
	curl_easy_setopt(web, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(web, CURLOPT_POSTFIELDS, "{\"TableName\":\"pets\"}");
	curl_easy_setopt(web, CURLOPT_WRITEFUNCTION, drop);
	perform(web, "GetItem");
	curl_slist_free_all(fields);
}

/* ---- a response in parts ---- */

struct parts {
	int nr, most;
};

static size_t give_part(char *to, size_t size, size_t nr, void *arg)
{
	struct parts *parts = arg;

	if (parts->nr == parts->most || size * nr < 16)
		return 0;
	usleep(20000);
	/* what is called for between two parts is the invocation's still */
	ask("/ok?part");
	return (size_t)sprintf(to, "part %d\n", ++parts->nr);
}

static int give_trailers(struct curl_slist **list, void *unused)
{
	(void)unused;
	*list = curl_slist_append(*list, "Lambda-Runtime-Function-Error-Type: Function.Broke");
	*list = curl_slist_append(
		*list, "Lambda-Runtime-Function-Error-Body: "
		       "eyJlcnJvck1lc3NhZ2UiOiJicm9rZSBvZmYiLCJlcnJvclR5cGUiOiJCcm9rZSJ9");
	return CURL_TRAILERFUNC_OK;
}

static void stream(const char *id, bool breaks)
{
	struct parts parts = { 0, breaks ? 2 : 3 };
	struct curl_slist *fields =
		curl_slist_append(NULL, "Lambda-Runtime-Function-Response-Mode: streaming");
	char path[128];

	fields = curl_slist_append(fields, "Transfer-Encoding: chunked");
	if (breaks)
		fields = curl_slist_append(fields, "Trailer: Lambda-Runtime-Function-Error-Type, "
						   "Lambda-Runtime-Function-Error-Body");
	snprintf(path, sizeof(path), "invocation/%s/response", id);
	curl_easy_reset(api);
	curl_easy_setopt(api, CURLOPT_URL, runtime_url(path));
	curl_easy_setopt(api, CURLOPT_POST, 1L);
	curl_easy_setopt(api, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(api, CURLOPT_READFUNCTION, give_part);
	curl_easy_setopt(api, CURLOPT_READDATA, &parts);
	curl_easy_setopt(api, CURLOPT_WRITEFUNCTION, drop);
	if (breaks)
		curl_easy_setopt(api, CURLOPT_TRAILERFUNCTION, give_trailers);
	perform(api, "stream");
	curl_slist_free_all(fields);
}

/* ---- the handler ---- */

static size_t crash(char *bytes, size_t size, size_t nr, void *unused)
{
	(void)unused;
	*(volatile char *)(bytes - (size_t)bytes) = 0;
	return size * nr;
}

static void crash_in_call(void)
{
	char url[256];

	snprintf(url, sizeof(url), "%s/ok?crash", getenv("DOWN"));
	curl_easy_reset(web);
	curl_easy_setopt(web, CURLOPT_URL, url);
	curl_easy_setopt(web, CURLOPT_WRITEFUNCTION, crash);
	perform(web, "crash");
}

static void handle(const char *id, const char *event)
{
	ask("/ok");
	if (strstr(event, "item"))
		get_item();
	if (strstr(event, "hang"))
		ask("/slow");
	if (strstr(event, "doze"))
		usleep(600000);
	if (strstr(event, "crash in call"))
		crash_in_call();
	if (strstr(event, "crash"))
		raise(SIGSEGV);
	if (strstr(event, "exit"))
		exit(4);
	if (strstr(event, "fail"))
		answer(id, "error",
		       "{\"errorType\":\"OutOfTea\",\"errorMessage\":\"none left\","
		       "\"stackTrace\":[\"brew at tea.c:12\"]}",
		       curl_slist_append(NULL, "Lambda-Runtime-Function-Error-Type: Function.Tea"));
	else if (strstr(event, "stream"))
		stream(id, strstr(event, "break") != NULL);
	else
		answer(id, "response", event, NULL);
}

int main(int argc, char **argv)
{
	curl_global_init(CURL_GLOBAL_ALL);
	api = curl_easy_init();
	web = curl_easy_init();
	if (argc > 1 && strcmp(argv[1], "init") == 0) {
		ask("/ok?init");
		post("init/error", "{\"errorType\":\"NoConfig\",\"errorMessage\":\"no such file\"}",
		     curl_slist_append(NULL,
				       "Lambda-Runtime-Function-Error-Type: Runtime.NoConfig"));
		return 1;
	}
	for (;;) {
		char id[64] = "";
		struct text event = next(id);

		handle(id, event.at);
		free(event.at);
	}
}
