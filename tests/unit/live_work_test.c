/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/work.h"
#include "preload/live/carrier.h"

#include "tests/unit/live.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Threads are only what we keep for them: these are never run. */
static struct atr_thread server, helper, other;

static void begin(void)
{
	live_begin((const char *const[]){ "OTEL_TRACES_SAMPLER=always_off", NULL });
	memset(&server, 0, sizeof(server));
	memset(&helper, 0, sizeof(helper));
	memset(&other, 0, sizeof(other));
}

static atr_ref read_after(struct atr_thread *self, uint8_t id, bool whole, atr_ref before)
{
	struct atr_context parent = live_parent(id);
	atr_ref work = atr_live_open(self, ATR_KIND_SERVER, &parent, atr_clock_ns());

	CHECK(work);
	atr_work_read(self, work, whole, before);
	return work;
}

/* A request that was read to its end. */
static atr_ref request(struct atr_thread *self, uint8_t id)
{
	return read_after(self, id, true, 0);
}

/* The same, and its answer has begun. */
static atr_ref answering(struct atr_thread *self, uint8_t id)
{
	atr_ref work = request(self, id);

	atr_work_answering(self, work);
	return work;
}

static void end(struct atr_thread *self, atr_ref work)
{
	atr_work_ended(self, work);
	atr_live_drop(work);
}

static atr_ref doing(struct atr_thread *self)
{
	return atr_work_current(self, 0);
}

