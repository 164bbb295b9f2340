/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/http2.h"

#include "export/diag.h"
#include "preload/conn/cursor.h"

/*
 * A request's header block that lies whole in what a call offers is read before it
 * is sent, all such blocks in their order, each once: reading one changes what the
 * next ones mean. What is then to be changed on the wire is an edit, whose place is
 * counted in bytes of the program's since the connection's begin. So a short write
 * needs no memory but the edits: the next call is laid over what is left of them.
 *
 *	head of the last frame, with another length | the block | ours | padding
 *
 * Where the frame would be longer than the server allows, ours is in a CONTINUATION
 * frame of our own behind it, and the head loses its END_HEADERS.
 *
 * A program that was told that all is sent never calls again. So the byte before
 * our text counts as sent only when that text is.
 */
#define FAR 4096     /* bytes that go alone before a block that is changed, rather than be copied */
#define FRAMES_MAX 4 /* of a block that gets one more: servers refuse many, nghttp2 more than 9 */

/* ---- reading ahead ---- */

/* The texts' block: texts from its front, and lines of HTTP/1 that they are made of at its end. */
#define TEXTS_LEN (ATR_BLOCK_LEN - ATR_INJECT_MAX)
#define TEXTS_ENOUGH 8192

/*
 * A header block in what is offered; [cut_at, cut_end) of it is its traceparent. Offsets are from
 * there, and negative for what was sent.
 */
struct run {
	bool is_begun; /* its first frames, or a part of one, were sent and read */
	struct atr_http2_reader
		reader; /* behind the head of its first frame, or where it goes on */
	size_t body_at;
	int64_t head_at, last_head_at; /* of its first and last frame */
	struct atr_http2_frame last;
	uint8_t nr_frames;
	char last_head[ATR_HTTP2_FRAME_HEAD]; /* as it is written */
	size_t text_at, end, cut_at, cut_end;
};

/* A walk over frames that are offered. */
struct walk {
	struct atr_http2_reader reader;
	struct cursor cursor;
	struct atr_str bytes; /* looked at, and not used yet */
	size_t at;
};

static void skip_bytes(struct walk *w, size_t n)
{
	size_t len;
	const char *at;

	w->at += n;
	if (n <= w->bytes.len) {
		w->bytes.at += n;
		w->bytes.len -= n;
		return;
	}
	n -= w->bytes.len;
	w->bytes.len = 0;
	w->cursor.unread = true;
	while (n) {
		size_t left = n;

		if (!next_bytes(&w->cursor, &at, &len))
			break;
		if (len > left) {
			w->cursor.skip -= len - left;
			len = left;
		}
		n -= len;
	}
	w->cursor.unread = false;
}

/* Content is not read, and may be long. */
static void skip_content(struct walk *w, size_t total)
{
	const struct atr_http2_reader *r = &w->reader;
	size_t n = r->left - r->pad, rest = total - w->at;

	n = n < rest ? n : rest;
	if (n && atr_http2_skip(&w->reader, n))
		skip_bytes(w, n);
}

/* The next event; false: there are no more bytes (that can be read), or they are malformed. */
static bool next_event(struct walk *w, size_t total, struct atr_http2_event *event)
{
	long used;

	for (;;) {
		if (w->reader.left > w->reader.pad)
			skip_content(w, total);
		used = atr_http2_next(&w->reader, w->bytes.at, w->bytes.len, event);
		if (used < 0)
			return false;
		w->at += (size_t)used;
		w->bytes.at += used;
		w->bytes.len -= (size_t)used;
		if (event->what != ATR_HTTP2_MORE)
			return true;
		if (!next_bytes(&w->cursor, &w->bytes.at, &w->bytes.len))
			return false;
	}
}

static void note_frame(struct run *run, const struct walk *w)
{
	const struct atr_http2_frame *f = &w->reader.frame;

	if (f->type != ATR_HTTP2_HEADERS && f->type != ATR_HTTP2_PUSH_PROMISE &&
	    f->type != ATR_HTTP2_CONTINUATION)
		return;
	run->last_head_at = (int64_t)w->at - ATR_HTTP2_FRAME_HEAD;
	run->last = *f;
	run->nr_frames = w->reader.block_frames;
	memcpy(run->last_head, w->reader.fixed, sizeof(run->last_head));
	if (f->type == ATR_HTTP2_CONTINUATION)
		return;
	run->is_begun = false;
	run->reader = w->reader;
	run->body_at = w->at;
	run->head_at = run->last_head_at;
}

