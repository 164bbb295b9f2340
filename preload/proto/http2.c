/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/proto/http2.h"

enum { PREFACE, HEAD, FIXED, BODY, PADDING, END };

void atr_http2_begin(struct atr_http2_reader *r, bool is_request)
{
	*r = (struct atr_http2_reader){ .state = is_request ? PREFACE : HEAD,
					.preface = is_request ? ATR_HTTP2_PREFACE_LEN : 0 };
}

bool atr_http2_is_preface(const char *bytes, size_t len)
{
	if (len > ATR_HTTP2_PREFACE_LEN)
		len = ATR_HTTP2_PREFACE_LEN;
	return !memcmp(bytes, ATR_HTTP2_PREFACE, len);
}

static uint32_t u16_of(const unsigned char *at)
{
	return (uint32_t)at[0] << 8 | at[1];
}

static uint32_t u32_of(const unsigned char *at)
{
	return u16_of(at) << 16 | u16_of(at + 2);
}

void atr_http2_frame_write(struct atr_http2_frame frame, char out[static ATR_HTTP2_FRAME_HEAD])
{
	for (int i = 0; i < 3; i++)
		out[i] = (char)(frame.len >> (16 - 8 * i));
	out[3] = (char)frame.type;
	out[4] = (char)frame.flags;
	for (int i = 0; i < 4; i++)
		out[5 + i] = (char)(frame.stream >> (24 - 8 * i));
}

/* How many bytes the frame has before what is variable in it; of SETTINGS, one of its entries. */
static uint32_t fixed_len(const struct atr_http2_frame *f)
{
	uint32_t pad = f->flags & ATR_HTTP2_PADDED ? 1 : 0;

	switch (f->type) {
	case ATR_HTTP2_DATA:
		return pad;
	case ATR_HTTP2_HEADERS:
		return pad + (f->flags & ATR_HTTP2_HAS_PRIORITY ? 5 : 0);
	case ATR_HTTP2_PUSH_PROMISE:
		return pad + 4;
	case ATR_HTTP2_SETTINGS:
		return f->len ? 6 : 0;
	case ATR_HTTP2_RST_STREAM:
		return 4;
	case ATR_HTTP2_GOAWAY:
		return 8;
	default:
		return 0;
	}
}

static bool has_right_len(const struct atr_http2_frame *f)
{
	switch (f->type) {
	case ATR_HTTP2_PRIORITY:
		return f->len == 5;
	case ATR_HTTP2_RST_STREAM:
	case ATR_HTTP2_WINDOW_UPDATE:
		return f->len == 4;
	case ATR_HTTP2_SETTINGS:
		return f->flags & ATR_HTTP2_ACK ? f->len == 0 : f->len % 6 == 0;
	case ATR_HTTP2_PING:
		return f->len == 8;
	default:
		return f->len >= fixed_len(f);
	}
}

static bool has_right_stream(const struct atr_http2_frame *f)
{
	switch (f->type) {
	case ATR_HTTP2_SETTINGS:
	case ATR_HTTP2_PING:
	case ATR_HTTP2_GOAWAY:
		return f->stream == 0;
	case ATR_HTTP2_DATA:
	case ATR_HTTP2_HEADERS:
	case ATR_HTTP2_PRIORITY:
	case ATR_HTTP2_RST_STREAM:
	case ATR_HTTP2_PUSH_PROMISE:
	case ATR_HTTP2_CONTINUATION:
		return f->stream != 0;
	default:
		return true;
	}
}

/* Whether this frame may come here: header blocks are not interrupted, SETTINGS come first. */
static bool is_in_order(const struct atr_http2_reader *r)
{
	const struct atr_http2_frame *f = &r->frame;

	if (!r->is_settled)
		return f->type == ATR_HTTP2_SETTINGS && !(f->flags & ATR_HTTP2_ACK);
	if (r->block)
		return f->type == ATR_HTTP2_CONTINUATION && f->stream == r->block;
	return f->type != ATR_HTTP2_CONTINUATION;
}

