/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests export/exporter.c and export/transport against a collector played by a
 * thread. The exporter lives as long as its process, so each test is a child of
 * its own; what fails in it is printed there and makes its exit code.
 */
#include "tests/test.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/exporter.h"
#include "export/ring.h"
#include "export/heavy.h"
#include "export/log_record.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern uint32_t atr_exporter_retry_first_ms;
extern size_t atr_exporter_request_max;
extern uint32_t atr_exporter_writer_ms;

/* ThreadSanitizer, too, has to let a child of a process with threads start its own. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "die_after_fork=0";
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define IS_SANITIZED true
#else
#define IS_SANITIZED false
#endif

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
#define PAUSE "\1"     /* in a script: the next bytes come in a segment of their own */
#define HANG "\2"      /* nothing more is sent */
#define CLOSE "\3"     /* the connection is closed */
#define SLOW "\4"      /* half a second goes by */
#define HANG_ONCE "\5" /* nothing more is sent on this connection */

#define EXPECT(claim)                                                        \
	do {                                                                 \
		if (!(claim)) {                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #claim); \
			fflush(stdout);                                      \
			_exit(1);                                            \
		}                                                            \
	} while (0)

static struct {
	int listener;
	uint16_t port;
	const char *const *script; /* one answer a request; the last is repeated */
	_Atomic int requests, connections;
	_Atomic bool is_garbled; /* what came was not one POST, and then another */
} sink;

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void pause_ms(long ms)
{
	struct timespec t = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&t, NULL);
}

static char request[1 << 20]; /* the last one, of the one that speaks */

static char other_request[64]; /* the beginning of the last one that had no spans */
static bool other_has_text;    /* and whether it had what such a one is to have */
static pthread_mutex_t other_mutex = PTHREAD_MUTEX_INITIALIZER;

/* A whole request; its own room for each connection but the first. */
static bool read_request(int fd, char *room, size_t room_len)
{
	size_t len = 0;

	for (;;) {
		ssize_t n = recv(fd, room + len, room_len - 1 - len, 0);
		char *blank, *length;
		size_t whole;

		if (n <= 0)
			return false;
		len += (size_t)n;
		room[len] = 0;
		blank = strstr(room, "\r\n\r\n");
		length = strstr(room, "Content-Length: ");
		if (!blank || !length)
			continue;
		whole = (size_t)(blank + 4 - room) + strtoul(length + 16, NULL, 10);
		if (len > whole || strncmp(room, "POST ", 5) != 0)
			atomic_store(&sink.is_garbled, true);
		if (len >= whole)
			return true;
	}
}

/* False: the connection is to be closed. */
static bool answer(int fd, const char *script)
{
	char byte[1];

	while (*script) {
		size_t len = strcspn(script, "\1\2\3\4\5");

		if (len && send(fd, script, len, MSG_NOSIGNAL) < 0)
			return false;
		script += len;
		if (*script == *PAUSE)
			pause_ms(60);
		else if (*script == *HANG)
			pause();
		else if (*script == *SLOW)
			pause_ms(500);
		else if (*script == *HANG_ONCE)
			return recv(fd, byte, 1, 0) > 0;
		else if (*script == *CLOSE)
			return false;
		script += *script != 0;
	}
	return true;
}

static const char *next_answer(void)
{
	static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	static size_t at;
	const char *script;

	pthread_mutex_lock(&mutex);
	script = sink.script[at];
	at += sink.script[at + 1] != NULL;
	pthread_mutex_unlock(&mutex);
	return script;
}

/* One connection, to its end. */
static void *converse(void *arg)
{
	bool is_first = atomic_fetch_add(&sink.connections, 1) == 0;
	char *room = is_first ? request : malloc(sizeof(request));
	int fd = (int)(intptr_t)arg;

	while (room && read_request(fd, room, sizeof(request))) {
		const char *script = next_answer();

		if (strncmp(room + 5, "/v1/traces", 10) != 0) {
			size_t len = strcspn(room, "\r") < 40 ? strcspn(room, "\r") : 40;

			pthread_mutex_lock(&other_mutex);
			memcpy(other_request, room, len);
			other_has_text =
				memmem(room, sizeof(request), "otel.sdk.span.started", 21) ||
				memmem(room, sizeof(request), "begun and ended", 15);
			pthread_mutex_unlock(&other_mutex);
		}
		atomic_fetch_add(&sink.requests, 1);
		if (!answer(fd, script))
			break;
	}
	close(fd);
	if (!is_first)
		free(room);
	return NULL;
}

