/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/state.h"

#include "export/diag.h"
#include "preload/conn/cipher.h"
#include "preload/conn/cursor.h"
#include "preload/conn/http2.h"
#include "preload/conn/lambda.h"
#include "preload/conn/probes.h"
#include "preload/conn/transfer.h"
#include "preload/live/carrier.h"
#include "preload/live/readable.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Who may touch a connection: `held` is 0, or HELD while a thread does. That
 * thread never waits while it holds, so another one tries for a moment, lets it
 * run a few times, and then sets GIVE_UP, which the holder (or the next one) carries out. The thread
 * that closes the last descriptor sets CLOSED; whoever has HELD then, itself or
 * the holder, takes the connection apart. A signal handler that interrupts the
 * holder fares like another thread.
 */
#define HELD 1u
#define GIVE_UP 2u
#define CLOSED 4u
#define TRIES 2000
#define YIELDS 1000 /* the holder may have lost its processor: it is given one to end on */
#define YIELDS_WHEN_SHARED 30000 /* of HTTP/2, where threads write for one another as a rule */
#define YIELDS_WHEN_OWED 1000000 /* giving up would leave half a header on the wire */

/* `shown`, about right at any moment. */
#define SERVES 1u
#define BUSY 2u	   /* a request was read or sent, and is not answered */
#define RECORDS 4u /* with a span of its own */
#define AWAITS 32u /* an event of Lambda's */
#define SHARED 64u /* its requests are of several threads */
#define OWES 8u	   /* bytes must go out before the program's */
#define CONNECTING 16u

static struct atr_pool conns;
static _Atomic bool stopped;
struct atr_conn_calls atr_calls;

bool atr_conn_setup(const struct atr_conn_calls *calls)
{
	atr_calls = *calls;
	return atr_pool_map(&conns, sizeof(struct atr_conn), ATR_CONNS_MAX) && atr_fds_setup();
}

/* Whether it is still the connection that the word says. */
static inline bool is_of(const struct atr_conn *conn, uint64_t word)
{
	uint32_t gen = atomic_load_explicit(&conn->pooled.gen, memory_order_acquire);

	return ((gen ^ word >> 32) & 0xffffff) == 0;
}

/* Of a word of any kind that has a connection in it. */
static inline struct atr_conn *slot_of(uint64_t word)
{
	uint32_t index = (uint32_t)word - 1;
	struct atr_conn *conn = (struct atr_conn *)conns.base + index;

	return index < conns.cap && is_of(conn, word) ? conn : NULL;
}

static inline struct atr_conn *conn_of(uint64_t word)
{
	return atr_fd_holds_conn(word) ? slot_of(word) : NULL;
}

static atr_ref ref_of(const struct atr_conn *conn)
{
	uint32_t index = (uint32_t)(((const char *)conn - conns.base) / conns.item_len);

	return (uint64_t)atomic_load_explicit(&conn->pooled.gen, memory_order_relaxed) << 32 |
	       (index + 1);
}

static void take_apart(struct atr_thread *self, struct atr_conn *conn)
{
	atr_ref ref = ref_of(conn);

	if (conn->given_up && conn->side == ATR_SIDE_SERVER)
		atr_work_unseen(-1);
	atr_exchanges_end(self, conn);
	atr_stream_drop_held(&conn->in);
	atr_stream_drop_held(&conn->out);
	atr_h2_release(conn, false);
	atr_sending_release(conn);
	/* `held` stays: nobody who comes late may hold it before it is opened anew */
	atomic_store_explicit(&conn->held, HELD | CLOSED, memory_order_relaxed);
	atr_pool_give(&conns, ref);
}

/* Its spans end as they stand, and it is left alone for good. */
static void give_up(struct atr_thread *self, struct atr_conn *conn)
{
	if (conn->given_up)
		return;
	conn->given_up = true;
	conn->ready = ATR_READY_NOT;
	/* what it asks of the program is not seen any more: no guess is safe meanwhile */
	if (conn->side == ATR_SIDE_SERVER)
		atr_work_unseen(1);
	atr_exchanges_end(self, conn);
	atr_stream_drop_held(&conn->in);
	atr_stream_drop_held(&conn->out);
	atr_h2_release(conn, conn->owes_http2);
}

/* Mostly nobody else is at it, and nothing is asked of who holds it next. */
static inline bool hold_at_once(struct atr_conn *conn)
{
	uint32_t nobody = 0;

	return atomic_compare_exchange_strong_explicit(&conn->held, &nobody, HELD,
						       memory_order_acquire, memory_order_relaxed);
}

__attribute__((noinline, cold)) static bool try_hold(struct atr_conn *conn, int yields)
{
	uint32_t now = 0;

	for (int i = 0; i < TRIES + yields; i++) {
		now = atomic_load_explicit(&conn->held, memory_order_relaxed);
		if (!(now & (HELD | CLOSED)) && atomic_compare_exchange_weak_explicit(
							&conn->held, &now, now | HELD,
							memory_order_acquire, memory_order_relaxed))
			return true;
		if (now & CLOSED)
			return false;
		if (i >= TRIES)
			sched_yield();
	}
	atomic_fetch_or_explicit(&conn->held, GIVE_UP, memory_order_relaxed);
	atr_count(ATR_COUNT_CONNS_CONTENDED);
	return false;
}

/* What a connection that is not held shows. */
static unsigned shown(const struct atr_conn *conn)
{
	return atomic_load_explicit(&conn->shown, memory_order_relaxed);
}

static inline unsigned shows_ordinary(const struct atr_conn *conn)
{
	unsigned now = conn->side == ATR_SIDE_SERVER ? SERVES : 0;

	if (conn->nr_exchanges)
		now |= conn->exchange[conn->first_exchange].span ? BUSY | RECORDS : BUSY;
	return conn->prepared ? now | RECORDS : now;
}

static inline void show(struct atr_conn *conn, unsigned now)
{
	if (shown(conn) != now)
		atomic_store_explicit(&conn->shown, (uint8_t)now, memory_order_relaxed);
}

