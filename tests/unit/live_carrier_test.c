/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/carrier.h"

#include "tests/unit/live.h"

enum { PIPE = 5, EVENTFD = 7 };

/* Threads are only what we keep for them: these are never run. */
static struct atr_thread server, second_server, worker, second_worker;

static void begin(void)
{
	live_begin((const char *const[]){ "OTEL_TRACES_SAMPLER=always_off", NULL });
	memset(&server, 0, sizeof(server));
	memset(&second_server, 0, sizeof(second_server));
	memset(&worker, 0, sizeof(worker));
	memset(&second_worker, 0, sizeof(second_worker));
	atr_carrier_made(PIPE);
	atr_carrier_made(EVENTFD);
}

static atr_ref request(struct atr_thread *self, uint8_t id)
{
	struct atr_context parent = live_parent(id);
	atr_ref work = atr_live_open(self, ATR_KIND_SERVER, &parent, atr_clock_ns());

	CHECK(work);
	atr_work_read(self, work, true, 0);
	return work;
}

static void end(struct atr_thread *self, atr_ref work)
{
	atr_work_ended(self, work);
	atr_live_drop(work);
}

/* What the thread does when it has read the carrier. */
static atr_ref woken(struct atr_thread *self, uint32_t carrier)
{
	atr_carrier_reading(self, carrier);
	atr_carrier_read(self, carrier);
	return atr_work_current(self, 0);
}

/* A request of a third one's, so that nothing is found by being alone in flight. */
static struct atr_thread bystander;
static atr_ref unrelated;

static void begin_beside_another(void)
{
	begin();
	memset(&bystander, 0, sizeof(bystander));
	unrelated = request(&bystander, 99);
}

static void end_beside_another(void)
{
	end(&bystander, unrelated);
	live_end();
}

TEST(carrier_hands_the_work_that_it_was_written_in_to_who_reads_it)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	CHECK(!atr_work_current(&worker, 0));
	atr_carrier_written(&server, PIPE);
	CHECK(!atr_work_current(&worker, 0));
	CHECK(woken(&worker, PIPE) == work && worker.prompted && worker.lent_by == PIPE + 1);
	/* read again without a word: it goes on with that */
	CHECK(woken(&worker, PIPE) == work);
	end(&server, work);
	CHECK(atr_work_current(&worker, 0) == unrelated); /* by rule 4 */
	end_beside_another();
}

TEST(carriers_do_not_know_of_each_other)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, EVENTFD));
	CHECK(woken(&second_worker, PIPE) == work);
	end(&server, work);
	end_beside_another();
}

TEST(carrier_gives_nothing_to_who_has_a_request_of_its_own)
{
	atr_ref work, own;

	begin();
	own = request(&second_server, 2);
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(woken(&second_server, PIPE) == own && !second_server.lent_by);
	end(&server, work);
	end(&second_server, own);
	live_end();
}

TEST(carrier_written_for_two_before_it_is_read_says_nothing)
{
	atr_ref first, second;

	begin_beside_another();
	first = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	atr_work_answering(&server, first);
	second = request(&server, 2); /* nested: it does this one now */
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, PIPE) && worker.prompted);
	/* it may have been woken for the first, and so it stays when that is over */
	end(&second_server, first);
	CHECK(!atr_work_current(&worker, 0));
	end(&server, second);
	end_beside_another();
}

TEST(carrier_written_for_what_is_over_says_what_it_is_written_for_next)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	end(&server, work);
	work = request(&server, 2);
	atr_carrier_written(&server, PIPE);
	CHECK(woken(&worker, PIPE) == work);
	end(&server, work);
	end_beside_another();
}

TEST(carrier_written_for_nothing_known_while_there_are_requests_says_nothing)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	atr_carrier_written(&second_server, PIPE);
	CHECK(!woken(&worker, PIPE));
	/* nor is it sure of what comes next by it */
	atr_carrier_written(&second_server, PIPE);
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, PIPE));
	end(&server, work);
	end_beside_another();
}

