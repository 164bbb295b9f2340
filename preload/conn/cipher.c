/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/cipher.h"
#include "export/attr.h"
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"
#include "preload/proto/clienthello.h"

#include <netinet/in.h>

/*
 * A ClientHello goes by in one direction, as the first bytes of the connection:
 *
 *	record: 16 03 xx len len | handshake: 01 len len len | version | random[32] | ...
 */
#define RANDOM_AT 11
#define NEEDED (RANDOM_AT + ATR_TLS_RANDOM_LEN)

/*
 * The hellos of late. Each is written by one thread and read by others, word by
 * word; `turn` is odd while it is being written, and another one afterwards.
 */
#define HELLOS 128
#define RANDOM_WORDS (ATR_TLS_RANDOM_LEN / 8)

struct hello {
	_Atomic uint32_t turn;
	_Atomic uint32_t side;
	_Atomic uint64_t word;
	_Atomic uint64_t random[RANDOM_WORDS];
};

static struct hello hellos[HELLOS];
static _Atomic uint32_t nr_hellos;

static void remember(const struct atr_conn *conn, const char *random)
{
	struct hello *h =
		&hellos[atomic_fetch_add_explicit(&nr_hellos, 1, memory_order_relaxed) % HELLOS];
	uint32_t turn = atomic_load_explicit(&h->turn, memory_order_relaxed);
	uint64_t words[RANDOM_WORDS];

	if ((turn & 1) || !atomic_compare_exchange_strong(&h->turn, &turn, turn + 1))
		return; /* another thread is a whole round ahead */
	memcpy(words, random, sizeof(words));
	atomic_store_explicit(&h->side,
			      conn->side == ATR_SIDE_CLIENT ? ATR_TLS_CLIENT : ATR_TLS_SERVER,
			      memory_order_relaxed);
	atomic_store_explicit(&h->word, atr_conn_word(conn), memory_order_relaxed);
	for (int i = 0; i < RANDOM_WORDS; i++)
		atomic_store_explicit(&h->random[i], words[i], memory_order_relaxed);
	atomic_store_explicit(&h->turn, turn + 2, memory_order_release);
}

uint64_t atr_cipher_find(enum atr_tls_side side, const uint8_t random[static ATR_TLS_RANDOM_LEN])
{
	uint32_t nr = atomic_load_explicit(&nr_hellos, memory_order_relaxed);
	uint64_t words[RANDOM_WORDS], word;

	memcpy(words, random, sizeof(words));
	/* the latest first: it is most likely the one */
	for (uint32_t i = 1; i <= HELLOS && i <= nr; i++) {
		struct hello *h = &hellos[(nr - i) % HELLOS];
		uint32_t turn = atomic_load_explicit(&h->turn, memory_order_acquire);
		bool same = !(turn & 1);

		for (int k = 0; same && k < RANDOM_WORDS; k++)
			same = atomic_load_explicit(&h->random[k], memory_order_relaxed) ==
			       words[k];
		if (!same || (side != ATR_TLS_EITHER &&
			      side != atomic_load_explicit(&h->side, memory_order_relaxed)))
			continue;
		word = atomic_load_explicit(&h->word, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&h->turn, memory_order_relaxed) == turn)
			return word;
	}
	return 0;
}

static bool is_hellos_way(const struct atr_conn *conn, bool outward)
{
	return outward == (conn->side == ATR_SIDE_CLIENT);
}

bool atr_cipher_begins(const struct atr_conn *conn, bool outward, const char *bytes, size_t len)
{
	return len && bytes[0] == 0x16 && is_hellos_way(conn, outward) &&
	       atr_conn_is_unspoken(conn);
}

/* A hello's bytes so far, in one piece: those that came before, and these. NULL: there is no room. */
static const char *gather(struct atr_conn *conn, const char *bytes, size_t *len)
{
	struct atr_cipher *c = &conn->cipher;
	size_t n = *len;

	if (!c->gathered_len)
		return bytes;
	if (n > sizeof(conn->hello) - c->gathered_len)
		n = sizeof(conn->hello) - c->gathered_len;
	memcpy(conn->hello + c->gathered_len, bytes, n);
	*len = c->gathered_len + n;
	return conn->hello;
}

static void keep(struct atr_conn *conn, const char *bytes, size_t len)
{
	if (len > sizeof(conn->hello))
		len = sizeof(conn->hello);
	if (bytes != conn->hello)
		memcpy(conn->hello, bytes, len);
	conn->cipher.gathered_len = (uint8_t)len;
}

static uint8_t keep_text(struct atr_conn *conn, size_t at, struct atr_str text)
{
	if (text.len > sizeof(conn->rest_text) - at || text.len > UINT8_MAX)
		return 0;
	if (text.len)
		memcpy(conn->rest_text + at, text.at, text.len);
	return (uint8_t)text.len;
}