/* As atr_sending_plan has it of an ordinary server's: there it tells the work, and no more. */
static inline atr_ref answers(const struct atr_conn *conn)
{
	if (!conn->nr_exchanges ||
	    conn->out.in_body | conn->out.held_len | conn->in.in_body | conn->api)
		return 0;
	return conn->exchange[conn->first_exchange].span;
}

/* Released: who reads another's, of the same slot, sees whose the slot is by now. */
static inline void show_answers(struct atr_conn *conn, atr_ref work)
{
	if (atomic_load_explicit(&conn->answers, memory_order_relaxed) != work)
		atomic_store_explicit(&conn->answers, work, memory_order_release);
}

__attribute__((noinline)) static void show_all(struct atr_conn *conn)
{
	show_answers(conn, 0);
	show(conn, shows_ordinary(conn) | conn->connecting * CONNECTING |
			   conn->awaits_event * AWAITS | !!conn->http2 * SHARED |
			   atr_sending_owes(conn) * OWES | (conn->nr_streams ? BUSY | RECORDS : 0));
	conn->ready = (uint8_t)atr_usual_ready(conn);
}

static void note(_Atomic bool *what, bool is)
{
	atomic_store_explicit(what, is, memory_order_relaxed);
}

/* While it was held, others have asked for something. */
__attribute__((noinline, cold)) static void carry_out(struct atr_thread *self,
						      struct atr_conn *conn, uint32_t now)
{
	if (now & CLOSED) {
		take_apart(self, conn);
		return;
	}
	give_up(self, conn);
	atomic_fetch_and_explicit(&conn->held, ~(HELD | GIVE_UP), memory_order_release);
}

static inline void let_go_shown(struct atr_thread *self, struct atr_conn *conn)
{
	uint32_t now = HELD;

	self->holds = NULL;
	if (!atomic_compare_exchange_strong_explicit(&conn->held, &now, 0, memory_order_release,
						     memory_order_relaxed))
		carry_out(self, conn, now);
}

static inline void let_go(struct atr_thread *self, struct atr_conn *conn)
{
	show_all(conn);
	let_go_shown(self, conn);
}

/*
 * The thread jumped out of our code, and held a connection: it is given up. What it
 * was at may be half done, so blocks of it are left rather than given back twice.
 */
__attribute__((noinline, cold)) static void abandon(struct atr_thread *self)
{
	struct atr_conn *conn = self->holds;

	conn->in.held = conn->out.held = conn->http2 = 0;
	conn->owes_http2 = false;
	give_up(self, conn);
	let_go(self, conn);
}

static int yields_for(const struct atr_conn *conn, bool owed)
{
	if (owed || shown(conn) & OWES)
		return YIELDS_WHEN_OWED;
	return shown(conn) & SHARED ? YIELDS_WHEN_SHARED : YIELDS;
}

/* Bytes go by unseen: what we knew of it is worth nothing now. */
static struct atr_conn *goes_by(struct atr_conn *conn)
{
	atomic_fetch_or_explicit(&conn->held, GIVE_UP, memory_order_relaxed);
	return NULL;
}

static void leave_conn(struct atr_thread *self, struct atr_conn *conn)
{
	let_go(self, conn);
	atr_leave(self);
}

/* It is held, and may have become another's since it was looked up. */
__attribute__((noinline, cold)) static struct atr_conn *
keep_hold(struct atr_thread *self, struct atr_conn *conn, uint64_t word)
{
	if (!is_of(conn, word)) {
		leave_conn(self, conn);
		return NULL;
	}
	/* bytes went by unseen: nothing that is known of it is to be believed now */
	if (atomic_load_explicit(&conn->held, memory_order_relaxed) & GIVE_UP)
		give_up(self, conn);
	return conn;
}

/* Inside. Another is at it, or has asked for something, or this thread jumped out of our code. */
__attribute__((noinline, cold)) static struct atr_conn *
hold_slowly(struct atr_thread *self, struct atr_conn *conn, uint64_t word, bool owed)
{
	if (self->holds)
		abandon(self);
	if (!is_of(conn, word) || !try_hold(conn, yields_for(conn, owed))) {
		atr_leave(self);
		return NULL;
	}
	self->holds = conn;
	return keep_hold(self, conn, word);
}

__attribute__((noinline, cold)) static struct atr_conn *
enter_slowly(struct atr_conn *conn, uint64_t word, bool owed, struct atr_thread **self)
{
	*self = atr_enter();
	return *self ? hold_slowly(*self, conn, word, owed) : goes_by(conn);
}

static inline struct atr_conn *told_of(uint64_t word)
{
	return atr_fd_is_conn(word) ? slot_of(word) : NULL;
}

/*
 * Enters and holds; NULL: not to be touched. Ended by leave_conn. `owed` when
 * bytes of the program's must not go by without ours.
 */
__attribute__((noinline)) static struct atr_conn *enter_at(struct atr_conn *conn, uint64_t word,
							   bool owed, struct atr_thread **in)
{
	struct atr_thread *self = &atr_self;

	if (__builtin_expect(!atr_enters_at_once(self), 0))
		return enter_slowly(conn, word, owed, in);
	*in = self;
	if (__builtin_expect(self->holds || !hold_at_once(conn), 0))
		return hold_slowly(self, conn, word, owed);
	self->holds = conn;
	if (__builtin_expect(!is_of(conn, word), 0))
		return keep_hold(self, conn, word);
	return conn;
}

static inline struct atr_conn *enter_owed(uint64_t word, bool owed, struct atr_thread **self)
{
	struct atr_conn *conn = told_of(word);

	return __builtin_expect(conn != NULL, 1) ? enter_at(conn, word, owed, self) : NULL;
}

static inline struct atr_conn *enter_conn(uint64_t word, struct atr_thread **self)
{
	return enter_owed(word, false, self);
}