/* Goes on to the next header block that is whole. False: there is none. */
static bool next_run(struct walk *w, size_t total, struct run *run, struct atr_http2_event *event)
{
	while (next_event(w, total, event)) {
		if (event->what == ATR_HTTP2_BEGINS)
			note_frame(run, w);
		if (event->what != ATR_HTTP2_BLOCK_ENDS)
			continue;
		run->end = w->at;
		run->text_at = w->at - w->reader.pad;
		return true;
	}
	return false;
}

/* What is offered, once: how many requests begin in it. */
static unsigned count_requests(const struct atr_h2 *h, struct walk w, size_t total)
{
	struct atr_http2_event event;
	uint32_t last = h->last_request;
	unsigned nr = 0;

	while (next_event(&w, total, &event)) {
		if (event.what != ATR_HTTP2_BEGINS || w.reader.frame.type != ATR_HTTP2_HEADERS ||
		    event.stream <= last)
			continue;
		last = event.stream;
		nr++;
	}
	return nr;
}

/* Reads the block. False: malformed. Its head is in way->head, unless there was no room. */
static bool read_block(struct atr_h2_way *way, struct run *run, const struct iovec *iov, int nr,
		       size_t from, struct atr_http2_head **head)
{
	struct walk w = { .reader = run->reader,
			  .cursor = cursor_at(iov, nr, from + run->body_at),
			  .bytes = ATR_STR(""),
			  .at = run->body_at };
	struct atr_http2_event event;
	long used;

	if (!run->is_begun && !atr_h2_block_begin(way))
		return false;
	run->cut_at = run->cut_end = 0;
	for (;;) {
		used = atr_http2_next(&w.reader, w.bytes.at, w.bytes.len, &event);
		if (used < 0)
			return false;
		w.at += (size_t)used;
		if (event.what == ATR_HTTP2_BLOCK) {
			size_t had = way->literal.len;

			if (!atr_h2_block_read(way, event.part))
				return false;
			if (way->literal.len && !had)
				run->cut_at = w.at - event.part.len +
					      (size_t)(way->literal.at - event.part.at);
		}
		if (event.what == ATR_HTTP2_BLOCK_ENDS)
			break;
		w.bytes.at += used;
		w.bytes.len -= (size_t)used;
		if (event.what == ATR_HTTP2_MORE &&
		    !next_bytes(&w.cursor, &w.bytes.at, &w.bytes.len))
			return false;
	}
	/* in another frame than the last there would be two to change */
	if (way->literal.len && run->head_at == run->last_head_at)
		run->cut_end = run->cut_at + way->literal.len;
	return atr_h2_block_whole(way, head);
}

/* ---- our fields ---- */

/* Lines "name: value\r\n" as literals of a header block; 0: they do not fit. */
static size_t write_fields(const char *lines, size_t len, char *out, size_t cap)
{
	size_t n = 0;

	while (len) {
		const char *end = memchr(lines, '\r', len);
		const char *colon = end ? memchr(lines, ':', (size_t)(end - lines)) : NULL;
		struct atr_pair field;
		size_t more;

		if (!colon)
			return 0;
		field.name = (struct atr_str){ lines, (size_t)(colon - lines) };
		field.value =
			atr_str_trim((struct atr_str){ colon + 1, (size_t)(end - colon - 1) });
		more = atr_hpack_write(field, out + n, cap - n);
		if (!more)
			return 0;
		n += more;
		len -= (size_t)(end + 2 - lines);
		lines = end + 2;
	}
	return n;
}

/* The fields for this stream, behind the texts there are; `room` is left free before them. */
static size_t write_text(struct atr_h2 *h, const struct atr_h2_stream *s, unsigned except,
			 size_t room)
{
	struct atr_context_copy copy;
	char *block;
	size_t len;

	if (!h->texts)
		h->texts = atr_block_take();
	block = atr_block_bytes(h->texts);
	if (!block || h->texts_len + room >= TEXTS_LEN || !atr_live_context(s->span, &copy))
		return 0;
	len = atr_propagators_inject(&atr_formats, &copy.context, except, block + TEXTS_LEN,
				     ATR_INJECT_MAX);
	atr_context_copy_release(&copy);
	return write_fields(block + TEXTS_LEN, len, block + h->texts_len + room,
			    TEXTS_LEN - h->texts_len - room);
}

