/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most messages are whole in one call, in one piece, behind another on their connection, and go a
 * shorter way than others. It leads to the same.
 */
#include "preload/conn/state.h"

#include "tests/unit/conn.h"

#include <stddef.h>
#include <stdio.h>

#define STEPS 8

struct step {
	bool is_answer;
	const char *text;
};

#define ASKS(text)          \
	{                   \
		false, text \
	}
#define ANSWERS(text)      \
	{                  \
		true, text \
	}
#define GET "GET /a HTTP/1.1\r\nHost: h\r\nUser-Agent: u/1\r\n\r\n"
#define EMPTY "HTTP/1.1 204 No Content\r\n\r\n"
#define THREE "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 3\r\n\r\nabc"

static const struct step dialogues[][STEPS] = {
	{ ASKS(GET), ANSWERS(EMPTY), ASKS(GET), ANSWERS(THREE), ASKS(GET), ANSWERS(THREE) },
	{ ASKS(GET), ANSWERS(THREE),
	  ASKS("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"), ANSWERS(THREE),
	  ASKS(GET) },
	{ ASKS(GET), ANSWERS(THREE), ASKS("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n"),
	  ANSWERS("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"), ASKS(GET), ANSWERS(EMPTY) },
	{ ASKS(GET), ANSWERS(THREE), ASKS(GET GET), ANSWERS(THREE EMPTY), ASKS(GET),
	  ANSWERS(THREE) },
	{ ASKS(GET), ANSWERS(THREE),
	  ASKS("PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
	       "chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
	  ANSWERS("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") },
	{ ASKS(GET), ANSWERS(THREE),
	  ASKS("PUT /c HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
	  ANSWERS("HTTP/1.1 100 Continue\r\n\r\n"), ASKS("xy"), ANSWERS(THREE), ASKS(GET),
	  ANSWERS("HTTP/1.1 200 OK\r\n\r\nuntil it ends") },
	{ ASKS(GET), ANSWERS(THREE), ASKS("CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\n"),
	  ANSWERS("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), ASKS(GET), ANSWERS(THREE) },
	{ ASKS(GET), ANSWERS(THREE), ASKS("GET /a HTTP/1.1\r\nno head\r\n\r\n") },
	{ ASKS(GET), ANSWERS(THREE), ASKS(GET), ANSWERS("HTTP/1.1 20 OK\r\n\r\n") },
	{ ASKS(GET), ANSWERS(THREE), ASKS(GET), ANSWERS(THREE "more than was asked for") },
	{ ASKS(GET), ANSWERS(THREE), ASKS(GET),
	  ANSWERS("HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nab"), ANSWERS("cdefghi"), ASKS(GET),
	  ANSWERS(THREE) },
	/* bodies, and ends of heads, that look like messages themselves */
	{ ASKS(GET), ANSWERS(THREE),
	  ASKS("PUT /c HTTP/1.1\r\nHost: h\r\nContent-Length: 45\r\n\r\n"), ASKS(GET),
	  ANSWERS("HTTP/1.1 200 OK\r\nContent-Length: 27\r\n\r\n"), ANSWERS(EMPTY), ASKS(GET),
	  ANSWERS(THREE) },
	{ ASKS(GET), ANSWERS(THREE), ASKS("GET /b HTTP/1.1\r\nX: "), ASKS(GET),
	  ANSWERS("HTTP/1.1 200 OK\r\nX: "), ANSWERS(THREE), ASKS(GET), ANSWERS(THREE) },
};
_Static_assert(sizeof(GET) == 45 + 1 && sizeof(EMPTY) == 27 + 1, "bodies of these lengths");

/* One span or another, one instant or another; and nothing of what is left alone. */
static void forget_which(struct atr_conn *c)
{
	if (c->given_up) {
		memset(c, 0, sizeof(*c));
		return;
	}
	for (int i = 0; i < ATR_EXCHANGES_MAX; i++) {
		c->exchange[i].span = c->exchange[i].span != 0;
		c->exchange[i].work = c->exchange[i].work != 0;
	}
	c->prepared = c->prepared != 0;
	c->prepared_work = c->prepared_work != 0;
	c->opened_in = c->opened_in != 0;
	c->in.held = c->in.held != 0;
	c->out.held = c->out.held != 0;
	c->in.head_ns = c->out.head_ns = 0;
	c->connect_ns = c->connected_ns = 0;
}

static void state_of(struct atr_conn *out)
{
	struct atr_thread *self;
	struct atr_conn *conn = atr_conn_enter(atr_fd(FD), &self);

	memset(out, 0, sizeof(*out));
	if (!conn)
		return; /* it is left alone */
	memcpy((char *)out + offsetof(struct atr_conn, side),
	       (const char *)conn + offsetof(struct atr_conn, side),
	       offsetof(struct atr_conn, peer) - offsetof(struct atr_conn, side));
	atr_conn_leave(self, conn);
	forget_which(out);
}

static void make(bool is_server, struct step step, size_t cut)
{
	size_t len = strlen(step.text);
	struct iovec part[2] = { { (void *)step.text, len }, { NULL, 0 } };

	if (cut && cut < len) {
		part[0].iov_len = cut;
		part[1] = (struct iovec){ (void *)(step.text + cut), len - cut };
	}
	if (step.is_answer == is_server)
		conn_writev_all(FD, part, part[1].iov_len ? 2 : 1);
	else
		atr_conn_received(atr_fd(FD), FD, part, part[1].iov_len ? 2 : 1, (ssize_t)len);
}

/* What is left of a dialogue: the state behind each step, and the spans. */
struct left {
	struct atr_conn conn[STEPS];
	char spans[1024];
};

static void spans_of(char out[static 1024])
{
	const char *span;
	size_t len = 0;

	for (*out = 0; strcmp(span = conn_next(), "nothing") != 0 && len < 1024;)
		len += (size_t)snprintf(out + len, 1024 - len, "%s\n", span);
	CHECK(len < 1024);
}

/* Each step whole, or cut in two pieces of one call. */
static void speak(bool is_server, const struct step *steps, size_t cut, struct left *left)
{
	if (is_server)
		conn_accept(FD);
	else
		conn_connect(FD);
	for (int i = 0; i < STEPS && steps[i].text; i++) {
		make(is_server, steps[i], cut);
		state_of(&left->conn[i]);
	}
	conn_close(FD);
	spans_of(left->spans);
}

static bool same(const struct left *a, const struct left *b, const struct step *steps)
{
	for (int i = 0; i < STEPS && steps[i].text; i++)
		if (memcmp(&a->conn[i], &b->conn[i], sizeof(a->conn[i]))) {
			print_error("step %d\n", i);
			return false;
		}
	return live_is(a->spans, b->spans);
}

TEST(conn_is_left_the_same_by_a_message_in_one_piece_as_in_two)
{
	static struct left whole, in_two;

	CONN_BEGIN();
	for (size_t d = 0; d < sizeof(dialogues) / sizeof(dialogues[0]); d++) {
		for (int is_server = 0; is_server < 2; is_server++) {
			speak(is_server, dialogues[d], 0, &whole);
			for (size_t cut = 1; cut < 90; cut++) {
				speak(is_server, dialogues[d], cut, &in_two);
				if (!same(&whole, &in_two, dialogues[d])) {
					print_error("dialogue %zu, server %d, cut %zu\n", d,
						    is_server, cut);
					CHECK(!"the same");
				}
			}
		}
	}
	conn_end();
}