static void release_word(struct atr_thread *self, uint64_t word)
{
	struct atr_conn *conn = conn_of(word);
	uint32_t before;

	if (!conn || atomic_fetch_sub_explicit(&conn->refs, 1, memory_order_acq_rel) != 1)
		return;
	before = atomic_fetch_or_explicit(&conn->held, HELD | CLOSED, memory_order_acq_rel);
	if (!(before & HELD))
		take_apart(self, conn);
}

/* NULL when it cannot be tracked. Nobody knows it, or can hold it, before it is published. */
static struct atr_conn *open_conn(enum atr_side side, const struct sockaddr *peer, socklen_t len)
{
	struct atr_conn *conn;
	atr_ref ref;

	if (atomic_load_explicit(&stopped, memory_order_relaxed))
		return NULL;
	ref = atr_pool_take(&conns);
	if (!ref) {
		atr_count(ATR_COUNT_CONNS_NO_SLOT);
		return NULL;
	}
	conn = atr_pool_at(&conns, (uint32_t)ref - 1);
	memset((char *)conn + offsetof(struct atr_conn, side), 0,
	       offsetof(struct atr_conn, peer) - offsetof(struct atr_conn, side));
	conn->same.items_len = 0;
	conn->former_request.len = conn->former_response.len = 0;
	conn->former_request.doubt = conn->former_response.doubt = 0;
	conn->usual.items_len = 0;
	note(&conn->asking, false);
	note(&conn->wait_timed_out, false);
	note(&conn->read_refused, false);
	atomic_store_explicit(&conn->plain, 0, memory_order_relaxed);
	conn->side = (uint8_t)side;
	conn->is_fresh = true;
	atomic_store_explicit(&conn->refs, 1, memory_order_relaxed);
	if (peer && len <= sizeof(conn->peer)) {
		memcpy(&conn->peer, peer, len);
		conn->peer_len = len;
	}
	atr_count(ATR_COUNT_CONNS_TRACKED);
	return conn;
}

struct atr_conn *atr_conn_enter(uint64_t word, struct atr_thread **self)
{
	return enter_conn(word, self);
}

void atr_conn_leave(struct atr_thread *self, struct atr_conn *conn)
{
	leave_conn(self, conn);
}

uint64_t atr_conn_word(const struct atr_conn *conn)
{
	atr_ref ref = ref_of(conn);

	return atr_fd_word(ATR_FD_CONN, (uint32_t)(ref >> 32), (uint32_t)ref);
}

uint64_t atr_conn_open_plain(enum atr_side side)
{
	struct atr_conn *conn = open_conn(side, NULL, 0);

	if (!conn)
		return 0;
	conn->fd = -1;
	conn->is_secure = true;
	show_all(conn);
	atomic_store_explicit(&conn->held, 0, memory_order_release);
	return atr_conn_word(conn);
}

void atr_conn_close_plain(uint64_t word)
{
	struct atr_thread *self = atr_enter();

	if (self)
		release_word(self, word);
	atr_leave(self);
}

/* Copies of the descriptor stay as they were: their calls are counted, which is harmless. */
void atr_conn_is_tied(struct atr_conn *cipher)
{
	uint64_t word = atr_conn_word(cipher);
	uint64_t tied = atr_fd_word(ATR_FD_CIPHER, (uint32_t)(word >> 32), (uint32_t)word);

	uint64_t unseen = atr_fd_unseen(word);

	/* a server's was looked away from until it turned out whose it is */
	if ((unsigned)cipher->fd < atr_fds_len &&
	    !atomic_compare_exchange_strong(&atr_fds[cipher->fd], &word, tied))
		atomic_compare_exchange_strong(&atr_fds[cipher->fd], &unseen, tied);
}

/* What a wait or a question about a descriptor is about: the plain side, where that is known. */
static struct atr_conn *spoken_of(uint64_t word)
{
	struct atr_conn *conn = conn_of(word);
	struct atr_conn *plain = conn && conn->plain ? conn_of(conn->plain) : NULL;

	return plain ? plain : conn;
}

static void publish(struct atr_thread *self, int fd, struct atr_conn *conn)
{
	atr_ref ref = ref_of(conn);
	uint64_t word = atr_conn_word(conn);
	uint64_t before;

	if (!atr_fd_can_be_set(fd)) {
		atr_pool_give(&conns, ref);
		return;
	}
	conn->fd = fd;
	show_all(conn);
	atomic_store_explicit(&conn->held, 0, memory_order_release);
	before = atr_fd_set(fd, word);
	release_word(self, before); /* a close that went by us */
}

static bool is_stream(int fd)
{
	int type = 0;
	socklen_t len = sizeof(type);

	return atr_calls.getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	       type == SOCK_STREAM;
}

static bool is_family(const struct sockaddr *address, socklen_t len)
{
	if (!address || len < sizeof(sa_family_t))
		return false;
	return address->sa_family == AF_INET || address->sa_family == AF_INET6 ||
	       address->sa_family == AF_UNIX;
}

uint64_t atr_conn_connecting(const struct sockaddr *address, socklen_t len)
{
	bool is_looked_at = atr_probes & (ATR_PROBE_HTTP | ATR_PROBE_CONNECT);

	if (!is_looked_at || len > sizeof(struct sockaddr_storage) ||
	    !atr_is_readable(address, len))
		return 0;
	return is_family(address, len) ? atr_clock_ns() : 0;
}

/*
 * A connect whose end was told in another way, by SO_ERROR or by what it was waited for: the next call is
 * answered by 0, and only those behind it by EISCONN. Nothing has gone by yet.
 */
static bool is_told_again(uint64_t word, const struct sockaddr *address, socklen_t len)
{
	struct atr_thread *self;
	struct atr_conn *conn = enter_conn(word, &self);
	bool is_so;

	if (!conn)
		return false;
	is_so = conn->may_be_asked && !conn->error && conn->peer_len == len &&
		!memcmp(&conn->peer, address, len) && !(conn->is_prepared | conn->is_cipher) &&
		atr_conn_is_unspoken(conn);
	conn->may_be_asked = false;
	leave_conn(self, conn);
	return is_so;
}

