/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a finished span costs on its way out: built in place; copied into the
 * ring; encoded; and drained, encoded and sent by one thread, to a transport
 * that does nothing and to a process that reads a socket. The span is a
 * client's, with 12 attributes and 2 events of 1 attribute.
 *
 * encode tls|grpc PORT CA: only that way, to somebody who is there.
 *
 * Says for each, with tabs between: what, nanoseconds a span by the clock, and
 * of the thread's processor time; medians of rounds of a batch each.
 */
#include "export/attr.h"
#include "export/encode/encode.h"
#include "export/ring.h"
#include "export/transport/transport.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCH 512
#define SLOTS 2048
#define ROUNDS 400
#define OK "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

static _Alignas(8) char record[ATR_SPAN_MAX];
static struct atr_ring *ring;
static struct atr_buf out;
static struct atr_answer answer;
static _Atomic uint64_t never_stops;
static struct atr_options limits = { .attribute_value_length_limit = UINT32_MAX,
				     .attribute_count_limit = 128,
				     .event_count_limit = 128,
				     .event_attribute_count_limit = 128 };

static double now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct atr_span *build(void *at)
{
	struct atr_span *span = atr_span_begin(at);

	memset(span->trace_id, 0xab, sizeof(span->trace_id));
	memset(span->span_id, 0xcd, sizeof(span->span_id));
	memset(span->parent_id, 0xef, sizeof(span->parent_id));
	span->kind = ATR_KIND_CLIENT;
	span->flags = 3;
	span->start_ns = 1544712660000000000;
	span->end_ns = 1544712660012345678;
	atr_span_put_str(span, ATR_NAME, ATR_STR("GET"));
	atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD, ATR_STR("GET"));
	atr_span_put_str(
		span, ATR_URL_FULL,
		ATR_STR("http://orders.internal.example:8080/api/v1/orders/421?expand=items"));
	atr_span_put_str(span, ATR_SERVER_ADDRESS, ATR_STR("orders.internal.example"));
	atr_span_put_int(span, ATR_SERVER_PORT, 8080);
	atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, ATR_STR("10.20.30.40"));
	atr_span_put_int(span, ATR_NETWORK_PEER_PORT, 8080);
	atr_span_put_str(span, ATR_NETWORK_PROTOCOL_VERSION, ATR_STR("1.1"));
	atr_span_put_str(span, ATR_NETWORK_TRANSPORT, ATR_STR("tcp"));
	atr_span_put_int(span, ATR_THREAD_ID, 123456);
	atr_span_event(span, 1544712660000100000, ATR_STR("connect"));
	atr_span_event_str(span, ATR_NETWORK_PEER_ADDRESS, ATR_STR("10.20.30.40"));
	atr_span_event(span, 1544712660010000000, ATR_STR("first byte"));
	atr_span_event_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, 4711);
	atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, 200);
	atr_span_late_int(span, ATR_HTTP_RESPONSE_BODY_SIZE, 123456);
	atr_span_put_double(span, ATR_CONNECT_DURATION, 0.000123);
	return span;
}

static void offer(const struct atr_span *span)
{
	void *slot = atr_ring_claim(ring, span->len);

	memcpy(slot, span, span->len);
	atr_ring_publish(ring, slot);
}

static size_t drain(const struct atr_span **spans)
{
	size_t n = 0;

	while (n < BATCH && (spans[n] = atr_ring_peek(ring)))
		n++;
	return n;
}

static bool encode(const struct atr_encoder *encoder, const struct atr_span **spans, size_t n)
{
	static const struct atr_resource_attr resource[] = {
		{ .key = { "service.name", 12 }, .value = { "shop", 4 } },
		{ .key = { "process.pid", 11 }, .number = 7, .type = ATR_RESOURCE_INT },
		{ .key = { "process.executable.path", 23 }, .value = { "/usr/bin/shop", 13 } },
		{ .key = { "host.name", 9 }, .value = { "node-17", 7 } },
	};
	struct atr_batch batch = { spans, n, resource, 4, &limits };

	atr_buf_clear(&out);
	return encoder->encode(&batch, &out);
}

/* Of each round, a batch long. */
struct result {
	double wall[ROUNDS], cpu[ROUNDS];
	int nr;
};

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median_of(double *values, int nr)
{
	qsort(values, (size_t)nr, sizeof(values[0]), by_value);
	return values[nr / 2];
}

static void print(const char *what, struct result *r)
{
	printf("%s\t%.1f\t%.1f\n", what, median_of(r->wall, r->nr) / BATCH,
	       median_of(r->cpu, r->nr) / BATCH);
	r->nr = 0;
}

