/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/tls.h"

#include "export/attr.h"
#include "export/diag.h"
#include "preload/conn/cipher.h"
#include "preload/conn/probes.h"
#include "preload/conn/transfer.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"
#include "preload/live/where.h"

#include <errno.h>

/* ---- which sessions there are ---- */

/*
 * A session belongs in one bucket, by its address, and lies anywhere in it. `key`
 * is 0 where there is room, TAKEN while it is being filled, or the session's
 * address: then `index` leads to what we keep for it. Nobody asks for a session
 * that is being freed, so a key that was found stays.
 */
#define BUCKETS 4096
#define BUCKET_LEN 8
#define TAKEN 1

struct bucket {
	_Atomic uintptr_t key[BUCKET_LEN];
	_Atomic uint32_t index[BUCKET_LEN];
};

/*
 * Of a write that is to be made again: `done` of the program's bytes went out in
 * earlier attempts, and what we laid out for the library, which may have kept its
 * address, is in the block `laid`.
 */
struct atr_tls {
	struct atr_pooled pooled;
	atr_ref ref;
	uint64_t word;	 /* of its connection */
	uint64_t cipher; /* of the one that it is tied to */
	const void *library;
	uint64_t start_ns;
	uint8_t side;
	bool is_tied, is_established, is_used, is_over, is_writing;
	struct atr_str unverified; /* what there is against the peer's certificate */
	atr_ref laid;
	const void *bytes;
	size_t len, done;
};

/* Nothing of these is touched by a program that has no TLS. */
static struct bucket buckets[BUCKETS];
static struct atr_tls sessions[ATR_CONNS_MAX];
static struct atr_pool pool = {
	.base = (char *)sessions,
	.item_len = sizeof(struct atr_tls),
	.cap = ATR_CONNS_MAX,
};

static struct bucket *bucket_of(const void *session)
{
	return &buckets[((uintptr_t)session >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 52];
}

static _Atomic uintptr_t *find(struct bucket *bucket, const void *session)
{
	if ((uintptr_t)session <= TAKEN)
		return NULL; /* SSL_free(NULL) is no session's end */
	for (int i = 0; i < BUCKET_LEN; i++)
		if (atomic_load_explicit(&bucket->key[i], memory_order_acquire) ==
		    (uintptr_t)session)
			return &bucket->key[i];
	return NULL;
}

static struct atr_tls *session_at(struct bucket *bucket, const _Atomic uintptr_t *key)
{
	return &sessions[atomic_load_explicit(&bucket->index[key - bucket->key],
					      memory_order_relaxed)];
}

struct atr_tls *atr_tls_of(const void *session)
{
	struct bucket *bucket = bucket_of(session);
	const _Atomic uintptr_t *key = find(bucket, session);

	return key ? session_at(bucket, key) : NULL;
}

static bool enter_into_bucket(const void *session, const struct atr_tls *tls)
{
	struct bucket *bucket = bucket_of(session);

	for (int i = 0; i < BUCKET_LEN; i++) {
		uintptr_t none = 0;

		if (!atomic_compare_exchange_strong_explicit(&bucket->key[i], &none, TAKEN,
							     memory_order_acquire,
							     memory_order_relaxed))
			continue;
		atomic_store_explicit(&bucket->index[i], (uint32_t)(tls - sessions),
				      memory_order_relaxed);
		atomic_store_explicit(&bucket->key[i], (uintptr_t)session, memory_order_release);
		return true;
	}
	return false;
}

static struct atr_tls *begin(const void *session, enum atr_tls_side side, const void *library)
{
	static const enum atr_side sides[] = { ATR_SIDE_UNKNOWN, ATR_SIDE_CLIENT, ATR_SIDE_SERVER };
	atr_ref ref = atr_pool_take(&pool);
	struct atr_tls *tls;