/* A socket whose connect failed may be connected again; so may one whose close went by us. */
static bool is_another_attempt(uint64_t word, int error, const struct sockaddr *address,
			       socklen_t len)
{
	const struct atr_conn *conn = conn_of(word);

	return conn && !(shown(conn) & CONNECTING) && error != EISCONN && error != EALREADY &&
	       (error || !is_told_again(word, address, len));
}

/* Of several invocations the only one that has begun yet is not who it will be used for. */
static atr_ref opened_in(struct atr_thread *self)
{
	return atr_lambda_runs_several && !atr_live_get(self->work) ? 0 : atr_work_current(self, 0);
}

void atr_conn_connected(int fd, const struct sockaddr *address, socklen_t len, uint64_t start_ns,
			int result)
{
	int error = result ? errno : 0, saved = errno;
	uint64_t word = atr_fd(fd);
	struct atr_thread *self;
	struct atr_conn *conn;

	if (atr_fd_holds_conn(word) && !is_another_attempt(word, error, address, len)) {
		/* asked again how it goes: EALREADY, EISCONN, 0, or the error it ended with */
		if (error != EALREADY && error != EINTR && error != EINPROGRESS)
			atr_conn_connect_ended(fd, error == EISCONN ? 0 : error);
		errno = saved;
		return;
	}
	self = atr_enter();
	if (!self)
		return;
	if (is_stream(fd)) {
		conn = open_conn(ATR_SIDE_CLIENT, address, len);
		if (conn) {
			conn->connect_ns = start_ns;
			conn->opened_in = opened_in(self);
			conn->connecting = true;
			conn->may_be_asked = error == EINPROGRESS || error == EINTR;
			atr_names_of(address, len, &conn->lookup);
			conn->counts_as_call = true;
			atr_work_begins_call(conn->opened_in);
			publish(self, fd, conn);
		}
	}
	atr_leave(self);
	if (error != EINPROGRESS && error != EINTR)
		atr_conn_connect_ended(fd, error);
	errno = saved;
}

void atr_conn_connect_ended(int fd, int error)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = enter_conn(atr_fd(fd), &self);

	if (!conn)
		return;
	if (conn->connecting) {
		conn->connecting = false;
		conn->connected_ns = atr_clock_ns();
		atr_work_goes_on(self, conn->opened_in);
		if (error) {
			conn->error = error;
			if (conn->counts_as_call)
				atr_work_ends_call(conn->opened_in);
			conn->counts_as_call = false;
		}
		atr_connect_ended(self, conn, error);
		if (!(atr_probes & ATR_PROBE_HTTP))
			give_up(self, conn);
	}
	leave_conn(self, conn);
	errno = saved;
}

void atr_conn_listens(int fd)
{
	int saved = errno;
	struct atr_thread *self = atr_enter();

	if (self)
		release_word(self, atr_fd_set(fd, atr_fd_word(ATR_FD_LISTENER, 0, 0)));
	atr_leave(self);
	errno = saved;
}

void atr_conn_accepted(int listener, int fd, const struct sockaddr *address, socklen_t len)
{
	int saved = errno;
	struct atr_thread *self = atr_probes & ATR_PROBE_HTTP ? atr_enter() : NULL;
	struct atr_conn *conn;

	if (!self)
		return;
	conn = open_conn(ATR_SIDE_SERVER, address, len);
	if (conn) {
		if (atr_fd(listener) == 0)
			atr_fd_set(listener, atr_fd_word(ATR_FD_LISTENER, 0, 0));
		publish(self, fd, conn);
	}
	atr_work_lost(self);
	atr_leave(self);
	errno = saved;
}

void atr_conn_passed(int fd)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} peer;
	socklen_t len = sizeof(peer);
	int saved = errno;
	struct atr_thread *self = atr_probes & ATR_PROBE_HTTP ? atr_enter() : NULL;

	/* here a forked child may have its begin: until then nothing is on */
	atr_leave(self);
	/* one that listens, or is not connected yet, has no peer */
	if (self && is_stream(fd) && atr_calls.getpeername(fd, &peer.any, &len) == 0)
		atr_conn_accepted(-1, fd, &peer.any, len);
	errno = saved;
}

#ifndef SO_COOKIE
#define SO_COOKIE 57 /* Linux 4.12 */
#endif

/* As inetd has it: what is asked comes by 0, and the answer goes by 1. */
static bool is_same_socket(int a, int b)
{
	uint64_t one = 0, other = 0;
	socklen_t len = sizeof(one);

	return atr_calls.getsockopt(a, SOL_SOCKET, SO_COOKIE, &one, &len) == 0 &&
	       atr_calls.getsockopt(b, SOL_SOCKET, SO_COOKIE, &other, &len) == 0 && one == other;
}

void atr_conn_inherited(int fd)
{
	struct atr_conn *conn;

	if (!(atr_probes & ATR_PROBE_HTTP) || !is_stream(fd)) /* nor is it a socket, mostly */
		return;
	for (int other = 0; other < fd; other++)
		if (conn_of(atr_fd(other)) && is_same_socket(other, fd)) {
			atr_conn_duplicated(other, fd);
			return;
		}
	conn = open_conn(ATR_SIDE_UNKNOWN, NULL, 0);
	if (conn)
		publish(&atr_self, fd, conn);
}

static void not_ours(struct atr_thread *self, struct atr_conn *conn)
{
	atr_count(conn->in.known || conn->out.known ? ATR_COUNT_CONNS_BROKEN :
						      ATR_COUNT_CONNS_NOT_OURS);
	give_up(self, conn);
}

/* Nothing more is to be seen on it: from now on the descriptor costs one load and one branch. */
static void forget(struct atr_thread *self, uint64_t word, int fd)
{
	if ((unsigned)fd < atr_fds_len && atomic_compare_exchange_strong(&atr_fds[fd], &word, 0))
		release_word(self, word);
}

static bool is_over(const struct atr_conn *conn)
{
	return conn->given_up && !atr_sending_owes(conn);
}

