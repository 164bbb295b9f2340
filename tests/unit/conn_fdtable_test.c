/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/fdtable.h"

#include "preload/conn/state.h"
#include "preload/live/carrier.h"
#include "tests/unit/conn.h"

#include <limits.h>
#include <stdio.h>

#define REQUEST "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
#define RESPONSE "HTTP/1.1 204 No Content\r\n\r\n"
#define CLIENT_204 "CLIENT GET 204 http://h/a"

TEST(fd_word_holds_kind_generation_and_index)
{
	uint64_t word = atr_fd_word(ATR_FD_CONN, 0xff123456, 0xfedcba98);

	CHECK(atr_fd_kind(word) == ATR_FD_CONN && atr_fd_is_conn(word));
	CHECK((uint32_t)word == 0xfedcba98 && (word >> 32 & 0xffffff) == 0x123456);
	CHECK(!(word & ATR_FD_SERVES));
	word |= ATR_FD_SERVES;
	CHECK(atr_fd_kind(word) == ATR_FD_CONN && (word >> 32 & 0xffffff) == 0x123456);
	CHECK(atr_fd_kind(0) == ATR_FD_NONE && !atr_fd_is_conn(0));
}

TEST(fd_that_is_no_number_of_ours_is_of_no_interest)
{
	static const int fds[] = { -1, INT_MIN, INT_MAX, ATR_FD_MAX, ATR_FD_MAX + 1 };
	uint64_t word = atr_fd_word(ATR_FD_LISTENER, 0, 0);

	CONN_BEGIN();
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		CHECK(!atr_fd_set(fds[i], word) && !atr_fd(fds[i]));
		atr_conn_closing(fds[i]);
		atr_conn_listens(fds[i]);
		atr_conn_duplicated(FD, fds[i]);
		atr_conn_accepted(LISTENER, fds[i], NULL, 0);
		atr_conn_connect_ended(fds[i], 0);
		atr_conn_wait_timed_out(fds[i]);
		atr_conn_added(fds[i], fds[i]);
		CHECK(!atr_fd(fds[i]));
	}
	atr_conn_closing(LISTENER);
	/* none of the connections that found no place is kept */
	for (int i = 0; i < 3; i++) {
		conn_connect(FD);
		conn_close(FD);
	}
	conn_end();
}

TEST(fd_set_tells_what_was_there)
{
	uint64_t a = atr_fd_word(ATR_FD_LISTENER, 0, 0), b = atr_fd_word(ATR_FD_SET, 1, 2);

	CONN_BEGIN();
	CHECK(atr_fd_set(ATR_FD_MAX - 1, a) == 0);
	CHECK(atr_fd_set(ATR_FD_MAX - 1, b) == a && atr_fd(ATR_FD_MAX - 1) == b);
	CHECK(atr_fd_set(ATR_FD_MAX - 1, 0) == b && !atr_fd(ATR_FD_MAX - 1));
	conn_end();
}

/* As hook/socket.c does for dup2: what was there ends, then it is another name. */
static void dup_over(int from, int to)
{
	atr_conn_closing(to);
	atr_conn_duplicated(from, to);
}

TEST(fd_dup_is_another_name_of_the_same_connection)
{
	CONN_BEGIN();
	conn_connect(FD);
	atr_conn_duplicated(FD, OTHER);
	/* one head by both of them */
	conn_write_all(FD, REQUEST, 5);
	conn_wire(OTHER)->len = 0;
	CONN_WRITE(OTHER, &REQUEST[5]);
	CHECK(conn_wire(FD)->len == 5 && strstr(conn_wire(OTHER)->arrived, "traceparent: "));
	conn_close(OTHER);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(CLIENT_204);
	conn_close(FD);
	conn_end();
}