static void *serve(void *unused)
{
	(void)unused;
	for (;;) {
		int fd = accept(sink.listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			continue;
		EXPECT(pthread_create(&thread, NULL, converse, (void *)(intptr_t)fd) == 0);
		pthread_detach(thread);
	}
	return NULL;
}

static void listen_on_loopback(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t len = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	sink.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	EXPECT(bind(sink.listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	EXPECT(getsockname(sink.listener, (struct sockaddr *)&address, &len) == 0);
	sink.port = ntohs(address.sin_port);
}

static bool no_threads;
static _Atomic int nr_threads_made;
static size_t stack_len;
static _Thread_local volatile char thread_local_room[200 * 1024];

static int create_thread(pthread_t *thread, const pthread_attr_t *attributes,
			 void *(*start)(void *), void *arg)
{
	thread_local_room[0] = 1; /* so that it is linked */
	if (no_threads)
		return EAGAIN;
	nr_threads_made++;
	if (attributes)
		pthread_attr_getstacksize(attributes, &stack_len);
	return pthread_create(thread, attributes, start, arg);
}

/* As if it lay beside us, unless a test has it otherwise. */
static bool has_no_heavy;

static void *load(const char *path, const char *name)
{
	EXPECT(strstr(path, "/" ATR_HEAVY_FILE) && strcmp(name, ATR_HEAVY_NAME) == 0);
	return has_no_heavy ? NULL : (void *)atr_heavy_table;
}

static const struct atr_io io = { socket,	connect,       send,	   recv,
				  poll,		close,	       open,	   read,
				  write,	fcntl,	       getsockopt, getaddrinfo,
				  freeaddrinfo, create_thread, load,	   NULL };

static char *other_variable; /* of a test that has two */

/* A collector with this script (NULL: nobody listens) and an exporter for it. */
static void set_up(const char *const *script, const char *variable)
{
	static const struct atr_process process = { { "/bin/shop", 9 }, { "shop", 4 } };
	char endpoint[80];
	/* of two alike the first one holds */
	char *variables[] = { endpoint, (char *)variable, "OTEL_BSP_SCHEDULE_DELAY=20",
			      other_variable, NULL };
	pthread_t thread;

	if (!variable)
		variables[1] = variables[2];
	listen_on_loopback();
	sink.script = script;
	if (script) {
		EXPECT(listen(sink.listener, 16) == 0);
		EXPECT(pthread_create(&thread, NULL, serve, NULL) == 0);
	}
	snprintf(endpoint, sizeof(endpoint), "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:%u",
		 sink.port);
	atr_env_capture(variables);
	atr_exporter_retry_first_ms = 20;
	EXPECT(atr_exporter_setup(&io, &process));
}

static void offer_with(int n, struct atr_str url)
{
	static _Thread_local _Alignas(8) char record[ATR_SPAN_MAX];

	while (n--) {
		struct atr_span *span = atr_span_begin(record);

		span->kind = ATR_KIND_CLIENT;
		span->span_id[0] = span->trace_id[0] = 1;
		atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
		atr_span_put_str(span, ATR_URL_FULL, url);
		atr_exporter_offer(span);
	}
}

static void offer(int n)
{
	offer_with(n, (struct atr_str){ NULL, 0 });
}

/* Records that no short place in the ring is enough for. */
static void offer_long(int n)
{
	static char url[ATR_RING_SHORT];

	memset(url, 'u', sizeof(url));
	offer_with(n, (struct atr_str){ url, sizeof(url) });
}

static uint64_t count(enum atr_count what)
{
	atr_exporter_tally();
	return atr_count_read(what);
}

/* Waits until a counter has come to n; generous, for slow machines. */
static bool comes_to(enum atr_count what, uint64_t n)
{
	for (int i = 0; i < 1000 && count(what) < n; i++)
		pause_ms(10);
	return count(what) == n;
}

static uint64_t lost(void)
{
	return count(ATR_COUNT_LOST_QUEUE_FULL) + count(ATR_COUNT_LOST_REJECTED) +
	       count(ATR_COUNT_LOST_UNREACHABLE) + count(ATR_COUNT_LOST_TOO_LARGE) +
	       count(ATR_COUNT_LOST_AT_EXIT) + count(ATR_COUNT_LOST_NO_THREAD) +
	       count(ATR_COUNT_LOST_NO_MEMORY) + count(ATR_COUNT_LOST_ABANDONED);
}

static bool all_accounted(void)
{
	return count(ATR_COUNT_SPANS_ENDED) ==
	       count(ATR_COUNT_SPANS_SENT) + lost() + count(ATR_COUNT_SPANS_DISCARDED);
}

/* Waits until nothing is on its way, and no page of the ring: what is given back counts as claimed meanwhile. */
static bool settles(void)
{
	for (int i = 0; i < 1000 && !all_accounted(); i++)
		pause_ms(10);
	return all_accounted();
}

static void *flush_long(void *unused)
{
	(void)unused;
	atr_exporter_flush(20000);
	return NULL;
}

#define LONG_DELAY "OTEL_BSP_SCHEDULE_DELAY=3600000"
#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })

#define CHILD_TEST(name)                                           \
	static void name##_child(void);                            \
	TEST(name)                                                 \
	{                                                          \
		int status = -1;                                   \
		pid_t pid = fork();                                \
                                                                   \
		if (!pid) {                                        \
			alarm(60);                                 \
			name##_child();                            \
			_exit(0);                                  \
		}                                                  \
		CHECK(pid > 0 && waitpid(pid, &status, 0) == pid); \
		CHECK(status == 0);                                \
	}                                                          \
	static void name##_child(void)

CHILD_TEST(exporter_sends_what_is_offered_over_one_connection)
{
	set_up(SCRIPT(OK), NULL);
	for (uint64_t i = 1; i <= 3; i++) {
		offer(10);
		EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 10 * i));
	}
	EXPECT(sink.connections == 1);
	EXPECT(settles() && lost() == 0);
}

static _Atomic int nr_starts, nr_batches;

static void addition_starts(const struct atr_io *with)
{
	EXPECT(with == &io);
	nr_starts++;
}

static void addition_sees_batch(void)
{
	nr_batches++;
}

static void add_much(struct atr_span *span, size_t room)
{
	static char text[ATR_SPAN_ADDED_MAX + 10];

	memset(text, 'x', sizeof(text));
	EXPECT(atr_span_is_whole(span, span->len));
	EXPECT(!atr_span_find(span, ATR_URL_FULL));
	atr_span_add_str(span, room, ATR_URL_FULL, (struct atr_str){ text, sizeof(text) });
	EXPECT(atr_span_find(span, ATR_URL_FULL)->len == ATR_SPAN_ADDED_MAX);
}

static struct atr_str text_of(const struct atr_item *item)
{
	return (struct atr_str){ atr_item_bytes(item), item->len };
}

static void add_number(struct atr_span *span, size_t room)
{
	atr_span_add_int(span, room, ATR_SERVER_PORT, 4711);
	for (int i = 0; i < 5; i++) /* more than there is room for */
		atr_span_add_str(span, room, ATR_SERVER_ADDRESS,
				 text_of(atr_span_find(span, ATR_URL_FULL)));
	EXPECT(span->len <= room && atr_span_is_whole(span, span->len));
	EXPECT(span->dropped_attributes > 0);
}

CHILD_TEST(exporter_sends_what_was_added_to_a_record)
{
	static const struct atr_addition first = { .start = addition_starts,
						   .batch = addition_sees_batch,
						   .add = add_much },
					 second = { .add = add_number };

	atr_exporter_adds_by(&first);
	atr_exporter_adds_by(&second);
	set_up(SCRIPT(OK), LONG_DELAY);
	offer(512); /* more than there is room for at once */
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 512));
	EXPECT(nr_starts == 1 && nr_batches > 1 && sink.requests == nr_batches);
	EXPECT(memmem(request, sizeof(request), "xxxxxxxx", 8));
	EXPECT(settles() && lost() == 0);
}

