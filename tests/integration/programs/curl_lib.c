// SPDX-License-Identifier: Apache-2.0
// What programs do with libcurl. Prints what they see of it: the result, the status, the body.
//
//	curl_lib WAY URL [more]
#include "libcurl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static char **args;
static const char *url;

static size_t print(char *bytes, size_t one, size_t n, void *unused)
{
	(void)unused;
	if (n < 200)
		fwrite(bytes, one, n, stdout);
	return n * one;
}

static size_t swallow(char *bytes, size_t one, size_t n, void *counter)
{
	(void)bytes;
	if (counter)
		*(size_t *)counter += n * one;
	return n * one;
}

static CURL *handle_to(const char *where)
{
	CURL *easy = curl_easy_init();

	curl_easy_setopt(easy, CURLOPT_URL, where);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, print);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	return easy;
}

static void perform(CURL *easy)
{
	int result = curl_easy_perform(easy);
	long status = -1, len = -1;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &len);
	printf("%s, status %ld, heads of %ld bytes\n", curl_easy_strerror(result), status, len);
}

/* One handle, one URL after the other: in what pieces their bodies come differs from time to time. */
static void reused(void)
{
	CURL *easy = handle_to(url);
	size_t len;

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &len);
	for (char **one = args; *one; one++) {
		len = 0;
		curl_easy_setopt(easy, CURLOPT_URL, *one);
		perform(easy);
		printf("%zu bytes\n", len);
	}
	curl_easy_cleanup(easy);
}

static void redirected(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	perform(easy);
	perform(easy);
	curl_easy_cleanup(easy);
}

/* What libcurl shows of the heads that it sends, from the first answer on. */
static int show(CURL *easy, int what, char *bytes, size_t len, void *unused)
{
	(void)easy, (void)unused;
	if (what == 2 /* CURLINFO_HEADER_OUT */)
		fwrite(bytes, 1, len, stdout);
	return 0;
}

static size_t show_from_now_on(char *bytes, size_t one, size_t n, void *easy)
{
	(void)bytes;
	curl_easy_setopt(easy, CURLOPT_VERBOSE, 1L);
	return one * n;
}

static void shown(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_DEBUGFUNCTION, show);
	curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, show_from_now_on);
	curl_easy_setopt(easy, CURLOPT_HEADERDATA, easy);
	perform(easy);
	perform(easy);
	curl_easy_cleanup(easy);
}

static void digest(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_DIGEST);
	curl_easy_setopt(easy, CURLOPT_USERPWD, "user:secret");
	perform(easy);
	curl_easy_cleanup(easy);
}

static void timed(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 300L);
	printf("result %d\n", curl_easy_perform(easy));
	curl_easy_cleanup(easy);
}

static size_t refuse(char *bytes, size_t one, size_t n, void *unused)
{
	(void)bytes, (void)one, (void)n, (void)unused;
	return 0;
}

static void refused_by_callback(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, refuse);
	perform(easy);
	curl_easy_cleanup(easy);
}

static int stop(void *unused, int64_t a, int64_t b, int64_t c, int64_t d)
{
	(void)unused, (void)a, (void)b, (void)c, (void)d;
	return b > 0;
}

static void stopped_by_callback(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, stop);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	perform(easy);
	curl_easy_cleanup(easy);
}

/* Each kind of option has its own type. */
static void options(void)
{
	CURL *easy = handle_to(url);
	struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");
	char *private = NULL;

	list = curl_slist_append(list, "X-Empty;");
	list = curl_slist_append(list, "Accept:");
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, INT64_C(5000000000));
	curl_easy_setopt(easy, CURLOPT_PRIVATE, (char *)list);
	perform(easy);
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &private);
	printf("private %s\n", private == (char *)list ? "as it was" : "changed");
	printf("unknown option %d\n", curl_easy_setopt(easy, 9999, 1L));
	printf("no handle %d\n", curl_easy_setopt(NULL, CURLOPT_URL, url));
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, NULL);
	curl_easy_setopt(easy, CURLOPT_RESUME_FROM_LARGE, INT64_C(0));
	curl_slist_free_all(list);
	perform(easy);
	curl_easy_reset(easy);
	perform(easy);
	curl_easy_cleanup(easy);
}