	if (!ref)
		return NULL;
	tls = atr_pool_at(&pool, (uint32_t)ref - 1);
	memset((char *)tls + sizeof(tls->pooled), 0, sizeof(*tls) - sizeof(tls->pooled));
	tls->ref = ref;
	tls->side = (uint8_t)side;
	tls->library = library;
	tls->word = atr_conn_open_plain(sides[side]);
	if (tls->word && enter_into_bucket(session, tls))
		return tls;
	if (tls->word)
		atr_conn_close_plain(tls->word);
	atr_pool_give(&pool, ref);
	return NULL;
}

struct atr_tls *atr_tls_begin(const void *session, enum atr_tls_side side, const void *library)
{
	struct atr_thread *self;
	struct atr_tls *tls;

	if (!session || !(atr_probes & (ATR_PROBE_HTTP | ATR_PROBE_TLS)))
		return NULL;
	self = atr_enter();
	if (!self)
		return NULL;
	tls = begin(session, side, library);
	if (!tls)
		atr_count(ATR_COUNT_TLS_NO_SLOT);
	atr_leave(self);
	return tls;
}

const void *atr_tls_library(const struct atr_tls *tls)
{
	return tls->library;
}

/* ---- the handshake ---- */

void atr_tls_shakes_hands(struct atr_tls *tls)
{
	if (!tls->start_ns)
		tls->start_ns = atr_clock_ns();
}

bool atr_tls_is_tied(const struct atr_tls *tls)
{
	return tls->is_tied;
}

/* What a connection's plain side takes over from the one that its cipher bytes go by. */
struct opening {
	uint8_t side;
	bool counts_as_call;
	int fd;
	atr_ref opened_in;
	uint64_t connect_ns, connected_ns;
	struct atr_lookup lookup;
	socklen_t peer_len;
	struct sockaddr_storage peer;
	uint8_t server_name_len;
	char server_name[ATR_HELLO_ROOM]; /* that the ClientHello has */
};

static bool take_over(uint64_t cipher, uint64_t plain, struct opening *o)
{
	struct atr_thread *self;
	struct atr_conn *conn = atr_conn_enter(cipher, &self);
	bool is_free = conn && conn->is_cipher && !conn->plain;

	if (is_free) {
		o->side = conn->side;
		o->fd = conn->fd;
		o->counts_as_call = conn->counts_as_call;
		o->opened_in = conn->opened_in;
		o->connect_ns = conn->connect_ns;
		o->connected_ns = conn->connected_ns;
		o->lookup = conn->lookup;
		o->server_name_len =
			conn->side == ATR_SIDE_CLIENT &&
					conn->cipher.server_name_len < sizeof(o->server_name) ?
				conn->cipher.server_name_len :
				0;
		memcpy(o->server_name, conn->rest_text, o->server_name_len);
		o->peer_len = conn->peer_len;
		memcpy(&o->peer, &conn->peer, sizeof(o->peer));
		conn->counts_as_call = false;
		conn->plain = plain;
		/* what it asks of the program is seen now */
		if (conn->given_up && conn->side == ATR_SIDE_SERVER)
			atr_work_unseen(-1);
		conn->given_up = false;
		atr_cipher_is_known(conn);
	}
	if (conn)
		atr_conn_leave(self, conn);
	return is_free;
}

void atr_tls_tie(struct atr_tls *tls, const uint8_t random[static ATR_TLS_RANDOM_LEN])
{
	uint64_t cipher = atr_cipher_find(tls->side, random);
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn;
	struct opening o;

	if (!cipher || !take_over(cipher, tls->word, &o))
		return;
	tls->is_tied = true;
	tls->cipher = cipher;
	conn = atr_conn_enter(tls->word, &self);
	if (conn) {
		if (conn->side == ATR_SIDE_UNKNOWN)
			conn->side = o.side;
		conn->fd = o.fd;
		conn->counts_as_call = o.counts_as_call;
		conn->opened_in = o.opened_in;
		conn->connect_ns = o.connect_ns;
		conn->connected_ns = o.connected_ns;
		conn->lookup = o.lookup;
		conn->cipher.server_name_len = o.server_name_len;
		memcpy(conn->hello, o.server_name, o.server_name_len);
		conn->peer_len = o.peer_len;
		memcpy(&conn->peer, &o.peer, sizeof(o.peer));
		atr_conn_leave(self, conn);
	} else if (o.counts_as_call) {
		atr_work_ends_call(o.opened_in);
	}
	errno = saved;
}

bool atr_tls_is_established(const struct atr_tls *tls)
{
	return tls->is_established;
}

struct atr_str atr_tls_reason_errno(int error)
{
	return atr_semconv_errno(error);
}

/* By their names in RFC 8446, 6. */
struct atr_str atr_tls_reason_alert(int alert)
{
	switch (alert) {
	case 10:
		return ATR_STR("unexpected_message");
	case 20:
		return ATR_STR("bad_record_mac");
	case 40:
		return ATR_STR("handshake_failure");
	case 42:
		return ATR_STR("bad_certificate");
	case 43:
		return ATR_STR("unsupported_certificate");
	case 44:
		return ATR_STR("certificate_revoked");
	case 45:
		return ATR_STR("certificate_expired");
	case 46:
		return ATR_STR("certificate_unknown");
	case 47:
		return ATR_STR("illegal_parameter");
	case 48:
		return ATR_STR("unknown_ca");
	case 49:
		return ATR_STR("access_denied");
	case 50:
		return ATR_STR("decode_error");
	case 51:
		return ATR_STR("decrypt_error");
	case 70:
		return ATR_STR("protocol_version");
	case 71:
		return ATR_STR("insufficient_security");
	case 80:
		return ATR_STR("internal_error");
	case 112:
		return ATR_STR("unrecognized_name");
	case 116:
		return ATR_STR("certificate_required");
	case 120:
		return ATR_STR("no_application_protocol");
	default:
		return ATR_STR("_OTHER");
	}
}

struct atr_str atr_tls_reason_verify(long result)
{
	switch (result) {
	case 2:
	case 20:
	case 21:
		return ATR_STR("unable_to_get_issuer_certificate");
	case 9:
		return ATR_STR("certificate_not_yet_valid");
	case 10:
		return ATR_STR("certificate_expired");
	case 18:
		return ATR_STR("self_signed_certificate");
	case 19:
		return ATR_STR("self_signed_certificate_in_chain");
	case 23:
		return ATR_STR("certificate_revoked");
	case 62:
		return ATR_STR("hostname_mismatch");
	case 64:
		return ATR_STR("ip_address_mismatch");
	default:
		return ATR_STR("certificate_verify_failed");
	}
}

/* Of a handshake that is told for itself. */
static void handshake_span(struct atr_thread *self, struct atr_conn *conn, struct atr_tls *tls,
			   struct atr_str server_name, struct atr_str why)
{
	bool is_server = conn->side == ATR_SIDE_SERVER;
	struct atr_str what =
		is_server ? ATR_STR("TLS server handshake") : ATR_STR("TLS client handshake ");
	struct atr_context_copy parent = { .block = 0 };
	atr_ref work = atr_work_current(self, conn->opened_in);
	bool has_parent = !is_server && atr_work_context(work, &parent);
	atr_ref ref = atr_live_open(self, ATR_KIND_INTERNAL, has_parent ? &parent.context : NULL,
				    tls->start_ns);
	struct atr_span *span = atr_live_span(ref);
	char name[24 + 256];
	size_t len = what.len;