static bool frame_begins(struct atr_http2_reader *r)
{
	const unsigned char *h = r->fixed;

	r->frame = (struct atr_http2_frame){ .len = (uint32_t)h[0] << 16 | u16_of(h + 1),
					     .type = h[3],
					     .flags = h[4],
					     .stream = u32_of(h + 5) & ATR_HTTP2_STREAM_MAX };
	r->nr_fixed = 0;
	r->pad = 0;
	r->left = r->frame.len;
	if (!is_in_order(r) || !has_right_stream(&r->frame) || !has_right_len(&r->frame))
		return false;
	r->is_settled = true;
	if (r->frame.type == ATR_HTTP2_HEADERS || r->frame.type == ATR_HTTP2_PUSH_PROMISE) {
		r->block = r->frame.stream;
		r->block_len = r->block_frames = 0;
		r->is_promise = r->frame.type == ATR_HTTP2_PUSH_PROMISE;
		r->ends_stream = !r->is_promise && (r->frame.flags & ATR_HTTP2_END_STREAM);
	}
	if (r->block && r->block_frames < UINT8_MAX)
		r->block_frames++;
	r->state = fixed_len(&r->frame) ? FIXED : BODY;
	return true;
}

/* What stands before the variable part is there. */
static bool fixed_is_there(struct atr_http2_reader *r, struct atr_http2_event *event)
{
	const unsigned char *at = r->fixed;

	r->nr_fixed = 0;
	r->state = BODY;
	switch (r->frame.type) {
	case ATR_HTTP2_SETTINGS:
		event->what = ATR_HTTP2_SET;
		event->id = (uint16_t)u16_of(at);
		event->value = u32_of(at + 2);
		if (r->left)
			r->state = FIXED;
		return true;
	case ATR_HTTP2_RST_STREAM:
		event->what = ATR_HTTP2_RESET;
		event->stream = r->frame.stream;
		event->value = u32_of(at);
		return true;
	case ATR_HTTP2_GOAWAY:
		event->what = ATR_HTTP2_GOES;
		event->stream = u32_of(at) & ATR_HTTP2_STREAM_MAX;
		event->value = u32_of(at + 4);
		return true;
	default:
		if (r->frame.flags & ATR_HTTP2_PADDED)
			r->pad = at[0];
		return r->pad <= r->left;
	}
}

static bool is_of_block(const struct atr_http2_frame *f)
{
	return f->type == ATR_HTTP2_HEADERS || f->type == ATR_HTTP2_PUSH_PROMISE ||
	       f->type == ATR_HTTP2_CONTINUATION;
}

static void frame_ended(struct atr_http2_reader *r, struct atr_http2_event *event)
{
	const struct atr_http2_frame *f = &r->frame;

	r->state = HEAD;
	if (f->type == ATR_HTTP2_DATA && (f->flags & ATR_HTTP2_END_STREAM)) {
		event->what = ATR_HTTP2_STREAM_ENDS;
		event->stream = f->stream;
	} else if (is_of_block(f) && (f->flags & ATR_HTTP2_END_HEADERS)) {
		event->what = ATR_HTTP2_BLOCK_ENDS;
		event->stream = r->block;
		event->ends_stream = r->ends_stream;
		event->is_promise = r->is_promise;
		r->block = 0;
	}
}

/* The variable part up to the padding: shown where it is of a block or content. */
static bool read_body(struct atr_http2_reader *r, const char *bytes, size_t n,
		      struct atr_http2_event *event)
{
	r->left -= (uint32_t)n;
	if (is_of_block(&r->frame)) {
		event->what = ATR_HTTP2_BLOCK;
		event->stream = r->block;
		r->block_len += (uint32_t)n;
		if (r->block_len > ATR_HTTP2_BLOCK_MAX)
			return false;
	} else if (r->frame.type == ATR_HTTP2_DATA) {
		event->what = ATR_HTTP2_PAYLOAD;
		event->stream = r->frame.stream;
	}
	event->part = (struct atr_str){ bytes, n };
	return true;
}

/* Bytes into `fixed`, of which `need` are to be there. How many of them were taken. */
static size_t collect(struct atr_http2_reader *r, uint32_t need, const char *bytes, size_t len)
{
	size_t n = need - r->nr_fixed < len ? need - r->nr_fixed : len;

	memcpy(r->fixed + r->nr_fixed, bytes, n);
	r->nr_fixed += (uint8_t)n;
	return n;
}

/* Of a frame's head, most of which are here as a whole. */
static inline size_t collect_head(struct atr_http2_reader *r, const char *bytes, size_t len)
{
	if (r->nr_fixed || len < ATR_HTTP2_FRAME_HEAD)
		return collect(r, ATR_HTTP2_FRAME_HEAD, bytes, len);
	memcpy(r->fixed, bytes, ATR_HTTP2_FRAME_HEAD);
	r->nr_fixed = ATR_HTTP2_FRAME_HEAD;
	return ATR_HTTP2_FRAME_HEAD;
}