/* How much of this process is in memory, and how often its second thread slept. */
static long resident_kb(void)
{
	long pages = 0;
	FILE *statm = fopen("/proc/self/statm", "r");

	EXPECT(statm && fscanf(statm, "%*d %ld", &pages) == 1);
	fclose(statm);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static long sleeps(void)
{
	char path[300], line[128];
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *task;
	bool is_ours = false;
	long n = -1;

	while ((task = readdir(tasks))) {
		FILE *status;

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
		status = fopen(path, "r");
		while (status && fgets(line, sizeof(line), status)) {
			if (!strncmp(line, "Name:", 5))
				is_ours = strstr(line, "autotrace");
			if (is_ours)
				sscanf(line, "voluntary_ctxt_switches: %ld", &n);
		}
		if (status)
			fclose(status);
	}
	closedir(tasks);
	return n;
}

CHILD_TEST(exporter_keeps_the_ring_s_pages_for_a_delay_and_then_sleeps_for_good)
{
	long before, used, slept;

	set_up(SCRIPT(OK), "OTEL_BSP_SCHEDULE_DELAY=1000");
	offer_long(512);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 512));
	before = resident_kb();
	for (uint64_t sent = 512; sent < 1536; sent += 512) {
		offer_long(512);
		EXPECT(comes_to(ATR_COUNT_SPANS_SENT, sent + 512));
	}
	used = resident_kb();
	EXPECT(used - before > 1000); /* 1024 slots of 2 kB */
	pause_ms(1600);
	EXPECT(used - resident_kb() > 2000);
	slept = sleeps();
	EXPECT(slept > 0);
	pause_ms(1600);
	EXPECT(sleeps() == slept);
}

CHILD_TEST(exporter_gives_the_ring_s_pages_back_behind_a_batch_that_was_not_full)
{
	long used, slept;

	set_up(SCRIPT(OK), "OTEL_BSP_SCHEDULE_DELAY=1000");
	offer_long(512);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 512));
	offer_long(511);
	used = resident_kb();
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1023));
	pause_ms(300);
#ifdef __SANITIZE_THREAD__ /* takes as much for what was read */
	(void)used;
#else
	EXPECT(used - resident_kb() > 1500);
#endif
	slept = sleeps();
	pause_ms(1600);
	EXPECT(sleeps() == slept);
}

CHILD_TEST(exporter_keeps_errno_of_the_program)
{
	set_up(SCRIPT(OK), NULL);
	errno = 77;
	offer(1);
	EXPECT(errno == 77);
}

CHILD_TEST(exporter_flush_sends_before_the_delay_is_over)
{
	set_up(SCRIPT(OK), NULL);
	offer(5);
	atr_exporter_flush(10000);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 5);
}

CHILD_TEST(exporter_flush_with_nothing_to_send_returns_at_once)
{
	uint64_t from;

	set_up(SCRIPT(OK), NULL);
	from = now_ms();
	atr_exporter_flush(10000);
	EXPECT(now_ms() - from < 5000);
}

CHILD_TEST(exporter_retries_503_and_429)
{
	set_up(SCRIPT("HTTP/1.1 503 x\r\nContent-Length: 0\r\n\r\n",
		      "HTTP/1.1 429 x\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n", OK),
	       NULL);
	offer(5);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 5));
	EXPECT(sink.requests == 3 && count(ATR_COUNT_EXPORTS_RETRIED) == 2);
	EXPECT(settles());
}

CHILD_TEST(exporter_does_not_retry_400_or_500)
{
	set_up(SCRIPT("HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n",
		      "HTTP/1.1 500 x\r\nContent-Length: 0\r\n\r\n"),
	       NULL);
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_REJECTED, 5));
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_REJECTED, 10));
	EXPECT(sink.requests == 2);
}

CHILD_TEST(exporter_packs_what_is_to_be_gzip)
{
	set_up(SCRIPT(OK), "OTEL_EXPORTER_OTLP_COMPRESSION=gzip");
	offer(100);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 100));
	EXPECT(sink.requests >= 1 && strstr(request, "\r\nContent-Encoding: gzip\r\n"));
	EXPECT(memcmp(strstr(request, "\r\n\r\n") + 4, "\x1f\x8b\x08", 3) == 0);
}

CHILD_TEST(exporter_sends_as_it_is_what_cannot_be_packed)
{
	has_no_heavy = true;
	set_up(SCRIPT(OK), "OTEL_EXPORTER_OTLP_COMPRESSION=gzip");
	offer(5);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 5));
	EXPECT(sink.requests >= 1 && !strstr(request, "Content-Encoding"));
	EXPECT(*(strstr(request, "\r\n\r\n") + 4) == 0x0a);
}

CHILD_TEST(exporter_sends_nothing_in_the_clear_that_is_for_tls)
{
	char endpoint[80];

	has_no_heavy = true;
	set_up(SCRIPT(OK), "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://127.0.0.1:1");
	snprintf(endpoint, sizeof(endpoint),
		 "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=https://127.0.0.1:%u", sink.port);
	atr_env_capture((char *[]){ endpoint, "OTEL_BSP_SCHEDULE_DELAY=20", NULL });
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_UNREACHABLE, 5));
	EXPECT(settles() && sink.requests == 0 && sink.connections == 0);
	EXPECT(count(ATR_COUNT_EXPORTS_RETRIED) == 0);
}

CHILD_TEST(exporter_counts_what_a_partial_success_rejected)
{
	set_up(SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 40\r\n\r\n"
		      "{\"partialSuccess\":{\"rejectedSpans\":\"4\"}}"),
	       "OTEL_EXPORTER_OTLP_PROTOCOL=http/json");
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_REJECTED, 4));
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 1);
}

