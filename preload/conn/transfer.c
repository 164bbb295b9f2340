/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/transfer.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "preload/conn/lambda.h"
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"

#include <errno.h>

#define TRANSFERS_MAX 4096
#define URL_MAX 1024
#define TEXT_MAX 1024
#define NODES_MAX 64
#define LIST_MAX 1000 /* nodes of the program's that are looked at: longer is no list of headers */

enum phase { IDLE, ADDED, OPEN };

/*
 * All of it is touched by the thread that uses the handle, and `held` is for the one
 * time when another does: at the end of the process.
 */
struct transfer {
	struct atr_pooled pooled;
	_Atomic uint32_t held;
	void *easy;
	const struct atr_libcurl *of;
	struct atr_curl_list *list; /* the program's */
	bool has_url_handle, shows, connects_only;
	bool joined;	   /* our nodes are set */
	bool is_described; /* the span at hand has name and attributes */
	bool wire_ended, wire_whole;
	uint16_t nr_requests, nr_redirects; /* seen on the wire */
	uint32_t ours_len,
		nr_ours; /* of our header: in the next request, and in those that were seen */
	uint16_t url_len;
	unsigned except;
	atr_ref work;
	atr_ref span; /* what our header says: of the request that is next, or of all */
	atr_ref block;
	uint64_t start_ns, wire_end_ns;
	struct atr_str wire_why;
	struct atr_pair mark; /* the field of ours that says which span it is */
	struct atr_curl_list nodes[NODES_MAX];
	uint32_t nr_nodes;
	char text[TEXT_MAX];
	char url[URL_MAX];
};

static struct atr_pool transfers;
static _Atomic uint32_t nr_added, nr_open;

/* What is looked for among all of them, side by side: by the index of the item. */
static struct {
	_Atomic(const void *) multi;
	_Atomic atr_ref wire;  /* the span that a request on the wire has */
	_Atomic uint32_t mark; /* a sum of mark.value */
	_Atomic uint8_t phase;
} looks[TRANSFERS_MAX];

static __thread struct atr_driving driving __attribute__((tls_model("initial-exec")));
static __thread bool resolves __attribute__((tls_model("initial-exec")));

/* ---- from a handle to its transfer ---- */

static uint32_t nr_fresh(void)
{
	return atomic_load_explicit(&transfers.fresh, memory_order_relaxed);
}

/*
 * A handle is in one of the WINDOW places from where its address leads. Only the
 * thread that uses it looks for it, so that a place is all that is raced for.
 */
#define PLACES (2 * TRANSFERS_MAX)
#define WINDOW 16
static struct {
	_Atomic(const void *) easy;
	_Atomic uint32_t index;
} places[PLACES];

static uint32_t first_place(const void *easy)
{
	return (uint32_t)(((uint64_t)(uintptr_t)easy >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 40);
}

static uint32_t place_of(const void *easy)
{
	uint32_t first = first_place(easy);

	if (!easy || !nr_fresh())
		return PLACES;
	for (uint32_t i = first; i < first + WINDOW; i++)
		if (atomic_load_explicit(&places[i % PLACES].easy, memory_order_acquire) == easy)
			return i % PLACES;
	return PLACES;
}

static struct transfer *find(const void *easy)
{
	uint32_t place = place_of(easy);

	return place == PLACES ?
		       NULL :
		       atr_pool_at(&transfers, atomic_load_explicit(&places[place].index,
								    memory_order_relaxed));
}

static bool take_place(const void *easy, uint32_t index)
{
	uint32_t first = first_place(easy);

	for (uint32_t i = first; i < first + WINDOW; i++) {
		const void *nobody = NULL;

		if (!atomic_compare_exchange_strong(&places[i % PLACES].easy, &nobody, easy))
			continue;
		atomic_store_explicit(&places[i % PLACES].index, index, memory_order_relaxed);
		return true;
	}
	return false;
}

static uint32_t index_of(const struct transfer *t)
{
	return (uint32_t)(((const char *)t - transfers.base) / transfers.item_len);
}

static bool ready(void)
{
	static _Atomic int mapped; /* 0 not yet, 1 being done or in vain, 2 done */
	int now = 0;

	if (atomic_load_explicit(&mapped, memory_order_acquire) == 2)
		return true;
	if (!atomic_compare_exchange_strong(&mapped, &now, 1))
		return now == 2;
	if (!atr_pool_map(&transfers, sizeof(struct transfer), TRANSFERS_MAX))
		return false;
	atomic_store_explicit(&mapped, 2, memory_order_release);
	return true;
}

#define TRIES 1000

static bool hold(struct transfer *t)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t now = 0;

		if (atomic_compare_exchange_weak_explicit(&t->held, &now, 1, memory_order_acquire,
							  memory_order_relaxed))
			return true;
	}
	return false;
}

static void let_go(struct transfer *t)
{
	atomic_store_explicit(&t->held, 0, memory_order_release);
}

