/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/semconv.h"
#include "preload/conn/state.h"

#include "export/attr.h"
#include "export/env.h"
#include "export/print.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/conn/rpc.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

#define DEFAULT_METHODS "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE,QUERY"
#define REDACTED "REDACTED"
#define URL_MAX 1024

static bool has_own_methods;
static struct atr_str known_methods = { DEFAULT_METHODS, sizeof(DEFAULT_METHODS) - 1 };

/* The next member of a comma-separated list; false after the last. */
static bool next_member(struct atr_str *list, struct atr_str *member)
{
	const char *comma;

	if (!list->at)
		return false;
	comma = memchr(list->at, ',', list->len);
	*member = *list;
	if (comma) {
		member->len = (size_t)(comma - list->at);
		list->len -= member->len + 1;
		list->at = comma + 1;
	} else {
		list->at = NULL;
	}
	*member = atr_str_trim(*member);
	return true;
}

void atr_semconv_setup(void)
{
	struct atr_str own = atr_env_get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");

	has_own_methods = own.at != NULL;
	if (own.at)
		known_methods = own;
}

/* Nearly every request's method, without a walk through the list. */
static bool is_usual(struct atr_str method)
{
	return (method.len == 3 && !memcmp(method.at, "GET", 3)) ||
	       (method.len == 4 && !memcmp(method.at, "POST", 4));
}

static bool is_known(struct atr_str method)
{
	struct atr_str list = known_methods, member;

	if (!has_own_methods && is_usual(method))
		return true;

	while (next_member(&list, &member))
		if (atr_str_equal(member, method))
			return true;
	return false;
}

/* A piece of text that grows in room of its own; what does not fit is left out. */
#define TEXT(name)                 \
	char name##_room[URL_MAX]; \
	struct atr_print name = { name##_room, 0, sizeof(name##_room), false }

static struct atr_str as_str(const struct atr_print *t)
{
	return (struct atr_str){ t->at, t->len };
}

struct target {
	struct atr_str authority; /* of an absolute form, or of CONNECT */
	struct atr_str path, query;
	bool has_query;
};

static struct target split_target(const struct atr_http1_head *head)
{
	struct target t = { .path = head->target };
	const char *mark;

	if (atr_str_equal(head->method, ATR_STR("CONNECT"))) {
		t.authority = head->target;
		t.path = (struct atr_str){ head->target.at, 0 };
		return t;
	}
	if (t.path.len && t.path.at[0] != '/' && t.path.at[0] != '*') {
		const char *slashes = memmem(t.path.at, t.path.len, "://", 3);

		if (slashes) {
			size_t used = (size_t)(slashes + 3 - t.path.at), len = 0;

			while (used + len < t.path.len && !strchr("/?", t.path.at[used + len]))
				len++;
			t.authority = (struct atr_str){ t.path.at + used, len };
			t.path =
				(struct atr_str){ t.path.at + used + len, t.path.len - used - len };
		}
	}
	mark = t.path.len ? memchr(t.path.at, '?', t.path.len) : NULL;
	if (mark) {
		t.has_query = true;
		t.query = (struct atr_str){ mark + 1, t.path.len - (size_t)(mark + 1 - t.path.at) };
		t.path.len = (size_t)(mark - t.path.at);
	}
	return t;
}

/* Without "user:password@". */
static struct atr_str without_userinfo(struct atr_str authority, bool *had)
{
	const char *at = authority.len ? memrchr(authority.at, '@', authority.len) : NULL;

	*had = at != NULL;
	if (!at)
		return authority;
	return (struct atr_str){ at + 1, authority.len - (size_t)(at + 1 - authority.at) };
}

/* "host:port" in its parts; the port 0 when there is none. Brackets of IPv6 are taken off. */
static struct atr_str split_host(struct atr_str authority, int64_t *port)
{
	struct atr_str host = authority;
	size_t i = authority.len;
	int64_t n = 0, scale = 1;

	*port = 0;
	while (i && authority.at[i - 1] >= '0' && authority.at[i - 1] <= '9' && scale <= 100000) {
		n += (authority.at[--i] - '0') * scale;
		scale *= 10;
	}
	if (i && scale > 1 && authority.at[i - 1] == ':' && n <= 65535) {
		*port = n;
		host.len = i - 1;
	} else if (host.len && host.at[host.len - 1] == ':') {
		host.len--;
	}
	if (host.len > 1 && host.at[0] == '[' && host.at[host.len - 1] == ']')
		host = (struct atr_str){ host.at + 1, host.len - 2 };
	return host;
}

/* As inet_ntop writes it, at a fiftieth of the price. */
static struct atr_str ipv4_text(const struct in_addr *address, char out[static INET6_ADDRSTRLEN])
{
	uint8_t bytes[4];
	size_t len = 0;

	memcpy(bytes, address, sizeof(bytes));
	for (int i = 0; i < 4; i++) {
		if (bytes[i] >= 100)
			out[len++] = (char)('0' + bytes[i] / 100);
		if (bytes[i] >= 10)
			out[len++] = (char)('0' + bytes[i] / 10 % 10);
		out[len++] = (char)('0' + bytes[i] % 10);
		out[len++] = '.';
	}
	return (struct atr_str){ out, len - 1 };
}

static struct atr_str address_text(const struct sockaddr *peer, socklen_t len,
				   char out[static INET6_ADDRSTRLEN], int64_t *port)
{
	*port = 0;
	if (!peer || len < sizeof(sa_family_t))
		return (struct atr_str){ 0 };
	if (peer->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		const struct sockaddr_in *in = (const struct sockaddr_in *)peer;

		*port = ntohs(in->sin_port);
		return ipv4_text(&in->sin_addr, out);
	}
	if (peer->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		const struct sockaddr_in6 *in = (const struct sockaddr_in6 *)peer;

		*port = ntohs(in->sin6_port);
		if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
			struct in_addr mapped;

			memcpy(&mapped, &in->sin6_addr.s6_addr[12], sizeof(mapped));
			return ipv4_text(&mapped, out);
		}
		return atr_str(inet_ntop(AF_INET6, &in->sin6_addr, out, INET6_ADDRSTRLEN));
	}
	if (peer->sa_family == AF_UNIX && len > offsetof(struct sockaddr_un, sun_path)) {
		const char *path = ((const struct sockaddr_un *)peer)->sun_path;
		size_t room = len - offsetof(struct sockaddr_un, sun_path);

		if (path[0])
			return (struct atr_str){ path, strnlen(path, room) };
	}
	return (struct atr_str){ 0 };
}