CHILD_TEST(exporter_sends_again_when_the_kept_connection_was_dead)
{
	set_up(SCRIPT(OK CLOSE, OK), NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	pause_ms(100);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 2));
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 3));
	EXPECT(lost() == 0 && sink.connections == 2 && !sink.is_garbled);
}

CHILD_TEST(exporter_refused_at_exit_loses_at_once)
{
	uint64_t from = now_ms();

	set_up(NULL, NULL);
	offer(5);
	atr_exporter_flush(20000);
	EXPECT(now_ms() - from < 10000);
	EXPECT(lost() == 5 && all_accounted());
}

CHILD_TEST(exporter_silent_collector_delays_an_exit_to_its_limit_only)
{
	uint64_t from = now_ms();

	set_up(SCRIPT(HANG), NULL);
	offer(5);
	atr_exporter_flush(300);
	EXPECT(now_ms() - from >= 300 && now_ms() - from < 8000);
	atr_exporter_count_lost();
	EXPECT(lost() == 5 && all_accounted());
}

CHILD_TEST(exporter_gives_up_at_the_limit_of_a_flush_what_is_under_way)
{
	set_up(SCRIPT(HANG), "OTEL_EXPORTER_OTLP_TIMEOUT=60000");
	offer(5);
	atr_exporter_flush(1000);
	EXPECT(comes_to(ATR_COUNT_LOST_AT_EXIT, 5));
	EXPECT(settles());
}

CHILD_TEST(exporter_sends_again_after_a_flush_that_ran_out_of_time)
{
	set_up(SCRIPT(HANG_ONCE, OK), "OTEL_EXPORTER_OTLP_TIMEOUT=3000");
	offer(5);
	atr_exporter_flush(1000);
	offer(3);
	EXPECT(settles());
	EXPECT(count(ATR_COUNT_SPANS_SENT) >= 3);
}

CHILD_TEST(exporter_flush_does_not_wait_for_a_collector_that_was_waited_for_in_vain)
{
	uint64_t from;

	set_up(SCRIPT(HANG), NULL);
	offer(5);
	atr_exporter_flush(100);
	offer(5);
	from = now_ms();
	atr_exporter_flush(20000);
	EXPECT(now_ms() - from < 10000);
}

static void *flush_short(void *unused)
{
	(void)unused;
	atr_exporter_flush(2000);
	return NULL;
}

CHILD_TEST(exporter_longest_of_the_flushes_side_by_side_holds)
{
	pthread_t thread;

	set_up(SCRIPT(SLOW SLOW SLOW SLOW SLOW SLOW OK), NULL);
	offer(5);
	EXPECT(pthread_create(&thread, NULL, flush_short, NULL) == 0);
	while (!sink.requests)
		pause_ms(1);
	atr_exporter_flush(30000);
	pthread_join(thread, NULL);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 5 && all_accounted());
}

CHILD_TEST(exporter_urged_sends_before_the_delay_is_over)
{
	set_up(SCRIPT(OK), LONG_DELAY);
	EXPECT(atr_exporter_urge(0));
	for (uint64_t i = 1; i <= 200; i++) {
		offer(1);
		EXPECT(atr_exporter_urge(20000));
		EXPECT(count(ATR_COUNT_SPANS_SENT) == i);
	}
	EXPECT(sink.connections == 1 && lost() == 0);
}

CHILD_TEST(exporter_urged_gives_nothing_up_at_the_limit)
{
	set_up(SCRIPT(SLOW OK), LONG_DELAY);
	offer(2);
	EXPECT(!atr_exporter_urge(50));
	offer(1);
	EXPECT(!atr_exporter_urge(1));
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 3));
	EXPECT(settles() && lost() == 0);
}

CHILD_TEST(exporter_urged_does_not_wait_while_a_backend_is_given_time)
{
	uint64_t began;

	set_up(SCRIPT("HTTP/1.1 503 X\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", OK),
	       LONG_DELAY);
	offer(1);
	began = now_ms();
	EXPECT(!atr_exporter_urge(20000));
	EXPECT(now_ms() - began < 1500);
	EXPECT(!atr_exporter_urge(20000));
	EXPECT(now_ms() - began < 1500);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1) && lost() == 0);
}

static _Atomic int nr_alarms;

static void on_alarm(void)
{
	nr_alarms++;
	offer(1);
}

CHILD_TEST(exporter_alarm_rings_once_and_what_it_tells_is_sent)
{
	set_up(SCRIPT(OK), LONG_DELAY);
	offer(1);
	EXPECT(atr_exporter_urge(20000)); /* now it sleeps without a limit */
	atr_exporter_alarm(now_ms() + 3600000, on_alarm);
	atr_exporter_alarm(now_ms() + 100, on_alarm);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 2));
	offer(1); /* now it sleeps until the batch is due */
	atr_exporter_alarm(now_ms() + 50, on_alarm);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 4));
	atr_exporter_alarm(now_ms() + 50, on_alarm);
	atr_exporter_alarm(0, NULL);
	pause_ms(200);
	EXPECT(nr_alarms == 2);
}

CHILD_TEST(exporter_counts_each_lost_span_once_when_it_goes_on_after_a_flush)
{
	set_up(SCRIPT(HANG), "OTEL_BSP_EXPORT_TIMEOUT=500");
	offer(5);
	atr_exporter_flush(100);
	EXPECT(settles());
	pause_ms(700);
	EXPECT(count(ATR_COUNT_SPANS_ENDED) == 5 && lost() == 5);
	atr_exporter_count_lost();
	EXPECT(lost() == 5 && all_accounted());
}

CHILD_TEST(exporter_flushes_side_by_side_count_each_span_once)
{
	pthread_t thread[3];

	set_up(SCRIPT(SLOW OK), NULL);
	offer(5);
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_create(&thread[i], NULL, flush_long, NULL) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 5 && all_accounted());
}