/* One step; the bytes used, or -1. `more`: it needs bytes that are not there. */
static long step(struct atr_http2_reader *r, const char *bytes, size_t len,
		 struct atr_http2_event *event, bool *more)
{
	size_t n = 0, at;

	*more = !len;
	switch (r->state) {
	case PREFACE:
		n = r->preface < len ? r->preface : len;
		at = ATR_HTTP2_PREFACE_LEN - r->preface;
		if (n && memcmp(bytes, &ATR_HTTP2_PREFACE[at], n))
			return -1;
		r->preface -= (uint8_t)n;
		if (!r->preface)
			r->state = HEAD;
		break;
	case HEAD:
		if (!len)
			break;
		n = collect_head(r, bytes, len);
		if (r->nr_fixed < ATR_HTTP2_FRAME_HEAD)
			break;
		if (!frame_begins(r))
			return -1;
		event->what = ATR_HTTP2_BEGINS;
		event->stream = r->frame.stream;
		break;
	case FIXED:
		if (!len)
			break;
		n = collect(r, fixed_len(&r->frame), bytes, len);
		r->left -= (uint32_t)n;
		if (r->nr_fixed == fixed_len(&r->frame) && !fixed_is_there(r, event))
			return -1;
		break;
	case BODY:
		if (r->left == r->pad) {
			r->state = PADDING;
			*more = false;
			break;
		}
		n = r->left - r->pad < len ? r->left - r->pad : len;
		if (n && !read_body(r, bytes, n, event))
			return -1;
		break;
	case PADDING:
		n = r->left < len ? r->left : len;
		r->left -= (uint32_t)n;
		if (!r->left) {
			frame_ended(r, event);
			*more = false;
		}
		break;
	default:
		return -1;
	}
	return (long)n;
}

long atr_http2_next(struct atr_http2_reader *r, const char *bytes, size_t len,
		    struct atr_http2_event *event)
{
	size_t used = 0;
	bool more = false;

	*event = (struct atr_http2_event){ .what = ATR_HTTP2_MORE };
	while (event->what == ATR_HTTP2_MORE && !more) {
		long n = step(r, bytes + used, len - used, event, &more);

		if (n < 0) {
			r->state = END;
			return -1;
		}
		used += (size_t)n;
	}
	return (long)used;
}

bool atr_http2_skip(struct atr_http2_reader *r, uint64_t len)
{
	if (r->state != BODY || r->frame.type != ATR_HTTP2_DATA || len > r->left - r->pad)
		return false;
	r->left -= (uint32_t)len;
	return true;
}

struct atr_str atr_http2_error(uint32_t code)
{
	static const char names[][20] = {
		"NO_ERROR",
		"PROTOCOL_ERROR",
		"INTERNAL_ERROR",
		"FLOW_CONTROL_ERROR",
		"SETTINGS_TIMEOUT",
		"STREAM_CLOSED",
		"FRAME_SIZE_ERROR",
		"REFUSED_STREAM",
		"CANCEL",
		"COMPRESSION_ERROR",
		"CONNECT_ERROR",
		"ENHANCE_YOUR_CALM",
		"INADEQUATE_SECURITY",
		"HTTP_1_1_REQUIRED",
	};

	return code < sizeof(names) / sizeof(names[0]) ? atr_str(names[code]) : ATR_STR("_OTHER");
}

/* ---- heads ---- */

void atr_http2_head_begin(struct atr_http2_head *head, bool (*wants)(struct atr_str name),
			  char *room, size_t len)
{
	memset(head, 0, sizeof(*head));
	head->room = room;
	head->room_len = len;
	head->wants = wants;
}

static bool keep(struct atr_http2_head *head, struct atr_str text, struct atr_str *out)
{
	if (text.len > head->room_len - head->used) {
		head->is_cut = true;
		return false;
	}
	*out = (struct atr_str){ head->room + head->used, text.len };
	if (text.len)
		memcpy(head->room + head->used, text.at, text.len);
	head->used += text.len;
	return true;
}

/* The first of a name is taken. */
static void keep_first(struct atr_http2_head *head, struct atr_str text, struct atr_str *out)
{
	if (!out->at)
		keep(head, atr_str_trim(text), out);
}

/* Of a name that is as long. */
#define IS(name, text) (!memcmp((name).at, text, sizeof(text) - 1))