void atr_semconv_peer(struct atr_span *span, const struct sockaddr *peer, socklen_t len)
{
	char room[INET6_ADDRSTRLEN];
	int64_t port;
	struct atr_str text = address_text(peer, len, room, &port);

	if (!text.len)
		return;
	atr_span_put_str(span, ATR_NETWORK_PEER_ADDRESS, text);
	if (port)
		atr_span_put_int(span, ATR_NETWORK_PEER_PORT, port);
}

/* A number in decimal, into the end of `out`. */
static struct atr_str number_text(int64_t n, char out[static 20])
{
	size_t at = 20;

	do
		out[--at] = (char)('0' + n % 10);
	while ((n /= 10) && at);
	return (struct atr_str){ out + at, 20 - at };
}

size_t atr_semconv_peer_text(const struct sockaddr *peer, socklen_t len, char *out, size_t cap)
{
	char room[INET6_ADDRSTRLEN], digits[20];
	int64_t port;
	struct atr_str text = address_text(peer, len, room, &port);
	TEXT(all);
	bool brackets = port && memchr(text.at, ':', text.len);

	atr_print(&all, brackets ? ATR_STR("[") : ATR_STR(""));
	atr_print(&all, text);
	atr_print(&all, brackets ? ATR_STR("]") : ATR_STR(""));
	if (port) {
		atr_print(&all, ATR_STR(":"));
		atr_print(&all, number_text(port, digits));
	}
	if (all.len > cap)
		all.len = cap;
	memcpy(out, all.at, all.len);
	return all.len;
}

/* The first element of a comma-separated list; of Forwarded, the value of its `key`. */
static struct atr_str forwarded_part(struct atr_str forwarded, struct atr_str key)
{
	struct atr_str element, pair;
	struct atr_str rest = forwarded;