TEST(fd_dup_over_a_connection_ends_that_one)
{
	CONN_BEGIN();
	conn_connect(FD);
	conn_connect(OTHER);
	CONN_WRITE(OTHER, REQUEST);
	dup_over(FD, OTHER);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CHECK(atr_fd(OTHER) == atr_fd(FD));
	conn_wire(OTHER)->len = 0;
	CONN_WRITE(OTHER, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(CLIENT_204);
	conn_close(FD);
	CHECK(atr_fd_is_conn(atr_fd(OTHER)));
	conn_close(OTHER);
	conn_end();
}

TEST(fd_dup_of_what_is_of_no_interest_makes_that_of_none)
{
	CONN_BEGIN();
	conn_connect(FD);
	dup_over(SET, FD);
	CHECK(!atr_fd(FD));
	/* nor is a pipe or a set followed by its second name; a listener is */
	atr_conn_carrier(OTHER, SET);
	atr_conn_duplicated(OTHER, FD);
	CHECK(!atr_fd(FD));
	atr_conn_listens(LISTENER);
	atr_conn_duplicated(LISTENER, FD);
	CHECK(atr_conn_awaits_work(atr_fd(FD)));
	conn_end();
}

TEST(fd_dup_onto_itself_changes_nothing)
{
	CONN_BEGIN();
	conn_connect(FD);
	atr_conn_duplicated(FD, FD);
	CONN_WRITE(FD, REQUEST);
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	conn_end();
}

TEST(fd_range_that_is_closed_ends_each_connection_once)
{
	CONN_BEGIN();
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	conn_accept(SERVER);
	CONN_READ(SERVER, REQUEST);
	atr_conn_duplicated(FD, OTHER);
	atr_conn_duplicated(SERVER, SECOND_SERVER);
	atr_conn_listens(LISTENER);
	for (int fd = FD; fd < FD + NR_FDS; fd++)
		conn_close(fd);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	CONN_SAYS("SERVER GET /a incomplete");
	for (int fd = FD; fd < FD + NR_FDS; fd++)
		conn_close(fd);
	conn_end();
}

TEST(fd_reused_again_and_again_is_each_time_another)
{
	uint64_t before = 0;

	CONN_BEGIN();
	for (int i = 0; i < 1000; i++) {
		conn_connect(FD);
		CHECK(atr_fd(FD) != before);
		before = atr_fd(FD);
		CONN_WRITE(FD, REQUEST);
		CHECK(conn_has_arrived(FD, REQUEST, 1));
		CONN_READ(FD, RESPONSE);
		CONN_SAYS(CLIENT_204);
		conn_close(FD);
	}
	conn_end();
}

TEST(fd_more_connections_than_there_is_room_for_are_counted_and_left_alone)
{
	enum { FIRST = 1000, TRACKED = ATR_CONNS_MAX };
	static const struct sockaddr_in peer = { .sin_family = AF_INET };

	CONN_BEGIN();
	for (int fd = FIRST; fd < FIRST + TRACKED; fd++) {
		atr_conn_accepted(LISTENER, fd, (const struct sockaddr *)&peer, sizeof(peer));
		CHECK(atr_fd_is_conn(atr_fd(fd)));
	}
	CHECK(atr_count_read(ATR_COUNT_CONNS_NO_SLOT) == 0);
	atr_conn_accepted(LISTENER, FD, (const struct sockaddr *)&peer, sizeof(peer));
	CHECK(!atr_fd(FD) && atr_count_read(ATR_COUNT_CONNS_NO_SLOT) == 1);
	conn_wire(FD)->len = 0;
	CONN_WRITE(FD, RESPONSE);
	CHECK(conn_is_untouched(FD, RESPONSE));
	atr_conn_closing(FIRST + 7);
	conn_connect(FD);
	CONN_WRITE(FD, REQUEST);
	CONN_READ(FD, RESPONSE);
	CONN_SAYS(CLIENT_204);
	for (int fd = FIRST; fd < FIRST + TRACKED; fd++)
		atr_conn_closing(fd);
	atr_conn_closing(LISTENER);
	conn_end();
}

/* What init.c has a forked child do. */
static void fork_here(void)
{
	atr_work_forked(&atr_self);
	atr_conn_forked();
	atr_live_forked();
}

TEST(fd_in_a_forked_child_is_what_it_was_and_owes_its_parent_nothing)
{
	CONN_BEGIN();
	atr_conn_listens(LISTENER);
	conn_connect(FD);
	conn_accept(SERVER);
	CONN_READ(SERVER, REQUEST);
	fork_here();
	CHECK(atr_conn_awaits_work(atr_fd(LISTENER)) && atr_fd_is_conn(atr_fd(FD)));
	/* the answer belongs to a request that the parent tells of */
	CONN_WRITE(SERVER, RESPONSE);
	CONN_SAYS("nothing");
	CONN_READ(SERVER, REQUEST);
	CONN_WRITE(SERVER, RESPONSE);
	CONN_SAYS("SERVER GET 204 /a");
	CONN_WRITE(FD, REQUEST);
	CHECK(conn_has_arrived(FD, REQUEST, 1));
	conn_close(FD);
	CONN_SAYS("CLIENT GET http://h/a incomplete");
	conn_close(SERVER);
	conn_end();
}

/* Half a head went out before the fork: the bytes that are owed are the one who sends on's. */
TEST(fd_in_a_child_forked_within_a_head_still_sends_what_is_owed)
{
	const size_t len = strlen(REQUEST);

	CONN_BEGIN();
	for (size_t most = 1; most < len + 75; most++) {
		char parent[ATR_TRACEPARENT_LEN + 1];
		unsigned nr_ours;
		ssize_t n;

		conn_connect(FD);
		conn_wire(FD)->most = most;
		n = conn_write(FD, REQUEST, len, 0);
		CHECK(n >= 0);
		fork_here();
		conn_wire(FD)->most = 0;
		CONN_WRITE(FD, &REQUEST[n]);
		CHECK(live_is(conn_arrived(FD, &nr_ours, parent), REQUEST));
		CHECK(nr_ours == (most > len - 2));
		conn_close(FD);
		while (live_next())
			;
	}
	conn_end();
}

/* Fields so long that they lie in a block, which is the parent's. */
TEST(fd_in_a_child_forked_within_long_fields_sends_the_programs_bytes_and_no_others)
{
	static char text[2000];
	const size_t len = strlen(REQUEST);

	CONN_BEGIN();
	sprintf(text, "GET /s HTTP/1.1\r\nHost: h\r\nbaggage: k=%01000d\r\n\r\n", 7);
	for (size_t most = len; most < 1000; most += 50) {
		size_t before;

		conn_accept(SERVER);
		CONN_READ(SERVER, text);
		conn_connect(FD);
		conn_wire(FD)->most = most;
		CHECK(conn_write(FD, REQUEST, len, 0) == (ssize_t)len - 2);
		CHECK(live_nr_blocks_out());
		before = conn_wire(FD)->len;
		fork_here();
		conn_wire(FD)->most = 0;
		CONN_WRITE(FD, &REQUEST[len - 2]);
		CHECK(conn_wire(FD)->len == before + 2);
		CHECK(!memcmp(conn_wire(FD)->arrived + before, "\r\n", 2));
		conn_close(FD);
		conn_close(SERVER);
		while (live_next())
			;
	}
	conn_end();
}

TEST(fd_of_a_pipe_leads_from_the_writer_to_the_reader)
{
	uint64_t reader, writer;
	atr_ref work;

	CONN_BEGIN();
	conn_accept(SERVER);
	CONN_READ(SERVER, REQUEST);
	work = atr_self.work;
	CHECK(work);
	atr_conn_carrier(FD, OTHER);
	reader = atr_fd(FD);
	writer = atr_fd(OTHER);
	CHECK(atr_fd_kind(reader) == ATR_FD_CARRIER && atr_fd_kind(writer) == ATR_FD_CARRIER);
	atr_conn_carrier_written(writer, OTHER);
	/* the wrong ends say nothing */
	atr_conn_carrier_written(reader, FD);
	atr_conn_carrier_read(writer, OTHER);
	CHECK(atr_carrier_is_sure(FD, work));
	atr_self.work = 0;
	atr_self.serves = false;
	atr_conn_carrier_reading(reader, FD);
	atr_conn_carrier_read(reader, FD);
	CHECK(atr_self.work == work && atr_self.lent_by == FD + 1);
	CONN_WRITE(SERVER, RESPONSE);
	CONN_SAYS("SERVER GET 204 /a");
	conn_end();
}

TEST(fd_of_a_pipe_is_of_no_interest_when_its_other_end_is_closed)
{
	CONN_BEGIN();
	atr_conn_carrier(FD, OTHER);
	conn_close(OTHER);
	CHECK(!atr_fd(FD));
	atr_conn_carrier(FD, OTHER);
	conn_close(FD);
	CHECK(!atr_fd(OTHER));
	/* one whose number another pipe has by now is left to that */
	atr_conn_carrier(FD, OTHER);
	atr_conn_carrier(FD, SET);
	conn_close(OTHER);
	CHECK(atr_fd_kind(atr_fd(FD)) == ATR_FD_CARRIER);
	/* an eventfd has but one end */
	atr_conn_carrier(-1, OTHER);
	CHECK(atr_fd_kind(atr_fd(OTHER)) == ATR_FD_CARRIER && !(uint32_t)atr_fd(OTHER));
	conn_close(OTHER);
	/* and beyond the table there is none */
	atr_conn_carrier(-1, ATR_CARRIERS_MAX);
	atr_conn_carrier(ATR_CARRIERS_MAX, OTHER);
	CHECK(!atr_fd(ATR_CARRIERS_MAX) && !atr_fd(OTHER));
	conn_end();
}