	atr_context_copy_release(&parent);
	atr_where_note(self, span);
	if (span) {
		if (!server_name.len)
			server_name = (struct atr_str){ conn->hello, conn->cipher.server_name_len };
		if (!server_name.len)
			server_name = (struct atr_str){ conn->lookup.name, conn->lookup.name_len };
		if (server_name.len > 255)
			server_name.len = 255;
		memcpy(name, what.at, len);
		if (!is_server && server_name.len) {
			memcpy(name + len, server_name.at, server_name.len);
			len += server_name.len;
		} else if (!is_server) {
			len += atr_semconv_peer_text(&conn->peer.any, conn->peer_len, name + len,
						     255);
			len -= name[len - 1] == ' '; /* nothing is known of who it is */
		}
		atr_span_put_str(span, ATR_NAME, (struct atr_str){ name, len });
		if (server_name.len)
			atr_span_put_str(span, ATR_SERVER_ADDRESS, server_name);
		atr_semconv_peer(span, &conn->peer.any, conn->peer_len);
		if (why.len)
			atr_semconv_error(span, why);
		else
			atr_semconv_handshake(span, &conn->handshake);
	}
	atr_live_close(ref, atr_clock_ns());
}

/* Where the handshake was made by the request's own write, its span is there already. */
static void tell_who_waited(struct atr_conn *conn)
{
	const struct atr_exchange *e = &conn->exchange[conn->first_exchange];
	bool is_sent = conn->nr_exchanges;

	if (conn->side == ATR_SIDE_CLIENT && !(is_sent ? e->is_own : conn->is_own))
		atr_handshake_tell(conn, atr_live_span(is_sent ? e->span : conn->prepared));
}

static void tell_cipher(const struct atr_tls *tls, void (*told)(struct atr_conn *cipher))
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *cipher = tls->cipher ? atr_conn_enter(tls->cipher, &self) : NULL;