static enum phase phase_of(const struct transfer *t)
{
	return atomic_load_explicit(&looks[index_of(t)].phase, memory_order_relaxed);
}

static void set_phase(struct transfer *t, enum phase phase)
{
	enum phase before = atomic_exchange_explicit(&looks[index_of(t)].phase, (uint8_t)phase,
						     memory_order_relaxed);

	if (before != phase && before != IDLE)
		atomic_fetch_sub_explicit(before == ADDED ? &nr_added : &nr_open, 1,
					  memory_order_relaxed);
	if (before != phase && phase != IDLE)
		atomic_fetch_add_explicit(phase == ADDED ? &nr_added : &nr_open, 1,
					  memory_order_relaxed);
}

static const void *multi_of(const struct transfer *t)
{
	return atomic_load_explicit(&looks[index_of(t)].multi, memory_order_relaxed);
}

static void set_multi(struct transfer *t, const void *multi)
{
	atomic_store_explicit(&looks[index_of(t)].multi, multi, memory_order_relaxed);
}

static atr_ref wire_of(const struct transfer *t)
{
	return atomic_load_explicit(&looks[index_of(t)].wire, memory_order_relaxed);
}

static void set_wire(struct transfer *t, atr_ref span)
{
	atomic_store_explicit(&looks[index_of(t)].wire, span, memory_order_relaxed);
}

/* ---- whose thread it is ---- */

static bool is_driving(void)
{
	return driving.below && (const void *)__builtin_frame_address(0) < driving.below;
}

static bool drives(uint32_t index)
{
	const void *multi = atomic_load_explicit(&looks[index].multi, memory_order_relaxed);
	const struct transfer *t = atr_pool_at(&transfers, index);

	return multi ? multi == driving.multi : t->easy == driving.easy;
}

struct atr_driving atr_transfer_drives(const void *easy, const void *multi,
				       const struct atr_libcurl *of, const void *frame)
{
	struct atr_driving before = driving;

	if (!is_driving())
		driving.easy = driving.multi = NULL;
	if (easy)
		driving.easy = easy;
	if (multi)
		driving.multi = multi;
	driving.of = of;
	driving.below = frame;
	return before;
}

void atr_transfer_drove(const struct atr_driving *before)
{
	driving = *before;
}

void atr_transfer_left(void)
{
	driving.below = NULL;
}

bool atr_transfer_tells(void)
{
	uint32_t fresh = nr_fresh();

	if (resolves)
		return true;
	if (!is_driving() || !atomic_load_explicit(&nr_open, memory_order_relaxed))
		return false;
	for (uint32_t i = 0; i < fresh; i++)
		if (atomic_load_explicit(&looks[i].phase, memory_order_relaxed) == OPEN &&
		    drives(i))
			return true;
	return false;
}

bool atr_transfer_makes_thread(const void *start)
{
	uintptr_t at = (uintptr_t)start;

	return driving.below && at >= driving.of->begin && at < driving.of->end &&
	       atr_transfer_tells();
}

void atr_transfer_resolves(void)
{
	resolves = true;
}

/* ---- the header ---- */

/* FNV-1a. */
static uint32_t sum_of(struct atr_str text)
{
	uint32_t sum = 2166136261u;

	for (size_t i = 0; i < text.len; i++)
		sum = (sum ^ (unsigned char)text.at[i]) * 16777619u;
	return sum;
}

/* The part of "name: value" before the colon; whether there is a value: else it is none that is sent. */
static bool field_of(const char *text, struct atr_pair *field)
{
	const char *colon = strchr(text, ':');

	if (!colon)
		return false;
	field->name = (struct atr_str){ text, (size_t)(colon - text) };
	field->value = atr_str_trim(atr_str(colon + 1));
	return field->value.len;
}

/* Whether the program's list has a trace header; and what else of ours it has. */
static bool is_traced(struct transfer *t)
{
	const struct atr_curl_list *node = t->list;
	struct atr_pair field;

	t->except = 0;
	for (int i = 0; node && i < LIST_MAX; node = node->next, i++) {
		if (!node->text || !field_of(node->text, &field))
			continue;
		if (atr_propagators_is_trace(&atr_formats, field.name))
			return true;
		t->except |= atr_propagators_except(&atr_formats, field.name);
	}
	return false;
}

/* In the room of the transfer's own, or in a block. Its length, 0: nothing to say. */
static size_t write_text(struct transfer *t, const struct atr_context *context, char **text)
{
	size_t len;

	*text = t->text;
	len = t->block ? 0 :
			 atr_propagators_inject(&atr_formats, context, t->except, t->text,
						sizeof(t->text));
	if (len)
		return len;
	if (!t->block)
		t->block = atr_block_take();
	*text = atr_block_bytes(t->block);
	return *text ? atr_propagators_inject(&atr_formats, context, t->except, *text,
					      ATR_BLOCK_LEN) :
		       0;
}