/* What the process learns about its threads stays with it: such a test has one of its own. */
static int in_child(int (*run)(void))
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0)
		_exit(run());
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	return WEXITSTATUS(status);
}
#define EXPECT(claim)                                                               \
	do {                                                                        \
		if (!(claim)) {                                                     \
			print_error("in a child, line %d: %s\n", __LINE__, #claim); \
			return 1;                                                   \
		}                                                                   \
	} while (0)

/* ---- rule 1 ---- */

TEST(work_is_the_request_last_read_until_it_is_answered)
{
	atr_ref first, second;

	begin();
	CHECK(!doing(&server));
	first = request(&server, 1);
	CHECK(doing(&server) == first && atr_work_nr_in_flight() == 1);
	atr_work_answering(&server, first);
	CHECK(doing(&server) == first && atr_work_nr_in_flight() == 0);
	end(&server, first);
	CHECK(!doing(&server));
	second = request(&server, 2);
	CHECK(doing(&server) == second && second != first);
	end(&server, second);
	live_end();
}

TEST(work_nests_and_ending_the_inner_restores_the_outer)
{
	atr_ref work[3];

	begin();
	for (uint8_t i = 0; i < 3; i++)
		work[i] = answering(&server, i + 1);
	CHECK(doing(&server) == work[2]);
	end(&server, work[2]);
	CHECK(doing(&server) == work[1]);
	work[2] = answering(&server, 3);
	/* one that is over is not what it goes back to */
	end(&other, work[1]);
	end(&server, work[2]);
	CHECK(doing(&server) == work[0]);
	end(&server, work[0]);
	CHECK(!doing(&server));
	live_end();
}

TEST(work_nested_deeper_than_is_kept_forgets_the_outermost)
{
	atr_ref work[ATR_OUTER_MAX + 2];

	begin();
	for (uint8_t i = 0; i < ATR_OUTER_MAX + 2; i++)
		work[i] = answering(&server, i + 1);
	for (int i = ATR_OUTER_MAX + 1; i > 0; i--) {
		CHECK(doing(&server) == work[i]);
		end(&server, work[i]);
	}
	CHECK(!doing(&server)); /* work[0]: it serves, so nor is it guessed */
	end(&server, work[0]);
	live_end();
}

TEST(work_of_pipelined_requests_is_the_first_until_it_is_answered)
{
	atr_ref first, second;

	begin();
	first = request(&server, 1);
	second = read_after(&server, 2, true, first);
	CHECK(doing(&server) == first && atr_work_nr_in_flight() == 2);
	end(&server, first);
	CHECK(!doing(&server));
	atr_work_next(&server, second);
	CHECK(doing(&server) == second);
	end(&server, second);
	live_end();
}

TEST(work_that_another_thread_ended_is_nobodys)
{
	atr_ref work;

	begin();
	work = request(&server, 1);
	end(&other, work);
	CHECK(!doing(&server) && atr_work_nr_in_flight() == 0);
	end(&server, work); /* stale: no harm */
	live_end();
}

TEST(work_of_a_thread_that_waits_for_the_next_is_over)
{
	atr_ref work;

	begin();
	work = request(&server, 1);
	atr_work_idle(&server, false, -1);
	CHECK(!doing(&server) && !server.is_loop);
	end(&server, work);
	live_end();
}

/* ---- green threads ---- */

static int leaves_what_it_read(void)
{
	atr_ref first = request(&server, 1), second, third;

	EXPECT(doing(&server) == first);
	second = request(&server, 2); /* and the first one is not answered */
	EXPECT(!doing(&server) && !doing(&helper));
	third = request(&other, 3);
	EXPECT(!doing(&other)); /* nor is any thread's what it read */
	end(&server, first);
	end(&server, third);
	EXPECT(doing(&server) == second && doing(&other) == second); /* it is alone */
	end(&other, second);
	EXPECT(!doing(&server));
	return 0;
}

TEST(work_of_a_thread_that_leaves_it_unanswered_is_not_what_it_read)
{
	begin();
	CHECK(in_child(leaves_what_it_read) == 0);
	live_end();
}

static int answers_what_another_read(void)
{
	atr_ref first = request(&server, 1), second = request(&other, 2), third;

	EXPECT(doing(&server) == first && doing(&other) == second);
	third = request(&helper, 3);
	atr_work_answering(&server, second);
	EXPECT(!doing(&server) && !doing(&other) && !doing(&helper));
	end(&server, second);
	end(&server, third);
	EXPECT(doing(&server) == first && doing(&other) == first);
	end(&server, first);
	return 0;
}

TEST(work_of_a_thread_that_answers_another_request_is_not_what_it_read)
{
	begin();
	CHECK(in_child(answers_what_another_read) == 0);
	live_end();
}

static int goes_on_with_its_own(void)
{
	atr_ref first = request(&server, 1), second, invoked;

	/* who has none unanswered may answer any, and who waited for work has left none */
	atr_work_answering(&helper, first);
	second = request(&server, 2);
	atr_work_idle(&server, false, -1);
	end(&server, request(&server, 3));
	end(&server, second);
	end(&server, first);
	first = request(&server, 4);
	second = read_after(&server, 5, true, first);
	atr_work_answering(&server, first);
	end(&server, first);
	end(&server, second);
	/* what a function serves while it is invoked is no other's */
	invoked = request(&server, 6);
	atr_work_invocation(invoked);
	end(&server, request(&server, 7));
	atr_work_invocation(0);
	end(&server, invoked);
	first = request(&server, 8);
	second = request(&other, 9);
	EXPECT(doing(&server) == first && doing(&other) == second);
	return 0;
}

TEST(work_of_threads_that_go_on_with_their_own_is_what_they_read)
{
	begin();
	CHECK(in_child(goes_on_with_its_own) == 0);
	live_end();
}

/* ---- rule 2 ---- */

TEST(work_bound_to_the_descriptor_is_for_a_thread_without_its_own)
{
	atr_ref mine, bound, over;

	begin();
	bound = request(&other, 1);
	atr_work_idle(&other, false, -1);
	over = request(&other, 2);
	mine = request(&server, 3);
	end(&other, over);
	CHECK(atr_work_current(&helper, bound) == bound);
	CHECK(atr_work_current(&server, bound) == mine);
	CHECK(!atr_work_current(&helper, over) && !doing(&helper));
	end(&other, bound);
	end(&server, mine);
	live_end();
}

/* So many calls end beside other work that loops are known to act when a descriptor says so. */
static void seen_for_a_while(void)
{
	atr_ref first, second;

	atr_work_idle(&helper, true, -1);
	first = request(&helper, 8);
	second = request(&helper, 9);
	for (int i = 0; i < 256; i++) {
		atr_work_begins_call(first);
		atr_work_ends_call(first);
	}
	end(&helper, second);
	end(&helper, first);
	atr_work_idle(&helper, true, -1);
}

static int resumes(void)
{
	atr_ref first, second;

	seen_for_a_while();
	atr_work_idle(&server, true, -1);
	first = read_after(&server, 1, false, 0);
	second = read_after(&server, 2, false, 0);
	EXPECT(doing(&server) == second);
	atr_work_resume(&server, first);
	EXPECT(doing(&server) == first);
	atr_work_resume(&server, 0);
	EXPECT(doing(&server) == first);
	end(&server, first);
	end(&server, second);

	first = answering(&other, 1);
	second = request(&other, 2);
	atr_work_resume(&other, first);
	EXPECT(doing(&other) == second);
	return 0;
}

TEST(work_is_resumed_by_a_loop_that_touches_its_descriptor_and_by_no_other)
{
	begin();
	CHECK(in_child(resumes) == 0);
	live_end();
}

TEST(work_that_a_loop_was_bound_to_comes_before_what_it_read_last)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	second = request(&server, 2);
	CHECK(atr_work_current(&server, first) == first);
	CHECK(atr_work_current(&server, second) == second);
	end(&server, first);
	end(&server, second);
	live_end();
}

/* ---- the loop ---- */