static void read_status(struct atr_http2_head *head, struct atr_str value)
{
	head->is_twice = head->is_twice || head->http.status;
	if (value.len != 3)
		return;
	for (int i = 0; i < 3; i++) {
		if (value.at[i] < '0' || value.at[i] > '9')
			return;
		head->http.status = (uint16_t)(head->http.status * 10 + value.at[i] - '0');
	}
}

static struct atr_str *pseudo_field(struct atr_http2_head *head, struct atr_str name)
{
	switch (name.len) {
	case 5:
		return IS(name, ":path") ? &head->http.target : NULL;
	case 7:
		if (IS(name, ":method"))
			return &head->http.method;
		return IS(name, ":scheme") ? &head->scheme : NULL;
	case 10:
		return IS(name, ":authority") ? &head->http.host : NULL;
	default:
		return NULL;
	}
}

static void note_pseudo_field(struct atr_http2_head *head, const struct atr_pair *field)
{
	struct atr_str *to = pseudo_field(head, field->name);

	if (to && to->at)
		head->is_twice = true;
	else if (to)
		keep(head, field->value, to);
	else if (field->name.len == 7 && IS(field->name, ":status"))
		read_status(head, field->value);
}

/* Where a field of this name goes that is looked at for what it says; NULL: it is none. */
static struct atr_str *known_field(struct atr_http2_head *head, struct atr_str name)
{
	switch (name.len) {
	case 4:
		return IS(name, "host") ? &head->http.host : NULL;
	case 9:
		return IS(name, "forwarded") ? &head->http.forwarded : NULL;
	case 10:
		return IS(name, "user-agent") ? &head->http.user_agent : NULL;
	case 11:
		return IS(name, "grpc-status") ? &head->grpc_status : NULL;
	case 12:
		return IS(name, "content-type") ? &head->content_type : NULL;
	case 15:
		return IS(name, "x-forwarded-for") ? &head->http.x_forwarded_for : NULL;
	case 16:
		return IS(name, "x-forwarded-host") ? &head->http.x_forwarded_host : NULL;
	case 17:
		return IS(name, "x-forwarded-proto") ? &head->http.x_forwarded_proto : NULL;
	default:
		return NULL;
	}
}

bool atr_http2_head_wants(const struct atr_http2_head *head, struct atr_str name)
{
	return (name.len && name.at[0] == ':') ||
	       known_field((struct atr_http2_head *)head, name) ||
	       (head->wants && head->wants(name)) || (head->notes && head->notes(name));
}

/* Nobody depends on it: what finds no room is left out. */
static void note(struct atr_http2_head *head, const struct atr_pair *field)
{
	struct atr_pair *noted = &head->noted[head->nr_noted];
	struct atr_str value = atr_str_trim(field->value);
	bool is_cut = head->is_cut;

	if (head->nr_noted == ATR_HTTP2_NOTED_MAX || !head->notes(field->name))
		return;
	if (keep(head, field->name, &noted->name) && keep(head, value, &noted->value))
		head->nr_noted++;
	head->is_cut = is_cut;
}

void atr_http2_head_field(struct atr_http2_head *head, const struct atr_pair *field)
{
	size_t list_len = head->list_len + field->name.len + field->value.len + 32;
	struct atr_str *known;
	struct atr_pair *kept;

	head->list_len = list_len < UINT32_MAX ? (uint32_t)list_len : UINT32_MAX;
	if (field->name.len && field->name.at[0] == ':') {
		note_pseudo_field(head, field);
		return;
	}
	if (head->notes)
		note(head, field);
	known = known_field(head, field->name);
	if (known) {
		keep_first(head, field->value, known);
		return;
	}
	if (!head->wants || !head->wants(field->name))
		return;
	if (head->http.nr_kept == ATR_HTTP1_KEPT_MAX) {
		head->is_cut = true;
		return;
	}
	kept = &head->http.kept[head->http.nr_kept];
	if (keep(head, field->name, &kept->name) &&
	    keep(head, atr_str_trim(field->value), &kept->value))
		head->http.nr_kept++;
}

bool atr_http2_head_is_request(struct atr_http2_head *head)
{
	struct atr_http1_head *http = &head->http;

	if (head->is_twice || !http->method.len || http->status)
		return false;
	if (!atr_str_equal(http->method, ATR_STR("CONNECT")))
		return head->scheme.len && http->target.len;
	if (!http->target.len)
		http->target = http->host;
	return http->target.len;
}

bool atr_http2_head_is_response(struct atr_http2_head *head)
{
	head->http.is_response = true;
	return !head->is_twice && !head->http.method.at && head->http.status >= 100;
}