	if (!forwarded.at || !next_member(&rest, &element))
		return (struct atr_str){ 0 };
	while (element.len) {
		const char *semicolon = memchr(element.at, ';', element.len);
		const char *equals;

		pair = element;
		if (semicolon) {
			pair.len = (size_t)(semicolon - element.at);
			element.len -= pair.len + 1;
			element.at = semicolon + 1;
		} else {
			element.len = 0;
		}
		pair = atr_str_trim(pair);
		equals = pair.len ? memchr(pair.at, '=', pair.len) : NULL;
		if (!equals ||
		    !atr_str_equal_nocase((struct atr_str){ pair.at, (size_t)(equals - pair.at) },
					  key))
			continue;
		pair.len -= (size_t)(equals + 1 - pair.at);
		pair.at = equals + 1;
		if (pair.len > 1 && pair.at[0] == '"' && pair.at[pair.len - 1] == '"')
			pair = (struct atr_str){ pair.at + 1, pair.len - 2 };
		return pair;
	}
	return (struct atr_str){ 0 };
}

static struct atr_str first_of(struct atr_str list)
{
	struct atr_str member;

	return list.at && next_member(&list, &member) ? member : (struct atr_str){ 0 };
}

/* What the first of the proxies was asked by; anything but http and https is not believed. */
static struct atr_str scheme_of(const struct atr_http1_head *head, struct atr_str own)
{
	struct atr_str scheme = forwarded_part(head->forwarded, ATR_STR("proto"));

	if (!scheme.len)
		scheme = first_of(head->x_forwarded_proto);
	if (!scheme.len)
		scheme = own;
	return scheme.len && atr_str_equal_nocase(scheme, ATR_STR("https")) ? ATR_STR("https") :
									      ATR_STR("http");
}

static void put_server_name(struct atr_span *span, struct atr_str authority, int64_t usual_port)
{
	int64_t port;
	struct atr_str host = split_host(authority, &port);

	if (!host.len)
		return;
	atr_span_put_str(span, ATR_SERVER_ADDRESS, host);
	atr_span_put_int(span, ATR_SERVER_PORT, port ? port : usual_port);
}

/* What a header says, by the rule for the header's name. */
static void put_of_header(struct atr_span *span, uint16_t id, struct atr_str name,
			  struct atr_str value)
{
	char room[ATR_REDACTED_MAX];

	if (value.len)
		atr_span_put_str(span, id, atr_redact_value(atr_redact_header(name), value, room));
}

static void put_client_address(struct atr_span *span, const struct atr_http1_head *head,
			       const struct sockaddr *peer, socklen_t peer_len)
{
	struct atr_str client = forwarded_part(head->forwarded, ATR_STR("for"));
	struct atr_str header = ATR_STR("forwarded");
	char room[INET6_ADDRSTRLEN];
	int64_t port;

	if (!client.len) {
		client = first_of(head->x_forwarded_for);
		header = ATR_STR("x-forwarded-for");
	}
	if (client.len) {
		put_of_header(span, ATR_CLIENT_ADDRESS, header, split_host(client, &port));
		return;
	}
	client = address_text(peer, peer_len, room, &port);
	if (client.len)
		atr_span_put_str(span, ATR_CLIENT_ADDRESS, client);
}

/* Apart, as what holds text takes a kilobyte of a stack that may be small. */
__attribute__((noinline, cold)) static void put_told_path(struct atr_span *span,
							  struct atr_str path)
{
	TEXT(told);

	atr_redact_path(&told, path);
	atr_span_put_str(span, ATR_URL_PATH, as_str(&told));
}

static void put_path(struct atr_span *span, struct atr_str path)
{
	if (atr_redact_wants_paths())
		put_told_path(span, path);
	else
		atr_span_put_str(span, ATR_URL_PATH, path);
}

__attribute__((noinline, cold)) static void put_told_query(struct atr_span *span,
							   struct atr_str text)
{
	TEXT(query);

	atr_redact_query(&query, text);
	if (query.len || !text.len)
		atr_span_put_str(span, ATR_URL_QUERY, as_str(&query));
}

static void put_query(struct atr_span *span, struct atr_str text)
{
	if (atr_redact_looks_into(text) || text.len > URL_MAX)
		put_told_query(span, text);
	else
		atr_span_put_str(span, ATR_URL_QUERY, text);
}

static void put_server_names(struct atr_span *span, const struct atr_http1_head *head,
			     const struct target *t, struct atr_str own_scheme,
			     const struct sockaddr *peer, socklen_t peer_len)
{
	struct atr_str host = forwarded_part(head->forwarded, ATR_STR("host"));
	struct atr_str scheme = scheme_of(head, own_scheme);
	bool had;

	if (!host.len)
		host = first_of(head->x_forwarded_host);
	if (!host.len)
		host = t->authority.len ? without_userinfo(t->authority, &had) : head->host;
	atr_span_put_str(span, ATR_URL_SCHEME, scheme);
	put_server_name(span, host, scheme.len == 5 ? 443 : 80);
	put_client_address(span, head, peer, peer_len);
}