CHILD_TEST(exporter_full_queue_loses_and_counts)
{
	set_up(SCRIPT(HANG), "OTEL_BSP_MAX_QUEUE_SIZE=16");
	offer(100);
	EXPECT(count(ATR_COUNT_LOST_QUEUE_FULL) >= 100 - 32);
	EXPECT(count(ATR_COUNT_SPANS_ENDED) == 100);
}

static sigjmp_buf out;

static void jump(int unused)
{
	(void)unused;
	siglongjmp(out, 1);
}

/* Is interrupted amid the copying, as by a signal, and its handler does not return. */
static void offer_and_be_jumped_out_of(uint32_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *two =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct atr_span *span = atr_span_begin(two + page - sizeof(*span));

	EXPECT(mprotect(two + page, page, PROT_NONE) == 0);
	span->len = (uint32_t)sizeof(*span) + len;
	signal(SIGSEGV, jump);
	if (sigsetjmp(out, 1) == 0) {
		atr_exporter_offer(span);
		EXPECT(!"it was copied");
	}
}

static void *offer_two(void *unused)
{
	(void)unused;
	offer(2);
	return NULL;
}

CHILD_TEST(exporter_goes_on_at_once_where_a_span_was_jumped_out_of)
{
	pthread_t thread;

	set_up(SCRIPT(OK), NULL);
	atr_exporter_writer_ms = 3600 * 1000;
	offer_and_be_jumped_out_of(8);
	offer_and_be_jumped_out_of(512);
	EXPECT(pthread_create(&thread, NULL, offer_two, NULL) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	offer_long(1); /* has another place than the one that it takes over */
	offer(2);
	EXPECT(settles());
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 5 && count(ATR_COUNT_LOST_ABANDONED) == 2);
	EXPECT(count(ATR_COUNT_STRINGS_CUT) == 0); /* nothing was written over another's */
}

/* A thread that ends so leaves a slot that nobody comes back to. */
static void *be_jumped_out_of(void *unused)
{
	(void)unused;
	offer_and_be_jumped_out_of(512);
	return NULL;
}

CHILD_TEST(exporter_full_queue_does_not_wait_for_who_was_jumped_out_of)
{
	pthread_t thread;

	set_up(SCRIPT(OK), "OTEL_BSP_MAX_QUEUE_SIZE=64");
	EXPECT(pthread_create(&thread, NULL, be_jumped_out_of, NULL) == 0);
	EXPECT(pthread_join(thread, NULL) == 0);
	atr_exporter_writer_ms = 3600 * 1000;
	offer(40);
	EXPECT(settles() && count(ATR_COUNT_LOST_QUEUE_FULL) == 0);
}

CHILD_TEST(exporter_forked_child_sends_its_own_spans_only)
{
	int status;
	pid_t pid;

	set_up(SCRIPT(OK), "OTEL_BSP_SCHEDULE_DELAY=60000");
	offer(3);
	if (IS_SANITIZED)
		pause_ms(500);
	pid = fork();
	if (!pid) {
		alarm(30);
		atr_exporter_forked();
		atr_count_reset();
		offer(2);
		atr_exporter_flush(10000);
		_exit(count(ATR_COUNT_SPANS_SENT) == 2 && lost() == 0 ? 0 : 1);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	atr_exporter_flush(10000);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 3);
}

CHILD_TEST(exporter_owns_a_descriptor_out_of_the_programs_way)
{
	int owned = -1;

	set_up(SCRIPT(OK), NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	for (int fd = 0; fd < 1024; fd++)
		if (atr_exporter_owns(fd))
			owned = fd;
	EXPECT(owned >= 100 && (fcntl(owned, F_GETFD) & FD_CLOEXEC));
	EXPECT(!atr_exporter_owns(-1));
}

CHILD_TEST(exporter_never_writes_to_a_descriptor_that_became_the_programs)
{
	int owned = -1, pair[2];
	char byte;

	set_up(SCRIPT(OK), NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	for (int fd = 0; fd < 1024; fd++)
		if (atr_exporter_owns(fd))
			owned = fd;
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
	EXPECT(dup2(pair[0], owned) == owned); /* and nobody told the exporter */
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 2));
	EXPECT(recv(pair[1], &byte, 1, 0) < 0 && errno == EAGAIN);
	EXPECT(fcntl(owned, F_GETFD) >= 0);
}

CHILD_TEST(exporter_none_counts_what_it_throws_away)
{
	set_up(SCRIPT(OK), "OTEL_TRACES_EXPORTER=none");
	offer(5);
	atr_exporter_flush(2000);
	EXPECT(sink.requests == 0);
	EXPECT(count(ATR_COUNT_SPANS_ENDED) == 5 && count(ATR_COUNT_SPANS_DISCARDED) == 5);
	EXPECT(settles() && nr_threads_made == 0);
	atr_exporter_count_lost();
	EXPECT(count(ATR_COUNT_SPANS_DISCARDED) == 5 && all_accounted());
}

CHILD_TEST(exporter_none_in_a_list_that_is_otherwise_wrong_throws_away_too)
{
	set_up(SCRIPT(OK), "OTEL_TRACES_EXPORTER=none,jaeger");
	offer(5);
	atr_exporter_flush(10000);
	EXPECT(count(ATR_COUNT_SPANS_DISCARDED) == 5 && all_accounted() && sink.requests == 0);
}

CHILD_TEST(exporter_request_over_the_limit_is_not_sent_and_counted)
{
	set_up(SCRIPT(OK), NULL);
	atr_exporter_request_max = 2000;
	offer(100);
	EXPECT(comes_to(ATR_COUNT_LOST_TOO_LARGE, 100));
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	EXPECT(sink.requests == 1 && all_accounted());
}

CHILD_TEST(exporter_whose_thread_cannot_be_started_loses_and_counts)
{
	uint64_t from;

	no_threads = true;
	set_up(SCRIPT(OK), "OTEL_BSP_MAX_QUEUE_SIZE=16");
	offer(100);
	from = now_ms();
	atr_exporter_flush(20000);
	EXPECT(now_ms() - from < 10000);
	atr_exporter_count_lost();
	EXPECT(count(ATR_COUNT_LOST_NO_THREAD) == 100 && all_accounted());
}