TEST(loop_is_sure_while_no_other_of_its_requests_is_parked)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	CHECK(server.is_loop && server.loop_slot);
	first = request(&server, 1);
	CHECK(doing(&server) == first);
	second = request(&server, 2);
	CHECK(!doing(&server)); /* it may be the first, by a timer say */
	atr_work_begins_call(first);
	CHECK(doing(&server) == second); /* that one waits for an answer of its own */
	atr_work_begins_call(first);
	atr_work_ends_call(first);
	CHECK(doing(&server) == second);
	atr_work_ends_call(first);
	CHECK(!doing(&server));
	atr_work_answering(&other, first);
	CHECK(doing(&server) == second); /* being answered: it asks for nothing more */
	end(&server, first);
	end(&server, second);
	CHECK(!doing(&server));
	live_end();
}

TEST(loop_with_a_request_whose_body_is_to_come_is_sure_of_the_other)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	first = read_after(&server, 1, false, 0);
	second = request(&server, 2);
	CHECK(doing(&server) == second);
	atr_work_whole(&server, first);
	CHECK(!doing(&server));
	end(&server, first);
	end(&server, second);
	live_end();
}

TEST(loops_do_not_look_at_each_others_requests)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	atr_work_idle(&other, true, -1);
	CHECK(server.loop_slot != other.loop_slot);
	first = request(&server, 1);
	second = request(&other, 2);
	CHECK(doing(&server) == first && doing(&other) == second);
	/* work of the other's that this one was not told of now */
	end(&server, first);
	first = read_after(&server, 3, false, 0);
	atr_work_resume(&server, second);
	CHECK(server.work == second && !doing(&server));
	end(&server, first);
	end(&other, second);
	live_end();
}

TEST(loop_that_goes_to_wait_does_nothing)
{
	atr_ref work;

	begin();
	atr_work_idle(&server, true, -1);
	work = request(&server, 1);
	atr_work_idle(&server, true, -1);
	CHECK(!server.work && !server.just_read);
	CHECK(doing(&server) == work); /* but by rule 4: there is no other */
	end(&server, work);
	live_end();
}

TEST(loop_that_goes_on_by_what_came_for_nobody_does_nothing_that_is_known)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_work_begins_call(first);
	second = request(&server, 2);
	atr_work_resume(&server, 0); /* it only writes there, in the second */
	CHECK(doing(&server) == second);
	atr_work_goes_on(&server, 0);
	CHECK(!doing(&server));
	atr_work_calls(&server, 0, false);
	atr_work_goes_on(&server, first);
	CHECK(!doing(&server)); /* the second is parked */
	atr_work_begins_call(second);
	CHECK(doing(&server) == first); /* that call was no evidence */
	end(&server, second);
	atr_work_goes_on(&server, second); /* over: an answer to what it left behind */
	CHECK(!server.work);
	/* a thread that serves one request does so whatever it reads */
	second = request(&other, 3);
	atr_work_goes_on(&other, 0);
	CHECK(doing(&other) == second);
	end(&server, first);
	end(&other, second);
	live_end();
}

/* Out of the blue something is done while all that is read has a call under way. */
static int staggers(void)
{
	atr_ref first, second;

	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_work_begins_call(first);
	atr_work_idle(&server, true, -1);
	atr_work_calls(&server, 0, false);
	second = request(&server, 2);
	EXPECT(!doing(&server));
	/* alone in flight it is for that one all the same */
	end(&server, first);
	EXPECT(doing(&server) == second);
	usleep(1010000);
	first = request(&server, 3);
	atr_work_begins_call(second);
	EXPECT(doing(&server) == first); /* evidence grows old */
	return 0;
}

TEST(loop_that_acts_out_of_the_blue_is_not_sure_for_a_while)
{
	begin();
	CHECK(in_child(staggers) == 0);
	live_end();
}

/* In one turn a request is read, and a timer runs for another: before anything else was seen. */
static int staggers_in_a_turn(void)
{
	atr_ref first, second;

	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_work_begins_call(first);
	EXPECT(doing(&server) == first); /* several calls at once, of the only one there is */
	atr_work_idle(&server, true, 1);
	second = request(&server, 2);
	EXPECT(doing(&server) == second);
	atr_work_begins_call(second);
	EXPECT(!doing(&server)); /* one more of this, or the first one's other */
	atr_work_ends_call(second);
	atr_work_idle(&server, true, -1);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second); /* no timer was set */
	atr_work_idle(&server, true, 5000);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second); /* nor is one due */
	atr_work_idle(&server, true, 1);
	atr_work_resume(&server, second);
	EXPECT(!doing(&server)); /* the same in the turn that read its answer */
	seen_for_a_while();
	EXPECT(doing(&server) == second); /* nothing was done out of the blue */
	atr_work_idle(&server, true, -1);
	atr_work_calls(&server, 0, false);
	atr_work_idle(&server, true, 1);
	atr_work_resume(&server, second);
	usleep(1010000);
	EXPECT(!doing(&server));
	return 0;
}