static bool has_span_id(struct atr_str value, const struct atr_context *context)
{
	char hex[2 * ATR_SPAN_ID_LEN];

	for (int i = 0; i < ATR_SPAN_ID_LEN; i++) {
		hex[2 * i] = "0123456789abcdef"[context->span_id[i] >> 4];
		hex[2 * i + 1] = "0123456789abcdef"[context->span_id[i] & 15];
	}
	return memmem(value.at, value.len, hex, sizeof(hex)) != NULL;
}

/*
 * A node for each line, the last one followed by the program's list. The field to
 * know it by on the wire is the one that has the span's id, as most formats write it.
 */
static void make_nodes(struct transfer *t, char *text, size_t len,
		       const struct atr_context *context)
{
	bool is_sure = false;

	t->nr_nodes = 0;
	t->mark = (struct atr_pair){ { 0 }, { 0 } };
	while (len && t->nr_nodes < NODES_MAX) {
		char *end = memmem(text, len, "\r\n", 2);
		struct atr_pair field;

		if (!end)
			break;
		*end = 0;
		if (field_of(text, &field) && !is_sure) {
			is_sure = has_span_id(field.value, context);
			if (is_sure || (!t->mark.name.len &&
					atr_propagators_is_trace(&atr_formats, field.name)))
				t->mark = field;
		}
		t->nodes[t->nr_nodes].text = text;
		t->nodes[t->nr_nodes].next = &t->nodes[t->nr_nodes + 1];
		t->nr_nodes++;
		len -= (size_t)(end + 2 - text);
		text = end + 2;
	}
	if (t->nr_nodes)
		t->nodes[t->nr_nodes - 1].next = t->list;
	atomic_store_explicit(&looks[index_of(t)].mark, sum_of(t->mark.value),
			      memory_order_relaxed);
}

/* The header of the span at hand; false: there is none, or none to know it by. */
static bool write_header(struct transfer *t)
{
	struct atr_context_copy copy;
	char *text;
	size_t len;

	if (!atr_live_context(t->span, &copy))
		return false;
	len = write_text(t, &copy.context, &text);
	if (len)
		make_nodes(t, text, len, &copy.context);
	t->ours_len = (uint32_t)len;
	atr_context_copy_release(&copy);
	return len && t->mark.name.len;
}

static void join(struct transfer *t)
{
	t->joined = t->of->easy_setopt(t->easy, ATR_CURLOPT_HTTPHEADER, t->nodes) == ATR_CURLE_OK;
}

static void leave(struct transfer *t)
{
	if (t->joined)
		t->of->easy_setopt(t->easy, ATR_CURLOPT_HTTPHEADER, t->list);
	t->joined = false;
}

/* ---- the beginning ---- */

/* As libcurl guesses: a URL without a scheme is one of HTTP unless its host says otherwise. */
static bool is_http(struct atr_str url)
{
	static const char *const others[] = { "ftp.", "dict.", "ldap.", "imap.", "smtp.", "pop3." };
	const char *slashes = url.len ? memmem(url.at, url.len, "://", 3) : NULL;
	struct atr_str scheme = { url.at, slashes ? (size_t)(slashes - url.at) : 0 };

	if (slashes)
		return atr_str_equal_nocase(scheme, ATR_STR("http")) ||
		       atr_str_equal_nocase(scheme, ATR_STR("https"));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct atr_str other = atr_str(others[i]);

		if (url.len >= other.len &&
		    atr_str_equal_nocase((struct atr_str){ url.at, other.len }, other))
			return false;
	}
	return url.len;
}

/* What Lambda's own runtimes ask the platform is no request of the function's: see lambda.c. */
static bool is_platform(struct atr_str url)
{
	static const char *const apis[] = { "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_METADATA_API" };
	const char *slashes = url.len ? memmem(url.at, url.len, "://", 3) : NULL;
	const char *host = slashes ? slashes + 3 : url.at;

	for (size_t i = 0; atr_lambda_is_on && i < sizeof(apis) / sizeof(apis[0]); i++) {
		struct atr_str api = atr_env_get(apis[i]);

		if (api.len && (size_t)(url.at + url.len - host) >= api.len &&
		    !memcmp(host, api.at, api.len))
			return true;
	}
	return false;
}

static bool is_ours(struct transfer *t)
{
	struct atr_str url = { t->url, t->url_len };

	if (t->has_url_handle || t->shows || t->connects_only || !is_http(url) || is_platform(url))
		return false;
	return !is_traced(t);
}

