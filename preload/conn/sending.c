/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/state.h"

#include "export/diag.h"
#include "preload/conn/cursor.h"
#include "preload/conn/http2.h"

/*
 * A request is changed only where its whole head is known to be well-formed:
 * what went out before (held) and what is offered now make it up together. The
 * plan is made anew for every call from what the kernel has really taken, so a
 * short write, or one that failed, needs no memory but this: bytes of ours that
 * the kernel took only a part of are kept (`rest`) and go before anything else.
 *
 * A write that ends between the CR and the LF of the blank line is the one place
 * where a byte must be kept back: after it there is no place for a field any
 * more, and before its LF has come it is not known to be the end of the head.
 */

bool atr_sending_as_it_is(struct atr_pieces *piece, size_t from, size_t total)
{
	piece->from = from;
	piece->end = piece->at = total;
	piece->ours_len = piece->hidden = piece->head_end = 0;
	piece->hold_last = piece->is_http2 = false;
	piece->usual = 0;
	piece->nr_puts = 0;
	piece->is_plain = true;
	piece->block = 0;
	piece->nr_iov = 0;
	return true;
}

/* How far a body reaches into what is offered; `total` when it does not end in it, or is broken. */
static size_t body_end(struct atr_http1_body body, struct cursor c, size_t total)
{
	const char *at;
	size_t len, end = 0;

	if (body.done)
		return 0;
	c.unread = body.framing != ATR_HTTP1_CHUNKED;
	while (next_bytes(&c, &at, &len)) {
		long used = atr_http1_body_feed(&body, at, len);

		if (used < 0)
			return total;
		end += (size_t)used;
		if (body.done)
			return end;
	}
	return total;
}

/* The whole head in one piece: what is held, and the offered bytes up to `end`. */
static const char *whole_head(struct atr_stream *s, struct cursor c, size_t end, size_t *len)
{
	char *at;
	const char *bytes;
	size_t n, done = 0;

	c.unread = true; /* they were scanned */
	*len = s->held_len + end;
	if (!s->held_len && c.nr && c.iov->iov_len - c.skip >= end)
		return (const char *)c.iov->iov_base + c.skip;
	if (*len > ATR_HTTP1_HEAD_MAX)
		return NULL;
	at = atr_stream_hold(s, "", 0);
	if (!at)
		return NULL;
	while (done < end && next_bytes(&c, &bytes, &n)) {
		if (n > end - done)
			n = end - done;
		memcpy(at + s->held_len + done, bytes, n);
		done += n;
	}
	return at;
}

/* Scans for the head's end: its offset, 0 when it is not there, -1 when it cannot be (read). */
static long scan(uint8_t state, struct cursor c, bool *at_blank)
{
	const char *at;
	size_t len, done = 0;

	while (next_bytes(&c, &at, &len)) {
		long end = atr_http1_scan(&state, at, len);

		if (end)
			return end < 0 ? -1 : (long)(done + (size_t)end);
		done += len;
	}
	if (c.ends_badly)
		return -1;
	*at_blank = atr_http1_scan_at_blank(state);
	return 0;
}

/* The text that goes out for this connection's prepared span; 0: nothing. */
static size_t write_fields(struct atr_conn *conn, unsigned except, struct atr_pieces *piece)
{
	struct atr_context_copy copy;
	size_t len;

	if (!atr_live_context(conn->prepared, &copy))
		return 0;
	/* where they are to be sent from, mostly */
	if (piece->at && piece->at + sizeof(piece->text) <= sizeof(piece->whole))
		piece->ours = piece->whole + piece->at;
	else
		piece->ours = piece->text;
	len = atr_propagators_inject(&atr_formats, &copy.context, except, (char *)piece->ours,
				     sizeof(piece->text) - 1);
	if (!len) {
		piece->block = atr_block_take();
		piece->ours = atr_block_bytes(piece->block);
		len = piece->ours ? atr_propagators_inject(&atr_formats, &copy.context, except,
							   (char *)piece->ours, ATR_BLOCK_LEN - 1) :
				    0;
	}
	atr_context_copy_release(&copy);
	return len;
}