/* A traceparent alone, for one that is left out. */
static size_t write_parent(struct atr_h2 *h, const struct atr_h2_stream *s, size_t room)
{
	struct atr_pair field = { .name = ATR_STR("traceparent") };
	struct atr_context_copy copy;
	char value[ATR_TRACEPARENT_LEN];
	char *block;

	if (!h->texts)
		h->texts = atr_block_take();
	block = atr_block_bytes(h->texts);
	if (!block || h->texts_len + room >= TEXTS_LEN || !atr_live_context(s->span, &copy))
		return 0;
	atr_traceparent_write(&copy.context, value);
	atr_context_copy_release(&copy);
	field.value = (struct atr_str){ value, sizeof(value) };
	return atr_hpack_write(field, block + h->texts_len + room, TEXTS_LEN - h->texts_len - room);
}

/* The frame with ours in it, or, where that would be too long, with a frame of ours behind it. */
static void add_edit(struct atr_h2 *h, const struct run *run, size_t text_len, bool replaces)
{
	struct atr_h2_edit *e = &h->edit[h->nr_edits];
	struct atr_http2_frame frame = run->last;
	char *text = atr_block_bytes(h->texts) + h->texts_len;
	bool fits = frame.len + text_len <= h->max_frame;

	if (!fits && (replaces || text_len > h->max_frame || run->nr_frames >= FRAMES_MAX))
		return;
	*e = (struct atr_h2_edit){ .head_at = h->sent + (uint64_t)run->last_head_at,
				   .at = h->sent + (fits ? run->text_at : run->end),
				   .text_at = h->texts_len,
				   .text_len = (uint32_t)text_len };
	memcpy(e->was, run->last_head, sizeof(e->was));
	if (fits) {
		/* where room was left for a frame's head there is none */
		memmove(text, text + ATR_HTTP2_FRAME_HEAD, text_len);
		frame.len += (uint32_t)text_len;
	} else {
		atr_http2_frame_write((struct atr_http2_frame){ .len = (uint32_t)text_len,
								.type = ATR_HTTP2_CONTINUATION,
								.flags = ATR_HTTP2_END_HEADERS,
								.stream = frame.stream },
				      text);
		e->text_len += ATR_HTTP2_FRAME_HEAD;
		frame.flags &= (uint8_t)~ATR_HTTP2_END_HEADERS;
	}
	if (replaces) {
		e->cut_at = h->sent + run->cut_at;
		e->cut_end = h->sent + run->cut_end;
		frame.len -= (uint32_t)(run->cut_end - run->cut_at);
	}
	atr_http2_frame_write(frame, e->head);
	e->head[5] |= e->was[5] & (char)0x80; /* a bit without a meaning, which stays */
	h->texts_len += e->text_len;
	h->nr_edits++;
}

static void inject(struct atr_h2 *h, const struct run *run, const struct atr_h2_stream *s,
		   const struct atr_http2_head *head, const struct atr_h2_fields *fields)
{
	const size_t room = ATR_HTTP2_FRAME_HEAD; /* of a CONTINUATION, perhaps */
	uint8_t before = h->nr_edits;
	size_t len = 0;

	if (s->span && fields->replace)
		len = write_parent(h, s, room);
	else if (s->span)
		len = write_text(h, s, fields->except, room);
	/* by name and value ours are shorter than this; there are few of them */
	if (len && head->list_len + len + 32 * ATR_HTTP1_KEPT_MAX <= h->max_list)
		add_edit(h, run, len, fields->replace);
	if (h->nr_edits == before)
		atr_count(ATR_COUNT_HEADS_TOO_LARGE);
}