TEST(carrier_of_several_readers_is_not_sure)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	atr_carrier_reading(&second_worker, PIPE);
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, PIPE) && !atr_carrier_is_sure(PIPE, work));
	end(&server, work);
	end_beside_another();
}

TEST(carrier_of_several_writers_is_not_sure)
{
	atr_ref work, before;

	begin_beside_another();
	before = request(&second_server, 2);
	atr_carrier_written(&second_server, PIPE);
	CHECK(woken(&worker, PIPE) == before);
	end(&second_server, before);
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, PIPE));
	end(&server, work);
	end_beside_another();
}

TEST(carrier_is_sure_while_no_other_work_that_used_it_is_open)
{
	atr_ref first, second;

	begin_beside_another();
	first = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(woken(&worker, PIPE) == first);
	atr_work_answering(&server, first);
	second = request(&server, 2);
	atr_carrier_written(&server, PIPE);
	/* behind it may be a queue, and the first one's in it still */
	CHECK(!woken(&worker, PIPE));
	atr_work_ended(&server, first);
	atr_live_drop(first);
	CHECK(atr_carrier_is_sure(PIPE, second));
	CHECK(atr_work_current(&worker, 0) == second);
	end(&server, second);
	end_beside_another();
}

TEST(carrier_that_too_many_used_is_not_sure_until_it_is_quiet)
{
	atr_ref work[6];

	begin();
	for (uint8_t i = 0; i < 6; i++) {
		work[i] = request(&server, i + 1);
		atr_carrier_written(&server, PIPE);
		atr_carrier_read(&worker, PIPE);
		atr_work_answering(&server, work[i]);
	}
	for (int i = 0; i < 5; i++)
		end(&second_server, work[i]);
	CHECK(!atr_carrier_is_sure(PIPE, work[5])); /* more than are remembered */
	atr_carrier_written(&server, PIPE);
	CHECK(atr_carrier_is_sure(PIPE, work[5])); /* it is the only one that there is */
	end(&server, work[5]);
	live_end();
}

TEST(carrier_made_anew_remembers_nothing)
{
	atr_ref work;

	begin_beside_another();
	work = request(&second_server, 2);
	atr_carrier_written(&second_server, PIPE);
	atr_carrier_reading(&second_worker, PIPE);
	atr_carrier_made(PIPE); /* the descriptor's number is another's now */
	CHECK(!woken(&worker, PIPE));
	end(&second_server, work);
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(woken(&worker, PIPE) == work);
	end(&server, work);
	end_beside_another();
}

TEST(carrier_is_empty_in_a_forked_child)
{
	atr_ref work;

	begin_beside_another();
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	atr_carriers_forked();
	CHECK(!woken(&worker, PIPE) && !worker.lent_by);
	end(&server, work);
	end_beside_another();
}

TEST(carrier_read_by_a_loop_makes_it_do_that_work)
{
	atr_ref work, own;

	begin();
	atr_work_idle(&worker, true, -1);
	own = request(&worker, 2);
	work = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(!woken(&worker, PIPE)); /* its own one is parked: it may be that */
	CHECK(worker.work == work);
	atr_work_begins_call(own);
	CHECK(atr_work_current(&worker, 0) == work);
	/* a word that says nothing leaves a loop where it is */
	atr_carrier_written(&second_server, EVENTFD);
	CHECK(woken(&worker, EVENTFD) == work);
	end(&server, work);
	end(&worker, own);
	live_end();
}

TEST(carrier_written_by_a_loop_tells_of_what_it_has_just_read)
{
	atr_ref first, second;

	begin();
	atr_work_idle(&server, true, -1);
	first = request(&server, 1);
	atr_carrier_written(&server, PIPE);
	CHECK(woken(&worker, PIPE) == first);
	second = request(&server, 2);
	CHECK(!atr_work_current(&server, 0));
	atr_carrier_written(&server, EVENTFD);
	CHECK(woken(&second_worker, EVENTFD) == second);
	end(&server, first);
	end(&server, second);
	live_end();
}