/* The same, but it stays until it is closed: as long as that, it is work unseen. */
static void look_away(uint64_t word, int fd)
{
	if ((unsigned)fd < atr_fds_len)
		atomic_compare_exchange_strong(&atr_fds[fd], &word, atr_fd_unseen(word));
}

__attribute__((noinline, cold)) static void
leave_for_good(struct atr_thread *self, struct atr_conn *conn, uint64_t word, int fd)
{
	bool is_server = conn->side == ATR_SIDE_SERVER;

	let_go(self, conn);
	if (is_server)
		look_away(word, fd);
	else
		forget(self, word, fd);
	atr_leave(self);
}

__attribute__((noinline, cold)) static void
leave_unusual(struct atr_thread *self, struct atr_conn *conn, uint64_t word, int fd)
{
	if (is_over(conn))
		leave_for_good(self, conn, word, fd);
	else
		leave_conn(self, conn);
}

__attribute__((noinline)) static void leave_or_forget(struct atr_thread *self,
						      struct atr_conn *conn, uint64_t word, int fd)
{
	if (__builtin_expect(!atr_conn_is_ordinary(conn), 0)) {
		leave_unusual(self, conn, word, fd);
		return;
	}
	show(conn, shows_ordinary(conn));
	if (conn->side == ATR_SIDE_SERVER)
		show_answers(conn, answers(conn));
	conn->ready = (uint8_t)atr_usual_ready(conn);
	let_go_shown(self, conn);
	atr_leave(self);
}

/* The same after what was usual, which leaves little to be found out. */
static inline void leave_usual(struct atr_thread *self, struct atr_conn *conn)
{
	atr_ref span = conn->nr_exchanges ? conn->exchange[conn->first_exchange].span : 0;
	unsigned now = conn->nr_exchanges ? BUSY : 0;

	if (span)
		now |= RECORDS;
	if (conn->side == ATR_SIDE_SERVER) {
		now |= SERVES;
		show_answers(conn, span);
	}
	show(conn, now);
	let_go_shown(self, conn);
	atr_leave(self);
}

/* The side of an inherited connection shows in who sends the first request. */
static void settle_side(struct atr_conn *conn, bool outward)
{
	if (conn->side == ATR_SIDE_UNKNOWN)
		conn->side = outward ? ATR_SIDE_CLIENT : ATR_SIDE_SERVER;
}

static inline bool feed(struct atr_thread *self, struct atr_conn *conn, bool outward,
			const char *bytes, size_t len)
{
	/* the first byte of TLS is looked at here, as most calls end there */
	if (conn->is_cipher || (bytes[0] == 0x16 && atr_cipher_begins(conn, outward, bytes, len)))
		return atr_cipher_feed(self, conn, outward, bytes, len);
	return !conn->in_tunnel && atr_stream_feed(self, conn, outward, bytes, len);
}

__attribute__((noinline)) static bool feed_pieces(struct atr_thread *self, struct atr_conn *conn,
						  bool outward, const struct iovec *iov, int nr,
						  size_t from, size_t n)
{
	for (int i = 0; i < nr && n; i++) {
		size_t skip = from < iov[i].iov_len ? from : iov[i].iov_len;
		size_t here = iov[i].iov_len - skip < n ? iov[i].iov_len - skip : n;

		from -= skip;
		n -= here;
		if (here && !feed(self, conn, outward, (const char *)iov[i].iov_base + skip, here))
			return false;
	}
	return true;
}

static inline bool feed_iov(struct atr_thread *self, struct atr_conn *conn, bool outward,
			    const struct iovec *iov, int nr, size_t from, size_t n)
{
	settle_side(conn, outward);
	if (conn->http2)
		atr_h2_turn(conn);
	if (nr == 1 && !from && n && n <= iov->iov_len)
		return feed(self, conn, outward, iov->iov_base, n);
	return feed_pieces(self, conn, outward, iov, nr, from, n);
}

/* A call failed. Whether that is the connection's end, and not a wrong argument or a later. */
static bool note_error(struct atr_conn *conn, int error)
{
	switch (error) {
	case ECONNRESET:
	case ECONNABORTED:
	case ECONNREFUSED:
	case EPIPE:
	case ETIMEDOUT:
	case ENETDOWN:
	case ENETUNREACH:
	case ENETRESET:
	case EHOSTUNREACH:
	case EPROTO: /* inside TLS */
		conn->error = error;
		return true;
	default:
		return false;
	}
}

/* A call gave none: it failed, or nothing more comes. */
__attribute__((noinline, cold)) static void received_none(uint64_t word, int fd, ssize_t n)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn;

	if (n < 0 && saved == EINTR)
		return;
	if (n < 0 && saved == EAGAIN) {
		conn = conn_of(word);
		if (conn)
			note(&conn->read_refused, true);
		return;
	}
	conn = enter_conn(word, &self);
	if (!conn)
		return;
	note(&conn->read_refused, false);
	if (conn->given_up) {
		/* what is left to be done is on the way out */
	} else if (n == 0) {
		conn->peer_closed = true;
		atr_stream_ended(self, conn);
	} else if (note_error(conn, saved)) {
		atr_exchanges_end(self, conn);
	}
	leave_or_forget(self, conn, word, fd);
	errno = saved;
}

void atr_conn_received(uint64_t word, int fd, const struct iovec *iov, int nr, ssize_t n)
{
	struct atr_thread *self;
	struct atr_conn *conn;
	int saved;

	if (__builtin_expect(n <= 0, 0)) {
		received_none(word, fd, n);
		return;
	}
	saved = errno;
	conn = enter_conn(word, &self);
	if (!conn)
		return;
	note(&conn->read_refused, false);
	note(&conn->wait_timed_out, false);
	if (conn->ready && atr_usual_received(self, conn, iov, nr, (size_t)n)) {
		leave_usual(self, conn);
	} else {
		/* of one that is given up, what is left to be done is on the way out */
		if (!conn->given_up && !feed_iov(self, conn, false, iov, nr, 0, (size_t)n))
			not_ours(self, conn);
		leave_or_forget(self, conn, word, fd);
	}
	errno = saved;
}