static bool block_ahead(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
			struct run *run, const struct atr_http2_event *event,
			const struct iovec *iov, int nr, size_t from)
{
	struct atr_http2_head *head = NULL;
	struct atr_h2_stream *s = NULL;
	struct atr_h2_fields fields = { 0 };

	if (!read_block(&h->out, run, iov, nr, from, &head))
		return false;
	h->out.is_ahead = h->out.is_ahead || run->is_begun;
	h->ahead_to = h->sent + run->end;
	fields.can_replace = run->cut_end != 0;
	if (head && !event->is_promise && event->stream > h->last_request &&
	    atr_http2_head_is_request(head))
		s = atr_h2_prepare(self, conn, h, event->stream, head, &fields);
	if (s && !head->is_cut)
		inject(h, run, s, head, &fields);
	atr_h2_block_drop(&h->out);
	return true;
}

/*
 * Reads what is offered. Returns how much of it is to be sent now: up to where there
 * would be more edits than there is room for. -1: malformed.
 */
static int64_t look_ahead(struct atr_thread *self, struct atr_conn *conn, struct atr_h2 *h,
			  const struct iovec *iov, int nr, size_t from, size_t total)
{
	struct walk w = { .reader = h->out.reader,
			  .cursor = cursor_at(iov, nr, from),
			  .bytes = ATR_STR("") };
	struct atr_http2_event event;
	struct run run = { .is_begun = w.reader.block != 0,
			   .reader = w.reader,
			   .head_at = -1,
			   .last_head_at = -1 };

	h->is_many = h->is_many || count_requests(h, w, total) > 1;
	while (next_run(&w, total, &run, &event)) {
		if (h->sent + run.end <= h->ahead_to)
			continue;
		/* the length of its last frame has gone: it is read when the rest has, and before what follows */
		if (run.last_head_at < 0)
			return (int64_t)run.end;
		if (h->nr_edits == ATR_PIECES_PUTS || h->texts_len > TEXTS_ENOUGH)
			return run.head_at > 0 ? run.head_at : (int64_t)total;
		if (!block_ahead(self, conn, h, &run, &event, iov, nr, from))
			return -1;
	}
	return (int64_t)total;
}

/* ---- laying out ---- */

static bool has_begun(const struct atr_h2 *h, const struct atr_h2_edit *e)
{
	return h->sent > e->head_at || e->byte_sent;
}

/* Program's bytes [p, to), the head's that lie in them changed. */
static bool copy_changed(const struct atr_h2 *h, const struct atr_h2_edit *e, char *out,
			 const struct iovec *iov, int nr, size_t from, size_t p, size_t to)
{
	if (to > p && !copy_bytes(out, iov, nr, from + p, to - p))
		return false;
	for (size_t i = 0; i < ATR_HTTP2_FRAME_HEAD; i++) {
		uint64_t at = e->head_at + i;

		if (at < h->sent + p || at >= h->sent + to)
			continue;
		if (out[at - h->sent - p] != e->was[i])
			return false; /* the program sends something else after all */
		out[at - h->sent - p] = e->head[i];
	}
	return true;
}

/* An offset in what is sent now, of a place that may have gone already. */
static size_t offset_of(const struct atr_h2 *h, uint64_t at)
{
	return at > h->sent ? (size_t)(at - h->sent) : 0;
}

static void put(struct atr_pieces *piece, size_t at, size_t len, size_t hidden)
{
	piece->put[piece->nr_puts].at = (uint32_t)at;
	piece->put[piece->nr_puts].len = (uint32_t)len;
	piece->put[piece->nr_puts++].hidden = (uint32_t)hidden;
}

/* How many bytes [0, limit) become with the edits in them. */
static size_t len_of(const struct atr_h2 *h, size_t limit)
{
	size_t len = limit;

	for (uint8_t i = 0; i < h->nr_edits; i++)
		if (h->edit[i].at <= h->sent + limit)
			len += h->edit[i].text_len - h->edit[i].text_sent;
	return len;
}

/* What is being laid out: bytes of the program's up to p are in out[0, len). */
struct sheet {
	char *out;
	size_t len, cap, p;
};

/* The program's bytes up to `to`, or up to where there is no more room. */
static bool fill_up_to(const struct atr_h2 *h, const struct atr_h2_edit *e, struct sheet *s,
		       const struct iovec *iov, int nr, size_t from, size_t to)
{
	size_t n = to > s->p ? to - s->p : 0;

	if (n > s->cap - s->len)
		n = s->cap - s->len;
	if (!copy_changed(h, e, s->out + s->len, iov, nr, from, s->p, s->p + n))
		return false;
	s->len += n;
	s->p += n;
	return true;
}