static void client_hello(struct atr_conn *conn, const char *bytes, size_t len)
{
	struct atr_cipher *c = &conn->cipher;
	struct atr_clienthello hello;

	c->saw_hello = true;
	c->gathered_len = 0;
	remember(conn, bytes + RANDOM_AT);
	if (conn->side == ATR_SIDE_SERVER) {
		/* what asks the program over it is not seen, as far as is known */
		conn->given_up = true;
		atr_work_unseen(1);
		return;
	}
	conn->handshake.start_ns = atr_clock_ns();
	if (atr_clienthello_read(bytes, len, &hello) != ATR_HELLO_YES)
		return;
	c->server_name_len = keep_text(conn, 0, hello.server_name);
	c->protocols_len = keep_text(conn, c->server_name_len, hello.protocols);
}

static bool feed_client_hello(struct atr_conn *conn, const char *bytes, size_t len)
{
	const char *hello = gather(conn, bytes, &len);

	if (len < NEEDED) {
		keep(conn, hello, len);
		return true;
	}
	if (hello[1] != 0x03 || hello[5] != 0x01 || hello[9] != 0x03)
		return false;
	client_hello(conn, hello, len);
	return true;
}

/* ---- TLS that we cannot look into ---- */

enum { CHANGE_CIPHER_SPEC = 0x14, ALERT = 0x15, APPLICATION_DATA = 0x17 };
/* At least so many bytes are there when a request follows the handshake's last message at once. */
#define FINISHED_MAX 100
/* The first record behind what is only there for the look of it; that of an alert by TLS 1.3 is so long. */
#define SEALED_ALERT 19

static bool is_clear_alert(const char *bytes, size_t len)
{
	return len >= 7 && bytes[0] == ALERT && bytes[3] == 0 && bytes[4] == 2;
}

/* Behind the ServerHello, whose head some read for itself. */
static void feed_alert(struct atr_conn *conn, const char *bytes, size_t len)
{
	const char *all = gather(conn, bytes, &len);

	conn->cipher.gathered_len = 0;
	if (len == 5 && all[0] == ALERT)
		keep(conn, all, len);
	else if (is_clear_alert(all, len))
		conn->cipher.alert = (uint8_t)(all[6] + 1);
}

static void feed_answer(struct atr_conn *conn, const char *bytes, size_t len)
{
	struct atr_cipher *c = &conn->cipher;
	struct atr_serverhello hello;
	const char *all;
	enum atr_hello is;

	if (c->request_ns && !c->first_byte_ns) {
		c->first_byte_ns = atr_clock_ns();
		/* what was asked is being answered: more cannot be told of a call */
		if (conn->counts_as_call)
			atr_work_ends_call(conn->opened_in);
		conn->counts_as_call = false;
	}
	c->is_answered = true;
	if (c->saw_server_hello) {
		if (!conn->handshake.end_ns)
			feed_alert(conn, bytes, len);
		return;
	}
	all = gather(conn, bytes, &len);
	if (is_clear_alert(all, len))
		c->alert = (uint8_t)(all[6] + 1);
	is = atr_serverhello_read(all, len, &hello);
	if (is == ATR_HELLO_MORE && len < sizeof(conn->hello)) {
		keep(conn, all, len);
		return;
	}
	c->saw_server_hello = true;
	c->gathered_len = 0;
	if (is != ATR_HELLO_YES)
		return;
	c->version = hello.version;
	if (hello.protocol.len <= sizeof(c->protocol)) {
		c->protocol_len = (uint8_t)hello.protocol.len;
		if (hello.protocol.len)
			memcpy(c->protocol, hello.protocol.at, hello.protocol.len);
	}
}

static void put_port(struct atr_span *span, const struct atr_conn *conn)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&conn->peer.any;

	/* of both families it is at one place */
	if (conn->peer_len >= sizeof(*in) &&
	    (in->sin_family == AF_INET || in->sin_family == AF_INET6))
		atr_span_put_int(span, ATR_SERVER_PORT, ntohs(in->sin_port));
}

static struct atr_span *open_span(struct atr_thread *self, struct atr_conn *conn)
{
	static const char what[] = "TLS ";
	struct atr_cipher *c = &conn->cipher;
	uint64_t now = conn->handshake.start_ns;
	struct atr_context_copy parent = { .block = 0 };
	atr_ref work = atr_work_current(self, conn->opened_in);
	bool has_parent = atr_work_context(work, &parent);
	struct atr_str server = { conn->rest_text, c->server_name_len };
	char name[sizeof(what) + ATR_PIECES_TEXT];
	size_t len = sizeof(what) - 1;
	struct atr_span *span;