	if (!cipher)
		return;
	told(cipher);
	atr_conn_leave(self, cipher);
	errno = saved;
}

void atr_tls_established(struct atr_tls *tls, const struct atr_tls_facts *facts)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = atr_conn_enter(tls->word, &self);
	struct atr_handshake *shake;

	tls->is_established = true;
	if (!conn)
		return;
	shake = &conn->handshake;
	shake->start_ns = tls->start_ns;
	shake->end_ns = atr_clock_ns();
	shake->version = facts->version;
	shake->cipher = facts->cipher;
	shake->is_resumed = facts->is_resumed;
	if (facts->protocol.len <= sizeof(shake->protocol)) {
		shake->protocol_len = (uint8_t)facts->protocol.len;
		if (facts->protocol.len)
			memcpy(shake->protocol, facts->protocol.at, facts->protocol.len);
	}
	if (atr_probes & ATR_PROBE_TLS)
		handshake_span(self, conn, tls, facts->server_name, (struct atr_str){ 0 });
	tell_who_waited(conn);
	atr_conn_leave(self, conn);
	if (!tls->is_used)
		tell_cipher(tls, atr_cipher_is_established);
	errno = saved;
}

/* A client's is told also where the probe is off, if nothing else will tell of it. */
void atr_tls_failed(struct atr_tls *tls, struct atr_str server_name, struct atr_str why)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn;

	if (tls->is_established || tls->is_over)
		return;
	tls->is_over = true;
	conn = atr_conn_enter(tls->word, &self);
	if (!conn)
		return;
	if ((atr_probes & ATR_PROBE_TLS) ||
	    (conn->side == ATR_SIDE_CLIENT && !atr_transfer_tells()))
		handshake_span(self, conn, tls, server_name, why);
	atr_conn_leave(self, conn);
	errno = saved;
}

void atr_tls_unverified(struct atr_tls *tls, struct atr_str why)
{
	tls->unverified = why;
}

struct atr_str atr_tls_why_unverified(const struct atr_tls *tls)
{
	return tls->unverified;
}

/* It ends: was anything said in it? */
static void tell_unverified(struct atr_tls *tls)
{
	struct atr_thread *self;
	struct atr_conn *conn = atr_conn_enter(tls->word, &self);

	if (!conn)
		return;
	/* HTTP/2 begins by what the client says, whoever tells of its requests */
	if (conn->is_fresh && conn->side == ATR_SIDE_CLIENT && !conn->given_up && !conn->prepared &&
	    !conn->http2 && !atr_transfer_tells())
		handshake_span(self, conn, tls, (struct atr_str){ 0 }, tls->unverified);
	atr_conn_leave(self, conn);
}

/* ---- what is read ---- */