static void put_server_request(struct atr_span *span, const struct atr_http1_head *head,
			       const struct target *t)
{
	put_path(span, t->path.len ? t->path : ATR_STR("/"));
	if (t->has_query)
		put_query(span, t->query);
	put_of_header(span, ATR_USER_AGENT_ORIGINAL, ATR_STR("user-agent"), head->user_agent);
}

/* A target as it stands in the head; false: it may not be told so. */
static inline bool is_plain(const struct target *t, struct atr_str *whole)
{
	*whole = t->path;
	if (atr_redact_wants_paths() || !t->path.len || t->path.at[0] != '/')
		return false;
	if (!t->has_query)
		return true;
	whole->len += 1 + t->query.len;
	return !atr_redact_looks_into(t->query);
}

/* url.full as it stands in the head, where that has no secrets. */
__attribute__((noinline)) static bool put_plain_url(struct atr_span *span, struct atr_str scheme,
						    struct atr_str authority,
						    const struct target *t)
{
	struct atr_str parts[4] = { scheme, ATR_STR("://"), authority };

	return is_plain(t, &parts[3]) && atr_span_put_parts(span, ATR_URL_FULL, parts, 4);
}

/* The same without them. Not inlined, nor is that: of the stack each takes its part after the other. */
__attribute__((noinline, cold)) static void
put_printed_url(struct atr_span *span, struct atr_str scheme, bool had_userinfo,
		struct atr_str authority, const struct target *t)
{
	size_t behind;
	TEXT(url);

	atr_print(&url, scheme);
	atr_print(&url, ATR_STR("://"));
	if (had_userinfo)
		atr_print(&url, ATR_STR(REDACTED ":" REDACTED "@"));
	atr_print(&url, authority);
	/* the asterisk form asks about the server as a whole */
	if (!atr_str_equal(t->path, ATR_STR("*")))
		atr_redact_path(&url, t->path);
	behind = url.len;
	if (t->has_query) {
		atr_print(&url, ATR_STR("?"));
		atr_redact_query(&url, t->query);
	}
	/* all of it was dropped */
	if (url.len == behind + 1 && t->query.len)
		url.len = behind;
	atr_span_put_str(span, ATR_URL_FULL, as_str(&url));
}

/* The authority is without userinfo already. */
static void put_url(struct atr_span *span, struct atr_str scheme, bool had_userinfo,
		    struct atr_str authority, const struct target *t)
{
	if (had_userinfo || !put_plain_url(span, scheme, authority, t))
		put_printed_url(span, scheme, had_userinfo, authority, t);
}

#define PEER_TEXT_MAX sizeof(((struct sockaddr_un *)0)->sun_path)

/* Of a request that names no host it is who was connected to. */
static struct atr_str authority_of(const struct atr_http1_head *head, const struct target *t,
				   const struct sockaddr *peer, socklen_t peer_len,
				   char room[static PEER_TEXT_MAX], bool *had_userinfo)
{
	struct atr_str authority = t->authority.len ? t->authority : head->host;

	authority = without_userinfo(authority, had_userinfo);
	if (!authority.len)
		authority = (struct atr_str){ room, atr_semconv_peer_text(peer, peer_len, room,
									  PEER_TEXT_MAX) };
	return authority;
}

static void put_client_names(struct atr_span *span, const struct atr_http1_head *head,
			     const struct target *t, struct atr_str scheme,
			     const struct sockaddr *peer, socklen_t peer_len)
{
	char room[PEER_TEXT_MAX];
	bool had;

	put_server_name(span, authority_of(head, t, peer, peer_len, room, &had),
			atr_str_equal_nocase(scheme, ATR_STR("https")) ? 443 : 80);
}

static void put_client_request(struct atr_span *span, const struct atr_http1_head *head,
			       const struct target *t, struct atr_str scheme,
			       const struct sockaddr *peer, socklen_t peer_len)
{
	bool had_userinfo, is_secure = atr_str_equal_nocase(scheme, ATR_STR("https"));
	char room[PEER_TEXT_MAX];
	struct atr_str authority = authority_of(head, t, peer, peer_len, room, &had_userinfo);

	put_url(span, is_secure ? ATR_STR("https") : ATR_STR("http"), had_userinfo, authority, t);
}