void atr_conn_cipher_ended(uint64_t word, ssize_t n)
{
	const struct atr_conn *cipher = conn_of(word);
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *plain;

	if (!cipher || (n < 0 && (saved == EAGAIN || saved == EINTR)))
		return;
	plain = enter_conn(cipher->plain, &self);
	if (!plain)
		return;
	/* more may have come than the session was asked for: nothing ends yet */
	if (n == 0)
		plain->peer_closed = plain->is_cut = true;
	else if (!plain->peer_closed)
		note_error(plain, saved);
	leave_conn(self, plain);
	errno = saved;
}

static void went_by_unseen(uint64_t word, int fd, bool outward, ssize_t n)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = n > 0 ? enter_conn(word, &self) : NULL;

	if (!conn)
		return;
	if (conn->is_cipher)
		atr_cipher_skip(conn, outward, (uint64_t)n);
	else if (!conn->given_up && !atr_stream_skip(self, conn, outward, (uint64_t)n))
		not_ours(self, conn);
	leave_or_forget(self, conn, word, fd);
	errno = saved;
}

void atr_conn_received_blind(uint64_t word, int fd, ssize_t n)
{
	went_by_unseen(word, fd, false, n);
}

void atr_conn_sent_blind(uint64_t word, int fd, ssize_t n)
{
	went_by_unseen(word, fd, true, n);
}

/*
 * A server's answer, mostly: nothing of ours goes with it, and its work is told. For that the
 * connection is not held. Whoever holds it meanwhile may have another work for it in a moment.
 */
static inline bool answers_at_once(const struct atr_conn *conn, uint64_t word,
				   const struct iovec *iov, int nr, size_t from,
				   struct atr_pieces *piece)
{
	struct atr_thread *self = &atr_self;
	atr_ref work = atomic_load_explicit(&conn->answers, memory_order_acquire);

	if (!work || atomic_load_explicit(&conn->held, memory_order_relaxed) ||
	    !is_of(conn, word) || self->holds || !atr_enters_at_once(self))
		return false;
	atr_sending_as_it_is(piece, from, atr_sending_total(iov, nr, from));
	atr_work_answering(self, work);
	atr_leave(self);
	return true;
}

static inline bool asks_as_usual(struct atr_thread *self, struct atr_conn *conn,
				 const struct iovec *iov, int nr, size_t from, int flags,
				 struct atr_pieces *piece)
{
	return conn->ready == ATR_READY_CLIENT_BEGINS && nr == 1 && !from &&
	       !(flags & MSG_ZEROCOPY) &&
	       atr_usual_asks(self, conn, iov->iov_base, iov->iov_len, piece);
}

bool atr_conn_plan(uint64_t word, int fd, const struct iovec *iov, int nr, size_t from, int flags,
		   struct atr_pieces *piece)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn;
	bool is_ours, asks_next;

	if (nr < 0 || nr > IOV_MAX || !atr_is_readable(iov, (size_t)nr * sizeof(*iov)))
		return false; /* the kernel refuses it */
	conn = told_of(word);
	if (!conn)
		return false;
	if (answers_at_once(conn, word, iov, nr, from, piece))
		return true;
	conn = enter_at(conn, word, false, &self);
	if (!conn)
		return false;
	forget_page();
	if (asks_as_usual(self, conn, iov, nr, from, flags, piece)) {
		leave_usual(self, conn);
		errno = saved;
		return true;
	}
	atr_conn_sees_asking(conn);
	settle_side(conn, true);
	is_ours = !is_over(conn);
	if (is_ours && !atr_sending_plan(self, conn, iov, nr, from, flags, piece)) {
		not_ours(self, conn);
		is_ours = false;
	}
	asks_next = conn->api && conn->api != ATR_API_AWS && atr_lambda_asks_next(conn);
	leave_or_forget(self, conn, word, fd);
	if (asks_next)
		atr_lambda_before_next();
	errno = saved;
	return is_ours;
}

/* What a server sent as it is ends its exchange, mostly. */
static inline bool answered_as_usual(struct atr_thread *self, struct atr_conn *conn,
				     const struct iovec *iov, int nr,
				     const struct atr_pieces *piece, ssize_t n)
{
	return conn->ready == ATR_READY_SERVER_ENDS && n > 0 && piece->is_plain && !piece->from &&
	       atr_usual_answered(self, conn, iov, nr, (size_t)n);
}

/* Of a usual one not all was taken: it is told as others are. */
static void unask(struct atr_thread *self, struct atr_conn *conn, struct atr_pieces *piece,
		  bool is_begun)
{
	if (!conn->given_up && !atr_usual_unasked(conn, piece->usual, is_begun))
		not_ours(self, conn);
	piece->usual = 0;
}

ssize_t atr_conn_sent(uint64_t word, int fd, const struct iovec *iov, int nr,
		      struct atr_pieces *piece, ssize_t n)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn;
	size_t taken = n > 0 ? (size_t)n : 0;

	if (piece->usual && taken == piece->iov[0].iov_len)
		return atr_conn_asked(word, piece);
	conn = enter_owed(word, !piece->is_plain, &self);
	if (!conn) {
		/* it was taken from us during the call: only the program's count is left to get right */
		taken = atr_sending_settle(NULL, piece, taken);
		atr_block_give(piece->block);
		return n < 0 ? n : (ssize_t)taken;
	}
	if (answered_as_usual(self, conn, iov, nr, piece, n)) {
		leave_usual(self, conn);
		errno = saved;
		return n;
	}
	if (piece->usual)
		unask(self, conn, piece, n > 0);
	if (n < 0)
		note_error(conn, saved);
	else
		taken = atr_sending_settle(conn, piece, taken);
	if (!conn->given_up && taken) {
		if (piece->head_end && taken >= piece->head_end) {
			bool ok = atr_stream_planned(self, conn, &piece->head);

			if (ok && taken > piece->head_end)
				ok = feed_iov(self, conn, true, iov, nr,
					      piece->from + piece->head_end,
					      taken - piece->head_end);
			if (!ok)
				not_ours(self, conn);
		} else if (!feed_iov(self, conn, true, iov, nr, piece->from, taken)) {
			not_ours(self, conn);
		}
	}
	if (piece->block)
		atr_block_give(piece->block);
	leave_or_forget(self, conn, word, fd);
	errno = saved;
	return n < 0 ? n : (ssize_t)taken;
}