static inline void is_used(struct atr_tls *tls)
{
	if (__builtin_expect(tls->is_used, 1))
		return;
	/* one that makes its handshake by this call is tied when it comes back */
	tls->is_used = tls->is_tied;
	tell_cipher(tls, atr_cipher_is_used);
}

void atr_tls_received(struct atr_tls *tls, const void *bytes, size_t len)
{
	struct iovec iov = { (void *)bytes, len };

	is_used(tls);
	if (!tls->is_over)
		atr_conn_received(tls->word, -1, &iov, 1, (ssize_t)len);
}

static void note_close(struct atr_tls *tls, bool is_cut)
{
	struct atr_thread *self;
	struct atr_conn *conn = atr_conn_enter(tls->word, &self);

	if (!conn)
		return;
	conn->is_cut = is_cut;
	atr_conn_leave(self, conn);
}

void atr_tls_received_nothing(struct atr_tls *tls, enum atr_tls_end why)
{
	int saved = errno;

	is_used(tls);
	if (tls->is_over)
		return;
	if (why == ATR_TLS_CUT || why == ATR_TLS_CLOSED)
		note_close(tls, why == ATR_TLS_CUT);
	errno = why == ATR_TLS_LATER ? EAGAIN : why == ATR_TLS_GARBLED ? EPROTO : saved;
	atr_conn_received(tls->word, -1, NULL, 0,
			  why == ATR_TLS_CUT || why == ATR_TLS_CLOSED ? 0 : -1);
	errno = saved;
}

void atr_tls_garbled_by(struct atr_tls *tls, struct atr_str why)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = tls->is_over ? NULL : atr_conn_enter(tls->word, &self);

	if (!conn)
		return;
	conn->why = why;
	atr_conn_leave(self, conn);
	errno = saved;
}

void atr_tls_received_blind(struct atr_tls *tls, size_t len)
{
	is_used(tls);
	atr_conn_received_blind(tls->word, -1, (ssize_t)len);
}

void atr_tls_sent_blind(struct atr_tls *tls, size_t len)
{
	is_used(tls);
	atr_conn_sent_blind(tls->word, -1, (ssize_t)len);
}

/* ---- what is written ---- */

/* A piece with our header in it, as the library is given it: it lies here until it was taken. */
struct laid {
	struct atr_pieces piece;
	size_t len;
	char bytes[];
};
#define LAID_ALIGN 16
#define LAID_MAX (ATR_BLOCK_LEN - sizeof(struct laid) - LAID_ALIGN)
_Static_assert(LAID_MAX >= ATR_PIECES_SECURE, "what is planned for a session has room");

static struct laid *laid_in(atr_ref block)
{
	char *at = atr_block_bytes(block);

	return at ? (struct laid *)(((uintptr_t)at + LAID_ALIGN - 1) &
				    ~(uintptr_t)(LAID_ALIGN - 1)) :
		    NULL;
}

static size_t total_of(const struct atr_pieces *piece)
{
	size_t total = 0;

	for (int i = 0; i < piece->nr_iov; i++)
		total += piece->iov[i].iov_len;
	return total;
}

/*
 * Copies the piece to where it can stay. What is behind the head is copied as far as
 * one record takes it, and is otherwise left to the next piece.
 */
static bool lay(struct atr_tls *tls, const struct atr_pieces *piece)
{
	size_t head = piece->head_end > piece->at ? piece->head_end : piece->at;
	size_t must = head + piece->ours_len - piece->hidden, total = total_of(piece);
	size_t most = must > ATR_TLS_RECORD_MAX ? must : ATR_TLS_RECORD_MAX;
	struct laid *laid;

	if (piece->is_http2)
		must = most = total;
	if (piece->hold_last || must > LAID_MAX)
		return false;
	tls->laid = atr_block_take();
	laid = laid_in(tls->laid);
	if (!laid)
		return false;
	memcpy(&laid->piece, piece, offsetof(struct atr_pieces, text));
	laid->len = 0;
	for (int i = 0; i < piece->nr_iov && laid->len < most; i++) {
		size_t n = piece->iov[i].iov_len;

		if (n > most - laid->len)
			n = most - laid->len;
		memcpy(laid->bytes + laid->len, piece->iov[i].iov_base, n);
		laid->len += n;
	}
	if (piece->is_http2) {
		atr_block_give(piece->block);
		laid->piece.block = 0;
		return true;
	}
	laid->piece.end -= total - laid->len;
	laid->piece.from = 0;
	laid->piece.ours = laid->bytes + piece->at;
	return true;
}

