/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "preload/hook/polls.h"

#include "preload/conn/conn.h"
#include "preload/conn/fdtable.h"
#include "preload/live/readable.h"
#include "preload/live/work.h"

#include <limits.h>

/*
 * Waiting. A thread that waits for new work does none meanwhile; one that waits
 * on several of its connections runs a loop. The program's set is only read.
 */

/* glibc declares poll's set as written only; its descriptors are read all the same */
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define LOOK_AT 64 /* descriptors of a set; larger ones are those of loops in any case */

/* A timeout of so long; one that the kernel refuses is none. */
static int in_ms(long s, long ns)
{
	if (s < 0 || ns < 0)
		return -1;
	return s < 1000000 && ns < 1000000000 ? (int)(s * 1000 + (ns + 999999) / 1000000) : INT_MAX;
}

/* select takes any number of microseconds. */
static int ms_of_timeval(const struct timeval *t)
{
	long more = t->tv_usec / 1000000;

	return t->tv_sec < 1000000 && more < 1000000 ?
		       in_ms(t->tv_sec < 0 ? -1 : t->tv_sec + more, t->tv_usec % 1000000 * 1000) :
		       INT_MAX;
}

/* As the call has it: in milliseconds, or, where that is not NULL, as a timespec of the program's. */
struct limit {
	int ms;
	const struct timespec *at;
};

/* Only where a loop waits: to ask whether it can be read may take a system call. */
static int ms_of(struct limit limit)
{
	if (!limit.at)
		return limit.ms;
	return atr_is_readable(limit.at, sizeof(*limit.at)) ?
		       in_ms(limit.at->tv_sec, limit.at->tv_nsec) :
		       -1;
}

static void goes_idle(bool is_loop, struct limit limit)
{
	struct atr_thread *self = atr_enter();

	if (self)
		atr_work_idle(self, is_loop, is_loop ? ms_of(limit) : -1);
	atr_leave(self);
}

static void before_poll(const struct pollfd *fds, nfds_t nr, struct limit limit)
{
	if (!atr_fds || !atr_is_readable(fds, sizeof(*fds) * (nr < LOOK_AT ? nr : LOOK_AT)))
		return;
	if (__builtin_expect(atr_self.is_events_loop, 0) && nr > 1) {
		goes_idle(true, limit);
		return;
	}
	for (nfds_t i = 0; i < nr && i < LOOK_AT; i++) {
		uint64_t word = fds[i].fd >= 0 ? atr_fd(fds[i].fd) : 0;

		if (word && atr_conn_awaits_work(word)) {
			goes_idle(nr > 1, limit);
			return;
		}
	}
}

static void after_poll(const struct pollfd *fds, nfds_t nr, int got)
{
	if (got != 0 || nr > 4 || !atr_fds)
		return;
	for (nfds_t i = 0; i < nr; i++)
		if (fds[i].fd >= 0 && atr_fd_holds_conn(atr_fd(fds[i].fd)))
			atr_conn_wait_timed_out(fds[i].fd);
}

HOOK int poll(struct pollfd *fds, nfds_t nr, int timeout_ms)
{
	int got;

	before_poll(fds, nr, (struct limit){ timeout_ms, NULL });
	got = REAL(poll)(fds, nr, timeout_ms);
	if (timeout_ms > 0)
		after_poll(fds, nr, got);
	return got;
}

HOOK int __poll_chk(struct pollfd *fds, nfds_t nr, int timeout_ms, size_t room)
{
	int got;

	before_poll(fds, nr, (struct limit){ timeout_ms, NULL });
	got = REAL(__poll_chk)(fds, nr, timeout_ms, room);
	if (timeout_ms > 0)
		after_poll(fds, nr, got);
	return got;
}

HOOK int ppoll(struct pollfd *fds, nfds_t nr, const struct timespec *timeout, const sigset_t *mask)
{
	int got;

	before_poll(fds, nr, (struct limit){ -1, timeout });
	got = REAL(ppoll)(fds, nr, timeout, mask);
	if (got == 0 && timeout && (timeout->tv_sec || timeout->tv_nsec))
		after_poll(fds, nr, got);
	return got;
}

HOOK int __ppoll_chk(struct pollfd *fds, nfds_t nr, const struct timespec *timeout,
		     const sigset_t *mask, size_t room)
{
	int got;

	before_poll(fds, nr, (struct limit){ -1, timeout });
	got = REAL(__ppoll_chk)(fds, nr, timeout, mask, room);
	if (got == 0 && timeout && (timeout->tv_sec || timeout->tv_nsec))
		after_poll(fds, nr, got);
	return got;
}

/* The connections among a few descriptors waited on: select says nothing of them in the end. */
struct watched {
	int fd[4];
	int nr;
};