static void add_iov(struct atr_pieces *piece, const char *at, size_t len)
{
	if (len)
		piece->iov[piece->nr_iov++] = (struct iovec){ (void *)at, len };
}

/* The program's bytes from `from` on, `len` of them, as far as there is room for pieces. */
static size_t add_bytes(struct atr_pieces *piece, const struct iovec *iov, int nr, size_t from,
			size_t len, int room)
{
	struct cursor c = cursor_at(iov, nr, from);
	const char *at;
	size_t n, done = 0;

	c.unread = true; /* by us */
	while (done < len && room-- && next_bytes(&c, &at, &n)) {
		if (n > len - done)
			n = len - done;
		add_iov(piece, at, n);
		done += n;
	}
	return done;
}

/* The same as lay_out, in one piece: the kernel takes three times as long over three. */
static bool lay_out_whole(struct atr_pieces *piece, const struct iovec *iov, int nr,
			  size_t sent_end)
{
	size_t after = piece->at + piece->hidden, rest = sent_end - after;
	char *to;

	if (piece->at + piece->ours_len + rest > sizeof(piece->whole))
		return false;
	to = piece->whole + piece->at;
	if (is_known(iov, nr, piece->from, sent_end)) {
		const char *from = (const char *)iov->iov_base + piece->from;

		memcpy(piece->whole, from, piece->at);
		memcpy(to + piece->ours_len, from + after, rest);
	} else if (!copy_bytes(piece->whole, iov, nr, piece->from, piece->at) ||
		   !copy_bytes(to + piece->ours_len, iov, nr, piece->from + after, rest)) {
		return false;
	}
	if (piece->ours_len && piece->ours != to)
		memcpy(to, piece->ours, piece->ours_len);
	add_iov(piece, piece->whole, piece->at + piece->ours_len + rest);
	return true;
}

/*
 * Lays out [from, at) ours [at + hidden, end). With more pieces than there is
 * room for, the layout ends early: the rest is planned by the next call.
 */
void atr_sending_lay_out(struct atr_pieces *piece, const struct iovec *iov, int nr)
{
	size_t sent_end = piece->end - (piece->hold_last ? 1 : 0);
	size_t done;

	piece->is_plain = false;
	piece->nr_iov = 0;
	if (lay_out_whole(piece, iov, nr, sent_end))
		return;
	done = add_bytes(piece, iov, nr, piece->from, piece->at, ATR_PIECES_IOV - 2);
	if (done < piece->at) {
		piece->end = piece->at = done;
		piece->ours_len = piece->hidden = 0;
		piece->head_end = 0;
		piece->hold_last = false;
		return;
	}
	add_iov(piece, piece->ours, piece->ours_len);
	done += piece->hidden;
	done += add_bytes(piece, iov, nr, piece->from + done, sent_end - done,
			  ATR_PIECES_IOV + 2 - piece->nr_iov);
	if (done < sent_end) {
		piece->end = done;
		piece->hold_last = false;
	}
}

static void owed_first(struct atr_conn *conn, struct atr_pieces *piece)
{
	if (atr_sending_rest(conn)) {
		piece->ours =
			(conn->rest_block ? atr_block_bytes(conn->rest_block) : conn->rest_text) +
			conn->rest_at;
		piece->ours_len = atr_sending_rest(conn);
	} else if (conn->keeps_cr && !piece->ours_len) {
		piece->ours = "\r";
		piece->ours_len = 1;
	}
	piece->at = piece->hidden = 0;
}

/* Our fields before the blank line, whose CR may have been kept back and then goes with them. */
static void plan_injection(struct atr_conn *conn, struct atr_pieces *piece,
			   const struct atr_replacing *replacing)
{
	size_t len, all = piece->at;

	/* the blank line's CR is out already: there is no place for a field any more */
	if (piece->head_end < 2 && !conn->keeps_cr)
		return;
	piece->at = conn->keeps_cr ? 0 : piece->head_end - 2;
	len = write_fields(conn, replacing->except, piece);
	if (len && conn->keeps_cr)
		((char *)piece->ours)[len++] = '\r';
	if (!len)
		piece->at = all;
	piece->ours_len = len;
}