static bool open_span(struct atr_thread *self, struct transfer *t, uint64_t start_ns)
{
	struct atr_context_copy parent = { .block = 0 };
	bool has_parent = atr_work_context(t->work, &parent);
	struct atr_request request;

	/* libcurl tells the method afterwards */
	if (atr_sampler_wants_request)
		atr_request_of((struct atr_str){ 0 }, (struct atr_str){ t->url, t->url_len },
			       (struct atr_str){ 0 }, &request);
	t->span = atr_live_open_for(self, ATR_KIND_CLIENT, has_parent ? &parent.context : NULL,
				    start_ns, atr_sampler_wants_request ? &request : NULL);
	has_parent = has_parent && atr_context_is_valid(&parent.context);
	atr_context_copy_release(&parent);
	t->is_described = false;
	if (t->span && !has_parent)
		atr_count(ATR_COUNT_NO_PARENT);
	return t->span;
}

static void drop(struct transfer *t)
{
	atr_live_drop(t->span);
	atr_block_give(t->block);
	t->span = t->block = 0;
}

static void begin(struct atr_thread *self, struct transfer *t)
{
	set_phase(t, IDLE);
	t->nr_requests = t->nr_redirects = 0;
	t->ours_len = t->nr_ours = 0;
	if (!is_ours(t))
		return;
	t->start_ns = atr_clock_ns();
	if (!open_span(self, t, t->start_ns))
		return;
	if (write_header(t))
		join(t);
	if (!t->joined) {
		drop(t);
		t->ours_len = 0;
		return;
	}
	set_wire(t, 0);
	set_phase(t, OPEN);
	atr_work_begins_call(t->work);
}

/* ---- the end ---- */

static int64_t ask(struct transfer *t, int info)
{
	int64_t value = 0; /* a long, or an off_t of libcurl's */

	return t->of->easy_getinfo(t->easy, info, &value) == ATR_CURLE_OK ? value : 0;
}

static struct atr_str ask_text(struct transfer *t, int info)
{
	const char *text = NULL;

	return t->of->easy_getinfo(t->easy, info, &text) == ATR_CURLE_OK && text && *text ?
		       atr_str(text) :
		       (struct atr_str){ 0 };
}

static void put_seconds(struct atr_span *span, uint16_t id, int64_t us)
{
	if (us > 0)
		atr_span_put_double(span, id, (double)us / 1e6);
}

/* A part of the transfer: two events, and how long it was. */
static void put_part(struct atr_span *span, uint64_t start_ns, int64_t from_us, int64_t to_us,
		     struct atr_str begins, struct atr_str ends, uint16_t duration)
{
	atr_span_event(span, start_ns + (uint64_t)from_us * 1000, begins);
	atr_span_event(span, start_ns + (uint64_t)to_us * 1000, ends);
	put_seconds(span, duration, to_us - from_us);
}

/* Whether its server was asked for by a name, and not by the address itself. */
static bool has_name(const struct atr_span *span)
{
	const struct atr_item *server = atr_span_find(span, ATR_SERVER_ADDRESS);
	const struct atr_item *peer = atr_span_find(span, ATR_NETWORK_PEER_ADDRESS);

	return server && peer &&
	       !atr_str_equal((struct atr_str){ atr_item_bytes(server), server->len },
			      (struct atr_str){ atr_item_bytes(peer), peer->len });
}

/*
 * libcurl's times are counted from the transfer's beginning, and are sums where it
 * made several requests: then they are of no one request.
 */
static void put_times(struct transfer *t, struct atr_span *span)
{
	uint64_t start_ns = atr_clock_unix(t->start_ns);
	int64_t looked_up = ask(t, ATR_CURLINFO_NAMELOOKUP_TIME_T);
	int64_t connected = ask(t, ATR_CURLINFO_CONNECT_TIME_T);
	int64_t secured = ask(t, ATR_CURLINFO_APPCONNECT_TIME_T);

	if (ask(t, ATR_CURLINFO_REDIRECT_COUNT) || t->nr_requests > 1)
		return;
	put_seconds(span, ATR_RESPONSE_FIRST_BYTE, ask(t, ATR_CURLINFO_STARTTRANSFER_TIME_T));
	put_seconds(span, ATR_TOTAL_DURATION, ask(t, ATR_CURLINFO_TOTAL_TIME_T));
	if (!ask(t, ATR_CURLINFO_NUM_CONNECTS))
		return;
	if (!atr_span_find(span, ATR_CONNECT_DURATION) && connected > 0) {
		if (looked_up > 0 && looked_up <= connected && has_name(span))
			put_part(span, start_ns, 0, looked_up, ATR_STR("dns.lookup.start"),
				 ATR_STR("dns.lookup.end"), ATR_DNS_LOOKUP_DURATION);
		else
			looked_up = 0;
		put_part(span, start_ns, looked_up, connected, ATR_STR("connect.start"),
			 ATR_STR("connect.end"), ATR_CONNECT_DURATION);
	}
	if (!atr_span_find(span, ATR_TLS_HANDSHAKE_DURATION) && secured > connected)
		put_part(span, start_ns, connected, secured, ATR_STR("tls.handshake.start"),
			 ATR_STR("tls.handshake.end"), ATR_TLS_HANDSHAKE_DURATION);
}

