/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/conn/conn.h"
#include "preload/conn/logs.h"
#include "preload/live/readable.h"
#include "preload/live/thread.h"
#include "preload/live/work.h"

#include <errno.h>
#include <limits.h>

/*
 * Reads and writes. Enter, call, tell, leave: conn's functions enter and leave
 * for themselves, so that nothing of ours is held while the program waits in
 * the kernel, and a signal handler, a cancellation or a longjmp out of there
 * finds us outside.
 */

/* What a call on a descriptor of interest is. */
#define OUT 0
#define IN 1

/*
 * The descriptor's word; 0 too where a library below us makes the call again that it was
 * handed, where nothing is to be seen, and where what goes by is seen on its plain side.
 */
static inline uint64_t seen(int fd, int way)
{
	uint64_t word = atr_fd(fd);

	if (__builtin_expect(!word, 1) || atr_fd_kind(word) >= ATR_FD_CIPHER)
		return 0;
	return atr_is_below(fd, way) ? 0 : word;
}

/*
 * A read that is not told. Where its bytes are seen on their plain side, that may never be told
 * how they ended: a session on memory is not asked again.
 */
static inline ssize_t untold(int fd, ssize_t n, size_t len, int flags)
{
	if (__builtin_expect(n <= 0, 0) && len && atr_fd_kind(atr_fd(fd)) == ATR_FD_CIPHER &&
	    !(flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)))
		atr_conn_cipher_ended(atr_fd(fd), n);
	return n;
}

/* A call that takes no bytes is answered by 0, which is no end of file then. After the call: 0 if it took none. */
static inline size_t was_to_take(const struct iovec *iov, size_t nr, ssize_t n)
{
	size_t len = n != 0;

	for (size_t i = 0; i < nr && !len; i++)
		len = iov[i].iov_len;
	return len;
}

/* What is in the message may be what the kernel refused: then it is not looked at. */
static inline size_t msg_was_to_take(const struct msghdr *msg, ssize_t n)
{
	return n != 0 || was_to_take(msg->msg_iov, msg->msg_iovlen, n);
}

/* 0, and what is looked away from. */
static inline bool is_passed(uint64_t word)
{
	return word - 1 >= ((uint64_t)ATR_FD_UNSEEN << 60) - 1;
}

/*
 * Most calls are on a descriptor of no interest, or one that is looked away from: they go
 * straight on, and what else is to be done is in a function of its own, so that no
 * register is saved for them.
 */