CHILD_TEST(exporter_whose_thread_could_not_be_started_tries_again)
{
	no_threads = true;
	set_up(SCRIPT(OK), "OTEL_BSP_MAX_QUEUE_SIZE=16");
	offer(20);
	EXPECT(nr_threads_made == 0);
	no_threads = false;
	offer(1);
	EXPECT(nr_threads_made == 0); /* not at once */
	pause_ms(1100);
	offer(1); /* there is no room for it yet */
	offer(1);
	EXPECT(nr_threads_made <= 1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 16));
	offer(5);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 21));
	EXPECT(nr_threads_made == 1);
	atr_exporter_count_lost();
	EXPECT(count(ATR_COUNT_LOST_NO_THREAD) + count(ATR_COUNT_LOST_QUEUE_FULL) == 7 &&
	       all_accounted());
}

CHILD_TEST(exporter_thread_has_a_small_stack_and_room_for_thread_local_variables)
{
	set_up(SCRIPT(OK), NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	EXPECT(nr_threads_made == 1);
	EXPECT(stack_len >= 128 * 1024 + sizeof(thread_local_room) && stack_len < 4 << 20);
}

CHILD_TEST(exporter_count_at_the_end_is_the_last)
{
	uint64_t ended, sum;

	set_up(SCRIPT(HANG), "OTEL_BSP_EXPORT_TIMEOUT=300");
	offer(5);
	pause_ms(100); /* likely in the middle of a request */
	atr_exporter_count_lost();
	ended = count(ATR_COUNT_SPANS_ENDED);
	sum = count(ATR_COUNT_SPANS_SENT) + lost();
	EXPECT(ended == 5 && sum == 5);
	offer(5);
	pause_ms(1000);
	atr_exporter_count_lost();
	EXPECT(count(ATR_COUNT_SPANS_ENDED) == 5 && all_accounted());
}

static _Atomic bool is_over;

static void *offer_till_the_end(void *unused)
{
	while (!atomic_load(&is_over))
		offer(10);
	return unused;
}

CHILD_TEST(exporter_sum_is_exact_while_threads_go_on)
{
	pthread_t thread[3];

	set_up(SCRIPT(OK, "HTTP/1.1 400 x\r\nContent-Length: 0\r\n\r\n", OK),
	       "OTEL_BSP_MAX_QUEUE_SIZE=64");
	for (int i = 0; i < 3; i++)
		EXPECT(pthread_create(&thread[i], NULL, offer_till_the_end, NULL) == 0);
	while (count(ATR_COUNT_SPANS_SENT) < 1000)
		pause_ms(1);
	atr_exporter_flush(20);
	atr_exporter_count_lost();
	for (int i = 0; i < 100; i++)
		EXPECT(settles());
	atomic_store(&is_over, true);
	for (int i = 0; i < 3; i++)
		pthread_join(thread[i], NULL);
	EXPECT(settles() && count(ATR_COUNT_SPANS_ENDED) > 1000);
}

CHILD_TEST(exporter_child_that_shares_the_memory_does_not_close_the_books)
{
	int status;
	pid_t pid;

	set_up(SCRIPT(OK), NULL);
	pid = vfork();
	if (!pid) {
		atr_exporter_count_lost();
		_exit(0);
	}
	EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
	offer(5);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 5) && all_accounted());
}

/* Fork again and again while the thread encodes and grows what it writes into. */
CHILD_TEST(exporter_forked_at_any_moment_the_child_can_send)
{
	pthread_t thread;

	set_up(SCRIPT(OK), NULL);
	/* in a child forked amid another thread's calls the sanitizers' own locks may be held */
	if (!IS_SANITIZED)
		EXPECT(pthread_create(&thread, NULL, offer_till_the_end, NULL) == 0);
	for (int i = 0; i < (IS_SANITIZED ? 3 : 30); i++) {
		int status;
		pid_t pid;

		if (IS_SANITIZED)
			pause_ms(500); /* the collector's thread is at rest, too */
		pid = fork();
		if (!pid) {
			alarm(30);
			atr_exporter_forked();
			atr_count_reset();
			offer(2);
			atr_exporter_flush(20000);
			_exit(count(ATR_COUNT_SPANS_SENT) == 2 && all_accounted() ? 0 : 1);
		}
		EXPECT(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	}
	atomic_store(&is_over, true);
	if (!IS_SANITIZED)
		pthread_join(thread, NULL);
}

CHILD_TEST(exporter_leaves_no_request_half_done_after_a_flush)
{
	int owned = 1;

	set_up(SCRIPT(HANG), "OTEL_EXPORTER_OTLP_TIMEOUT=60000");
	offer(1);
	atr_exporter_flush(1000);
	for (int i = 0; i < 1000 && owned; i++) {
		pause_ms(10);
		owned = 0;
		for (int fd = 0; fd < 1024; fd++)
			owned += atr_exporter_owns(fd);
	}
	EXPECT(!owned);
}

/* Answers in every shape; what follows on the connection must still be understood. */
static void survives(const char *first)
{
	const char *script[] = { first, OK, NULL };

	set_up(script, "OTEL_EXPORTER_OTLP_TIMEOUT=1000");
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 2));
	EXPECT(lost() == 0 && count(ATR_COUNT_EXPORTS_RETRIED) == 0);
	EXPECT(sink.connections == (strchr(first, *CLOSE) ? 2 : 1));
}