/* One is answered while its other call is under way: it may set a timer that runs in this turn. */
static int pauses(void)
{
	atr_ref first, second;

	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_work_begins_call(first);
	atr_work_begins_call(first);
	second = request(&server, 2);
	atr_work_begins_call(second);
	atr_work_idle(&server, true, 0);
	atr_work_resume(&server, first);
	atr_work_call_answered(first);
	EXPECT(doing(&server) == first);
	atr_work_resume(&server, second);
	EXPECT(!doing(&server));
	atr_work_idle(&server, true, 0);
	atr_work_resume(&server, second);
	EXPECT(!doing(&server)); /* nothing was told of timers */
	atr_work_begins_call(first);
	EXPECT(doing(&server) == second); /* what it was to do it has done */
	atr_work_call_answered(first);
	EXPECT(!doing(&server));
	atr_work_idle(&server, true, 5000);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second); /* it would be due later */
	return 0;
}

TEST(loop_whose_work_was_answered_beside_other_calls_is_not_sure_till_it_waits)
{
	begin();
	CHECK(in_child(pauses) == 0);
	live_end();
}

/* What was left without a parent is no evidence against what its answer leads to. */
static int is_in_doubt(void)
{
	atr_ref first, second;

	atr_work_idle(&server, true, 1);
	first = request(&server, 1);
	second = request(&server, 2);
	atr_work_begins_call(first);
	atr_work_idle(&server, true, 1);
	atr_work_resume(&server, 0);
	atr_work_calls(&server, 0, false);
	atr_work_begins_call(second);
	atr_work_idle(&server, true, -1);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second);
	return 0;
}

TEST(loop_that_reads_the_answer_of_nobodys_call_is_not_taken_for_acting_out_of_the_blue)
{
	begin();
	CHECK(in_child(is_in_doubt) == 0);
	live_end();
}

TEST(loop_whose_acts_may_be_anothers_is_sure_when_it_was_seen_for_a_while)
{
	begin();
	CHECK(in_child(staggers_in_a_turn) == 0);
	live_end();
}

static int does_not_stagger(void)
{
	atr_ref first, second;

	seen_for_a_while();
	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_work_idle(&server, true, -1);
	/* the one that is parked explains it; and a connection opened in known work does */
	atr_work_calls(&server, first, false);
	second = request(&server, 2);
	atr_work_begins_call(first);
	atr_work_idle(&server, true, -1);
	atr_work_calls(&server, first, true);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second);
	return 0;
}

TEST(loop_whose_acts_are_explained_stays_sure)
{
	begin();
	CHECK(in_child(does_not_stagger) == 0);
	live_end();
}

/* ---- what goes along with another's ---- */

enum { WAKES = 7 };

/* Woken for that one, the helper takes what else is there, too. */
static atr_ref woken_helper(void)
{
	atr_carrier_reading(&helper, WAKES);
	atr_carrier_read(&helper, WAKES);
	return doing(&helper);
}

static int reads_on_and_wakes_nobody(void)
{
	atr_ref first, second, third;

	first = request(&server, 1);
	atr_carrier_written(&server, WAKES);
	second = request(&server, 2); /* behind the first, for a thread that is being woken */
	EXPECT(woken_helper() == first);
	third = request(&server, 3);
	EXPECT(!doing(&helper));
	end(&server, first);
	end(&server, second);
	atr_carrier_written(&server, WAKES);
	EXPECT(woken_helper() == third); /* alone */
	second = request(&server, 4);
	atr_carrier_written(&server, WAKES);
	end(&server, third);
	third = request(&server, 5);
	EXPECT(!woken_helper());
	end(&server, second);
	end(&server, third);
	return 0;
}

static int answers_what_it_woke_nobody_for(void)
{
	atr_ref first, second;

	second = request(&server, 2);
	atr_work_idle(&server, true, -1);
	first = request(&other, 1);
	atr_carrier_written(&server, WAKES + 1); /* for nobody */
	EXPECT(!atr_work_rides_along());
	atr_work_answering(&server, second);
	EXPECT(atr_work_rides_along());
	end(&server, second);
	end(&other, first);
	return 0;
}

static int tells_of_each(void)
{
	atr_ref first, second, third;

	first = request(&server, 1);
	atr_carrier_written(&server, WAKES);
	EXPECT(woken_helper() == first);
	second = request(&server, 2);
	atr_work_begins_call(second); /* its own loop does that one */
	third = request(&server, 3);
	atr_work_ends_call(second);
	end(&server, third);
	atr_work_idle(&server, true, -1);
	atr_work_answering(&server, second);
	atr_work_answering(&server, first);
	EXPECT(!atr_work_rides_along());
	end(&server, first);
	end(&server, second);
	return 0;
}

TEST(loop_that_wakes_nobody_for_a_request_makes_what_it_lends_unsure)
{
	begin();
	atr_work_idle(&server, true, -1);
	atr_carrier_made(WAKES);
	atr_carrier_made(WAKES + 1);
	CHECK(in_child(reads_on_and_wakes_nobody) == 0);
	CHECK(in_child(answers_what_it_woke_nobody_for) == 0);
	CHECK(in_child(tells_of_each) == 0);
	live_end();
}