	c->is_told = true;
	atr_opening_of(conn, work, now);
	c->span = atr_live_open(self, ATR_KIND_CLIENT, has_parent ? &parent.context : NULL,
				atr_opening_start(conn, now));
	atr_context_copy_release(&parent);
	span = atr_live_span(c->span);
	if (!span)
		return NULL;
	if (!server.len)
		server = (struct atr_str){ conn->lookup.name, conn->lookup.name_len };
	memcpy(name, what, len);
	if (server.len) {
		memcpy(name + len, server.at, server.len);
		len += server.len;
		atr_span_put_str(span, ATR_SERVER_ADDRESS, server);
	} else {
		len += atr_semconv_peer_text(&conn->peer.any, conn->peer_len, name + len,
					     sizeof(name) - len);
	}
	atr_span_put_str(span, ATR_NAME, (struct atr_str){ name, len });
	put_port(span, conn);
	atr_semconv_peer(span, &conn->peer.any, conn->peer_len);
	atr_opening_tell(conn, span, now);
	return span;
}

static bool is_sealed_alert(const struct atr_cipher *c, const char *bytes, size_t len)
{
	return len >= 5 && bytes[0] == APPLICATION_DATA && c->version >= 0x0304 && bytes[3] == 0 &&
	       bytes[4] == SEALED_ALERT;
}

/* What the client says when it has been answered: is it an alert? The code of one in the clear is known. */
static bool is_alert(struct atr_cipher *c, const char *bytes, size_t len)
{
	if (len > 6 && bytes[0] == CHANGE_CIPHER_SPEC) {
		bytes += 6;
		len -= 6;
	}
	if (is_clear_alert(bytes, len)) {
		c->alert = (uint8_t)(bytes[6] + 1);
		return true;
	}
	return is_sealed_alert(c, bytes, len);
}

/* Whether the client's part of the handshake is over with this. */
static bool ends_handshake(const struct atr_cipher *c, const char *bytes, size_t len)
{
	return bytes[0] == APPLICATION_DATA ||
	       (bytes[0] == CHANGE_CIPHER_SPEC && c->version >= 0x0304 &&
		(len <= 6 || bytes[6] == APPLICATION_DATA));
}

/* The client speaks again, now that it has been answered: is its library one that we know? */
static void feed_more(struct atr_thread *self, struct atr_conn *conn, const char *bytes, size_t len)
{
	struct atr_cipher *c = &conn->cipher;

	if (!c->is_answered)
		return;
	if (!c->is_told && !atr_self.in_session && (atr_probes & ATR_PROBE_HTTP))
		open_span(self, conn);
	if (conn->handshake.end_ns) {
		if (!c->request_ns)
			c->request_ns = atr_clock_ns();
		if (!is_sealed_alert(c, bytes, len) && bytes[0] != ALERT)
			c->has_asked = true;
	} else if (is_alert(c, bytes, len)) {
		c->is_refused = true;
	} else if (ends_handshake(c, bytes, len) && !c->is_refused) {
		conn->handshake.end_ns = atr_clock_ns();
		if (c->version < 0x0304 || len > FINISHED_MAX)
			c->request_ns = conn->handshake.end_ns;
	}
}

static const char *version_text(uint16_t version)
{
	static const char *const texts[] = { "1", "1.1", "1.2", "1.3" };

	return version >= 0x0301 && version <= 0x0304 ? texts[version - 0x0301] : NULL;
}

/* "h2,http/1.1" out of length and name, ... */
static struct atr_str offered(const struct atr_conn *conn, char out[static ATR_PIECES_TEXT])
{
	const char *at = conn->rest_text + conn->cipher.server_name_len;
	size_t left = conn->cipher.protocols_len, len = 0;

	while (left) {
		size_t n = (uint8_t)*at;

		if (n + 1 > left)
			break;
		if (len)
			out[len++] = ',';
		memcpy(out + len, at + 1, n);
		len += n;
		at += n + 1;
		left -= n + 1;
	}
	return (struct atr_str){ out, len };
}

static struct atr_str why(const struct atr_conn *conn)
{
	if (conn->cipher.alert)
		return atr_tls_reason_alert(conn->cipher.alert - 1);
	if (conn->error)
		return atr_semconv_errno(conn->error);
	if (conn->cipher.is_refused)
		return ATR_STR("handshake_failure");
	if (conn->peer_closed && !conn->handshake.end_ns)
		return ATR_STR("connection_closed");
	if (conn->wait_timed_out && !conn->handshake.end_ns)
		return ATR_STR("timed_out");
	/* closed by the program when it knew whom it talks to, but not when it merely ends */
	if (conn->cipher.saw_server_hello && !conn->handshake.end_ns &&
	    !atomic_load_explicit(&conn->refs, memory_order_relaxed))
		return ATR_STR("handshake_failure");
	return (struct atr_str){ 0 };
}

