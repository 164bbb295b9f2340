/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/cipher.h"
#include "preload/conn/state.h"

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
	return len && bytes[0] == 0x16 && is_hellos_way(conn, outward) && !conn->in.known &&
	       !conn->out.known && !conn->nr_exchanges && !conn->in.held && !conn->out.held;
}

static bool is_hello(const char *bytes)
{
	return bytes[0] == 0x16 && bytes[1] == 0x03 && bytes[5] == 0x01 && bytes[9] == 0x03;
}

/* The hello is whole as far as it is needed: what asks the program over it is not seen, for now. */
static void hello_came(struct atr_conn *conn, const char *bytes)
{
	remember(conn, bytes + RANDOM_AT);
	if (conn->side == ATR_SIDE_SERVER) {
		conn->given_up = true;
		atr_work_unseen(1);
	}
}

/* The bytes before the hello was whole; true once it is, or false in *is_tls. */
static bool gather_hello(struct atr_conn *conn, struct atr_stream *s, const char *bytes, size_t len,
			 bool *is_tls)
{
	char *held;

	if (len > NEEDED - s->held_len)
		len = NEEDED - s->held_len;
	if (!s->held_len && len == NEEDED) {
		held = (char *)bytes;
	} else {
		held = atr_stream_hold(s, bytes, len);
		s->held_len += held ? (uint32_t)len : 0;
		if (held && s->held_len < NEEDED)
			return false;
	}
	*is_tls = held && is_hello(held);
	if (*is_tls)
		hello_came(conn, held);
	atr_stream_drop_held(s);
	return *is_tls;
}

bool atr_cipher_feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
		     const char *bytes, size_t len)
{
	struct atr_stream *s = outward ? &conn->out : &conn->in;
	bool is_tls = true;

	conn->is_cipher = true;
	atr_cipher_skip(self, conn, outward, len);
	if (!s->known && is_hellos_way(conn, outward))
		s->known = gather_hello(conn, s, bytes, len, &is_tls);
	return is_tls;
}

void atr_cipher_skip(struct atr_thread *self, struct atr_conn *conn, bool outward, uint64_t len)
{
	(void)self;
	if (outward)
		conn->bytes_out += len;
	else
		conn->bytes_in += len;
}

void atr_cipher_ended(struct atr_thread *self, struct atr_conn *conn)
{
	(void)self;
	(void)conn;
}