/* ---- a loop whose phases show ---- */

enum { IN_POLL = 1, IN_TIMERS = 2 };

/* Whoever has the word in a frame of its own: AddressSanitizer would lay it elsewhere. */
#define ON_THE_STACK __attribute__((no_sanitize("address")))

/* It waits, and then calls back for what came, or does something else: by a word on the stack. */
static void turns(volatile uintptr_t *phase, bool is_mute)
{
	atr_work_idle(&server, true, 0);
	*phase = IN_POLL;
	atr_work_polls(&server, (const uintptr_t *)phase, is_mute);
}

/* As node has it with Promise.all, under load. */
ON_THE_STACK static int makes_several_at_once(void)
{
	volatile uintptr_t phase;
	atr_ref first, second;

	turns(&phase, false);
	first = request(&server, 1);
	atr_work_begins_call(first);
	atr_work_begins_call(first);
	turns(&phase, false);
	atr_work_resume(&server, first);
	atr_work_call_answered(first);
	second = request(&server, 2);
	EXPECT(doing(&server) == second);
	atr_work_calls(&server, second, false);
	atr_work_begins_call(second);
	EXPECT(doing(&server) == second); /* no timer of the first's */
	EXPECT(atr_work_passed_on(&server) == second);
	atr_work_calls(&server, second, false);
	atr_work_begins_call(second);
	EXPECT(doing(&server) == second);
	/* what an answer leads to may be a call that waited for the connection */
	atr_work_resume(&server, first);
	EXPECT(!doing(&server));
	end(&server, second);
	EXPECT(doing(&server) == first);
	return 0;
}

TEST(loop_whose_phases_show_acts_for_the_request_that_it_was_called_back_for)
{
	begin();
	CHECK(in_child(makes_several_at_once) == 0);
	live_end();
}

/* Its timers run: what was touched before says nothing, though there is but one it could be. */
ON_THE_STACK static int runs_timers(void)
{
	volatile uintptr_t phase;
	atr_ref first, second;

	turns(&phase, false);
	first = request(&server, 1);
	atr_work_begins_call(first);
	second = request(&server, 2);
	EXPECT(doing(&server) == second);
	phase = IN_TIMERS;
	EXPECT(!doing(&server) && !atr_work_passed_on(&server));
	atr_work_calls(&server, 0, false);
	atr_work_resume(&server, second);
	EXPECT(!doing(&server)); /* the next timer may be anothers */
	EXPECT(atr_work_current(&server, first) == first);
	/* all that is no evidence: in its turn it was read by */
	turns(&phase, false);
	atr_work_resume(&server, second);
	EXPECT(doing(&server) == second);
	atr_work_begins_call(second);
	EXPECT(doing(&server) == second); /* and no work makes several calls at once here */
	end(&server, first);
	phase = IN_TIMERS;
	EXPECT(doing(&server) == second); /* alone in flight */
	return 0;
}

TEST(loop_whose_phases_show_does_nothing_that_is_known_by_timers)
{
	begin();
	CHECK(in_child(runs_timers) == 0);
	live_end();
}

ON_THE_STACK static int is_called_back_for_others(void)
{
	volatile uintptr_t phase;
	atr_ref first, second;

	turns(&phase, false);
	first = request(&server, 1);
	atr_work_calls(&server, first, false);
	atr_work_begins_call(first);
	atr_work_calls(&server, first, false);
	atr_work_begins_call(first);
	second = request(&server, 2);
	atr_work_woken(&server, 7);
	EXPECT(!doing(&server)); /* work of its helpers, for whomever */
	EXPECT(server.reads == 8);
	turns(&phase, true);
	end(&server, second);
	second = request(&server, 3);
	EXPECT(doing(&server) == second);
	atr_work_begins_call(second);
	EXPECT(!doing(&server)); /* one more of this, or what nothing was touched for */
	atr_work_lost(&server);
	EXPECT(!server.work);
	return 0;
}

TEST(loop_whose_phases_show_is_not_sure_where_what_came_does_not)
{
	begin();
	CHECK(in_child(is_called_back_for_others) == 0);
	live_end();
}

/* Parked work may be who acts, whatever is read: another's request may be what it waits for. */
ON_THE_STACK static int has_parked_work(void)
{
	volatile uintptr_t phase;
	atr_ref first, second;

	turns(&phase, false);
	first = request(&server, 1);
	second = request(&server, 2);
	EXPECT(!doing(&server));
	atr_work_begins_call(first);
	EXPECT(doing(&server) == second);
	return 0;
}

TEST(loop_whose_phases_show_is_not_sure_beside_parked_work)
{
	begin();
	CHECK(in_child(has_parked_work) == 0);
	live_end();
}

/* It has returned to who runs it: where its phase was, other functions' frames come and go. */
__attribute__((noinline)) static void turns_below(void)
{
	volatile uintptr_t room[4096];

	turns(room, false);
}