static void own_header(void)
{
	CURL *easy = handle_to(url);
	struct curl_slist *list = curl_slist_append(
		NULL, "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");

	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, list);
	perform(easy);
	curl_easy_cleanup(easy);
	curl_slist_free_all(list);
}

/* The list is given up, and another one set, by the transfer's own callback. */
static struct curl_slist *current;
static CURL *in_transfer;

static size_t change_list(char *bytes, size_t one, size_t n, void *unused)
{
	struct curl_slist *next = curl_slist_append(NULL, "X-Own: 2");

	curl_easy_setopt(in_transfer, CURLOPT_HTTPHEADER, next);
	curl_slist_free_all(current);
	current = next;
	return print(bytes, one, n, unused);
}

static void changed_list(void)
{
	in_transfer = handle_to(url);
	current = curl_slist_append(NULL, "X-Own: 1");
	curl_easy_setopt(in_transfer, CURLOPT_HTTPHEADER, current);
	curl_easy_setopt(in_transfer, CURLOPT_WRITEFUNCTION, change_list);
	perform(in_transfer);
	perform(in_transfer);
	curl_easy_cleanup(in_transfer);
	curl_slist_free_all(current);
}

/* A copy is made in the middle of a transfer, and outlives it. */
static CURL *copy;

static size_t copy_handle(char *bytes, size_t one, size_t n, void *unused)
{
	if (!copy)
		copy = curl_easy_duphandle(in_transfer);
	return print(bytes, one, n, unused);
}

static void copied(void)
{
	struct curl_slist *list = curl_slist_append(NULL, "X-Own: 1");

	in_transfer = handle_to(url);
	curl_easy_setopt(in_transfer, CURLOPT_HTTPHEADER, list);
	curl_easy_setopt(in_transfer, CURLOPT_WRITEFUNCTION, copy_handle);
	perform(in_transfer);
	curl_easy_cleanup(in_transfer);
	perform(copy);
	curl_easy_cleanup(copy);
	curl_slist_free_all(list);
}

/* A transfer within another's callback. */
static size_t nested_transfer(char *bytes, size_t one, size_t n, void *unused)
{
	CURL *easy = handle_to(args[1]);

	perform(easy);
	curl_easy_cleanup(easy);
	return print(bytes, one, n, unused);
}

static void nested(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, nested_transfer);
	perform(easy);
	curl_easy_cleanup(easy);
}

/* The child of a fork in the middle goes on with what it has. */
static size_t fork_here(char *bytes, size_t one, size_t n, void *unused)
{
	pid_t child;

	fflush(stdout);
	child = fork();
	if (!child) {
		CURL *easy = handle_to(args[1]);

		perform(easy);
		curl_easy_cleanup(easy);
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, NULL, 0);
	return print(bytes, one, n, unused);
}

static void forked(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, fork_here);
	perform(easy);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, print);
	perform(easy);
	curl_easy_cleanup(easy);
}

static sigjmp_buf out;

static size_t jump_out(char *bytes, size_t one, size_t n, void *unused)
{
	(void)bytes, (void)one, (void)n, (void)unused;
	siglongjmp(out, 1);
}

/* Leaves the transfer by a jump, and never comes back to that handle: it is libcurl's as it is. */
static void jumped(void)
{
	CURL *easy = handle_to(url);

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, jump_out);
	if (!sigsetjmp(out, 1))
		perform(easy);
	else
		puts("jumped");
	easy = handle_to(args[1]);
	perform(easy);
	curl_easy_cleanup(easy);
}

static void connected_only(void)
{
	CURL *easy = handle_to(url);
	static const char request[] = "GET /ok HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
	char answer[1000];
	size_t n, got = 0;
	int fd = -1, result;

	curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	perform(easy);
	curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd);
	curl_easy_send(easy, request, sizeof(request) - 1, &n);
	printf("sent %zu\n", n);
	do {
		struct pollfd wait = { .fd = fd, .events = POLLIN };

		poll(&wait, 1, 5000);
		result = curl_easy_recv(easy, answer + got, sizeof(answer) - got, &n);
		got += result ? 0 : n;
	} while (result == 81 /* CURLE_AGAIN */ || (!result && n));
	fwrite(answer, 1, got, stdout);
	curl_easy_cleanup(easy);
}