/* CURL_HTTP_VERSION_*: 1.0 is 1, 1.1 is 2, 2 is 3, 3 is 30. */
static struct atr_str version_text(int64_t version)
{
	switch (version) {
	case 1:
		return ATR_STR("1.0");
	case 2:
		return ATR_STR("1.1");
	case 3:
		return ATR_STR("2");
	case 30:
		return ATR_STR("3");
	default:
		return (struct atr_str){ 0 };
	}
}

/* What there is to say about a transfer whose requests nobody has seen. */
static void describe(struct transfer *t, struct atr_span *span)
{
	struct atr_str url = ask_text(t, ATR_CURLINFO_EFFECTIVE_URL);
	struct atr_str peer = ask_text(t, ATR_CURLINFO_PRIMARY_IP);
	int64_t redirects = ask(t, ATR_CURLINFO_REDIRECT_COUNT);
	int64_t port = ask(t, ATR_CURLINFO_PRIMARY_PORT);

	if (!t->is_described)
		atr_semconv_url_request(span, ask_text(t, ATR_CURLINFO_EFFECTIVE_METHOD),
					url.len ? url : (struct atr_str){ t->url, t->url_len });
	if (redirects > 0)
		atr_span_put_int(span, ATR_HTTP_REQUEST_RESEND_COUNT, redirects);
	if (peer.len && !t->is_described) {
		atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, peer);
		if (port > 0)
			atr_span_put_int(span, ATR_NETWORK_PEER_PORT, port);
	}
}

/* What the program itself broke off is no error. */
static bool is_own_doing(int code)
{
	return code == ATR_CURLE_ABORTED_BY_CALLBACK || code == ATR_CURLE_WRITE_ERROR;
}

#define NO_CODE (-1)

static void put_end(struct atr_span *span, int code, bool is_whole, struct atr_str why)
{
	if (code == ATR_CURLE_OK)
		return;
	if (code != NO_CODE && !is_own_doing(code))
		atr_semconv_error(span, atr_curlcode_name(code));
	else if (code == NO_CODE && why.at)
		atr_semconv_error(span, why);
	else if (!is_whole)
		atr_span_put_bool(span, ATR_INCOMPLETE, true);
}

/* The transfer's own span: nobody has seen its request. */
static void tell_own(struct transfer *t, int code, bool may_ask)
{
	struct atr_span *span = atr_live_span(t->span);
	int64_t status = span && may_ask ? ask(t, ATR_CURLINFO_RESPONSE_CODE) : 0;
	/* of the request before, where the last one got none */
	bool is_answered = status > 0 && (code == ATR_CURLE_OK || !t->nr_requests);

	if (span && may_ask) {
		describe(t, span);
		put_times(t, span);
		if (is_answered) {
			struct atr_str version = version_text(ask(t, ATR_CURLINFO_HTTP_VERSION));

			if (version.len)
				atr_span_put_str(span, ATR_NETWORK_PROTOCOL_VERSION, version);
			atr_semconv_response(span, (uint16_t)status);
		}
	} else if (span && !t->is_described) {
		atr_semconv_url_request(span, (struct atr_str){ 0 },
					(struct atr_str){ t->url, t->url_len });
	}
	if (span)
		put_end(span, code, is_answered, (struct atr_str){ 0 });
	atr_live_close(t->span, atr_clock_ns());
	t->span = 0;
}

static int64_t status_of(const struct atr_span *span)
{
	const struct atr_item *item =
		span ? atr_span_find(span, ATR_HTTP_RESPONSE_STATUS_CODE) : NULL;
	int64_t status = 0;

	if (item)
		memcpy(&status, atr_item_bytes(item), sizeof(status));
	return status;
}

/* Closes the span of the request that was last seen; code as in put_end. */
static void close_wire(struct transfer *t, int code)
{
	struct atr_span *span = atr_live_span(wire_of(t));

	if (span)
		put_end(span, code, t->wire_ended && t->wire_whole, t->wire_why);
	atr_live_close(wire_of(t), t->wire_ended ? t->wire_end_ns : atr_clock_ns());
	set_wire(t, 0);
}

/*
 * Whether a request that nobody has seen came after the last one that was: to it a
 * redirect was followed, say from http to https.
 */
static bool is_followed_unseen(struct transfer *t)
{
	int64_t status = status_of(atr_live_span(wire_of(t)));

	return t->span && status >= 300 && status < 400 &&
	       ask(t, ATR_CURLINFO_REDIRECT_COUNT) >= t->nr_redirects;
}

/* Where what went by was not understood, libcurl may have. */
static void put_status(struct transfer *t, struct atr_span *span, int code)
{
	int64_t status =
		code == ATR_CURLE_OK && !status_of(span) ? ask(t, ATR_CURLINFO_RESPONSE_CODE) : 0;

	if (status > 0)
		atr_semconv_response(span, (uint16_t)status);
}