static int is_left(void)
{
	atr_ref first, second;

	turns_below();
	first = request(&server, 1);
	atr_work_begins_call(first);
	atr_work_begins_call(first);
	second = request(&server, 2);
	atr_work_begins_call(second);
	EXPECT(doing(&server) == second); /* as of any loop: it was not told of timers, */
	atr_work_call_answered(first);
	EXPECT(!doing(&server)); /* and there was nothing to set one */
	return 0;
}

TEST(loop_whose_phases_do_not_show_any_more_goes_by_its_timers)
{
	begin();
	CHECK(in_child(is_left) == 0);
	live_end();
}

/* ---- rule 4 ---- */

TEST(work_alone_in_flight_is_a_helpers)
{
	atr_ref first, second;

	begin();
	first = request(&server, 1);
	CHECK(doing(&helper) == first);
	second = request(&other, 2);
	CHECK(!doing(&helper));
	atr_work_answering(&server, first);
	CHECK(doing(&helper) == second);
	end(&other, second);
	CHECK(!doing(&helper)); /* the first is being answered */
	end(&server, first);
	live_end();
}

TEST(work_alone_in_flight_is_not_a_servers_nor_of_who_minds_its_own_business)
{
	atr_ref work;

	begin();
	atr_work_calls(&helper, 0, false); /* with no request in flight, and by nobody's asking */
	CHECK(helper.own_business);
	other.prompted = true;
	atr_work_calls(&other, 0, false);
	CHECK(!other.own_business);
	end(&server, request(&server, 1));
	work = request(&other, 2);
	CHECK(!doing(&server) && !doing(&helper));
	end(&other, work);
	live_end();
}

TEST(work_alone_in_flight_is_not_guessed_while_some_requests_are_not_seen)
{
	atr_ref work;

	begin();
	work = request(&server, 1);
	atr_work_unseen(1);
	atr_work_unseen(1);
	atr_work_unseen(-1);
	CHECK(!doing(&helper) && doing(&server) == work);
	atr_work_unseen(-1);
	CHECK(doing(&helper) == work);
	end(&server, work);
	live_end();
}

TEST(work_that_is_too_old_or_was_guessed_too_often_is_not_guessed)
{
	struct atr_context parent = live_parent(1);
	atr_ref work;

	begin();
	work = atr_live_open(&server, ATR_KIND_SERVER, &parent,
			     atr_clock_ns() - ATR_ADOPT_AGE_NS - 1);
	atr_work_read(&server, work, true, 0);
	CHECK(!doing(&helper) && doing(&server) == work);
	end(&server, work);
	work = request(&server, 2);
	for (int i = 0; i < ATR_ADOPT_MAX; i++)
		CHECK(doing(&helper) == work);
	CHECK(!doing(&helper) && doing(&server) == work);
	end(&server, work);
	live_end();
}

/* ---- rules 5 and 6 ---- */

static bool has_ids(const struct atr_context *c, uint8_t id)
{
	struct atr_context expected = live_parent(id);

	return !memcmp(c->trace_id, expected.trace_id, 16) &&
	       !memcmp(c->span_id, expected.span_id, 8);
}

TEST(work_context_is_the_works_then_the_starts_then_none)
{
	struct atr_context start = live_parent(9);
	struct atr_context_copy copy = { .block = 0 };
	struct atr_shown shown;
	atr_ref work;

	begin();
	CHECK(!atr_work_context(0, &copy) && !atr_work_started_with(&copy));
	start.baggage = ATR_STR("k=v");
	atr_work_setup(&start);
	CHECK(atr_work_context(0, &copy) && has_ids(&copy.context, 9));
	CHECK(atr_str_equal(copy.context.baggage, ATR_STR("k=v")) && copy.context.remote);
	atr_context_copy_release(&copy);
	work = request(&server, 1);
	CHECK(atr_work_context(work, &copy) && atr_live_shown(work, &shown));
	CHECK(!memcmp(copy.context.span_id, shown.span_id, 8) && !copy.context.remote);
	CHECK(copy.context.trace_id[0] == 1);
	atr_context_copy_release(&copy);
	end(&server, work);
	CHECK(atr_work_context(work, &copy) && has_ids(&copy.context, 9));
	atr_context_copy_release(&copy);
	live_end();
}