static void blob(void)
{
	static char pem[20000];
	struct curl_blob authority = { pem, 0, 1 /* CURL_BLOB_COPY */ };
	CURL *easy = handle_to(url);
	FILE *file = fopen(args[1], "r");

	authority.len = fread(pem, 1, sizeof(pem), file);
	fclose(file);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
	curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &authority);
	memset(pem, 0, sizeof(pem));
	perform(easy);
	curl_easy_cleanup(easy);
}

/* ---- the multi interface ---- */

static int nr_done, nr_good;
static size_t nr_bytes;

static void read_messages(CURLM *multi, bool takes_out)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(multi, &left))) {
		CURL *easy = message->easy_handle;
		long status = 0;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
		nr_done++;
		nr_good += message->data.result == 0 && status == 200;
		if (takes_out)
			curl_multi_remove_handle(multi, easy);
		curl_easy_cleanup(easy);
	}
}

static CURL *numbered(int i)
{
	char where[200];
	CURL *easy;

	snprintf(where, sizeof(where), "%s?%d", url, i);
	easy = handle_to(where);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &nr_bytes);
	return easy;
}

static void report(void)
{
	printf("%d done, %d good, %zu bytes\n", nr_done, nr_good, nr_bytes);
}

static void many(void)
{
	CURLM *multi = curl_multi_init();
	int running, nr = atoi(args[1]);

	for (int i = 0; i < nr; i++)
		curl_multi_add_handle(multi, numbered(i));
	do {
		curl_multi_perform(multi, &running);
		read_messages(multi, true);
		if (running)
			curl_multi_poll(multi, NULL, 0, 1000, NULL);
	} while (running);
	read_messages(multi, true);
	curl_multi_cleanup(multi);
	report();
}

/* Taken out before anything was done for it, and used otherwise; taken out in the middle. */
static void taken_out(void)
{
	CURLM *multi = curl_multi_init();
	CURL *early = handle_to(args[0]), *late = handle_to(args[1]);
	long request_len = 0;
	int running;

	curl_multi_add_handle(multi, early);
	curl_multi_remove_handle(multi, early);
	curl_multi_add_handle(multi, late);
	do {
		curl_multi_perform(multi, &running);
		curl_multi_poll(multi, NULL, 0, 100, NULL);
		curl_easy_getinfo(late, CURLINFO_REQUEST_SIZE, &request_len);
	} while (running && !request_len);
	curl_multi_remove_handle(multi, late);
	perform(early);
	curl_easy_cleanup(early);
	curl_easy_cleanup(late);
	curl_multi_cleanup(multi);
}

static int set;
static long timeout_ms = -1;

static int on_socket(CURL *easy, int fd, int what, void *unused, void *known)
{
	struct epoll_event event = { .data.fd = fd };

	(void)easy, (void)unused;
	if (what & CURL_POLL_REMOVE)
		return epoll_ctl(set, EPOLL_CTL_DEL, fd, &event);
	event.events = (what & CURL_POLL_IN ? EPOLLIN : 0) | (what & CURL_POLL_OUT ? EPOLLOUT : 0);
	if (epoll_ctl(set, EPOLL_CTL_MOD, fd, &event) && errno == ENOENT)
		epoll_ctl(set, EPOLL_CTL_ADD, fd, &event);
	(void)known;
	return 0;
}

static int on_timer(CURLM *multi, long ms, void *unused)
{
	(void)multi, (void)unused;
	timeout_ms = ms;
	return 0;
}