/* The method, and behind it the route. */
__attribute__((noinline, cold)) static void
put_name_with(struct atr_span *span, struct atr_str method, struct atr_str route)
{
	TEXT(name);

	atr_print(&name, method);
	atr_print(&name, ATR_STR(" "));
	atr_print(&name, route);
	atr_span_put_str(span, ATR_NAME, as_str(&name));
}

static void put_name(struct atr_span *span, struct atr_str method, struct atr_str route)
{
	if (__builtin_expect(!!route.len, 0))
		put_name_with(span, method, route);
	else
		atr_span_put_str(span, ATR_NAME, method);
}

/* Of what may be told of the path. */
__attribute__((noinline, cold)) static struct atr_str guess_told(struct atr_str path,
								 char room[static ATR_ROUTE_MAX])
{
	TEXT(told);

	atr_redact_path(&told, path);
	return atr_routes_guess(as_str(&told), room);
}

static struct atr_str guess(struct atr_str path, char room[static ATR_ROUTE_MAX])
{
	if (__builtin_expect(!atr_routes_are_guessed() || atr_redact_hides_paths(), 1))
		return (struct atr_str){ 0 };
	return guess_told(path, room);
}

/*
 * Method, route and name. What knows more of the request than its head has named it
 * already, and told its route: then that is it.
 */
__attribute__((noinline)) static void put_method(struct atr_span *span, enum atr_kind kind,
						 struct atr_str method, struct atr_str path)
{
	bool known = is_known(method), is_named = atr_span_find(span, ATR_NAME);
	char room[ATR_ROUTE_MAX];
	struct atr_str route = { 0 };

	if (!atr_span_find(span, ATR_HTTP_ROUTE)) {
		route = atr_routes_match(method, path);
		if (!route.len && !is_named)
			route = guess(path, room);
	}
	if (!is_named)
		put_name(span, known ? method : ATR_STR("HTTP"), route);
	if (method.len) {
		atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD, known ? method : ATR_STR("_OTHER"));
		if (!known)
			atr_span_put_str(span, ATR_HTTP_REQUEST_METHOD_ORIGINAL, method);
	}
	if (route.len)
		atr_span_put_str(span, kind == ATR_KIND_SERVER ? ATR_HTTP_ROUTE : ATR_URL_TEMPLATE,
				 route);
}

void atr_semconv_url_request(struct atr_span *span, struct atr_str method, struct atr_str url)
{
	const char *fragment = url.len ? memchr(url.at, '#', url.len) : NULL; /* is not sent */
	struct atr_http1_head head = { .target = url };
	const char *colon = url.len ? memchr(url.at, ':', url.len) : NULL;
	struct atr_str scheme = { url.at, colon ? (size_t)(colon - url.at) : 0 };
	bool had_userinfo = false;
	struct atr_str authority;
	struct target t;

	if (fragment)
		head.target.len = (size_t)(fragment - url.at);
	t = split_target(&head);
	put_method(span, ATR_KIND_CLIENT, method, t.path.len ? t.path : ATR_STR("/"));
	if (!t.authority.len)
		return;
	authority = without_userinfo(t.authority, &had_userinfo);
	put_server_name(span, authority, atr_str_equal_nocase(scheme, ATR_STR("https")) ? 443 : 80);
	put_url(span, scheme, had_userinfo, authority, &t);
}

/* Who asks whom, and how: all that the next request on the connection will most likely say again. */
__attribute__((noinline)) static void put_names(struct atr_span *span, enum atr_kind kind,
						const struct atr_http1_head *head,
						const struct target *t, struct atr_str scheme,
						struct atr_str version, const struct sockaddr *peer,
						socklen_t peer_len)
{
	put_method(span, kind, head->method, t->path);
	if (kind == ATR_KIND_SERVER)
		put_server_names(span, head, t, scheme, peer, peer_len);
	else
		put_client_names(span, head, t, scheme, peer, peer_len);
	atr_semconv_peer(span, peer, peer_len);
	atr_span_put_str(span, ATR_NETWORK_PROTOCOL_VERSION, version);
}

