/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what happens to a client's connection and a server's: a byte that
 * says what (see `turn`), two that say how many bytes of it, and these. Claims:
 * - everything that is counted adds up, whatever the kernel takes of a write;
 * - a server's bytes, and a client's in which no field of ours went, are on the wire as they were;
 * - spans that end are whole, and at the end nothing is left over: no block, no span;
 * - one direction reads the same whole and byte by byte, and its heads are the same where values that
 *   nobody wants are passed over.
 *
 * live.c itself is here, with the exporter's place taken, as in tests/unit/live_test.c.
 */
#include "export/exporter.h"

#define atr_exporter_offer fuzz_offer
static void fuzz_offer(const struct atr_span *span);
#include "preload/live/live.c"
#undef atr_exporter_offer

#include "export/env.h"
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"
#include "preload/proto/hpack.h"
#include "preload/proto/http2.h"
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <netinet/in.h>

enum { CLIENT = 100, SERVER, LISTENER };

static void fuzz_offer(const struct atr_span *span)
{
	CLAIM(atr_span_is_whole(span, ATR_SPAN_MAX) && span->end_ns >= span->start_ns);
}

/* ---- a kernel ---- */

struct wire {
	size_t most; /* bytes that a call takes; 0: all */
	size_t len;
	char bytes[1 << 20];
};
static struct wire wires[2];

static ssize_t taken(int fd, const struct iovec *iov, int nr)
{
	struct wire *w = &wires[fd - CLIENT];
	size_t left = w->most ? w->most : SIZE_MAX, n = 0;

	for (int i = 0; i < nr && left; i++) {
		size_t here = iov[i].iov_len < left ? iov[i].iov_len : left;

		CLAIM(w->len + here <= sizeof(w->bytes));
		memcpy(w->bytes + w->len, iov[i].iov_base, here);
		w->len += here;
		left -= here;
		n += here;
	}
	return (ssize_t)n;
}

static ssize_t call_send(int fd, const void *bytes, size_t len, int flags)
{
	struct iovec iov = { (void *)bytes, len };

	(void)flags;
	return taken(fd, &iov, 1);
}

static int call_getsockopt(int fd, int level, int option, void *value, socklen_t *len)
{
	int type = SOCK_STREAM;

	(void)fd, (void)level;
	memset(value, 0, *len);
	if (option == SO_TYPE)
		memcpy(value, &type, sizeof(type));
	return 0;
}

static int call_getpeername(int fd, struct sockaddr *address, socklen_t *len)
{
	(void)fd, (void)address, (void)len;
	return -1;
}

static int gather(struct iovec whole, size_t done, struct iovec *out)
{
	*out = (struct iovec){ (char *)whole.iov_base + done, whole.iov_len - done };
	return out->iov_len ? 1 : 0;
}

/* As preload/hook/io.c has it. */
static size_t write_once(int fd, struct iovec iov)
{
	uint64_t word = atr_fd(fd);
	struct atr_pieces piece;
	size_t done = 0;

	while (word && atr_conn_plan(word, fd, &iov, 1, done, 0, &piece)) {
		ssize_t raw, n;

		if (piece.is_plain)
			piece.nr_iov = gather(iov, done, piece.iov);
		CLAIM(piece.nr_iov <= ATR_PIECES_IOV + 2);
		raw = piece.nr_iov ? taken(fd, piece.iov, piece.nr_iov) : 0;
		n = atr_conn_sent(word, fd, &iov, 1, &piece, raw);
		CLAIM(n >= 0 && (size_t)n <= iov.iov_len - done);
		done += (size_t)n;
		if (done == iov.iov_len || (n == 0 && raw == 0) || wires[fd - CLIENT].most)
			return done;
	}
	if (gather(iov, done, piece.iov))
		done += (size_t)taken(fd, piece.iov, 1);
	return done;
}

static void write_all(int fd, const char *bytes, size_t len)
{
	size_t had = wires[fd - CLIENT].len;

	while (len) {
		size_t n = write_once(fd, (struct iovec){ (void *)bytes, len });

		/* it goes on, and be it with bytes of ours */
		CLAIM(n || wires[fd - CLIENT].len > had);
		had = wires[fd - CLIENT].len;
		bytes += n;
		len -= n;
	}
}

static void read_all(int fd, const char *bytes, size_t len)
{
	struct iovec iov = { (void *)bytes, len };

	atr_conn_received(atr_fd(fd), fd, &iov, 1, (ssize_t)len);
}