#define PASS_ON_IF(is_so, name, ...)                                                          \
	do {                                                                                  \
		if (__builtin_expect((is_so) && atr_real[ATR_REAL_##name], 1))                \
			return ((__typeof__(&(name)))atr_real[ATR_REAL_##name])(__VA_ARGS__); \
	} while (0)
#define PASS_ON(name, fd, ...) PASS_ON_IF(is_passed(atr_fd(fd)), name, __VA_ARGS__)
#define APART __attribute__((noinline)) static

/* The call itself, of which nothing is told that libraries below us do for it. */
#define BELOW(fd, way, call)              \
	({                                \
		__typeof__(call) result_; \
                                          \
		atr_goes_below(fd, way);  \
		result_ = call;           \
		atr_comes_back();         \
		result_;                  \
	})

/* The program's bytes from `done` on, as far as there is room. */
static int gather(const struct iovec *iov, int nr, size_t done,
		  struct iovec out[static ATR_PIECES_IOV])
{
	int n = 0;

	for (int i = 0; i < nr && n < ATR_PIECES_IOV; i++) {
		size_t skip = done < iov[i].iov_len ? done : iov[i].iov_len;

		done -= skip;
		if (skip < iov[i].iov_len)
			out[n++] = (struct iovec){ (char *)iov[i].iov_base + skip,
						   iov[i].iov_len - skip };
	}
	return n;
}

static inline __attribute__((always_inline)) ssize_t
send_iov(int fd, struct iovec *iov, int nr, int flags, const struct msghdr *original)
{
	struct msghdr msg = { 0 };

	if (nr == 0)
		return 0; /* all there is to send is kept back */
	if (nr == 1 && !original)
		return BELOW(fd, OUT, REAL(send)(fd, iov->iov_base, iov->iov_len, flags));
	if (original)
		msg = *original;
	msg.msg_iov = iov;
	msg.msg_iovlen = (size_t)nr;
	return BELOW(fd, OUT, REAL(sendmsg)(fd, &msg, flags));
}

/* The number stands for another thing by now: it was closed past us, and opened anew. */
static ssize_t not_a_socket(int fd, const struct iovec *iov, int nr)
{
	atr_conn_closing(fd);
	return REAL(writev)(fd, iov, nr);
}

/* To the program it is one call: what was sent of it is its answer, and no signal comes with that. */
static inline int also(size_t done)
{
	return done ? MSG_NOSIGNAL : 0;
}

/*
 * The peer that is gone by the second piece: of the call in one the kernel would have taken all, and who is
 * told so does not call again, which would be answered by a signal.
 */
static inline ssize_t done_or_error(size_t done, size_t total, int saved)
{
	bool is_gone = errno == EPIPE || errno == ECONNRESET;

	if (!done)
		return -1;
	errno = saved;
	return (ssize_t)(is_gone ? total : done);
}

/* The program's bytes from `done` on, as they are. */
APART ssize_t send_rest(int fd, const struct iovec *iov, int nr, int flags,
			const struct msghdr *original, size_t done, struct atr_pieces *piece)
{
	int nr_iov = gather(iov, nr, done, piece->iov);

	return send_iov(fd, piece->iov, nr_iov, flags, original);
}

/*
 * Sends pieces until the program's bytes are sent or the kernel takes no more.
 * When it took nothing but bytes of ours, the call is made again: its answer is
 * the one that the program is to have. `first`: what the first of them was
 * answered already, or NULL.
 */
static ssize_t send_pieces(uint64_t word, int fd, const struct iovec *iov, int nr, int flags,
			   const struct msghdr *original, struct atr_pieces *piece,
			   const ssize_t *first)
{
	size_t total = 0, done = 0;
	int saved = errno;
	ssize_t n;

	for (int i = 0; i < nr; i++)
		total += iov[i].iov_len;
	do {
		size_t asked = piece->end;
		ssize_t raw;

		if (piece->is_plain)
			piece->nr_iov = gather(iov, nr, done, piece->iov);
		raw = first ? *first :
			      send_iov(fd, piece->iov, piece->nr_iov, flags | also(done),
				       done ? NULL : original);
		first = NULL;
		if (raw < 0 && errno == ENOTSOCK && !done && !original)
			return not_a_socket(fd, iov, nr);
		n = atr_conn_sent(word, fd, iov, nr, piece, raw);
		if (n < 0)
			return done_or_error(done, total, saved);
		done += (size_t)n;
		if (done == total || ((size_t)n < asked && !(n == 0 && raw > 0)))
			return (ssize_t)done;
	} while (atr_conn_plan(word, fd, iov, nr, done, flags, piece));

	/* not ours any more, and nothing is owed: the rest as it is */
	n = send_rest(fd, iov, nr, flags | also(done), done ? NULL : original, done, piece);
	return n < 0 ? done_or_error(done, total, saved) : (ssize_t)done + n;
}

/* Of what most clients send the kernel takes all, and nothing is left to be done. */
APART ssize_t send_changed(uint64_t word, int fd, const struct iovec *iov, int nr, int flags,
			   const struct msghdr *original, struct atr_pieces *piece)
{
	ssize_t raw;

	if (!piece->usual || original)
		return send_pieces(word, fd, iov, nr, flags, original, piece, NULL);
	raw = BELOW(fd, OUT, REAL(send)(fd, piece->iov[0].iov_base, piece->iov[0].iov_len, flags));
	if (__builtin_expect(raw == (ssize_t)piece->iov[0].iov_len, 1))
		return atr_conn_asked(word, piece);
	return send_pieces(word, fd, iov, nr, flags, NULL, piece, &raw);
}

/* One statement for every way to write: plan; the program's own call or our pieces; tell. */
#define SEND(fd, iov, nr, flags, original, call)                                         \
	do {                                                                             \
		struct atr_pieces piece;                                                 \
		ssize_t sent;                                                            \
                                                                                         \
		if (!atr_conn_plan(word, fd, iov, nr, 0, flags, &piece))                 \
			return call;                                                     \
		if (!piece.is_plain)                                                     \
			return send_changed(word, fd, iov, nr, flags, original, &piece); \
		sent = BELOW(fd, OUT, call);                                             \
		atr_conn_sent(word, fd, iov, nr, &piece, sent);                          \
		return sent;                                                             \
	} while (0)

static ssize_t send_conn(uint64_t word, int fd, const void *buf, size_t len, int flags)
{
	struct iovec iov = { (void *)buf, len };

	SEND(fd, &iov, 1, flags, NULL, REAL(send)(fd, buf, len, flags));
}

static ssize_t sendto_conn(uint64_t word, int fd, const void *buf, size_t len, int flags,
			   __CONST_SOCKADDR_ARG address, socklen_t address_len)
{
	struct iovec iov = { (void *)buf, len };

	SEND(fd, &iov, 1, flags, NULL, REAL(sendto)(fd, buf, len, flags, address, address_len));
}

static ssize_t write_conn(uint64_t word, int fd, const void *buf, size_t len)
{
	struct iovec iov = { (void *)buf, len };

	SEND(fd, &iov, 1, 0, NULL, REAL(write)(fd, buf, len));
}

static ssize_t writev_conn(uint64_t word, int fd, const struct iovec *iov, int nr)
{
	SEND(fd, iov, nr, 0, NULL, REAL(writev)(fd, iov, nr));
}

static ssize_t pwritev2_conn(uint64_t word, int fd, const struct iovec *iov, int nr, off_t at,
			     int flags)
{
	SEND(fd, iov, nr, 0, NULL, REAL(pwritev2)(fd, iov, nr, at, flags));
}

static ssize_t sendmsg_conn(uint64_t word, int fd, const struct msghdr *msg, int flags)
{
	if (!atr_is_readable(msg, sizeof(*msg)) || msg->msg_iovlen > IOV_MAX)
		return REAL(sendmsg)(fd, msg, flags);
	SEND(fd, msg->msg_iov, (int)msg->msg_iovlen, flags, msg, REAL(sendmsg)(fd, msg, flags));
}

static inline bool is_carrier(uint64_t word)
{
	return atr_fd_kind(word) == ATR_FD_CARRIER;
}

/* A carrier while there is no work: the call is made as it is. */
static inline bool carries_nothing(uint64_t word)
{
	return is_carrier(word) && !atr_work_nr_in_flight();
}

APART ssize_t send_known(int fd, const void *buf, size_t len, int flags)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1))
		return REAL(send)(fd, buf, len, flags);
	return send_conn(word, fd, buf, len, flags);
}

HOOK ssize_t send(int fd, const void *buf, size_t len, int flags)
{
	PASS_ON(send, fd, fd, buf, len, flags);
	return send_known(fd, buf, len, flags);
}

APART ssize_t sendto_known(int fd, const void *buf, size_t len, int flags,
			   __CONST_SOCKADDR_ARG address, socklen_t address_len)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1))
		return REAL(sendto)(fd, buf, len, flags, address, address_len);
	return sendto_conn(word, fd, buf, len, flags, address, address_len);
}

