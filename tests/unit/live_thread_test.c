/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kernel.h"

#include <stdbool.h>

/* A clock of ours where a test needs one. */
static bool is_ours;
static uint64_t now_ns, lost_ns;
static uint64_t kernel_ns(clockid_t clock);
#define atr_kernel_ns kernel_ns
#include "preload/live/thread.c"
#undef atr_kernel_ns

#include "tests/test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIX_AT_0 UINT64_C(1700000000000000000)

/* Each look takes a moment; behind the first ones the thread loses its processor. */
static uint64_t kernel_ns(clockid_t clock)
{
	uint64_t now = now_ns;

	if (!is_ours)
		return atr_kernel_ns(clock);
	now_ns += 100 + lost_ns;
	lost_ns /= 1000;
	return clock == CLOCK_REALTIME ? UNIX_AT_0 + now : now;
}

static _Atomic int nr_forked;
static struct atr_thread *forked_in;

static void forked(struct atr_thread *self)
{
	atomic_fetch_add(&nr_forked, 1);
	forked_in = self->inside ? self : NULL;
	errno = EINVAL;
}

static void begin(void)
{
	memset(&atr_self, 0, sizeof(atr_self));
	atomic_store(&nr_forked, 0);
	forked_in = NULL;
	atr_thread_setup(forked);
}

/* What the child's function says: its exit code. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(run());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}

TEST(thread_enters_once_and_again_when_it_left)
{
	struct atr_thread *self;

	begin();
	self = atr_enter();
	CHECK(self == &atr_self && self->inside);
	CHECK(!atr_enter());
	atr_leave(NULL); /* of the one that was refused */
	CHECK(!atr_enter());
	atr_leave(self);
	CHECK(atr_enter() == self);
	atr_leave(self);
	CHECK(!self->inside && atomic_load(&nr_forked) == 0);
}

static void *enter_beside(void *unused)
{
	struct atr_thread *self = atr_enter();

	(void)unused;
	atr_leave(self);
	return self;
}

TEST(thread_is_inside_for_itself_alone)
{
	struct atr_thread *self;
	pthread_t other;
	void *entered;

	begin();
	self = atr_enter();
	pthread_create(&other, NULL, enter_beside, NULL);
	pthread_join(other, &entered);
	CHECK(entered && entered != self);
	atr_leave(self);
}

TEST(thread_that_stands_down_enters_no_more)
{
	begin();
	atr_thread_off();
	CHECK(!atr_enter());
	atr_thread_forked();
	CHECK(!atr_enter() && atomic_load(&nr_forked) == 0);
	begin();
	CHECK(atr_enter());
	atr_leave(&atr_self);
}

static int child_enters(void)
{
	struct atr_thread *self;

	if (!atr_is_forked_child())
		return 1;
	errno = ENOENT;
	self = atr_enter();
	if (!self || errno != ENOENT || atomic_load(&nr_forked) != 1 || forked_in != self)
		return 2;
	if (atr_is_forked_child() || atr_enter())
		return 3;
	atr_leave(self);
	self = atr_enter();
	return self && atomic_load(&nr_forked) == 1 ? 0 : 4;
}

TEST(thread_in_a_forked_child_is_made_clean_once)
{
	begin();
	CHECK(!atr_is_forked_child());
	CHECK(in_child(child_enters) == 0);
	CHECK(atomic_load(&nr_forked) == 0);
	CHECK(atr_enter());
	atr_leave(&atr_self);
}

static int child_forks(void)
{
	int first = child_enters();

	atr_leave(&atr_self);
	atomic_store(&nr_forked, 0);
	return first ? first : in_child(child_enters);
}

TEST(thread_in_a_childs_child_is_made_clean_too)
{
	begin();
	CHECK(in_child(child_forks) == 0);
}

static int child_was_told(void)
{
	/* a kernel that wipes no page, and the fork hook that is there for those */
	atomic_store(atr_process_state, ATR_PROCESS_ON);
	atr_thread_forked();
	return child_enters();
}

TEST(thread_told_of_a_fork_finds_it_too)
{
	begin();
	CHECK(in_child(child_was_told) == 0);
}

static int child_of_vfork(void)
{
	return !atr_enter() && atr_in_shared_child() && atomic_load(&nr_forked) == 0 ? 0 : 1;
}

TEST(thread_after_vfork_enters_in_the_parent_and_not_in_the_child)
{
	begin();
	atr_thread_vforks();
	/* a fork stands for it: that its memory is its own is not what is looked at */
	CHECK(in_child(child_of_vfork) == 0);
	CHECK(!atr_in_shared_child());
	CHECK(atr_enter() == &atr_self);
	CHECK(!atr_self.after_vfork);
	atr_leave(&atr_self);
}

static int child_ids(void)
{
	struct atr_ids parents = atr_self.ids;

	atr_enter();
	atr_leave(&atr_self);
	atr_ids_seed(&atr_self.ids);
	return atr_ids_next(&atr_self.ids) == atr_ids_next(&parents);
}

TEST(thread_in_a_forked_child_has_ids_of_its_own)
{
	begin();
	atr_ids_next(&atr_self.ids);
	CHECK(in_child(child_ids) == 0);
}

TEST(thread_clock_tells_unix_time_of_an_instant)
{
	uint64_t now = atr_clock_ns(), unix_now = atr_clock_unix(now);
	struct timespec t;
	int64_t off;

	clock_gettime(CLOCK_REALTIME, &t);
	off = (int64_t)t.tv_sec * 1000000000 + t.tv_nsec - (int64_t)unix_now;
	CHECK(off > -1000000000 && off < 1000000000);
	CHECK(atr_clock_unix(now + 5) - unix_now == 5);
	CHECK(unix_now - atr_clock_unix(now - 1000) == 1000);
}

TEST(thread_clock_is_right_where_the_processor_was_lost_between_two_looks)
{
	uint64_t now, off;

	begin();
	is_ours = true;
	now_ns = 5000000000;
	lost_ns = 50000000;
	atr_clock_doubt();
	now = now_ns;
	off = atr_clock_unix(now) - (UNIX_AT_0 + now);
	is_ours = false;
	atr_clock_doubt();
	CHECK(off + 1000 < 2000);
}