static void by_sockets(void)
{
	CURLM *multi = curl_multi_init();
	int running = 0, nr = atoi(args[1]);

	set = epoll_create1(EPOLL_CLOEXEC);
	curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
	for (int i = 0; i < nr; i++)
		curl_multi_add_handle(multi, numbered(i));
	do {
		struct epoll_event events[16];
		int n = epoll_wait(set, events, 16,
				   timeout_ms < 0    ? 1000 :
				   timeout_ms > 1000 ? 1000 :
						       (int)timeout_ms);

		for (int i = 0; i < n; i++)
			curl_multi_socket_action(
				multi, events[i].data.fd,
				(events[i].events & EPOLLIN ? CURL_CSELECT_IN : 0) |
					(events[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0) |
					(events[i].events & (EPOLLERR | EPOLLHUP) ?
						 CURL_CSELECT_ERR :
						 0),
				&running);
		if (n == 0)
			curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
		/* without taking them out: the cleanup does */
		read_messages(multi, false);
	} while (nr_done < nr);
	curl_multi_cleanup(multi);
	report();
}

/* Handles and what libcurl makes beside them come and go, at ever new addresses. */
static void churned(void)
{
	static void *kept[3 * 6000];
	CURL *easy;

	for (int i = 0; i < 6000; i++) {
		CURLM *multi = curl_multi_init();

		easy = handle_to("file:///dev/null");
		if (i % 10 == 0)
			curl_multi_add_handle(multi, easy);
		curl_easy_cleanup(easy);
		curl_multi_cleanup(multi);
		for (int k = 0; k < 3; k++)
			kept[3 * i + k] = malloc(4000 + 1000 * k);
	}
	easy = handle_to(url);
	perform(easy);
	curl_easy_cleanup(easy);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		free(kept[i]);
}

/* More handles than are followed. */
static void too_many(void)
{
	static CURL *easy[5000];

	for (int i = 0; i < 5000; i++)
		easy[i] = handle_to(url);
	perform(easy[0]);
	perform(easy[4999]);
	for (int i = 0; i < 5000; i++)
		curl_easy_cleanup(easy[i]);
}

/* ---- threads ---- */

static struct curl_slist *shared;
static int good_in_threads;

static void *transfers_of_a_thread(void *arg)
{
	CURL *easy = arg;
	size_t bytes = 0;

	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, swallow);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, &bytes);
	for (int i = 0; i < 10; i++)
		if (!curl_easy_perform(easy))
			__atomic_fetch_add(&good_in_threads, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* One list for all; the handles are made by one thread and used by others, then by this one again. */
static void shared_list(void)
{
	enum { NR = 8 };
	pthread_t thread[NR];
	CURL *easy[NR];

	shared = curl_slist_append(NULL, "X-Shared: 1");
	shared = curl_slist_append(shared, "X-Also: 2");
	for (int i = 0; i < NR; i++) {
		easy[i] = handle_to(url);
		curl_easy_setopt(easy[i], CURLOPT_HTTPHEADER, shared);
		pthread_create(&thread[i], NULL, transfers_of_a_thread, easy[i]);
	}
	for (int i = 0; i < NR; i++) {
		pthread_join(thread[i], NULL);
		transfers_of_a_thread(easy[i]);
		curl_easy_cleanup(easy[i]);
	}
	for (struct curl_slist *node = shared; node; node = node->next)
		puts(node->data);
	curl_slist_free_all(shared);
	printf("%d good\n", good_in_threads);
}

static const struct {
	const char *name;
	void (*go)(void);
} ways[] = {
	{ "reused", reused },
	{ "redirected", redirected },
	{ "shown", shown },
	{ "digest", digest },
	{ "timed", timed },
	{ "refused-by-callback", refused_by_callback },
	{ "stopped-by-callback", stopped_by_callback },
	{ "options", options },
	{ "own-header", own_header },
	{ "changed-list", changed_list },
	{ "copied", copied },
	{ "nested", nested },
	{ "forked", forked },
	{ "jumped", jumped },
	{ "connected-only", connected_only },
	{ "blob", blob },
	{ "many", many },
	{ "taken-out", taken_out },
	{ "by-sockets", by_sockets },
	{ "shared-list", shared_list },
	{ "churned", churned },
	{ "too-many", too_many },
};

int main(int argc, char **argv)
{
	if (argc < 3)
		return 2;
	args = argv + 2;
	url = argv[2];
	setvbuf(stdout, NULL, _IOLBF, 0);
	curl_global_init(3);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[1], ways[i].name)) {
			ways[i].go();
			return 0;
		}
	return 2;
}