/* ---- one direction alone ---- */

struct digest {
	uint64_t hash, heads;
	bool passes_over;
	struct atr_http2_reader reader;
	struct atr_hpack *hpack;
	struct atr_http2_head head;
	bool is_broken;
};

static void mix(struct digest *d, uint64_t x)
{
	d->hash = (d->hash ^ x) * UINT64_C(0x9e3779b97f4a7c15);
	d->hash ^= d->hash >> 29;
}

static void mix_str(struct digest *d, struct atr_str s)
{
	mix(d, s.len);
	for (size_t i = 0; i < s.len; i++)
		mix(d, (unsigned char)s.at[i]);
}

static bool wants(const void *head, struct atr_str name)
{
	return atr_http2_head_wants(head, name);
}

static bool fields(struct digest *d, struct atr_str part, bool ends)
{
	const struct atr_hpack_wish wish = { wants, &d->head };
	struct atr_pair field;

	do {
		long used = atr_hpack_read(d->hpack, part.at, part.len, ends,
					   d->passes_over ? &wish : NULL, &field);

		if (used < 0)
			return false;
		CLAIM((size_t)used <= part.len);
		part.at += used;
		part.len -= (size_t)used;
		if (!field.name.at)
			break;
		CLAIM(field.value.at || !wants(&d->head, field.name));
		mix_str(d, field.name);
		mix_str(d, field.value);
		if (field.value.at)
			atr_http2_head_field(&d->head, &field);
	} while (true);
	return true;
}

static bool all_of(struct atr_str name)
{
	return name.len < 8;
}

/* All that is known of it but how long it is. */
static void mix_head(struct digest *d)
{
	const struct atr_http2_head *head = &d->head;
	uint64_t before = d->hash;

	d->hash = d->heads;
	mix_str(d, head->http.method);
	mix_str(d, head->http.target);
	mix_str(d, head->http.host);
	mix_str(d, head->http.user_agent);
	mix_str(d, head->http.forwarded);
	mix_str(d, head->scheme);
	mix_str(d, head->content_type);
	mix_str(d, head->grpc_status);
	mix(d, head->http.status);
	mix(d, head->is_cut << 1 | head->is_twice);
	for (uint32_t i = 0; i < head->http.nr_kept; i++) {
		mix_str(d, head->http.kept[i].name);
		mix_str(d, head->http.kept[i].value);
	}
	d->heads = d->hash;
	d->hash = before;
}

static void one_event(struct digest *d, const struct atr_http2_event *e)
{
	static char rooms[2][4096];
	char *room = rooms[d->passes_over];

	if (e->what == ATR_HTTP2_BLOCK) {
		d->is_broken = !fields(d, e->part, false);
		return;
	}
	if (e->what == ATR_HTTP2_PAYLOAD) {
		mix_str(d, (struct atr_str){ e->part.at, 0 });
		for (size_t i = 0; i < e->part.len; i++)
			d->hash += (unsigned char)e->part.at[i];
		return;
	}
	if (e->what == ATR_HTTP2_BEGINS)
		atr_http2_head_begin(&d->head, all_of, room, sizeof(rooms[0]));
	if (e->what == ATR_HTTP2_BLOCK_ENDS) {
		d->is_broken = !fields(d, ATR_STR(""), true);
		mix(d, atr_http2_head_is_request(&d->head));
		mix(d, atr_http2_head_is_response(&d->head));
		mix_str(d, d->head.http.target);
		mix_head(d);
	}
	mix(d, e->what);
	mix(d, e->stream);
	mix(d, e->value);
	mix(d, e->id);
}

static void digest(struct digest *d, const char *bytes, size_t len)
{
	struct atr_http2_event e;

	do {
		long used = d->is_broken ? -1 : atr_http2_next(&d->reader, bytes, len, &e);

		if (used < 0) {
			d->is_broken = true;
			return;
		}
		CLAIM((size_t)used <= len);
		bytes += used;
		len -= (size_t)used;
		if (e.what != ATR_HTTP2_MORE)
			one_event(d, &e);
	} while (e.what != ATR_HTTP2_MORE);
	CLAIM(!len);
}