/* Whether what put_names says follows from the connection, the method, the version and the host alone. */
static bool is_usual_request(const struct atr_span *span, const struct atr_http1_head *head,
			     const struct target *t)
{
	return head->host.len && t->path.len && t->path.at[0] == '/' && !t->authority.at &&
	       !head->forwarded.at && !head->x_forwarded_for.at && !head->x_forwarded_host.at &&
	       !head->x_forwarded_proto.at && !atr_routes_are_any() &&
	       !atr_span_find(span, ATR_NAME);
}

static bool put_same(struct atr_span *span, const struct atr_http1_head *head,
		     const struct atr_same *same)
{
	return same->items_len && same->minor == head->minor &&
	       atr_str_equal(head->host, (struct atr_str){ same->host, same->host_len }) &&
	       atr_str_equal(head->method, (struct atr_str){ same->method, same->method_len }) &&
	       atr_span_put_items(span, same->items, same->items_len);
}

/* What the URLs begin with, as put_client_request has it where it is as usual. */
static void keep_origin(struct atr_same *same, struct atr_str scheme, struct atr_str host)
{
	bool is_secure = atr_str_equal_nocase(scheme, ATR_STR("https"));
	struct atr_str begin = is_secure ? ATR_STR("https://") : ATR_STR("http://");

	same->origin_len = 0;
	if (memchr(host.at, '@', host.len))
		return;
	memcpy(same->origin, begin.at, begin.len);
	memcpy(same->origin + begin.len, host.at, host.len);
	same->origin_len = (uint8_t)(begin.len + host.len);
}

/* What was put from `from` on. */
static void keep_same(struct atr_same *same, const struct atr_http1_head *head,
		      struct atr_str scheme, const struct atr_span *span, uint32_t from)
{
	uint32_t len = span->len - from;

	same->items_len = 0;
	if (len > sizeof(same->items) || head->host.len > sizeof(same->host) ||
	    head->method.len > sizeof(same->method) || span->cut_strings ||
	    span->dropped_attributes)
		return;
	memcpy(same->items, (const char *)span + from, len);
	memcpy(same->host, head->host.at, head->host.len);
	memcpy(same->method, head->method.at, head->method.len);
	same->items_len = (uint16_t)len;
	same->host_len = (uint8_t)head->host.len;
	same->method_len = (uint8_t)head->method.len;
	same->minor = head->minor;
	keep_origin(same, scheme, head->host);
}

/* The URL of a request that has all the rest in common with the one before. */
static bool put_same_url(struct atr_span *span, const struct target *t, const struct atr_same *same)
{
	struct atr_str parts[2] = { { same->origin, same->origin_len } };

	return same->origin_len && is_plain(t, &parts[1]) &&
	       atr_span_put_parts(span, ATR_URL_FULL, parts, 2);
}

static void put_request(struct atr_span *span, enum atr_kind kind,
			const struct atr_http1_head *head, struct atr_str scheme,
			struct atr_str version, const struct sockaddr *peer, socklen_t peer_len,
			struct atr_same *same)
{
	struct target t = split_target(head);
	bool is_usual = same && is_usual_request(span, head, &t);
	bool is_same = is_usual && put_same(span, head, same);
	uint32_t from = span->len;

	if (!is_same)
		put_names(span, kind, head, &t, scheme, version, peer, peer_len);
	if (is_usual && !is_same)
		keep_same(same, head, scheme, span, from);
	if (kind == ATR_KIND_SERVER)
		put_server_request(span, head, &t);
	else if (!is_same || !put_same_url(span, &t, same))
		put_client_request(span, head, &t, scheme, peer, peer_len);
}

void atr_semconv_request(struct atr_span *span, enum atr_kind kind,
			 const struct atr_http1_head *head, bool is_secure,
			 const struct sockaddr *peer, socklen_t peer_len, struct atr_same *same)
{
	put_request(span, kind, head, is_secure ? ATR_STR("https") : ATR_STR("http"),
		    head->minor ? ATR_STR("1.1") : ATR_STR("1.0"), peer, peer_len, same);
}