/* Its header finds no place: the bytes go out as they are. */
static void leave_out(struct atr_pieces *piece)
{
	piece->ours_len = piece->hidden = 0;
	piece->hold_last = false;
	piece->at = piece->end;
	piece->is_plain = true;
}

/* One write, as the library answered it. */
struct outcome {
	ssize_t raw;   /* what it gave */
	size_t taken;  /* of the program's bytes */
	bool is_whole; /* all that it was given */
};

/* Tells it, with an errno for what was none of the kernel's. How many of the program's bytes it was. */
static size_t tell(struct atr_tls *tls, const struct iovec *iov, int nr, struct atr_pieces *piece,
		   struct atr_tls_writer *writer, ssize_t raw)
{
	int saved = errno;
	ssize_t taken;

	if (raw <= 0) {
		enum atr_tls_end end = writer->end(writer);

		errno = end == ATR_TLS_LATER ? EAGAIN : end == ATR_TLS_GARBLED ? EPROTO : saved;
	}
	taken = atr_conn_sent(tls->word, -1, iov, nr, piece, raw > 0 ? raw : -1);
	errno = saved;
	return taken > 0 ? (size_t)taken : 0;
}

/* Frames of HTTP/2, of which what is laid does not say which bytes are the program's. */
static struct outcome write_frames(struct atr_tls *tls, const struct iovec *iov, size_t done,
				   struct atr_pieces *piece, const struct iovec *bytes,
				   struct atr_tls_writer *writer)
{
	struct outcome o = { .raw = writer->write(writer, bytes->iov_base, bytes->iov_len) };

	if (o.raw <= 0 && writer->end(writer) == ATR_TLS_LATER)
		return o;
	piece->from = done;
	if (o.raw > 0 && !iov->iov_base) {
		/* those of an earlier call, which are not there to be followed */
		o.taken = atr_sending_settle(NULL, piece, (size_t)o.raw);
		atr_conn_sent_blind(tls->word, -1, o.raw);
	} else {
		o.taken = tell(tls, iov, 1, piece, writer, o.raw);
	}
	o.is_whole = o.raw > 0 && (size_t)o.raw == bytes->iov_len;
	return o;
}

static struct outcome write_laid_frames(struct atr_tls *tls, const struct iovec *iov, size_t done,
					struct atr_tls_writer *writer)
{
	struct laid *laid = laid_in(tls->laid);
	struct iovec bytes = { laid->bytes, laid->len };
	struct outcome o = write_frames(tls, iov, done, &laid->piece, &bytes, writer);

	if (o.raw <= 0 && writer->end(writer) == ATR_TLS_LATER)
		return o;
	atr_block_give(tls->laid);
	tls->laid = 0;
	return o;
}

static struct outcome write_laid(struct atr_tls *tls, const struct iovec *program, size_t done,
				 struct atr_tls_writer *writer)
{
	struct laid *laid = laid_in(tls->laid);
	struct atr_pieces *piece = &laid->piece;
	size_t inserted = piece->ours_len - piece->hidden;
	struct iovec iov[2] = { { laid->bytes, inserted ? piece->at : laid->len },
				{ laid->bytes + piece->at + inserted,
				  inserted ? laid->len - piece->at - inserted : 0 } };
	struct outcome o = { 0 };

	if (piece->is_http2)
		return write_laid_frames(tls, program, done, writer);
	o.raw = writer->write(writer, laid->bytes, laid->len);
	if (o.raw <= 0 && writer->end(writer) == ATR_TLS_LATER)
		return o;
	o.taken = tell(tls, iov, 2, piece, writer, o.raw);
	o.is_whole = o.raw > 0 && (size_t)o.raw == laid->len;
	atr_block_give(tls->laid);
	tls->laid = 0;
	return o;
}