static void check_cuts(const char *bytes, size_t len)
{
	static char room[3][ATR_HPACK_ROOM] __attribute__((aligned(16)));
	bool is_request = len && bytes[0] == 'P';
	struct digest whole = { .hpack = atr_hpack_begin(room[0]) };
	struct digest cut = { .hpack = atr_hpack_begin(room[1]) };
	struct digest passing = { .hpack = atr_hpack_begin(room[2]), .passes_over = true };

	atr_http2_begin(&passing.reader, is_request);
	digest(&passing, bytes, len);
	atr_http2_begin(&whole.reader, is_request);
	atr_http2_begin(&cut.reader, is_request);
	digest(&whole, bytes, len);
	for (size_t i = 0; i < len; i++)
		digest(&cut, bytes + i, 1);
	CLAIM(whole.is_broken == cut.is_broken);
	CLAIM(whole.is_broken || whole.heads == cut.heads);
	/* what is wrong in a value that is passed over is not seen */
	CLAIM(whole.is_broken || (!passing.is_broken && passing.heads == whole.heads));
}

/* ---- the input ---- */

static void setup(void)
{
	static const struct atr_conn_calls calls = { call_send, call_getsockopt, call_getpeername };
	static char *const variables[] = { "OTEL_TRACES_SAMPLER=always_on",
					   "OTEL_PROPAGATORS=tracecontext,baggage,b3", NULL };
	struct atr_str unknown;

	atr_env_capture(variables);
	atr_sampler_setup();
	CLAIM(atr_live_setup() && atr_conn_setup(&calls));
	atr_thread_setup((void (*)(struct atr_thread *))abort);
	atr_propagators_parse(atr_env_get("OTEL_PROPAGATORS"), &atr_formats, &unknown);
	atr_work_setup(NULL);
	atr_probes = ATR_PROBE_HTTP;
	atr_semconv_setup();
}

static unsigned nr_out(const struct atr_pool *pool)
{
	unsigned nr = 0;

	for (uint32_t i = 0; i < atomic_load(&pool->fresh); i++)
		nr += ((struct atr_pooled *)atr_pool_at(pool, i))->gen & 1;
	return nr;
}

static void begin(void)
{
	static const struct sockaddr_in peer = { .sin_family = AF_INET };
	uint64_t start_ns = atr_conn_connecting((const struct sockaddr *)&peer, sizeof(peer));

	atr_conn_connected(CLIENT, (const struct sockaddr *)&peer, sizeof(peer), start_ns, 0);
	atr_conn_accepted(LISTENER, SERVER, (const struct sockaddr *)&peer, sizeof(peer));
	wires[0].len = wires[1].len = 0;
}

/* Bit 0: the server's connection; bit 1: it is written to; the rest: what the kernel takes of it. */
static void turn(unsigned what, const char *bytes, size_t len)
{
	int fd = what & 1 ? SERVER : CLIENT;

	wires[fd - CLIENT].most = what >> 2;
	if (what & 2)
		write_all(fd, bytes, len);
	else if (len)
		read_all(fd, bytes, len);
	check_cuts(bytes, len);
}

static uint64_t nr_changed(void)
{
	return atr_count_read(ATR_COUNT_HEADS_INJECTED) + atr_count_read(ATR_COUNT_HEADS_FORWARDED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static char said[2][1 << 17];
	static bool is_set_up;
	size_t said_len[2] = { 0, 0 };
	uint64_t before;

	if (len > 1 << 16)
		return 0;
	if (!is_set_up)
		setup();
	is_set_up = true;
	before = nr_changed();
	begin();
	while (len > 3) {
		size_t n = (size_t)data[1] << 8 | data[2];
		unsigned which = data[0] & 1;
		char *copy;

		n = n < len - 3 ? n : len - 3;
		copy = malloc(n ? n : 1);
		if (!copy)
			abort();
		memcpy(copy, data + 3, n);
		if (data[0] & 2) {
			memcpy(said[which] + said_len[which], copy, n);
			said_len[which] += n;
		}
		turn(data[0], copy, n);
		free(copy);
		data += 3 + n;
		len -= 3 + n;
	}
	atr_conn_closing(CLIENT);
	atr_conn_closing(SERVER);
	CLAIM(wires[1].len == said_len[1] && !memcmp(wires[1].bytes, said[1], said_len[1]));
	if (nr_changed() == before && wires[0].len == said_len[0])
		CLAIM(!memcmp(wires[0].bytes, said[0], said_len[0]));
	CLAIM(wires[0].len >= said_len[0]);
	CLAIM(!nr_out(&blocks));
	CLAIM(!nr_out(&atr_live_pool));
	CLAIM(!atr_work_nr_in_flight());
	return 0;
}