/* Up to where the text of this edit goes, without what is left out. */
static bool fill_block(const struct atr_h2 *h, const struct atr_h2_edit *e, struct sheet *s,
		       struct atr_pieces *piece, const struct iovec *iov, int nr, size_t limit)
{
	size_t at = offset_of(h, e->at), cut_at = offset_of(h, e->cut_at),
	       cut_end = offset_of(h, e->cut_end);

	if (at > limit)
		at = limit;
	if (cut_end > s->p) {
		if (!fill_up_to(h, e, s, iov, nr, piece->from, cut_at < at ? cut_at : at))
			return false;
		if (s->p < cut_at)
			return true;
		if (cut_end > limit)
			cut_end = limit;
		put(piece, cut_end, 0, cut_end - s->p);
		s->p = cut_end;
	}
	return fill_up_to(h, e, s, iov, nr, piece->from, at);
}

/*
 * Lays out [0, limit) into `out`. False: the bytes are not those that were read ahead.
 * What does not fit whole is left for the next piece; of the first edit goes what fits.
 */
static bool fill(const struct atr_h2 *h, struct atr_pieces *piece, const struct iovec *iov, int nr,
		 size_t limit, char *out, size_t cap)
{
	const char *texts = atr_block_bytes(h->texts);
	struct sheet s = { .out = out, .cap = cap, .p = h->edit[0].byte_sent ? 1 : 0 };
	uint8_t i;

	for (i = 0; i < h->nr_edits && h->edit[i].head_at < h->sent + limit; i++) {
		const struct atr_h2_edit *e = &h->edit[i];
		size_t text_len = e->text_len - e->text_sent, at = offset_of(h, e->at), n;

		if (i && at - s.p + text_len > cap - s.len)
			break;
		if (!fill_block(h, e, &s, piece, iov, nr, limit))
			return false;
		if (s.p < at)
			break;
		/* where not all of it fits, it cannot be taken for all by what the kernel takes */
		n = text_len < cap - s.len ? text_len : cap - s.len;
		memcpy(out + s.len, texts + e->text_at + e->text_sent, n);
		s.len += n;
		put(piece, at, text_len, e->byte_sent);
		if (n < text_len)
			break;
	}
	/* what follows goes with it where it fits */
	if ((i == h->nr_edits || h->edit[i].head_at >= h->sent + limit) &&
	    limit - s.p <= cap - s.len &&
	    copy_bytes(out + s.len, iov, nr, piece->from + s.p, limit - s.p)) {
		s.len += limit - s.p;
		s.p = limit;
	}
	piece->end = piece->at = s.p;
	piece->iov[0] = (struct iovec){ out, s.len };
	piece->nr_iov = 1;
	piece->is_plain = false;
	return true;
}

static bool lay_out(const struct atr_h2 *h, struct atr_pieces *piece, const struct iovec *iov,
		    int nr, size_t limit, bool is_secure)
{
	const struct atr_h2_edit *e = &h->edit[0];
	char *block;

	if (!h->nr_edits || (!has_begun(h, e) && e->head_at >= h->sent + limit) ||
	    (!has_begun(h, e) && e->head_at > h->sent + FAR)) {
		/* none of the bytes that are changed; or these go before them */
		size_t end = !h->nr_edits || e->head_at >= h->sent + limit ?
				     limit :
				     (size_t)(e->head_at - h->sent);

		if (end == piece->end)
			return true;
		piece->end = piece->at = end;
		atr_sending_lay_out(piece, iov, nr);
		return true;
	}
	if (len_of(h, limit) <= sizeof(piece->whole))
		return fill(h, piece, iov, nr, limit, piece->whole, sizeof(piece->whole));
	piece->block = atr_block_take();
	block = atr_block_bytes(piece->block);
	if (!block)
		return fill(h, piece, iov, nr, limit, piece->whole, sizeof(piece->whole));
	if (fill(h, piece, iov, nr, limit, block, is_secure ? ATR_PIECES_SECURE : ATR_BLOCK_LEN))
		return true;
	atr_block_give(piece->block);
	return false;
}