/* gRPC's own: the method is the path, and the server what the request names. */
static void put_rpc(struct atr_span *span, enum atr_kind kind, const struct atr_http2_head *head,
		    const struct sockaddr *peer, socklen_t peer_len)
{
	struct atr_str method = head->http.target;
	int64_t port;
	struct atr_str host = split_host(head->http.host, &port);

	if (method.len && method.at[0] == '/')
		method = (struct atr_str){ method.at + 1, method.len - 1 };
	atr_span_put_str(span, ATR_NAME, method);
	atr_span_put_str(span, ATR_RPC_SYSTEM_NAME, ATR_STR("grpc"));
	atr_span_put_str(span, ATR_RPC_METHOD, method);
	if (host.len)
		atr_span_put_str(span, ATR_SERVER_ADDRESS, host);
	if (host.len && port)
		atr_span_put_int(span, ATR_SERVER_PORT, port);
	if (kind == ATR_KIND_SERVER)
		put_client_address(span, &head->http, peer, peer_len);
	atr_semconv_peer(span, peer, peer_len);
}

void atr_semconv_http2_request(struct atr_span *span, enum atr_kind kind,
			       const struct atr_http2_head *head, const struct sockaddr *peer,
			       socklen_t peer_len)
{
	if (atr_rpc_is(head->content_type))
		put_rpc(span, kind, head, peer, peer_len);
	else
		put_request(span, kind, &head->http, head->scheme, ATR_STR("2"), peer, peer_len,
			    NULL);
}

void atr_semconv_handshake(struct atr_span *span, const struct atr_handshake *handshake)
{
	struct atr_str protocol = { handshake->protocol, handshake->protocol_len };

	if (handshake->version) {
		atr_span_put_str(span, ATR_TLS_PROTOCOL_NAME, ATR_STR("tls"));
		atr_span_put_str(span, ATR_TLS_PROTOCOL_VERSION, atr_str(handshake->version));
	}
	if (handshake->cipher)
		atr_span_put_str(span, ATR_TLS_CIPHER, atr_str(handshake->cipher));
	if (protocol.len)
		atr_span_put_str(span, ATR_TLS_NEXT_PROTOCOL, protocol);
	atr_span_put_bool(span, ATR_TLS_RESUMED, handshake->is_resumed);
}

void atr_semconv_error(struct atr_span *span, struct atr_str type)
{
	if (span->status == ATR_STATUS_ERROR)
		return; /* the first reason is the reason */
	span->status = ATR_STATUS_ERROR;
	atr_span_late_str(span, ATR_ERROR_TYPE, type);
}

void atr_semconv_response(struct atr_span *span, uint16_t status_code)
{
	bool is_error = status_code >= 500 || (status_code >= 400 && span->kind == ATR_KIND_CLIENT);
	char digits[20];

	atr_span_late_int(span, ATR_HTTP_RESPONSE_STATUS_CODE, status_code);
	if (is_error)
		atr_semconv_error(span, number_text(status_code, digits));
}

struct atr_str atr_semconv_errno(int error)
{
	switch (error) {
	case ENETDOWN:
		return ATR_STR("network_down");
	case EADDRINUSE:
		return ATR_STR("address_already_in_use");
	case EINTR:
		return ATR_STR("interrupted");
	case EADDRNOTAVAIL:
		return ATR_STR("address_not_available");
	case EAFNOSUPPORT:
		return ATR_STR("address_family_not_supported");
	case ECONNREFUSED:
		return ATR_STR("connection_refused");
	case ECONNRESET:
		return ATR_STR("connection_reset");
	case ECONNABORTED:
		return ATR_STR("connection_aborted");
	case EPIPE:
		return ATR_STR("broken_pipe");
	case ENETUNREACH:
		return ATR_STR("network_unreachable");
	case EHOSTUNREACH:
		return ATR_STR("host_unreachable");
	case ENOBUFS:
		return ATR_STR("no_buffer_space_available");
	case ETIMEDOUT:
		return ATR_STR("timed_out");
	case EACCES:
	case EPERM:
		return ATR_STR("access_denied");
	case EPROTOTYPE:
		return ATR_STR("protocol_type");
	case EINVAL:
		return ATR_STR("invalid_argument");
	case EPROTO:
		return ATR_STR("protocol_error");
	default:
		return ATR_STR("_OTHER");
	}
}

struct atr_str atr_semconv_eai(int result)
{
	switch (result) {
	case EAI_NONAME:
		return ATR_STR("host_not_found");
#ifdef EAI_NODATA
	case EAI_NODATA:
		return ATR_STR("host_not_found");
#endif
	case EAI_AGAIN:
		return ATR_STR("try_again");
	case EAI_FAIL:
		return ATR_STR("no_recovery");
	case EAI_FAMILY:
		return ATR_STR("address_family_not_supported");
	default:
		return ATR_STR("_OTHER");
	}
}