TEST(work_baggage_alone_is_every_roots_and_nobodys_parent)
{
	static const uint8_t none[ATR_SPAN_ID_LEN];
	struct atr_context start = { .remote = true, .baggage = ATR_STR("k=v") };
	struct atr_context_copy copy = { .block = 0 };
	struct atr_shown shown;
	atr_ref root;

	begin();
	atr_work_setup(&start);
	CHECK(atr_work_context(0, &copy) && !atr_context_is_valid(&copy.context));
	CHECK(atr_str_equal(copy.context.baggage, ATR_STR("k=v")));
	root = atr_live_open(&atr_self, ATR_KIND_CLIENT, &copy.context, 0);
	atr_context_copy_release(&copy);
	CHECK(atr_live_shown(root, &shown) && !memcmp(shown.parent_id, none, sizeof(none)));
	CHECK(memcmp(shown.span_id, none, sizeof(none)) != 0);
	CHECK(atr_live_context(root, &copy) && atr_context_is_valid(&copy.context));
	CHECK(atr_str_equal(copy.context.baggage, ATR_STR("k=v")));
	atr_context_copy_release(&copy);
	atr_live_drop(root);
	/* nothing at all */
	start.baggage = (struct atr_str){ 0 };
	atr_work_setup(&start);
	CHECK(!atr_work_context(0, &copy));
	live_end();
}

static void narrow_to_fives(struct atr_context *context)
{
	memset(context->span_id, 5, sizeof(context->span_id));
}

TEST(work_context_is_narrowed_by_who_knows_of_functions)
{
	struct atr_context_copy copy;
	uint8_t fives[ATR_SPAN_ID_LEN];
	atr_ref work;

	begin();
	memset(fives, 5, sizeof(fives));
	atomic_store(&atr_work_narrows, narrow_to_fives);
	CHECK(!atr_work_context(0, &copy)); /* there is nothing to be in */
	work = request(&server, 1);
	CHECK(atr_work_context(work, &copy) && !memcmp(copy.context.span_id, fives, sizeof(fives)));
	CHECK(copy.context.trace_id[0] == 1);
	atr_context_copy_release(&copy);
	atomic_store(&atr_work_narrows, NULL);
	end(&server, work);
	live_end();
}

TEST(work_process_span_takes_the_place_of_the_starts_context)
{
	struct atr_context start = live_parent(9);
	struct atr_context_copy copy;
	struct atr_shown shown;
	atr_ref span;

	begin();
	start.baggage = ATR_STR("k=v");
	atr_work_setup(&start);
	span = atr_live_open(&atr_self, ATR_KIND_INTERNAL, &start, 0);
	atr_work_setup_in(span);
	CHECK(atr_live_shown(span, &shown));
	CHECK(atr_work_context(0, &copy) && !memcmp(copy.context.span_id, shown.span_id, 8));
	CHECK(copy.context.trace_id[0] == 9 && !copy.context.remote);
	CHECK(atr_str_equal(copy.context.baggage, ATR_STR("k=v")));
	atr_context_copy_release(&copy);
	atr_live_drop(span);
	live_end();
}

static int adopts_for_ever(void)
{
	struct atr_context start = live_parent(9);
	struct atr_context_copy copy;

	atr_work_setup(&start);
	for (int i = 0; i < ATR_ADOPT_ENV_MAX; i++)
		EXPECT(atr_work_started_with(&copy));
	EXPECT(!atr_work_started_with(&copy));
	return 0;
}

TEST(work_start_is_the_parent_of_so_many_and_no_more)
{
	begin();
	CHECK(in_child(adopts_for_ever) == 0);
	live_end();
}

/* ---- a request that is passed on ---- */

TEST(work_is_known_by_the_context_that_it_came_with)
{
	struct atr_context one = live_parent(1), two = live_parent(2), local = live_parent(3);
	atr_ref first, second, twin, not_remote, client;

	begin();
	first = answering(&server, 1);
	second = request(&server, 2);
	local.remote = false;
	not_remote = atr_live_open(&server, ATR_KIND_SERVER, &local, 0);
	client = atr_live_open(&server, ATR_KIND_CLIENT, &two, 0);
	CHECK(atr_work_came_with(&one, 0) == first);
	CHECK(atr_work_came_with(&two, first) == second);
	CHECK(!atr_work_came_with(&local, not_remote));
	/* two that came with the same: the likely one, or none */
	twin = request(&other, 1);
	CHECK(!atr_work_came_with(&one, 0) && !atr_work_came_with(&one, second));
	CHECK(atr_work_came_with(&one, twin) == twin && atr_work_came_with(&one, first) == first);
	end(&server, first);
	CHECK(atr_work_came_with(&one, first) == twin);
	end(&other, twin);
	CHECK(!atr_work_came_with(&one, first));
	/* the same trace by another span is another request */
	two.span_id[7] ^= 1;
	CHECK(!atr_work_came_with(&two, second));
	atr_live_drop(not_remote);
	atr_live_drop(client);
	end(&server, second);
	live_end();
}

/* ---- threads made in work ---- */

TEST(work_is_handed_to_a_thread_made_in_it)
{
	atr_ref work, third;

	begin();
	CHECK(!atr_work_hand_over(&server));
	work = request(&server, 1);
	third = request(&other, 2);
	CHECK(atr_work_hand_over(&server) == work);
	atr_work_inherit(&helper, work);
	CHECK(doing(&helper) == work && helper.inherited);
	/* its own request is then its own */
	end(&other, third);
	third = request(&helper, 3);
	CHECK(doing(&helper) == third && !helper.inherited);
	end(&helper, third);
	end(&server, work);
	CHECK(!atr_work_hand_over(&server));
	live_end();
}