HOOK ssize_t sendto(int fd, const void *buf, size_t len, int flags, __CONST_SOCKADDR_ARG address,
		    socklen_t address_len)
{
	PASS_ON(sendto, fd, fd, buf, len, flags, address, address_len);
	return sendto_known(fd, buf, len, flags, address, address_len);
}

APART ssize_t sendmsg_known(int fd, const struct msghdr *msg, int flags)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1))
		return REAL(sendmsg)(fd, msg, flags);
	return sendmsg_conn(word, fd, msg, flags);
}

HOOK ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	atr_conn_shares(); /* it may pass on descriptors */
	PASS_ON(sendmsg, fd, fd, msg, flags);
	return sendmsg_known(fd, msg, flags);
}

/* On a connection of ours each message goes for itself: the kernel, too, may send fewer than asked. */
HOOK int sendmmsg(int fd, struct mmsghdr *messages, unsigned nr, int flags)
{
	uint64_t word = seen(fd, OUT);
	int saved = errno;
	unsigned i;

	if (__builtin_expect(!atr_fd_is_conn(word), 1))
		return REAL(sendmmsg)(fd, messages, nr, flags);
	if (nr > IOV_MAX) /* as the kernel has it */
		nr = IOV_MAX;
	if (!atr_is_readable(messages, nr * sizeof(*messages)))
		return REAL(sendmmsg)(fd, messages, nr, flags);
	for (i = 0; i < nr; i++) {
		size_t total = 0;
		ssize_t n = sendmsg_conn(atr_fd(fd), fd, &messages[i].msg_hdr, flags);

		if (n < 0)
			return (int)done_or_error(i, i, saved);
		messages[i].msg_len = (unsigned)n;
		for (size_t k = 0; k < messages[i].msg_hdr.msg_iovlen; k++)
			total += messages[i].msg_hdr.msg_iov[k].iov_len;
		if ((size_t)n < total)
			return (int)i + 1;
	}
	return (int)i;
}