#define CHUNKED "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CHILD_TEST(http_answer_without_a_body)
{
	survives("HTTP/1.1 204 x\r\n\r\n");
}
CHILD_TEST(http_answer_in_pieces)
{
	survives("HTT" PAUSE "P/1.1 200 OK\r\nContent-Le" PAUSE "ngth: 2\r\n\r\n" PAUSE "a" PAUSE
		 "b");
}
CHILD_TEST(http_answer_until_close)
{
	survives("HTTP/1.1 200 OK\r\n\r\nabc" CLOSE);
}
CHILD_TEST(http_answer_chunked_whole)
{
	survives(CHUNKED "2\r\nab\r\n0\r\n\r\n");
}
CHILD_TEST(http_answer_chunked_cut_between_chunks)
{
	survives(CHUNKED "2\r\nab\r\n" PAUSE "0\r\n\r\n");
}
CHILD_TEST(http_answer_chunked_cut_before_its_last_line)
{
	survives(CHUNKED "0\r\n" PAUSE "\r\n");
}
CHILD_TEST(http_answer_chunked_with_trailer)
{
	survives(CHUNKED "0\r\nA: b\r\n\r\n");
}
CHILD_TEST(http_answer_after_continue)
{
	survives("HTTP/1.1 100 Continue\r\n\r\n" OK);
}

CHILD_TEST(http_garbage_is_no_answer_and_harms_nothing)
{
	set_up(SCRIPT("\x16\x03\x01 garbage garbage garbage\r\n\r\n" CLOSE, OK),
	       "OTEL_BSP_EXPORT_TIMEOUT=500");
	offer(1);
	pause_ms(800);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_ENDED, 2) && settles());
}

static const char *date_in(int seconds)
{
	static char answer_text[200];
	time_t then = time(NULL) + seconds;
	struct tm tm;

	strftime(answer_text, sizeof(answer_text),
		 "HTTP/1.1 503 x\r\nRetry-After: %a, %d %b %Y %H:%M:%S GMT\r\n"
		 "Content-Length: 0\r\n\r\n",
		 gmtime_r(&then, &tm));
	return answer_text;
}

/* An answer that asks for a pause of some seconds is followed by one. */
static void waits(const char *busy)
{
	const char *script[] = { busy, OK, NULL };
	uint64_t from;

	set_up(script, NULL);
	offer(5);
	while (!sink.requests)
		pause_ms(1);
	from = now_ms();
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 5));
	EXPECT(now_ms() - from > 700); /* and not the 20 ms of a first retry */
}

CHILD_TEST(http_retry_after_in_seconds)
{
	waits("HTTP/1.1 429 x\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n");
}

CHILD_TEST(http_retry_after_as_a_date)
{
	waits(date_in(3));
}

CHILD_TEST(http_retry_after_beyond_the_export_timeout_is_not_waited_for)
{
	set_up(SCRIPT(date_in(3600)), NULL);
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_UNREACHABLE, 5));
	EXPECT(sink.requests == 1);
}

CHILD_TEST(http_retry_after_that_is_nonsense_or_over_is_as_if_not_said)
{
	set_up(SCRIPT(date_in(-3600),
		      "HTTP/1.1 503 x\r\nRetry-After: soon\r\nContent-Length: 0\r\n\r\n",
		      "HTTP/1.1 503 x\r\nRetry-After: Sun, 99 Foo 2099 99:99:99 GMT\r\n"
		      "Content-Length: 0\r\n\r\n",
		      "HTTP/1.1 503 x\r\nRetry-After: -1\r\nContent-Length: 0\r\n\r\n", OK),
	       NULL);
	offer(5);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 5));
	EXPECT(sink.requests == 5);
}

CHILD_TEST(http_garbage_is_not_followed_by_a_request_on_the_same_connection)
{
	set_up(SCRIPT("SSH-2.0-garbage garbage garbage\r\n\r\n", OK), NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_LOST_REJECTED, 1));
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	EXPECT(sink.connections == 2);
}

CHILD_TEST(http_more_than_was_announced_is_not_the_next_answer)
{
	set_up(SCRIPT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 400 x\r\n\r\n", OK),
	       NULL);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 2));
	EXPECT(lost() == 0 && sink.connections == 2);
}

CHILD_TEST(http_request_has_the_head_that_was_asked_for)
{
	set_up(SCRIPT(OK), "OTEL_EXPORTER_OTLP_HEADERS=api-key=s%20x,b=2");
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1) && sink.requests == 1);
	EXPECT(strstr(request, "POST /v1/traces HTTP/1.1\r\nHost: 127.0.0.1:") == request);
	EXPECT(strstr(request, "\r\nContent-Type: application/x-protobuf\r\n"));
	EXPECT(strstr(request, "\r\nUser-Agent: OTel-OTLP-Exporter-"));
	EXPECT(strstr(request, "\r\napi-key: s x\r\nb: 2\r\n\r\n"));
}

CHILD_TEST(file_that_cannot_be_written_loses_and_counts)
{
	set_up(NULL, "OTEL_TRACES_EXPORTER=otlp/file");
	EXPECT(chdir("/proc") == 0); /* where nobody makes files */
	offer(5);
	EXPECT(comes_to(ATR_COUNT_LOST_UNREACHABLE, 5) && all_accounted());
}

/* ---- other signals ---------------------------------------------------------------------------- */

static bool posted(const char *path)
{
	bool was;

	pthread_mutex_lock(&other_mutex);
	was = strncmp(other_request + 5, path, strlen(path)) == 0 && other_has_text;
	pthread_mutex_unlock(&other_mutex);
	return was;
}

static bool posts(const char *path)
{
	for (int i = 0; i < 500 && !posted(path); i++)
		pause_ms(10);
	return posted(path);
}

CHILD_TEST(exporter_metrics_go_at_their_interval_while_there_is_something_new)
{
	long slept;

	other_variable = "OTEL_METRIC_EXPORT_INTERVAL=400";
	set_up(SCRIPT(OK), "OTEL_METRICS_EXPORTER=otlp");
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1) && sink.requests == 1);
	EXPECT(posts("/v1/metrics") && comes_to(ATR_COUNT_METRICS_SENT, 1));
	/* then nothing is new: not one more, and no wake-up for it */
	pause_ms(500);
	slept = sleeps();
	EXPECT(slept > 0);
	pause_ms(1000);
	EXPECT(sleeps() == slept && count(ATR_COUNT_METRICS_SENT) == 1 && sink.requests == 2);
	offer(1);
	EXPECT(comes_to(ATR_COUNT_METRICS_SENT, 2));
}