ssize_t atr_conn_asked(uint64_t word, const struct atr_pieces *piece)
{
	struct atr_conn *conn = told_of(word);

	/* not held: where another has the slot by now, it may not be known of that one's next call */
	if (conn)
		note(&conn->asking, false);
	atr_count(ATR_COUNT_HEADS_INJECTED);
	return (ssize_t)piece->end;
}

void atr_conn_leave_alone(uint64_t word)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = enter_conn(word, &self);

	if (!conn)
		return;
	not_ours(self, conn);
	leave_conn(self, conn);
	errno = saved;
}

void atr_conn_let_go(int fd)
{
	int saved = errno;
	struct atr_thread *self;
	struct atr_conn *conn = enter_conn(atr_fd(fd), &self);

	if (!conn)
		return;
	if (conn->keeps_cr && atr_calls.send(fd, "\r", 1, MSG_DONTWAIT | MSG_NOSIGNAL) == 1)
		conn->keeps_cr = false;
	leave_conn(self, conn);
	errno = saved;
}

_Atomic bool atr_conn_has_kept;

void atr_conn_let_all_go(void)
{
	uint32_t fresh = conns.base ? atomic_load(&conns.fresh) : 0;

	if (atr_has_other_descriptors())
		return;
	for (uint32_t i = 0; i < fresh; i++) {
		const struct atr_conn *conn = atr_pool_at(&conns, i);

		if (conn->keeps_cr && conn_of(atr_fd(conn->fd)) == conn)
			atr_conn_let_go(conn->fd);
	}
}

/* Nothing comes to a session any more whose descriptor is closed. */
static void end_plain(uint64_t word)
{
	struct atr_thread *self;
	struct atr_conn *conn = enter_conn(word, &self);

	if (!conn)
		return;
	atr_exchanges_end(self, conn);
	leave_conn(self, conn);
}

void atr_conn_closing(int fd)
{
	int saved = errno;
	uint64_t word = atr_fd(fd);
	struct atr_thread *self;

	if (!word)
		return;
	if (atr_has_other_descriptors())
		return; /* the table is not of ours, and the connection not for us to give up */
	if (atr_fd_is_conn(word))
		atr_conn_let_go(fd);
	word = atr_fd_set(fd, 0);
	if (atr_fd_kind(word) == ATR_FD_CARRIER && (uint32_t)word) {
		/* the other end does not lead here any more */
		uint64_t other = atr_fd((int)(uint32_t)word - 1);

		if (atr_fd_kind(other) == ATR_FD_CARRIER && (uint32_t)other == (uint32_t)fd + 1)
			atr_fd_set((int)(uint32_t)word - 1, 0);
	}
	if (atr_fd_holds_conn(word)) {
		struct atr_conn *conn = conn_of(word);
		uint64_t plain = conn ? conn->plain : 0;

		self = atr_enter();
		if (self)
			release_word(self, word);
		atr_leave(self);
		if (plain && !conn_of(word))
			end_plain(plain);
	}
	errno = saved;
}

void atr_conn_shutdown(int fd, int how)
{
	if (how != SHUT_RD)
		atr_conn_let_go(fd);
}

void atr_conn_duplicated(int from, int to)
{
	uint64_t word = atr_fd(from);
	struct atr_conn *conn;

	if (from == to || atr_has_other_descriptors())
		return;
	conn = conn_of(word);
	if (conn && !atr_fd_can_be_set(to))
		return;
	if (conn)
		atomic_fetch_add_explicit(&conn->refs, 1, memory_order_relaxed);
	else if (atr_fd_kind(word) != ATR_FD_LISTENER)
		word = 0;
	atr_fd_set(to, word);
}

void atr_conn_wait_timed_out(int fd)
{
	struct atr_conn *conn = spoken_of(atr_fd(fd));

	if (conn)
		note(&conn->wait_timed_out, true);
}

bool atr_conn_awaits_work(uint64_t word)
{
	const struct atr_conn *conn;
	unsigned now;

	if (atr_fd_kind(word) == ATR_FD_LISTENER)
		return true;
	conn = spoken_of(word);
	now = conn ? shown(conn) : 0;
	return (now & (SERVES | BUSY)) == SERVES || (now & AWAITS);
}

void atr_conn_added(int set, int fd)
{
	uint64_t word = atr_fd(fd), now;
	const struct atr_conn *conn = conn_of(word);

	if (atr_fd_kind(word) != ATR_FD_LISTENER && !(conn && (shown(conn) & SERVES)))
		return;
	now = atr_fd(set);
	if (now == 0 || atr_fd_kind(now) == ATR_FD_SET)
		atr_fd_set(set, atr_fd_word(ATR_FD_SET, 0, 0) | ATR_FD_SERVES);
}

bool atr_conn_waits(uint64_t set_word, int timeout_ms)
{
	struct atr_thread *self;

	if (!(set_word & ATR_FD_SERVES) && !atr_self.awaits_events && !atr_self.is_events_loop)
		return false;
	self = atr_enter();
	if (self)
		atr_work_idle(self, true, timeout_ms);
	atr_leave(self);
	return self;
}

/*
 * A carrier's words hold the other end, and which of the two is read. The reader's
 * descriptor is what a carrier is known by.
 */