/* may_ask: the handle is this thread's, and libcurl is not at it. */
static void finish(struct transfer *t, int code, bool may_ask)
{
	struct atr_span *span = atr_live_span(wire_of(t));

	if (wire_of(t) && may_ask && is_followed_unseen(t)) {
		close_wire(t, NO_CODE);
		tell_own(t, code, may_ask);
	} else if (wire_of(t)) {
		if (span && may_ask) {
			put_times(t, span);
			put_status(t, span, code);
		}
		close_wire(t, code);
	} else {
		tell_own(t, code, may_ask);
	}
	atr_work_call_answered(t->work);
	set_phase(t, IDLE);
	if (may_ask)
		leave(t);
	if (!t->joined)
		drop(t);
}

/* ---- what the hooks tell ---- */

static struct atr_thread *enter(void)
{
	return atr_probes & ATR_PROBE_CURL ? atr_enter() : NULL;
}

static void clear(struct transfer *t)
{
	t->list = NULL;
	t->url_len = 0;
	t->ours_len = t->nr_ours = t->nr_requests = 0;
	t->has_url_handle = t->shows = t->connects_only = t->joined = false;
	set_multi(t, NULL);
	set_phase(t, IDLE);
}

static struct transfer *make(void *easy, const struct atr_libcurl *of)
{
	struct transfer *t = find(easy);
	atr_ref ref;

	if (!t) {
		ref = ready() ? atr_pool_take(&transfers) : 0;
		if (ref && !take_place(easy, (uint32_t)ref - 1)) {
			atr_pool_give(&transfers, ref);
			ref = 0;
		}
		if (!ref) {
			atr_count(ATR_COUNT_CURL_NO_SLOT);
			return NULL;
		}
		t = atr_pool_at(&transfers, (uint32_t)ref - 1);
		t->span = t->block = 0;
		set_wire(t, 0);
	} else if (phase_of(t) == OPEN) {
		finish(t, NO_CODE, false); /* of another handle, at the same address */
	}
	drop(t);
	t->easy = easy;
	t->of = of;
	clear(t);
	let_go(t);
	return t;
}

static void forget(struct transfer *t)
{
	uint32_t place = place_of(t->easy);
	uint32_t gen = atomic_load_explicit(&t->pooled.gen, memory_order_relaxed);

	if (place != PLACES)
		atomic_store_explicit(&places[place].easy, NULL, memory_order_release);
	t->easy = NULL;
	atr_pool_give(&transfers, (uint64_t)gen << 32 | (index_of(t) + 1));
}

void atr_transfer_made(void *easy, const struct atr_libcurl *of)
{
	int saved = errno;
	struct atr_thread *self = easy ? enter() : NULL;

	if (self)
		make(easy, of);
	atr_leave(self);
	errno = saved;
}

void atr_transfer_copied(void *from, void *copy, const struct atr_libcurl *of)
{
	int saved = errno;
	struct atr_thread *self = copy ? enter() : NULL;
	const struct transfer *t = find(from);
	struct transfer *other = self ? find(copy) : NULL;

	/* whatever else: our nodes are not the copy's */
	if (copy && t && t->joined)
		of->easy_setopt(copy, ATR_CURLOPT_HTTPHEADER, t->list);
	if (self && t)
		other = make(copy, of);
	else if (other)
		forget(other); /* of another handle, at the same address */
	if (t && other) {
		other->list = t->list;
		other->has_url_handle = t->has_url_handle;
		other->shows = t->shows;
		other->connects_only = t->connects_only;
		other->url_len = t->url_len;
		memcpy(other->url, t->url, t->url_len);
	}
	atr_leave(self);
	errno = saved;
}

/* Ends what was left open: it was jumped out of, or the program is done with it. */
static void end_open(struct transfer *t, int code)
{
	if (phase_of(t) == OPEN) {
		finish(t, code, true);
	} else {
		/* told of already, at what was thought to be the process's end, or a fork's parent's */
		leave(t);
		drop(t);
	}
	set_phase(t, IDLE);
	set_multi(t, NULL);
}