static void tell_end(struct atr_conn *conn, struct atr_span *span)
{
	struct atr_cipher *c = &conn->cipher;
	struct atr_str protocol = { c->protocol, c->protocol_len }, reason = why(conn);
	const char *version = version_text(c->version);
	char text[ATR_PIECES_TEXT];

	if (version) {
		atr_span_put_str(span, ATR_TLS_PROTOCOL_NAME, ATR_STR("tls"));
		atr_span_put_str(span, ATR_TLS_PROTOCOL_VERSION, atr_str(version));
	}
	if (protocol.len)
		atr_span_put_str(span, ATR_TLS_NEXT_PROTOCOL, protocol);
	else if (c->protocols_len)
		atr_span_put_str(span, ATR_TLS_OFFERED_PROTOCOLS, offered(conn, text));
	atr_span_put_bool(span, ATR_TLS_ESTABLISHED, conn->handshake.end_ns != 0);
	if (conn->handshake.end_ns) {
		atr_span_event(span, atr_clock_unix(conn->handshake.start_ns),
			       ATR_STR("tls.handshake.start"));
		atr_span_event(span, atr_clock_unix(conn->handshake.end_ns),
			       ATR_STR("tls.handshake.end"));
		atr_span_put_double(span, ATR_TLS_HANDSHAKE_DURATION,
				    (double)(conn->handshake.end_ns - conn->handshake.start_ns) /
					    1e9);
	}
	if (c->first_byte_ns)
		atr_span_put_double(span, ATR_FIRST_BYTE_DURATION,
				    (double)(c->first_byte_ns - c->request_ns) / 1e9);
	atr_span_late_int(span, ATR_BYTES_SENT, (int64_t)c->bytes_out);
	atr_span_late_int(span, ATR_BYTES_RECEIVED, (int64_t)c->bytes_in);
	if (reason.len)
		atr_semconv_error(span, reason);
}

void atr_cipher_is_known(struct atr_conn *conn)
{
	conn->cipher.is_told = true;
	atr_live_drop(conn->cipher.span);
	conn->cipher.span = 0;
	conn->cipher.is_unused = conn->side == ATR_SIDE_CLIENT;
	/* until then its bytes are looked at */
	if (!conn->cipher.is_unused)
		atr_conn_is_tied(conn);
}

void atr_cipher_is_established(struct atr_conn *conn)
{
	struct atr_cipher *c = &conn->cipher;

	conn->handshake.end_ns = atr_clock_ns();
	c->request_ns = c->first_byte_ns = 0;
	c->has_asked = false;
}

void atr_cipher_is_used(struct atr_conn *conn)
{
	if (!conn->cipher.is_unused)
		return;
	conn->cipher.is_unused = false;
	atr_conn_is_tied(conn);
}

/* Whether all was said past us; what merely ends a session that nothing was said in is no exchange. */
static bool is_past_us(const struct atr_cipher *c)
{
	return c->is_unused && c->first_byte_ns && c->has_asked;
}

void atr_cipher_ended(struct atr_thread *self, struct atr_conn *conn)
{
	struct atr_cipher *c = &conn->cipher;
	struct atr_span *span;

	if (is_past_us(c) && (atr_probes & ATR_PROBE_HTTP))
		open_span(self, conn);
	else if (!c->is_told && c->saw_hello && conn->side == ATR_SIDE_CLIENT &&
		 !atr_self.in_session && (atr_probes & ATR_PROBE_HTTP))
		open_span(self, conn);
	span = atr_live_span(c->span);
	if (span)
		tell_end(conn, span);
	atr_live_close(c->span, atr_clock_ns());
	c->span = 0;
	c->is_unused = false;
}

/* ---- what goes by ---- */

bool atr_cipher_feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
		     const char *bytes, size_t len)
{
	conn->is_cipher = true;
	atr_cipher_skip(conn, outward, len);
	if (conn->cipher.saw_hello && conn->side == ATR_SIDE_CLIENT) {
		if (outward)
			feed_more(self, conn, bytes, len);
		else
			feed_answer(conn, bytes, len);
	} else if (!conn->cipher.saw_hello && is_hellos_way(conn, outward)) {
		return feed_client_hello(conn, bytes, len);
	}
	return true;
}

void atr_cipher_skip(struct atr_conn *conn, bool outward, uint64_t len)
{
	if (outward)
		conn->cipher.bytes_out += len;
	else
		conn->cipher.bytes_in += len;
}