static struct outcome write_plain(struct atr_tls *tls, const struct iovec *iov,
				  struct atr_pieces *piece, struct atr_tls_writer *writer)
{
	const char *from = (const char *)iov->iov_base + piece->from;
	struct outcome o = { .raw = writer->write(writer, from, piece->end) };

	if (o.raw > 0 && !iov->iov_base)
		atr_conn_sent_blind(tls->word, -1, o.raw); /* those of an earlier call */
	else
		tell(tls, iov, 1, piece, writer, o.raw);
	o.taken = o.raw > 0 ? (size_t)o.raw : 0;
	o.is_whole = o.taken == piece->end;
	return o;
}

static struct outcome write_untold(struct atr_tls *tls, const struct iovec *iov, size_t done,
				   struct atr_tls_writer *writer)
{
	struct outcome o = { .raw = writer->write(writer, (const char *)iov->iov_base + done,
						  iov->iov_len - done) };

	tls->is_over = true;
	o.taken = o.raw > 0 ? (size_t)o.raw : 0;
	o.is_whole = o.taken == iov->iov_len - done;
	return o;
}

static struct outcome write_next(struct atr_tls *tls, const struct iovec *iov, size_t done,
				 struct atr_tls_writer *writer)
{
	struct atr_pieces piece;

	if (tls->is_over || !atr_conn_plan(tls->word, -1, iov, 1, done, 0, &piece))
		return write_untold(tls, iov, done, writer);
	if (!piece.is_plain && lay(tls, &piece))
		return write_laid(tls, iov, done, writer);
	/* frames that are changed, and no memory in which they could stay until they are taken */
	if (!piece.is_plain && piece.is_http2 && piece.nr_iov == 1 &&
	    (piece.block || piece.iov[0].iov_base == piece.whole)) {
		atr_block_give(piece.block);
		atr_conn_leave_alone(tls->word);
		if (!atr_conn_plan(tls->word, -1, iov, 1, done, 0, &piece))
			return write_untold(tls, iov, done, writer);
		if (!piece.is_plain)
			return write_frames(tls, iov, done, &piece, piece.iov, writer);
	}
	if (!piece.is_plain)
		leave_out(&piece);
	return write_plain(tls, iov, &piece, writer);
}

/* Whether this is the write again that did not come to an end. */
static bool is_again(const struct atr_tls *tls, const struct iovec *iov, unsigned modes)
{
	if (!iov->iov_base && !iov->iov_len)
		return modes & ATR_TLS_BY_NULL;
	return iov->iov_len >= tls->len &&
	       (iov->iov_base == tls->bytes || (modes & ATR_TLS_MOVING));
}

/*
 * The library took nothing more. The program makes its call again: with all of its
 * bytes, or where it was told of those that went out, with the others.
 */
static ssize_t stopped(struct atr_tls *tls, const struct iovec *iov, size_t done, bool partly,
		       ssize_t raw)
{
	tls->bytes = (const char *)iov->iov_base + (partly ? done : 0);
	tls->len = iov->iov_len - (partly ? done : 0);
	tls->done = partly ? 0 : done;
	return partly && done ? (ssize_t)done : raw;
}

static ssize_t write_pieces(struct atr_tls *tls, const struct iovec *iov,
			    struct atr_tls_writer *writer, unsigned modes)
{
	size_t done = tls->done;
	bool partly = modes & ATR_TLS_PARTLY;
	size_t enough =
		partly && iov->iov_len > ATR_TLS_RECORD_MAX ? ATR_TLS_RECORD_MAX : iov->iov_len;
	struct outcome o;