static bool reader_of(uint64_t word, int fd, bool writes, uint32_t *reader)
{
	bool has_other = (uint32_t)word, reads_only = word >> 32 & 1;

	if (has_other && reads_only == writes)
		return false;
	*reader = has_other && writes ? (uint32_t)word - 1 : (uint32_t)fd;
	return *reader < ATR_CARRIERS_MAX;
}

void atr_conn_carrier(int reader, int writer)
{
	int saved = errno;
	struct atr_thread *self = atr_enter();

	if (self && (unsigned)writer < ATR_CARRIERS_MAX && reader < ATR_CARRIERS_MAX) {
		atr_fd_set(writer, atr_fd_word(ATR_FD_CARRIER, 0, (uint32_t)(reader + 1)));
		if (reader >= 0)
			atr_fd_set(reader, atr_fd_word(ATR_FD_CARRIER, 1, (uint32_t)(writer + 1)));
		atr_carrier_made((uint32_t)(reader >= 0 ? reader : writer));
	}
	atr_leave(self);
	errno = saved;
}

/* Most wake-ups are for nobody's request, and cost no more than this to know. */
void atr_conn_carrier_written(uint64_t word, int fd)
{
	struct atr_thread *self;
	uint32_t reader;
	int saved;

	if (!atr_work_nr_in_flight())
		return;
	saved = errno;
	self = atr_enter();
	if (self && reader_of(word, fd, true, &reader))
		atr_carrier_written(self, reader);
	atr_leave(self);
	errno = saved;
}

void atr_conn_carrier_reading(uint64_t word, int fd)
{
	uint32_t reader;

	if (atr_work_nr_in_flight() && reader_of(word, fd, false, &reader))
		atr_carrier_reading(&atr_self, reader);
}

void atr_conn_carrier_read(uint64_t word, int fd)
{
	struct atr_thread *self;
	uint32_t reader;
	int saved;

	atr_self.prompted = true;
	if (!(atr_work_nr_in_flight() || atr_self.polls_at) || !reader_of(word, fd, false, &reader))
		return;
	saved = errno;
	self = atr_enter();
	if (self)
		atr_carrier_read(self, reader);
	atr_leave(self);
	errno = saved;
}

void atr_conn_tell_under_way(struct atr_thread *self, atr_ref work)
{
	uint32_t fresh = conns.base ? atomic_load(&conns.fresh) : 0;

	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_conn *conn = atr_pool_at(&conns, i);
		uint32_t free = 0;

		/* one that somebody is at is left to him */
		if (!(atomic_load(&conn->pooled.gen) & 1) ||
		    !atomic_compare_exchange_strong(&conn->held, &free, HELD))
			continue;
		if (conn->side == ATR_SIDE_CLIENT && !conn->given_up)
			atr_exchanges_tell(conn, work);
		let_go(self, conn);
	}
}

static bool is_under_way(const struct atr_conn *conn)
{
	return (atomic_load(&conn->pooled.gen) & 1) && (shown(conn) & RECORDS);
}

/* Spans are ended; of each connection what `how` says: it is left for good, as it is, or followed on. */
enum end { STOPPED, ENDED, TOLD };

static void end_all(enum end how)
{
	struct atr_thread *self = atr_was_entered ? atr_enter() : NULL;
	uint32_t fresh;

	if (!self)
		return;
	fresh = conns.base ? atomic_load(&conns.fresh) : 0;
	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_conn *conn = atr_pool_at(&conns, i);

		if (!(atomic_load(&conn->pooled.gen) & 1) || !try_hold(conn, YIELDS))
			continue;
		if (how == TOLD && !conn->api)
			atr_exchanges_end_spans(self, conn);
		else
			atr_exchanges_end(self, conn);
		if (how == STOPPED)
			give_up(self, conn);
		let_go(self, conn);
	}
	atr_transfers_end();
	if (atr_lambda_is_on)
		atr_lambda_process_ends(self);
	atr_leave(self);
}

void atr_conn_end_all(void)
{
	end_all(ENDED);
}

void atr_conn_end_for_exec(void)
{
	end_all(TOLD);
}

void atr_conn_stop(void)
{
	atomic_store(&stopped, true);
	end_all(STOPPED);
}

bool atr_conn_is_any_under_way(void)
{
	struct atr_thread *self = atr_enter(); /* makes a forked child clean */
	uint32_t fresh = self && conns.base ? atomic_load(&conns.fresh) : 0;
	bool is_any = false;

	for (uint32_t i = 0; i < fresh && !is_any; i++)
		is_any = is_under_way(atr_pool_at(&conns, i));
	atr_leave(self);
	return is_any || (self && atr_lambda_is_on);
}

/* The descriptors and where they are in their streams stay; the spans are the parent's. */
void atr_conn_forked(void)
{
	uint32_t fresh = conns.base ? atomic_load(&conns.fresh) : 0;

	for (uint32_t i = 0; i < fresh; i++) {
		struct atr_conn *conn = atr_pool_at(&conns, i);

		if (!(atomic_load(&conn->pooled.gen) & 1))
			continue;
		if (atomic_load(&conn->held) & HELD)
			conn->given_up = true; /* another thread was at it, and is not here */
		atomic_store(&conn->held, 0);
		for (int k = 0; k < ATR_EXCHANGES_MAX; k++)
			conn->exchange[k].span = conn->exchange[k].work = 0;
		conn->prepared = conn->prepared_work = conn->opened_in = 0;
		conn->cipher.span = 0;
		conn->cipher.is_told = true;
		conn->cipher.is_unused = false;
		conn->counts_as_call = false;
		if (!atr_h2_forked(conn))
			conn->given_up = true;
		if (conn->in.held || conn->out.held || conn->rest_block || conn->is_prepared ||
		    conn->asking)
			conn->given_up = true; /* their blocks are given back */
		if (conn->rest_block)
			conn->rest_at = conn->rest_len;
		conn->in.held = conn->out.held = conn->rest_block = conn->api_block = 0;
		conn->api = 0;
		conn->is_prepared = conn->is_own = false;
		show_all(conn);
	}
	atr_transfers_forked();
	atr_carriers_forked();
}