/* Of a program whose log is to carry ids. A library below may make the call again. */
static inline bool may_be_log(int fd)
{
	return __builtin_expect(atr_logs_are_on, 0) && (fd == 1 || fd == 2);
}

static inline bool is_log(int fd)
{
	return may_be_log(fd) && !atr_is_below(fd, OUT);
}

__attribute__((noinline)) static ssize_t write_lines(int fd, const struct iovec *iov, int nr)
{
	struct atr_lines lines;
	ssize_t n;

	if (atr_logs_plan(fd, iov, nr, &lines)) {
		n = BELOW(fd, OUT, REAL(write)(fd, lines.text, lines.len));
		atr_logs_export(fd, &lines, n);
		n = n > 0 ? (ssize_t)atr_logs_count(&lines, (size_t)n) : n;
	} else {
		n = nr == 1 ? BELOW(fd, OUT, REAL(write)(fd, iov->iov_base, iov->iov_len)) :
			      BELOW(fd, OUT, REAL(writev)(fd, iov, nr));
	}
	atr_logs_written(fd, iov, nr, n);
	return n;
}

APART ssize_t write_known(int fd, const void *buf, size_t len)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1)) {
		if (is_log(fd))
			return write_lines(fd, &(struct iovec){ (void *)buf, len }, 1);
		return REAL(write)(fd, buf, len);
	}
	if (is_carrier(word)) {
		atr_conn_carrier_written(word, fd);
		return REAL(write)(fd, buf, len);
	}
	return write_conn(word, fd, buf, len);
}

HOOK ssize_t write(int fd, const void *buf, size_t len)
{
	uint64_t word = atr_fd(fd);

	if (!may_be_log(fd)) {
		PASS_ON_IF(is_passed(word), write, fd, buf, len);
		PASS_ON_IF(carries_nothing(word), write, fd, buf, len);
	}
	return write_known(fd, buf, len);
}

APART ssize_t writev_known(int fd, const struct iovec *iov, int nr)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1))
		return is_log(fd) ? write_lines(fd, iov, nr) : REAL(writev)(fd, iov, nr);
	if (is_carrier(word)) {
		atr_conn_carrier_written(word, fd);
		return REAL(writev)(fd, iov, nr);
	}
	return writev_conn(word, fd, iov, nr);
}

HOOK ssize_t writev(int fd, const struct iovec *iov, int nr)
{
	if (!may_be_log(fd))
		PASS_ON(writev, fd, fd, iov, nr);
	return writev_known(fd, iov, nr);
}

HOOK ssize_t pwritev2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	uint64_t word = seen(fd, OUT);

	if (__builtin_expect(!word, 1))
		return REAL(pwritev2)(fd, iov, nr, at, flags);
	return pwritev2_conn(word, fd, iov, nr, at, flags);
}

HOOK ssize_t sendfile(int to, int from, off_t *at, size_t len)
{
	uint64_t word = seen(to, OUT);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return REAL(sendfile)(to, from, at, len);
	if (atr_fd_is_conn(word))
		atr_conn_let_go(to);
	n = BELOW(to, OUT, REAL(sendfile)(to, from, at, len));
	atr_conn_sent_blind(word, to, n);
	return n;
}