static void before_select(int nr, const fd_set *readable, struct limit limit, struct watched *conns)
{
	int watched = 0;
	bool for_work = false;

	conns->nr = 0;
	if (!atr_fds || !readable || nr <= 0 || !atr_is_readable(readable, (size_t)(nr + 7) / 8))
		return;
	for (int fd = 0; fd < nr && fd < FD_SETSIZE; fd++) {
		uint64_t word = FD_ISSET(fd, readable) ? atr_fd(fd) : 0;

		watched += FD_ISSET(fd, readable) != 0;
		for_work = for_work || (word && atr_conn_awaits_work(word));
		if (atr_fd_holds_conn(word) && conns->nr < 4)
			conns->fd[conns->nr++] = fd;
	}
	if (for_work)
		goes_idle(watched > 1, limit);
}

static void after_select(const struct watched *conns, bool has_limit, int got)
{
	if (got == 0 && has_limit)
		for (int i = 0; i < conns->nr; i++)
			atr_conn_wait_timed_out(conns->fd[i]);
}

HOOK int select(int nr, fd_set *readable, fd_set *writable, fd_set *exceptional,
		struct timeval *timeout)
{
	/* looked at before: the kernel writes what is left of it */
	int limit_ms =
		timeout && atr_is_readable(timeout, sizeof(*timeout)) ? ms_of_timeval(timeout) : 0;
	struct watched conns;
	int got;

	before_select(nr, readable, (struct limit){ timeout ? limit_ms : -1, NULL }, &conns);
	got = REAL(select)(nr, readable, writable, exceptional, timeout);
	after_select(&conns, limit_ms != 0, got);
	return got;
}

HOOK int pselect(int nr, fd_set *readable, fd_set *writable, fd_set *exceptional,
		 const struct timespec *timeout, const sigset_t *mask)
{
	struct watched conns;
	int got;

	before_select(nr, readable, (struct limit){ -1, timeout }, &conns);
	got = REAL(pselect)(nr, readable, writable, exceptional, timeout, mask);
	after_select(&conns, got == 0 && timeout && (timeout->tv_sec || timeout->tv_nsec), got);
	return got;
}

HOOK int epoll_ctl(int set, int operation, int fd, struct epoll_event *event)
{
	if (operation == EPOLL_CTL_ADD && atr_fd(fd))
		atr_conn_added(set, fd);
	return REAL(epoll_ctl)(set, operation, fd, event);
}

/* True: it is a loop's wait, and _came is to be told. */
static bool before_epoll(int set, struct limit limit)
{
	uint64_t word = atr_fd(set);

	return (word || __builtin_expect(atr_self.awaits_events | atr_self.is_events_loop, 0)) &&
	       atr_conn_waits(word, ms_of(limit));
}

/*
 * Whether something may be done for what came before it is read, written, accepted or asked
 * whether it is connected: of connections alone this is known. libuv has the descriptor in an event.
 */
static bool are_mute(const struct epoll_event *events, int nr, uint32_t reads)
{
	if (nr > LOOK_AT)
		return true;
	for (int i = 0; i < nr; i++) {
		uint64_t word = atr_fd(events[i].data.fd);

		if (reads == (uint32_t)events[i].data.fd + 1)
			continue;
		if ((!atr_fd_is_conn(word) && atr_fd_kind(word) != ATR_FD_LISTENER) ||
		    events[i].events & ~(uint32_t)(EPOLLIN | EPOLLOUT))
			return true;
	}
	return false;
}

/* frame: of the hook, with the caller's frame pointer, and behind it what it returns to. */
static void came(const struct epoll_event *events, int nr, const uintptr_t *frame)
{
	struct atr_thread *self = atr_enter();

	if (self) {
		const uintptr_t *at = atr_polls_at(frame[1], (uintptr_t)(frame + 2), frame[0]);

		atr_work_polls(self, at, at && are_mute(events, nr, self->reads));
	}
	atr_leave(self);
}

HOOK int epoll_wait(int set, struct epoll_event *events, int most, int timeout_ms)
{
	int got;

	if (!before_epoll(set, (struct limit){ timeout_ms, NULL }))
		return REAL(epoll_wait)(set, events, most, timeout_ms);
	got = REAL(epoll_wait)(set, events, most, timeout_ms);
	came(events, got, __builtin_frame_address(0));
	return got;
}

HOOK int epoll_pwait(int set, struct epoll_event *events, int most, int timeout_ms,
		     const sigset_t *mask)
{
	int got;

	if (!before_epoll(set, (struct limit){ timeout_ms, NULL }))
		return REAL(epoll_pwait)(set, events, most, timeout_ms, mask);
	got = REAL(epoll_pwait)(set, events, most, timeout_ms, mask);
	came(events, got, __builtin_frame_address(0));
	return got;
}

HOOK int epoll_pwait2(int set, struct epoll_event *events, int most, const struct timespec *timeout,
		      const sigset_t *mask)
{
	int got;

	if (!before_epoll(set, (struct limit){ -1, timeout }))
		return REAL(epoll_pwait2)(set, events, most, timeout, mask);
	got = REAL(epoll_pwait2)(set, events, most, timeout, mask);
	came(events, got, __builtin_frame_address(0));
	return got;
}