#define TIMED(result, what)                                                          \
	do {                                                                         \
		double wall = now_ns(CLOCK_MONOTONIC);                               \
		double cpu = now_ns(CLOCK_THREAD_CPUTIME_ID);                        \
                                                                                     \
		what;                                                                \
		(result)->cpu[(result)->nr] = now_ns(CLOCK_THREAD_CPUTIME_ID) - cpu; \
		(result)->wall[(result)->nr++] = now_ns(CLOCK_MONOTONIC) - wall;     \
	} while (0)

static void offer_many(const struct atr_span *span)
{
	for (int i = 0; i < BATCH; i++)
		offer(span);
}

static void build_many(void)
{
	for (int i = 0; i < BATCH; i++) {
		build(record);
		__asm__ volatile("" ::"r"(record) : "memory");
	}
}

static void release(size_t n)
{
	while (n--)
		atr_ring_release(ring);
}

static void sides(void)
{
	static struct result built, offered, drained, pb, json;
	const struct atr_span *spans[BATCH];
	size_t n = 0, pb_len = 0, json_len = 0;

	for (int i = 0; i < ROUNDS; i++) {
		TIMED(&built, build_many());
		TIMED(&offered, offer_many((struct atr_span *)record));
		TIMED(&drained, n = drain(spans));
		TIMED(&pb, encode(&atr_encoder_otlp_pb, spans, n));
		pb_len = out.len;
		if (i % 20 == 0) {
			TIMED(&json, encode(&atr_encoder_otlp_json, spans, n));
			json_len = out.len;
		}
		release(n);
	}
	printf("bytes\t%u\t%zu\t%zu\n", ((struct atr_span *)record)->len, pb_len / BATCH,
	       json_len / BATCH);
	print("a span built in place", &built);
	print("claim, copy, publish", &offered);
	print("drain", &drained);
	print("encode, OTLP protobuf", &pb);
	print("encode, OTLP JSON", &json);
}

static ssize_t null_send(int fd, const void *bytes, size_t len, int flags)
{
	(void)fd, (void)bytes, (void)flags;
	return (ssize_t)len;
}

static ssize_t null_recv(int fd, void *buf, size_t len, int flags)
{
	(void)fd, (void)len, (void)flags;
	memcpy(buf, OK, sizeof(OK) - 1);
	return sizeof(OK) - 1;
}

static int null_connect(int fd, const struct sockaddr *to, socklen_t len)
{
	(void)fd, (void)to, (void)len;
	return 0;
}

/* What is to be done with a batch. */
struct way {
	const char *what;
	const struct atr_encoder *encoder;
	const struct atr_heavy *packs; /* NULL: it is sent as it is */
	int rounds;
};

/* Each a datagram. */
static bool one_by_one(const struct atr_io *io, const struct atr_exporter_options *to,
		       struct atr_link *link, const struct way *way, const struct atr_span **spans,
		       size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!encode(way->encoder, spans + i, 1) ||
		    atr_udp_send(io, to, link, (struct atr_str){ out.at, out.len }) != ATR_SENT)
			return false;
	return true;
}

static bool whole(const struct atr_io *io, const struct atr_exporter_options *to,
		  struct atr_link *link, const struct way *way)
{
	static const struct atr_span *spans[BATCH];
	static char packed[4 << 20];
	size_t n = drain(spans);
	bool is_well = way->encoder->spans_max || encode(way->encoder, spans, n);
	struct atr_post request = { way->encoder->content_type, { out.at, out.len }, false };

	if (way->packs) {
		request.body.len = way->packs->gzip((struct atr_str){ out.at, out.len }, packed,
						    sizeof(packed));
		request.body.at = packed;
		request.is_gzip = true;
	}
	if (way->encoder->spans_max)
		is_well = one_by_one(io, to, link, way, spans, n);
	else
		is_well = is_well && request.body.len &&
			  (to->is_grpc ? atr_grpc_post : atr_http_post)(
				  io, to, link, &request, atr_now_ms() + 10000, &never_stops,
				  &answer) == ATR_SENT;
	release(n);
	return is_well;
}

/* Reads requests and answers each, until the other end is closed. */
static void answer_all(int fd)
{
	static char buf[1 << 20];

	for (;;) {
		ssize_t n = recv(fd, buf, 1000, 0), left;
		char *blank, *length;

		if (n <= 0)
			return;
		buf[n] = 0;
		blank = strstr(buf, "\r\n\r\n");
		length = strstr(buf, "Content-Length: ");
		if (!blank || !length)
			return;
		left = (ssize_t)strtoul(length + 16, NULL, 10) - (n - (blank + 4 - buf));
		while (left > 0 && (n = recv(fd, buf, sizeof(buf), MSG_TRUNC)) > 0)
			left -= n;
		send(fd, OK, sizeof(OK) - 1, 0);
	}
}