/* The bytes of the head from `from` on, with our values in the place of the program's. */
static void overlay(const struct atr_context *context, const struct atr_replacing *replacing,
		    const char *from, size_t len, char *to)
{
	char room[ATR_REPLACED_LEN];

	memcpy(to, from, len);
	for (unsigned i = 0; i < replacing->nr_replaced; i++) {
		struct atr_str name = replacing->replaced[i].name;
		struct atr_str value = replacing->replaced[i].value;
		const char *begin = value.at > from ? value.at : from;
		const char *end =
			value.at + value.len < from + len ? value.at + value.len : from + len;

		if (begin < end &&
		    atr_propagators_rewrite(&atr_formats, name, value, context, room))
			memcpy(to + (begin - from), room + (begin - value.at),
			       (size_t)(end - begin));
	}
}

/*
 * Our values over the program's, and what stands between them, or what of it is still to
 * be sent. True: there is more of it than there is room for, and the piece ends with it.
 */
__attribute__((noinline, cold)) static bool plan_replacement(struct atr_conn *conn,
							     struct atr_pieces *piece,
							     const char *head,
							     const struct atr_replacing *replacing)
{
	const struct atr_str first = replacing->replaced[0].value;
	const struct atr_str last = replacing->replaced[replacing->nr_replaced - 1].value;
	size_t at = (size_t)(first.at - head), end = (size_t)(last.at + last.len - head), len;
	struct atr_context_copy copy;

	if (at < conn->out.held_len)
		at = conn->out.held_len;
	if (at >= end || !atr_live_context(conn->prepared, &copy))
		return false;
	len = end - at < sizeof(piece->text) ? end - at : sizeof(piece->text);
	overlay(&copy.context, replacing, head + at, len, piece->text);
	atr_context_copy_release(&copy);
	conn->overlays = true;
	piece->ours = piece->text;
	piece->ours_len = piece->hidden = len;
	piece->at = at - conn->out.held_len;
	if (len == end - at)
		return false;
	piece->end = piece->at + len;
	piece->head_end = 0;
	return true;
}

/* A head that is whole in the first piece, as most are, is read at once; else 0. */
static long read_head(struct atr_conn *conn, struct cursor c, struct atr_http1_head *head)
{
	const struct atr_stream *s = &conn->out;
	const char *at;
	size_t len;
	uint8_t state = 0;
	long end;

	if (s->held_len || s->scan || !next_bytes(&c, &at, &len))
		return 0;
	end = atr_http1_read_request(&state, at, len, atr_wanted_fields(), &conn->former_request,
				     head);
	return end < 0 ? 0 : end;
}

/* Up to where the next request begins, which is planned for itself where something may be put into it. */
static void plan_end(const struct iovec *iov, int nr, struct atr_pieces *piece)
{
	size_t end = piece->head_end, rest = piece->end - end;
	struct atr_http1_body body;

	if (!atr_formats.nr)
		return;
	if (piece->head.framing == ATR_HTTP1_NO_BODY) {
		piece->end = end;
		return;
	}
	atr_http1_body_begin(&body, &piece->head);
	piece->end = end + body_end(body, cursor_at(iov, nr, piece->from + end), rest);
}

/* What ends at `end` of what is offered: the whole head, which is in the piece, in one. */
static inline void plan_request(struct atr_thread *self, struct atr_conn *conn,
				const struct iovec *iov, int nr, const char *head, size_t len,
				size_t end, struct atr_pieces *piece)
{
	struct atr_replacing replacing;

	piece->head_end = end;
	atr_request_prepare(self, conn, head, len, &piece->head, conn->out.held_len, &replacing);
	if (replacing.inject && !atr_sending_rest(conn) && !conn->injected)
		plan_injection(conn, piece, &replacing);
	else if (replacing.nr_replaced && plan_replacement(conn, piece, head, &replacing))
		return;
	plan_end(iov, nr, piece);
	if (!piece->ours_len)
		piece->at = piece->end;
}