/* What was begun is carried on; the rest is not. */
static void drop_edits(struct atr_h2 *h, struct atr_conn *conn)
{
	conn->owes_http2 = h->nr_edits && has_begun(h, &h->edit[0]);
	h->nr_edits = conn->owes_http2 ? 1 : 0;
}

/*
 * Responses are about to be written: their work is no candidate for anything from
 * now on (see answers() in sending.c). A call's is, until its trailers are.
 */
static void answers(struct atr_thread *self, struct atr_h2 *h, struct walk w, size_t total)
{
	struct atr_http2_event event;

	while (h->nr_streams && next_event(&w, total, &event)) {
		struct atr_h2_stream *s;

		if (event.what != ATR_HTTP2_BEGINS || w.reader.frame.type != ATR_HTTP2_HEADERS)
			continue;
		s = atr_h2_stream(h, event.stream);
		if (!s || s->response_ended)
			continue;
		if (s->is_rpc ? w.reader.frame.flags & ATR_HTTP2_END_STREAM : s->request_ended)
			atr_work_answering(self, s->span);
	}
}

bool atr_h2_plan(struct atr_thread *self, struct atr_conn *conn, const struct iovec *iov, int nr,
		 size_t from, size_t total, int flags, struct atr_pieces *piece)
{
	struct atr_h2 *h = atr_h2_of(conn);
	int64_t limit = (int64_t)total;

	piece->is_http2 = true;
	if (!h || !total || total == SIZE_MAX)
		return true;
	if (conn->given_up) {
		drop_edits(h, conn);
	} else {
		atr_h2_turn(conn);
		h->sent = h->out.at;
		if (conn->side == ATR_SIDE_SERVER) {
			answers(self, h,
				(struct walk){ .reader = h->out.reader,
					       .cursor = cursor_at(iov, nr, from),
					       .bytes = ATR_STR("") },
				total);
			return true;
		}
		if (!(flags & MSG_ZEROCOPY))
			limit = look_ahead(self, conn, h, iov, nr, from, total);
		if (limit < 0)
			return false;
	}
	return lay_out(h, piece, iov, nr, (size_t)limit, conn->is_secure);
}

/* ---- what the kernel took ---- */

/*
 * How many of the program's bytes n of those sent are. *whole: so many texts are out
 * to their end; *part: of the next one so many bytes, and the byte before it: -1, not that.
 */
static size_t count_sent(const struct atr_pieces *piece, size_t n, unsigned *whole, int64_t *part)
{
	size_t p = 0;

	*part = -1;
	*whole = 0;
	for (uint8_t i = 0; i < piece->nr_puts; i++) {
		size_t at = piece->put[i].at, len = piece->put[i].len;
		size_t before = at - piece->put[i].hidden - p;

		if (n < before)
			return p + n;
		n -= before;
		if (n < len) {
			*part = (int64_t)n;
			return at - 1;
		}
		n -= len;
		p = at;
		*whole += len != 0;
	}
	return p + n;
}

static void edits_sent(struct atr_h2 *h, unsigned whole, int64_t part)
{
	if (whole) {
		for (unsigned i = 0; i < whole; i++)
			atr_count(h->edit[i].cut_end ? ATR_COUNT_HEADS_FORWARDED :
						       ATR_COUNT_HEADS_INJECTED);
		h->nr_edits -= (uint8_t)whole;
		memmove(h->edit, h->edit + whole, h->nr_edits * sizeof(h->edit[0]));
	}
	if (part >= 0) {
		h->edit[0].byte_sent = true;
		h->edit[0].text_sent += (uint32_t)part;
	}
	if (!h->nr_edits) {
		atr_block_give(h->texts);
		h->texts = 0;
		h->texts_len = 0;
	}
}

size_t atr_h2_settle(struct atr_conn *conn, struct atr_pieces *piece, size_t n)
{
	struct atr_h2 *h = conn ? atr_h2_of(conn) : NULL;
	unsigned whole;
	int64_t part;
	size_t taken = count_sent(piece, n, &whole, &part);

	if (!h)
		return taken;
	h->sent += taken;
	if (n)
		edits_sent(h, whole, part);
	conn->owes_http2 = h->nr_edits && has_begun(h, &h->edit[0]);
	return taken;
}