/* A child that plays the collector on one connection; *port is where. */
static pid_t start_sink(uint16_t *port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(at);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	pid_t pid;

	if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 1) ||
	    getsockname(listener, (struct sockaddr *)&at, &len))
		abort();
	*port = ntohs(at.sin_port);
	pid = fork();
	if (pid == 0) {
		answer_all(accept(listener, NULL, NULL));
		_exit(0);
	}
	close(listener);
	return pid;
}

static void all_of_it(const struct way *way, const struct atr_io *io,
		      const struct atr_exporter_options *to)
{
	static struct result result;
	struct atr_link link = { .fd = -1 };

	for (int i = 0; i < way->rounds; i++) {
		bool is_sent = false;

		offer_many((struct atr_span *)record);
		TIMED(&result, is_sent = whole(io, to, &link, way));
		if (!is_sent) {
			fprintf(stderr, "encode: %s: not sent\n", way->what);
			exit(1);
		}
	}
	print(way->what, &result);
	atr_link_close(io, &link);
}

/* The object beside the library, where the bench lies: BUILD/tests/bench. */
static const struct atr_heavy *(*heavy_table)(void);

static const struct atr_heavy *load_heavy(const char *program)
{
	char path[4096];
	const char *slash = strrchr(program, '/');
	void *heavy;

	snprintf(path, sizeof(path), "%.*s/../../" ATR_HEAVY_FILE,
		 slash ? (int)(slash - program) : 1, slash ? program : ".");
	heavy = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!heavy)
		return NULL;
	*(void **)&heavy_table = dlsym(heavy, ATR_HEAVY_NAME);
	return heavy_table();
}

static void *the_heavy(const char *path, const char *name)
{
	(void)path, (void)name;
	return (void *)heavy_table;
}

/* To a server of somebody else's. */
static int only(struct atr_io *io, char **argv)
{
	bool is_grpc = strcmp(argv[1], "grpc") == 0;
	struct atr_exporter_options to = { .path = { "/v1/traces", 10 },
					   .host = { "localhost", 9 },
					   .port = (uint16_t)atoi(argv[2]),
					   .is_grpc = is_grpc,
					   .is_tls = !is_grpc,
					   .ca_file = { argv[3], strlen(argv[3]) } };
	const struct way way = { is_grpc ? "drain, encode, send by gRPC" :
					   "drain, encode, send over TLS",
				 &atr_encoder_otlp_pb, NULL, ROUNDS / 4 };

	if (!load_heavy(argv[0]))
		return 1;
	io->load = the_heavy;
	all_of_it(&way, io, &to);
	return 0;
}

int main(int argc, char **argv)
{
	static struct atr_io io = { socket,	connect,     send,	   recv,	   poll,
				    close,	open,	     read,	   write,	   fcntl,
				    getsockopt, getaddrinfo, freeaddrinfo, pthread_create, NULL };
	static struct atr_exporter_options to = { .path = { "/v1/traces", 10 },
						  .host = { "127.0.0.1", 9 } };
	const struct atr_heavy *heavy = load_heavy(argc ? argv[0] : "encode");
	const struct way ways[] = {
		{ "drain, encode, send to nothing", &atr_encoder_otlp_pb, NULL, ROUNDS },
		{ "  the same, OTLP JSON", &atr_encoder_otlp_json, NULL, ROUNDS / 20 },
		{ "  the same, Zipkin", &atr_encoder_zipkin, NULL, ROUNDS / 20 },
		{ "  the same, X-Ray, a datagram each", &atr_encoder_xray, NULL, ROUNDS / 20 },
		{ "  the same, protobuf packed", &atr_encoder_otlp_pb, heavy, ROUNDS / 4 },
		{ "  the same, OTLP JSON packed", &atr_encoder_otlp_json, heavy, ROUNDS / 20 },
	}, over_tcp = { "drain, encode, send over TCP", &atr_encoder_otlp_pb, NULL, ROUNDS };
	struct atr_io nothing = io;
	pid_t sink;

	ring = atr_ring_create(SLOTS, ATR_SPAN_MAX);
	if (!ring)
		return 1;
	build(record);
	if (argc == 4)
		return only(&io, argv);
	sides();
	nothing.send = null_send;
	nothing.recv = null_recv;
	nothing.connect = null_connect;
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]) - (heavy ? 0 : 2); i++)
		all_of_it(&ways[i], &nothing, &to);
	sink = start_sink(&to.port);
	all_of_it(&over_tcp, &io, &to);
	kill(sink, SIGTERM);
	waitpid(sink, NULL, 0);
	return 0;
}
