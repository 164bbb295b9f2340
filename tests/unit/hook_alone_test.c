/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/alone.c"

#include "tests/test.h"

#include <fcntl.h>

void *atr_real[ATR_NR_REAL];

void *atr_real_find(enum atr_real_index index)
{
	(void)index;
	abort();
}

#define SEEN(name) atr_real[ATR_REAL_##name] = (void *)name

static void begin(void)
{
	memset(atr_real, 0, sizeof(atr_real));
	SEEN(read);
	SEEN(write);
	SEEN(readv);
	SEEN(writev);
	SEEN(send);
	SEEN(recv);
	SEEN(sendmsg);
	SEEN(recvmsg);
	SEEN(poll);
	state = NOT_YET;
	atr_may_be_below = false;
}

static bool is_libcs(void)
{
	return atr_real[ATR_REAL_read] == (void *)read &&
	       atr_real[ATR_REAL_write] == (void *)write &&
	       atr_real[ATR_REAL_readv] == (void *)readv &&
	       atr_real[ATR_REAL_writev] == (void *)writev &&
	       atr_real[ATR_REAL_send] == (void *)send && atr_real[ATR_REAL_recv] == (void *)recv &&
	       atr_real[ATR_REAL_sendmsg] == (void *)sendmsg &&
	       atr_real[ATR_REAL_recvmsg] == (void *)recvmsg;
}

/* 1, 2 and 4 bytes there, each way. */
static void check_calls(const int pair[2])
{
	char got[8] = { 0 };
	struct iovec out[2] = { { "ab", 2 }, { "cd", 2 } }, in[2] = { { got, 1 }, { got + 1, 3 } };
	struct msghdr sent = { .msg_iov = out, .msg_iovlen = 2 };
	struct msghdr heard = { .msg_iov = in, .msg_iovlen = 2 };

	errno = EDOM;
	CHECK(REAL(write)(pair[0], "x", 1) == 1 && REAL(read)(pair[1], got, 8) == 1 &&
	      got[0] == 'x');
	CHECK(REAL(send)(pair[0], "yz", 2, MSG_NOSIGNAL) == 2);
	CHECK(REAL(recv)(pair[1], got, 8, MSG_PEEK) == 2 && REAL(recv)(pair[1], got, 8, 0) == 2);
	CHECK(got[0] == 'y' && got[1] == 'z');
	CHECK(REAL(writev)(pair[0], out, 2) == 4 && REAL(readv)(pair[1], in, 2) == 4);
	CHECK(!memcmp(got, "abcd", 4));
	memset(got, 0, sizeof(got));
	CHECK(REAL(sendmsg)(pair[0], &sent, 0) == 4 && REAL(recvmsg)(pair[1], &heard, 0) == 4);
	CHECK(!memcmp(got, "abcd", 4) && errno == EDOM);
}

static void check_failures(int fd)
{
	struct iovec iov = { NULL, 1 }, *volatile nowhere = NULL;
	volatile int fewer_than_none = -1;
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	char byte;

#define FAILS(call, error) CHECK((errno = 0, call) == -1 && errno == (error))
	FAILS(REAL(recv)(fd, &byte, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(REAL(recvmsg)(fd, &message, MSG_DONTWAIT), EAGAIN);
	FAILS(REAL(send)(-1, "x", 1, 0), EBADF);
	FAILS(REAL(sendmsg)(fd, &message, 0), EFAULT);
	FAILS(REAL(write)(-1, "x", 1), EBADF);
	FAILS(REAL(writev)(fd, &iov, fewer_than_none), EINVAL);
	FAILS(REAL(read)(-1, &byte, 1), EBADF);
	FAILS(REAL(readv)(fd, nowhere, 1), EFAULT);
}

TEST(alone_its_calls_answer_as_libcs)
{
	int pair[2];

	begin();
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	for (int i = 0; i < 2; i++) {
		check_calls(pair);
		check_failures(pair[0]);
		atr_alone_begins();
	}
	CHECK(!is_slow_beside_another() || !is_libcs());
	CHECK(atr_real[ATR_REAL_poll] == (void *)poll);
	close(pair[0]);
	close(pair[1]);
}

TEST(alone_is_over_for_good)
{
	begin();
	atr_alone_begins();
	atr_alone_ends();
	CHECK(is_libcs());
	atr_alone_begins();
	CHECK(is_libcs());
	begin();
	atr_alone_ends();
	atr_alone_begins();
	CHECK(is_libcs());
}

TEST(alone_goes_past_nobody_but_libc)
{
	begin();
	atr_may_be_below = true;
	atr_alone_begins();
	CHECK(is_libcs());
	atr_may_be_below = false;
}