/* `is_read`: the head is in the piece already. */
static void plan_head(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
		      int nr, size_t end, struct atr_pieces *piece, bool is_read)
{
	struct cursor c = cursor_at(iov, nr, piece->from);
	size_t len;
	const char *head = whole_head(&conn->out, c, end, &len);

	if (head && (is_read || atr_http1_parse_request(head, len, &piece->head)))
		plan_request(self, conn, iov, nr, head, len, end, piece);
}

/* Carries HTTP/1, and nothing of a request or of ours is begun and not yet out. */
static inline bool is_between_requests(const struct atr_conn *conn)
{
	const struct atr_stream *out = &conn->out;

	return conn->side == ATR_SIDE_CLIENT && out->known && !conn->http2 &&
	       !(out->in_body | out->scan | out->held_len | conn->given_up | conn->is_cipher |
		 conn->in_tunnel | atr_sending_owes(conn)) &&
	       conn->nr_exchanges < ATR_EXCHANGES_MAX;
}

/*
 * The ordinary case: the bytes begin with a request's head, which is whole in their page.
 * False: that is not so, or not known, and nothing is planned.
 */
static inline bool plan_at_once(struct atr_thread *self, struct atr_conn *conn,
				const struct iovec *iov, struct atr_pieces *piece)
{
	const char *at = iov->iov_base;
	uint8_t state = 0;
	long end;

	if (!iov->iov_len || !can_read_page(at))
		return false;
	end = atr_http1_read_request(&state, at, atr_len_in_page(at, iov->iov_len),
				     atr_wanted_fields(), &conn->former_request, &piece->head);
	if (end <= 0)
		return false;
	plan_request(self, conn, iov, 1, at, (size_t)end, (size_t)end, piece);
	return true;
}

static bool is_request_so_far(const struct atr_conn *conn, struct cursor c)
{
	const char *at;
	size_t len;

	return conn->out.known || conn->out.held_len ||
	       (next_bytes(&c, &at, &len) && atr_http1_guess_request(at, len) != ATR_HTTP1_NO);
}

/*
 * A response is about to be written. Its work is no candidate for anything any
 * more from now on, not from when the call returns: by then the peer may have
 * sent its next request, and another thread have read it. Before the request
 * was read to its end it may be a "100 Continue", and the answer is to come.
 */
static void answers(struct atr_thread *self, struct atr_conn *conn)
{
	if (conn->nr_exchanges && !conn->out.in_body && !conn->out.held_len && !conn->in.in_body)
		atr_work_answering(self, conn->exchange[conn->first_exchange].span);
}

/* A client's first bytes are HTTP/2's. Where they come in smaller parts, they show it when they are sent. */
static bool begins_http2(struct atr_conn *conn, struct cursor c, size_t total)
{
	const char *at;
	size_t len;

	return conn->side == ATR_SIDE_CLIENT && !conn->given_up && !conn->out.known && total &&
	       total != SIZE_MAX && !conn->out.held_len && !conn->out.scan &&
	       next_bytes(&c, &at, &len) && atr_h2_is_it(conn, &conn->out, true, at, len) &&
	       atr_h2_begin(conn);
}