HOOK ssize_t sendfile64(int to, int from, off64_t *at, size_t len)
{
	uint64_t word = seen(to, OUT);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return REAL(sendfile64)(to, from, at, len);
	if (atr_fd_is_conn(word))
		atr_conn_let_go(to);
	n = BELOW(to, OUT, REAL(sendfile64)(to, from, at, len));
	atr_conn_sent_blind(word, to, n);
	return n;
}

HOOK ssize_t splice(int from, off64_t *from_at, int to, off64_t *to_at, size_t len, unsigned flags)
{
	uint64_t in = atr_fd(from), out = atr_fd(to);
	ssize_t n;

	if (atr_fd_is_conn(out))
		atr_conn_let_go(to);
	n = REAL(splice)(from, from_at, to, to_at, len, flags);
	atr_conn_received_blind(in, from, n);
	atr_conn_sent_blind(out, to, n);
	return n;
}

static inline void received(uint64_t word, int fd, void *buf, ssize_t n)
{
	struct iovec iov = { buf, n > 0 ? (size_t)n : 0 };

	if (__builtin_expect(is_carrier(word), 0)) {
		if (n > 0)
			atr_conn_carrier_read(word, fd);
	} else {
		atr_conn_received(word, fd, &iov, 1, n);
	}
}

/* Bytes that stay where they are are told when they are taken; those thrown away we do not see. */
static inline void received_flagged(uint64_t word, int fd, void *buf, ssize_t n, int flags)
{
	if (__builtin_expect(!(flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB | MSG_TRUNC)), 1))
		received(word, fd, buf, n);
	else if (!(flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB)))
		atr_conn_received_blind(word, fd, n);
}

static void received_msg(uint64_t word, int fd, const struct msghdr *msg, ssize_t n, int flags)
{
	if (flags & (MSG_PEEK | MSG_ERRQUEUE | MSG_OOB) || !msg_was_to_take(msg, n))
		return;
	if (flags & MSG_TRUNC)
		atr_conn_received_blind(word, fd, n);
	else if (n < 0) /* what is in the message may be what the kernel refused */
		atr_conn_received(word, fd, NULL, 0, n);
	else
		atr_conn_received(word, fd, msg->msg_iov, (int)msg->msg_iovlen, n);
}

APART ssize_t recv_known(int fd, void *buf, size_t len, int flags)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd, REAL(recv)(fd, buf, len, flags), len, flags);
	n = BELOW(fd, IN, REAL(recv)(fd, buf, len, flags));
	if (len)
		received_flagged(word, fd, buf, n, flags);
	return n;
}

HOOK ssize_t recv(int fd, void *buf, size_t len, int flags)
{
	PASS_ON(recv, fd, fd, buf, len, flags);
	return recv_known(fd, buf, len, flags);
}

APART ssize_t recvfrom_known(int fd, void *buf, size_t len, int flags, __SOCKADDR_ARG address,
			     socklen_t *address_len)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd, REAL(recvfrom)(fd, buf, len, flags, address, address_len), len,
			      flags);
	n = BELOW(fd, IN, REAL(recvfrom)(fd, buf, len, flags, address, address_len));
	if (len)
		received_flagged(word, fd, buf, n, flags);
	return n;
}

HOOK ssize_t recvfrom(int fd, void *buf, size_t len, int flags, __SOCKADDR_ARG address,
		      socklen_t *address_len)
{
	PASS_ON(recvfrom, fd, fd, buf, len, flags, address, address_len);
	return recvfrom_known(fd, buf, len, flags, address, address_len);
}

/* What came by a message beside its bytes. */
__attribute__((noinline, cold)) static void received_beside(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t len = c->cmsg_len;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t at = CMSG_LEN(0); at + sizeof(int) <= len; at += sizeof(int)) {
			int fd;

			memcpy(&fd, (const char *)c + at, sizeof(fd));
			atr_conn_passed(fd);
		}
	}
}