TEST(work_handed_to_a_thread_is_over_when_it_ends_or_the_thread_waits)
{
	struct atr_thread waits = { .inside = false };
	atr_ref work, third;

	begin();
	work = request(&server, 1);
	third = request(&other, 2);
	atr_work_inherit(&helper, work);
	atr_work_inherit(&waits, work);
	atr_work_waits(&waits);
	CHECK(!waits.work && waits.prompted && !doing(&waits));
	CHECK(doing(&helper) == work);
	end(&server, work);
	CHECK(doing(&helper) == third); /* rule 4 from then on */
	CHECK(!helper.inherited);
	end(&other, third);
	/* who has a request of its own keeps it over a wait */
	work = request(&server, 3);
	atr_work_waits(&server);
	CHECK(doing(&server) == work);
	end(&server, work);
	live_end();
}

TEST(work_is_not_handed_over_by_a_loop)
{
	atr_ref work;

	begin();
	atr_work_idle(&server, true, -1);
	work = request(&server, 1);
	CHECK(doing(&server) == work && !atr_work_hand_over(&server));
	end(&server, work);
	live_end();
}

static int pool_grows(void)
{
	atr_ref work = request(&server, 1), again;

	atr_work_inherit(&helper, work);
	atr_work_inherit(&other, work);
	end(&server, work);
	/* made in a request, and asking for things when that is long over: again and again */
	for (int i = 0; i < 8; i++) {
		again = request(&server, 2);
		EXPECT(atr_work_hand_over(&server) == again);
		doing(&helper);
		atr_work_calls(&helper, 0, false);
		end(&server, again);
	}
	work = request(&server, 3);
	atr_work_idle(&server, false, -1);
	again = request(&server, 4);
	EXPECT(!atr_work_hand_over(&server));
	atr_work_inherit(&other, work);
	EXPECT(!doing(&other));
	return 0;
}

TEST(work_is_not_handed_over_where_threads_are_seen_to_be_a_pools)
{
	begin();
	CHECK(in_child(pool_grows) == 0);
	live_end();
}

/* ---- messages to other threads ---- */

TEST(work_passed_on_is_what_a_loop_has_just_read_once)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	second = request(&server, 2);
	CHECK(!doing(&server));
	CHECK(atr_work_passed_on(&server) == second);
	CHECK(!atr_work_passed_on(&server));
	/* what it has touched since says more than what it read */
	end(&server, second);
	second = request(&server, 3);
	atr_work_resume(&server, first);
	CHECK(!atr_work_passed_on(&server));
	end(&server, first);
	end(&server, second);
	live_end();
}

/* ---- a forked child ---- */

TEST(work_of_the_thread_that_forks_is_what_its_child_starts_with)
{
	static char text[5000];
	struct atr_context parent = live_parent(1);
	struct atr_context_copy copy;
	struct atr_shown shown;
	atr_ref work;

	begin();
	memset(text, 'b', sizeof(text));
	parent.tracestate = ATR_STR("a=1");
	parent.baggage = (struct atr_str){ text, sizeof(text) };
	work = atr_live_open(&server, ATR_KIND_SERVER, &parent, atr_clock_ns());
	atr_work_read(&server, work, true, 0);
	atr_work_unseen(1);
	CHECK(atr_live_shown(work, &shown));
	/* as init.c has it */
	atr_work_forked(&server);
	atr_live_forked();
	CHECK(!server.work && !server.serves && atr_work_nr_in_flight() == 0);
	CHECK(atr_work_started_with(&copy) && copy.context.remote);
	CHECK(!memcmp(copy.context.span_id, shown.span_id, 8));
	CHECK(atr_str_equal(copy.context.tracestate, ATR_STR("a=1")));
	CHECK(atr_str_equal(copy.context.baggage, parent.baggage));
	atr_context_copy_release(&copy);
	for (int i = 1; i < ATR_ADOPT_MAX; i++) {
		CHECK(atr_work_started_with(&copy));
		atr_context_copy_release(&copy);
	}
	CHECK(!atr_work_started_with(&copy));
	/* what the parent could not see is not the child's trouble */
	work = request(&server, 2);
	CHECK(doing(&helper) == work);
	end(&server, work);
	live_end();
}

TEST(work_of_a_child_forked_in_none_is_still_the_starts)
{
	struct atr_context start = live_parent(9);
	struct atr_context_copy copy;

	begin();
	atr_work_setup(&start);
	atr_work_idle(&server, true, -1);
	atr_work_forked(&server);
	CHECK(!server.is_loop && !server.loop_slot);
	CHECK(atr_work_started_with(&copy) && has_ids(&copy.context, 9));
	live_end();
}