bool atr_sending_plan(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov,
		      int nr, size_t from, int flags, struct atr_pieces *piece)
{
	size_t total = atr_sending_total(iov, nr, from);
	bool at_blank = false, is_read;
	struct cursor c;
	long end;

	atr_sending_as_it_is(piece, from, total);
	if (nr == 1 && !from && total <= ATR_PIECES_SECURE && !(flags & MSG_ZEROCOPY) &&
	    is_between_requests(conn) && plan_at_once(self, conn, iov, piece)) {
		if (piece->ours_len || piece->end < total)
			atr_sending_lay_out(piece, iov, nr);
		return true;
	}
	c = cursor_at(iov, nr, from);
	if (conn->http2 || begins_http2(conn, c, total))
		return atr_h2_plan(self, conn, iov, nr, from, total, flags, piece);
	if (conn->side == ATR_SIDE_SERVER)
		answers(self, conn);
	if (conn->side != ATR_SIDE_CLIENT || conn->is_cipher || conn->in_tunnel || !total ||
	    total == SIZE_MAX)
		return true;
	if (conn->given_up || conn->nr_exchanges == ATR_EXCHANGES_MAX) {
		/* not followed (any further): what is owed, and nothing else */
		if (atr_sending_owes(conn))
			owed_first(conn, piece);
	} else if (conn->out.in_body) {
		if (atr_formats.nr)
			piece->end = piece->at = body_end(conn->out.body, c, total);
	} else if (!(flags & MSG_ZEROCOPY) && is_request_so_far(conn, c)) {
		end = read_head(conn, c, &piece->head);
		is_read = end > 0;
		if (!is_read)
			end = scan(conn->out.scan, c, &at_blank);
		if (end > 0) {
			plan_head(self, conn, iov, nr, (size_t)end, piece, is_read);
		} else if (end == 0 && at_blank && !conn->injected && atr_formats.nr) {
			piece->hold_last = true;
			piece->at = total - 1;
		}
		if (atr_sending_owes(conn) && (atr_sending_rest(conn) || !piece->ours_len))
			owed_first(conn, piece);
	}
	if (piece->ours_len || piece->hold_last || piece->end < total)
		atr_sending_lay_out(piece, iov, nr);
	return true;
}

/*
 * Bytes of ours that the kernel did not take: they are kept until it does. There
 * is always room for them, since a header broken off in the middle would be worse
 * than none: what was laid out in a block stays in it.
 */
static void keep_rest(struct atr_conn *conn, struct atr_pieces *piece, size_t taken)
{
	if (atr_sending_rest(conn)) {
		conn->rest_at += (uint32_t)taken;
		return;
	}
	if (piece->at == 0)
		conn->keeps_cr = false; /* it is in what is kept now */
	if (!piece->block)
		memcpy(conn->rest_text, piece->ours, piece->ours_len);
	conn->rest_block = piece->block;
	piece->block = 0;
	conn->rest_len = (uint32_t)piece->ours_len;
	conn->rest_at = (uint32_t)taken;
}

static inline void release_rest(struct atr_conn *conn)
{
	if (conn->rest_block)
		atr_block_give(conn->rest_block);
	conn->rest_block = 0;
	conn->rest_at = conn->rest_len = 0;
}

size_t atr_sending_settle(struct atr_conn *conn, struct atr_pieces *piece, size_t n)
{
	size_t after = piece->at + piece->ours_len;
	bool all = n == piece->end - piece->hidden + piece->ours_len - (piece->hold_last ? 1 : 0);

	if (piece->is_http2)
		return atr_h2_settle(conn, piece, n);
	if (piece->is_plain)
		return n;
	if (conn && piece->hold_last && all) {
		conn->keeps_cr = true;
		atomic_store_explicit(&atr_conn_has_kept, true, memory_order_relaxed);
	}
	if (!piece->ours_len || n <= piece->at)
		return n + (piece->hold_last && all ? 1 : 0);
	if (piece->hidden)
		return n; /* as many of ours as of the program's */
	if (n < after) {
		if (conn)
			keep_rest(conn, piece, n - piece->at);
		return piece->at;
	}
	if (conn) {
		/* but for a CR that was kept back, and goes alone where it is no head's */
		if (atr_sending_rest(conn) || piece->ours_len > 1)
			conn->injected = true;
		release_rest(conn);
		if (piece->at == 0 && !piece->hold_last)
			conn->keeps_cr = false;
		if (piece->head_end)
			atr_count(ATR_COUNT_HEADS_INJECTED);
	}
	return n - piece->ours_len + (piece->hold_last && all ? 1 : 0);
}

void atr_sending_release(struct atr_conn *conn)
{
	release_rest(conn);
}