/* After the call: what the kernel would refuse is not looked at. */
static inline ssize_t passed(struct msghdr *msg, ssize_t n)
{
	if (__builtin_expect(n >= 0 && msg->msg_controllen, 0))
		received_beside(msg);
	return n;
}

APART ssize_t recvmsg_known(int fd, struct msghdr *msg, int flags)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1)) {
		n = REAL(recvmsg)(fd, msg, flags);
		return passed(msg, untold(fd, n, msg_was_to_take(msg, n), flags));
	}
	n = BELOW(fd, IN, REAL(recvmsg)(fd, msg, flags));
	received_msg(word, fd, msg, n, flags);
	return passed(msg, n);
}

HOOK ssize_t recvmsg(int fd, struct msghdr *msg, int flags)
{
	if (__builtin_expect(is_passed(atr_fd(fd)) && atr_real[ATR_REAL_recvmsg], 1))
		return passed(msg,
			      ((__typeof__(&recvmsg))atr_real[ATR_REAL_recvmsg])(fd, msg, flags));
	return recvmsg_known(fd, msg, flags);
}

HOOK int recvmmsg(int fd, struct mmsghdr *messages, unsigned nr, int flags,
		  struct timespec *timeout)
{
	uint64_t word = seen(fd, IN);
	int got;

	if (__builtin_expect(!word, 1))
		got = REAL(recvmmsg)(fd, messages, nr, flags, timeout);
	else
		got = BELOW(fd, IN, REAL(recvmmsg)(fd, messages, nr, flags, timeout));
	if (word && got < 0)
		received_msg(word, fd, NULL, got, flags);
	for (int i = 0; i < got; i++) {
		if (word)
			received_msg(word, fd, &messages[i].msg_hdr, (ssize_t)messages[i].msg_len,
				     flags);
		passed(&messages[i].msg_hdr, 0);
	}
	return got;
}

/* eventfd and pipe. What a library below makes of the call is nothing more to tell of. */
#define READ_CARRIER(word, fd, call)                     \
	({                                               \
		ssize_t got_;                            \
                                                         \
		atr_conn_carrier_reading(word, fd);      \
		got_ = call;                             \
		if (got_ > 0)                            \
			atr_conn_carrier_read(word, fd); \
		got_;                                    \
	})

/* It may have been written for work that began while the program waited here. */
APART ssize_t read_idle_carrier(int fd, void *buf, size_t len, uint64_t word)
{
	ssize_t n = REAL(read)(fd, buf, len);

	if (n > 0) {
		atr_self.prompted = true;
		if (atr_work_nr_in_flight() || atr_self.polls_at)
			atr_conn_carrier_read(word, fd);
	}
	return n;
}

APART ssize_t read_known(int fd, void *buf, size_t len)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd, REAL(read)(fd, buf, len), len, 0);
	if (is_carrier(word))
		return READ_CARRIER(word, fd, REAL(read)(fd, buf, len));
	n = BELOW(fd, IN, REAL(read)(fd, buf, len));
	if (len)
		received(word, fd, buf, n);
	return n;
}

HOOK ssize_t read(int fd, void *buf, size_t len)
{
	uint64_t word = atr_fd(fd);

	PASS_ON_IF(is_passed(word), read, fd, buf, len);
	if (carries_nothing(word))
		return read_idle_carrier(fd, buf, len, word);
	return read_known(fd, buf, len);
}

APART ssize_t readv_known(int fd, const struct iovec *iov, int nr)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1)) {
		n = REAL(readv)(fd, iov, nr);
		return untold(fd, n, was_to_take(iov, (size_t)nr, n), 0);
	}
	if (is_carrier(word))
		return READ_CARRIER(word, fd, REAL(readv)(fd, iov, nr));
	n = BELOW(fd, IN, REAL(readv)(fd, iov, nr));
	if (was_to_take(iov, (size_t)nr, n))
		atr_conn_received(word, fd, iov, nr, n);
	return n;
}

HOOK ssize_t readv(int fd, const struct iovec *iov, int nr)
{
	PASS_ON(readv, fd, fd, iov, nr);
	return readv_known(fd, iov, nr);
}