CHILD_TEST(exporter_flush_sends_metrics_last_and_only_once)
{
	set_up(SCRIPT(OK), "OTEL_METRICS_EXPORTER=otlp");
	offer(3);
	atr_exporter_flush(20000);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 3 && count(ATR_COUNT_METRICS_SENT) == 1);
	EXPECT(sink.requests == 2 && posts("/v1/metrics"));
	atr_exporter_flush(20000);
	EXPECT(sink.requests == 2);
}

/* What is urged is spans: who waits for these does not wait for metrics, which are not due. */
CHILD_TEST(exporter_urge_does_not_wait_for_metrics)
{
	set_up(SCRIPT(OK), "OTEL_METRICS_EXPORTER=otlp");
	offer(3);
	EXPECT(atr_exporter_urge(20000));
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 3 && sink.requests == 1);
}

CHILD_TEST(exporter_metrics_do_not_hold_up_an_exit_beyond_its_limit)
{
	uint64_t before;

	set_up(SCRIPT(OK, HANG), "OTEL_METRICS_EXPORTER=otlp");
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	before = now_ms();
	atr_exporter_flush(300);
	EXPECT(now_ms() - before < 5000);
}

static void offer_log(int n)
{
	struct atr_log_record head = { .time_ns = 1, .flags = 1, .fd = 1 };

	while (n--)
		atr_exporter_offer_log(&head, ATR_STR("begun "), ATR_STR("and ended"));
}

static bool logs_accounted(void)
{
	return count(ATR_COUNT_LOGS_OFFERED) ==
	       count(ATR_COUNT_LOGS_SENT) + count(ATR_COUNT_LOGS_LOST_QUEUE_FULL) +
		       count(ATR_COUNT_LOGS_LOST_REJECTED) +
		       count(ATR_COUNT_LOGS_LOST_UNREACHABLE) +
		       count(ATR_COUNT_LOGS_LOST_NO_MEMORY) + count(ATR_COUNT_LOGS_LOST_AT_EXIT) +
		       count(ATR_COUNT_LOGS_LOST_ABANDONED);
}

CHILD_TEST(exporter_logs_go_after_their_delay)
{
	other_variable = "OTEL_BLRP_SCHEDULE_DELAY=50";
	set_up(SCRIPT(OK), LONG_DELAY);
	atr_exporter_exports_logs();
	offer_log(2);
	EXPECT(nr_threads_made == 0); /* a line alone starts no thread */
	offer(1);
	EXPECT(comes_to(ATR_COUNT_LOGS_SENT, 2) && posts("/v1/logs"));
	/* also while a batch of spans is waited for */
	offer_log(1);
	EXPECT(comes_to(ATR_COUNT_LOGS_SENT, 3));
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 0);
	atr_exporter_flush(20000);
	EXPECT(count(ATR_COUNT_SPANS_SENT) == 1);
	/* and to a thread that is idle */
	pause_ms(100);
	offer_log(1);
	EXPECT(comes_to(ATR_COUNT_LOGS_SENT, 4));
	atr_exporter_count_lost();
	EXPECT(count(ATR_COUNT_LOGS_OFFERED) == 4 && logs_accounted());
}

/* Neither for each line nor while the backend is given time. */
CHILD_TEST(exporter_logs_wake_the_thread_once_a_batch)
{
	long slept;

	other_variable = "OTEL_BLRP_SCHEDULE_DELAY=600";
	set_up(SCRIPT(OK), NULL);
	atr_exporter_exports_logs();
	offer(1);
	EXPECT(comes_to(ATR_COUNT_SPANS_SENT, 1));
	pause_ms(100);
	offer_log(1);
	pause_ms(100);
	slept = sleeps();
	for (int i = 0; i < 100; i++) {
		offer_log(1);
		pause_ms(1);
	}
	EXPECT(sleeps() - slept < 20);
	EXPECT(comes_to(ATR_COUNT_LOGS_SENT, 101));
}

CHILD_TEST(exporter_logs_that_are_tried_again_do_not_wake_the_thread_in_between)
{
	long slept;

	other_variable = "OTEL_BLRP_SCHEDULE_DELAY=1";
	set_up(SCRIPT("HTTP/1.1 503 No\r\nRetry-After: 2\r\nContent-Length: 0\r\n\r\n", OK),
	       LONG_DELAY);
	atr_exporter_exports_logs();
	offer(1); /* which starts the thread, and waits */
	offer_log(1);
	EXPECT(comes_to(ATR_COUNT_EXPORTS_RETRIED, 1));
	slept = sleeps();
	EXPECT(comes_to(ATR_COUNT_LOGS_SENT, 1));
	EXPECT(sleeps() - slept < 100);
}

CHILD_TEST(exporter_logs_are_bounded_and_counted)
{
	other_variable = "OTEL_BLRP_MAX_QUEUE_SIZE=8";
	set_up(SCRIPT(HANG), "OTEL_BLRP_SCHEDULE_DELAY=60000");
	atr_exporter_exports_logs();
	offer_log(20);
	atr_exporter_flush(200);
	atr_exporter_count_lost();
	EXPECT(atr_count_read(ATR_COUNT_LOGS_OFFERED) == 20);
	EXPECT(atr_count_read(ATR_COUNT_LOGS_LOST_QUEUE_FULL) == 12 && logs_accounted());
}

CHILD_TEST(exporter_logs_of_a_forked_child_are_its_own)
{
	pid_t child;
	int status;

	set_up(SCRIPT(OK), "OTEL_BLRP_SCHEDULE_DELAY=60000");
	atr_exporter_exports_logs();
	offer_log(3);
	child = fork();
	if (!child) {
		atr_count_reset();
		atr_exporter_forked();
		offer_log(1);
		atr_exporter_flush(20000);
		_exit(atr_count_read(ATR_COUNT_LOGS_SENT) == 1 ? 0 : 1);
	}
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	atr_exporter_flush(20000);
	EXPECT(count(ATR_COUNT_LOGS_SENT) == 3);
}