	tls->done = 0;
	do {
		o = tls->laid ? write_laid(tls, iov, done, writer) :
				write_next(tls, iov, done, writer);
		if (o.raw <= 0) {
			if (writer->end(writer) == ATR_TLS_LATER)
				return stopped(tls, iov, done, partly, o.raw);
			return partly && done ? (ssize_t)done : o.raw;
		}
		done += o.taken;
		if (partly && !o.is_whole && done)
			break;
	} while (done < enough);
	return (ssize_t)done;
}

/* One piece that is the program's own. Where it may be made again without it, it is kept. */
static ssize_t write_only(struct atr_tls *tls, const struct iovec *iov, struct atr_pieces *piece,
			  struct atr_tls_writer *writer)
{
	ssize_t n = write_plain(tls, iov, piece, writer).raw;

	if (n > 0 || !iov->iov_len || writer->end(writer) != ATR_TLS_LATER ||
	    !(writer->modes(writer) & ATR_TLS_BY_NULL))
		return n;
	piece->at = 0;
	piece->iov[0] = *iov;
	piece->nr_iov = 1;
	if (lay(tls, piece))
		stopped(tls, iov, 0, true, n);
	return n;
}

static ssize_t write_told(struct atr_tls *tls, const void *bytes, size_t len,
			  struct atr_tls_writer *writer)
{
	struct iovec iov = { (void *)bytes, len };
	struct atr_pieces piece;

	if (tls->laid && !laid_in(tls->laid)) {
		/* of the process that forked this one */
		tls->laid = tls->done = 0;
		tls->is_over = true;
	}
	if (tls->laid || tls->done) {
		unsigned modes = writer->modes(writer);

		if (!is_again(tls, &iov, modes))
			return writer->write(writer, bytes,
					     len); /* it refuses that, as it should */
		return write_pieces(tls, &iov, writer, modes);
	}
	if (tls->is_over)
		return writer->write(writer, bytes, len);
	/* most writes are one piece, and the program's own */
	if (!atr_conn_plan(tls->word, -1, &iov, 1, 0, 0, &piece)) {
		tls->is_over = true;
		return writer->write(writer, bytes, len);
	}
	if (piece.is_plain)
		return write_only(tls, &iov, &piece, writer);
	atr_block_give(piece.block);
	return write_pieces(tls, &iov, writer, writer->modes(writer));
}

ssize_t atr_tls_write(struct atr_tls *tls, const void *bytes, size_t len,
		      struct atr_tls_writer *writer)
{
	ssize_t n;

	is_used(tls);
	if (tls->is_writing) {
		/* amid a write, in what the library called back: which of them goes first is its own */
		tls->is_over = true;
		return writer->write(writer, bytes, len);
	}
	tls->is_writing = true;
	n = write_told(tls, bytes, len, writer);
	tls->is_writing = false;
	return n;
}

static void drop_laid(struct atr_tls *tls)
{
	struct laid *laid = laid_in(tls->laid);

	if (laid)
		atr_block_give(laid->piece.block);
	atr_block_give(tls->laid);
	tls->laid = 0;
}

void atr_tls_write_unseen(struct atr_tls *tls)
{
	struct atr_thread *self = tls->laid ? atr_enter() : NULL;

	if (self)
		drop_laid(tls);
	atr_leave(self);
}

void atr_tls_leave_alone(struct atr_tls *tls)
{
	if (tls->is_over)
		return;
	tls->is_over = true;
	atr_conn_leave_alone(tls->word);
}

void atr_tls_ended(const void *session)
{
	struct bucket *bucket = bucket_of(session);
	_Atomic uintptr_t *key = find(bucket, session);
	int saved = errno;
	struct atr_thread *self;
	struct atr_tls *tls;

	if (!key || atr_in_shared_child())
		return;
	tls = session_at(bucket, key);
	atomic_store_explicit(key, 0, memory_order_release);
	if (tls->unverified.len && tls->is_established && !tls->is_over)
		tell_unverified(tls);
	atr_conn_close_plain(tls->word);
	self = atr_enter();
	if (self)
		drop_laid(tls);
	atr_leave(self);
	atr_pool_give(&pool, tls->ref);
	errno = saved;
}