HOOK ssize_t preadv2(int fd, const struct iovec *iov, int nr, off_t at, int flags)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1)) {
		n = REAL(preadv2)(fd, iov, nr, at, flags);
		return untold(fd, n, was_to_take(iov, (size_t)nr, n), 0);
	}
	n = BELOW(fd, IN, REAL(preadv2)(fd, iov, nr, at, flags));
	if (was_to_take(iov, (size_t)nr, n))
		atr_conn_received(word, fd, iov, nr, n);
	return n;
}

HOOK ssize_t __read_chk(int fd, void *buf, size_t len, size_t room)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd, REAL(__read_chk)(fd, buf, len, room), len, 0);
	n = BELOW(fd, IN, REAL(__read_chk)(fd, buf, len, room));
	if (len)
		received(word, fd, buf, n);
	return n;
}

HOOK ssize_t __recv_chk(int fd, void *buf, size_t len, size_t room, int flags)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd, REAL(__recv_chk)(fd, buf, len, room, flags), len, flags);
	n = BELOW(fd, IN, REAL(__recv_chk)(fd, buf, len, room, flags));
	if (len)
		received_flagged(word, fd, buf, n, flags);
	return n;
}

HOOK ssize_t __recvfrom_chk(int fd, void *buf, size_t len, size_t room, int flags,
			    struct sockaddr *address, socklen_t *address_len)
{
	uint64_t word = seen(fd, IN);
	ssize_t n;

	if (__builtin_expect(!word, 1))
		return untold(fd,
			      REAL(__recvfrom_chk)(fd, buf, len, room, flags, address, address_len),
			      len, flags);
	n = BELOW(fd, IN, REAL(__recvfrom_chk)(fd, buf, len, room, flags, address, address_len));
	if (len)
		received_flagged(word, fd, buf, n, flags);
	return n;
}

/* libc's own write and read of the number, which are not made by those names. */
HOOK int eventfd_write(int fd, eventfd_t count)
{
	uint64_t word = atr_fd(fd);

	if (is_carrier(word))
		atr_conn_carrier_written(word, fd);
	return REAL(eventfd_write)(fd, count);
}

HOOK int eventfd_read(int fd, eventfd_t *count)
{
	uint64_t word = atr_fd(fd);
	int result;

	if (is_carrier(word))
		atr_conn_carrier_reading(word, fd);
	result = REAL(eventfd_read)(fd, count);
	if (is_carrier(word) && result == 0)
		atr_conn_carrier_read(word, fd);
	return result;
}

/*
 * Asynchronous reads and writes are made by threads of libc's, below every name:
 * a connection that is used so is left alone as a whole.
 */
static void by_libc(const struct aiocb *block)
{
	if (block && atr_is_readable(block, sizeof(*block)) &&
	    atr_fd_is_conn(atr_fd(block->aio_fildes)))
		atr_conn_closing(block->aio_fildes);
}

HOOK int aio_read(struct aiocb *block)
{
	by_libc(block);
	return REAL(aio_read)(block);
}

HOOK int aio_write(struct aiocb *block)
{
	by_libc(block);
	return REAL(aio_write)(block);
}

HOOK int lio_listio(int mode, struct aiocb *const list[], int nr, struct sigevent *event)
{
	for (int i = 0; atr_fds && i < nr && atr_is_readable(&list[i], sizeof(list[i])); i++)
		by_libc(list[i]);
	return REAL(lio_listio)(mode, list, nr, event);
}

/* The same by the names that programs with 64 bit offsets have for them. */
HOOK int aio_read64(struct aiocb64 *block)
{
	by_libc((const struct aiocb *)block);
	return REAL(aio_read64)(block);
}

HOOK int aio_write64(struct aiocb64 *block)
{
	by_libc((const struct aiocb *)block);
	return REAL(aio_write64)(block);
}

HOOK int lio_listio64(int mode, struct aiocb64 *const list[], int nr, struct sigevent *event)
{
	for (int i = 0; atr_fds && i < nr && atr_is_readable(&list[i], sizeof(list[i])); i++)
		by_libc((const struct aiocb *)list[i]);
	return REAL(lio_listio64)(mode, list, nr, event);
}