void atr_transfer_reset(void *easy)
{
	int saved = errno;
	struct atr_thread *self = find(easy) ? enter() : NULL;
	struct transfer *t = self ? find(easy) : NULL;

	if (t && hold(t)) {
		end_open(t, NO_CODE);
		clear(t);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

void atr_transfer_gone(void *easy)
{
	int saved = errno;
	struct atr_thread *self = find(easy) ? enter() : NULL;
	struct transfer *t = self ? find(easy) : NULL;

	if (t && hold(t)) {
		end_open(t, NO_CODE);
		let_go(t);
		forget(t);
	}
	atr_leave(self);
	errno = saved;
}

void atr_transfer_unknown(void *easy)
{
	int saved = errno;
	struct transfer *t = find(easy);
	struct atr_thread *self = t ? enter() : NULL;

	if (self && hold(t)) {
		if (phase_of(t) == OPEN)
			finish(t, NO_CODE, false);
		drop(t);
		clear(t);
		let_go(t);
		forget(t);
	}
	atr_leave(self);
	errno = saved;
}

const struct atr_libcurl *atr_transfer_library(const void *easy)
{
	const struct transfer *t = find(easy);

	return t ? t->of : NULL;
}

void *atr_transfer_option(void *easy, int option, void *value)
{
	struct transfer *t = option == ATR_CURLOPT_HTTPHEADER ? find(easy) : NULL;

	if (!t || !t->joined)
		return value;
	t->nodes[t->nr_nodes - 1].next = value;
	return t->nodes;
}

void atr_transfer_option_set(void *easy, int option, void *value)
{
	struct transfer *t = find(easy);

	if (!t)
		return;
	switch (option) {
	case ATR_CURLOPT_HTTPHEADER:
		t->list = value;
		break;
	case ATR_CURLOPT_URL:
		t->url_len = value ? (uint16_t)strnlen(value, URL_MAX) : 0;
		if (value)
			memcpy(t->url, value, t->url_len);
		break;
	case ATR_CURLOPT_CURLU:
		t->has_url_handle = value;
		break;
	case ATR_CURLOPT_VERBOSE:
		t->shows = value;
		/* from now on amid a transfer: what has not been sent yet is the wire's */
		if (value && t->joined && phase_of(t) == OPEN) {
			leave(t);
			atr_live_drop(t->span);
			t->span = 0;
			t->ours_len = 0;
		}
		break;
	case ATR_CURLOPT_CONNECT_ONLY:
		t->connects_only = value;
		break;
	}
}

void atr_transfer_begins(void *easy)
{
	int saved = errno;
	struct atr_thread *self = find(easy) ? enter() : NULL;
	struct transfer *t = self ? find(easy) : NULL;

	if (t && hold(t)) {
		end_open(t, NO_CODE);
		t->work = atr_work_current(self, 0);
		atr_work_calls(self, t->work, false);
		begin(self, t);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

void atr_transfer_performed(void *easy, int code)
{
	int saved = errno;
	struct transfer *t = find(easy);
	bool is_open = t && (t->joined || phase_of(t) == OPEN);
	struct atr_thread *self = is_open && !multi_of(t) ? enter() : NULL;

	if (self && hold(t)) {
		end_open(t, code);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

/* Of requests that nobody saw there is one, and one for each redirect. */
long atr_transfer_request_size(void *easy, long size)
{
	struct transfer *t = find(easy);
	int saved = errno;
	int64_t redirects, ours;

	if (!t || !(t->ours_len | t->nr_ours))
		return size;
	redirects = ask(t, ATR_CURLINFO_REDIRECT_COUNT);
	ours = t->nr_ours;
	if (redirects >= t->nr_requests)
		ours += (redirects + 1 - t->nr_requests) * t->ours_len;
	errno = saved;
	return ours < size ? size - (long)ours : 0;
}

/* The multi handle that curl_easy_perform makes for itself is none of the program's. */
static bool is_performed(const struct transfer *t)
{
	return phase_of(t) == OPEN && !multi_of(t) && is_driving() && driving.easy == t->easy;
}

void atr_transfer_added(void *multi, void *easy)
{
	int saved = errno;
	struct transfer *t = find(easy);
	struct atr_thread *self = t && !is_performed(t) ? enter() : NULL;

	if (self && hold(t)) {
		end_open(t, NO_CODE);
		t->work = atr_work_current(self, 0);
		atr_work_calls(self, t->work, false);
		set_multi(t, multi);
		set_phase(t, ADDED);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

void atr_transfers_begin(void *multi)
{
	int saved = errno;
	struct atr_thread *self =
		atomic_load_explicit(&nr_added, memory_order_relaxed) ? enter() : NULL;
	uint32_t fresh = nr_fresh();

	for (uint32_t i = 0; self && i < fresh; i++) {
		struct transfer *t = atr_pool_at(&transfers, i);

		if (atomic_load_explicit(&looks[i].phase, memory_order_relaxed) != ADDED ||
		    multi_of(t) != multi || !hold(t))
			continue;
		begin(self, t);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

static void ended(void *multi, void *easy, int code)
{
	int saved = errno;
	struct transfer *t = find(easy);
	struct atr_thread *self =
		t && multi_of(t) && (!multi || multi_of(t) == multi) ? enter() : NULL;

	if (self && hold(t)) {
		end_open(t, code);
		let_go(t);
	}
	atr_leave(self);
	errno = saved;
}

void atr_transfer_done(void *easy, int code)
{
	ended(NULL, easy, code);
}

void atr_transfer_taken_out(void *multi, void *easy)
{
	ended(multi, easy, NO_CODE);
}

/* ---- for who sees requests ---- */

/* The transfer whose header this field is. */
static struct transfer *find_marked(const struct atr_pair *field)
{
	uint32_t sum = sum_of(field->value), fresh = nr_fresh();

	for (uint32_t i = 0; i < fresh; i++) {
		struct transfer *t = atr_pool_at(&transfers, i);

		if (atomic_load_explicit(&looks[i].mark, memory_order_relaxed) == sum &&
		    atomic_load_explicit(&looks[i].phase, memory_order_relaxed) == OPEN &&
		    drives(i) && t->span && atr_str_equal_nocase(t->mark.name, field->name) &&
		    atr_str_equal(t->mark.value, field->value))
			return t;
	}
	return NULL;
}

bool atr_transfer_claims(const struct atr_pair *fields, size_t nr, struct atr_own *own)
{
	struct transfer *t = NULL;
	struct atr_span *span;

	if (!atomic_load_explicit(&nr_open, memory_order_relaxed) || !is_driving())
		return false;
	for (size_t i = 0; i < nr && !t; i++)
		t = find_marked(&fields[i]);
	if (!t || !hold(t))
		return false;
	if (wire_of(t) && t->wire_ended)
		close_wire(t, NO_CODE);
	*own = (struct atr_own){ t->span, t->work, t->is_described };
	set_wire(t, t->span);
	t->span = 0;
	t->wire_ended = false;
	t->wire_why = (struct atr_str){ 0 };
	span = atr_live_span(own->span);
	if (span && t->nr_requests && !t->is_described)
		atr_span_put_int(span, ATR_HTTP_REQUEST_RESEND_COUNT, t->nr_requests);
	t->is_described = true;
	t->nr_requests++;
	t->nr_ours += t->ours_len;
	let_go(t);
	return true;
}

static struct transfer *find_wire(atr_ref span)
{
	uint32_t fresh = nr_fresh();

	for (uint32_t i = 0; span && i < fresh; i++)
		if (atomic_load_explicit(&looks[i].wire, memory_order_relaxed) == span)
			return atr_pool_at(&transfers, i);
	return NULL;
}

void atr_transfer_unsent(atr_ref span)
{
	struct transfer *t = find_wire(span);

	if (!t || !hold(t))
		return;
	if (wire_of(t) == span && !t->span) {
		t->span = span;
		t->nr_requests--;
		t->nr_ours -= t->ours_len;
		set_wire(t, 0);
	}
	let_go(t);
}

bool atr_transfer_answered(struct atr_thread *self, atr_ref span, bool is_whole, struct atr_str why,
			   uint64_t end_ns)
{
	struct transfer *t = find_wire(span);
	int64_t status;

	if (!t || !hold(t))
		return false;
	if (wire_of(t) != span) {
		let_go(t);
		return false;
	}
	t->wire_ended = true;
	t->wire_whole = is_whole;
	/* its own waits always have a limit: which of them was the last says nothing */
	if (!atr_str_equal(why, ATR_STR("timed_out")))
		t->wire_why = why;
	t->wire_end_ns = end_ns;
	status = status_of(atr_live_span(span));
	if (status >= 300 && status < 400)
		t->nr_redirects++;
	/* libcurl may follow, log in or try again: it reads the list anew for that */
	if (atr_live_span(span) && (status < 200 || status > 299) && !t->span &&
	    open_span(self, t, end_ns) && !write_header(t)) {
		atr_live_drop(t->span);
		t->span = 0;
	}
	let_go(t);
	return true;
}

void atr_transfers_end(void)
{
	uint32_t fresh = nr_fresh();

	for (uint32_t i = 0; i < fresh; i++) {
		struct transfer *t = atr_pool_at(&transfers, i);

		if (atomic_load_explicit(&looks[i].phase, memory_order_relaxed) != OPEN || !hold(t))
			continue;
		/* one whose request goes on is in the hands of the thread that is at its connection */
		if (phase_of(t) == OPEN && !(wire_of(t) && !t->wire_ended))
			finish(t, NO_CODE, false);
		let_go(t);
	}
}

/*
 * The spans are the parent's, and their text is given back. libcurl may still be at
 * the list in this process: what it has not read by now it will find empty.
 */
void atr_transfers_forked(void)
{
	uint32_t fresh = nr_fresh();

	for (uint32_t i = 0; i < fresh; i++) {
		struct transfer *t = atr_pool_at(&transfers, i);

		atomic_store_explicit(&t->held, 0, memory_order_relaxed);
		for (uint32_t k = 0; t->block && k < t->nr_nodes; k++) {
			t->text[0] = 0;
			t->nodes[k].text = t->text;
		}
		t->span = t->work = t->block = 0;
		set_wire(t, 0);
		set_phase(t, IDLE);
	}
	resolves = false;
	driving.below = NULL;
}
