/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/dns.h"
#include "preload/hook/real.h"

#include "export/attr.h"
#include "preload/conn/names.h"
#include "preload/conn/probes.h"
#include "preload/conn/semconv.h"
#include "preload/conn/transfer.h"
#include "preload/live/where.h"
#include "preload/live/work.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <errno.h>

/*
 * Name lookups. What libc's own resolver does is not seen; what a module of its
 * name service does (through our hooks) is not told. We are not inside meanwhile:
 * programs that limit a lookup's time jump out of it by an alarm.
 */

/* In the frame of the hook that looks up: whatever it calls is below. */
static __thread const void *lookup_at;

bool atr_looks_up(void)
{
	return lookup_at && (const void *)__builtin_frame_address(0) < lookup_at;
}

void atr_lookup_left(void)
{
	lookup_at = NULL;
}

static bool is_a_name(const char *name)
{
	unsigned char address[16];

	return name && *name && inet_pton(AF_INET, name, address) != 1 &&
	       inet_pton(AF_INET6, name, address) != 1;
}

/* A span of its own where the probe asks for it, or nothing else will tell of the failure. */
static void lookup_span(struct atr_thread *self, const char *name, uint64_t start_ns,
			uint64_t end_ns, struct atr_str error)
{
	static const char what[] = "DNS lookup ";
	char text[sizeof(what) + ATR_LOOKUP_NAME_MAX];
	size_t len = strnlen(name, ATR_LOOKUP_NAME_MAX);
	struct atr_context_copy parent = { .block = 0 };
	struct atr_span *span;
	bool has_parent;
	atr_ref ref;

	has_parent = atr_work_context(atr_work_current(self, 0), &parent);
	ref = atr_live_open(self, ATR_KIND_INTERNAL, has_parent ? &parent.context : NULL, start_ns);
	atr_context_copy_release(&parent);
	span = atr_live_span(ref);
	atr_where_note(self, span);
	if (span) {
		memcpy(text, what, sizeof(what) - 1);
		memcpy(text + sizeof(what) - 1, name, len);
		atr_span_put_str(span, ATR_NAME, (struct atr_str){ text, sizeof(what) - 1 + len });
		atr_span_put_str(span, ATR_DNS_QUESTION_NAME, (struct atr_str){ name, len });
		if (error.at)
			atr_semconv_error(span, error);
	}
	atr_live_close(ref, end_ns);
}

static void tell_lookup(struct atr_thread *self, const char *name, uint64_t start_ns,
			const struct addrinfo *found, struct atr_str error)
{
	uint64_t end_ns = atr_clock_ns();

	if (found)
		atr_names_found(name, start_ns, end_ns, found);
	if ((atr_probes & ATR_PROBE_DNS) ||
	    (error.at && (atr_probes & ATR_PROBE_HTTP) && !atr_transfer_tells()))
		lookup_span(self, name, start_ns, end_ns, error);
}

/* Whether this lookup is one to tell of: a name, and not asked for by another lookup. */
static bool begins(const char *name, uint64_t *start_ns)
{
	struct atr_thread *self = is_a_name(name) && !atr_looks_up() ? atr_enter() : NULL;

	*start_ns = self ? atr_clock_ns() : 0;
	atr_leave(self);
	if (self)
		lookup_at = start_ns;
	return self;
}

HOOK int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		     struct addrinfo **found)
{
	bool is_lookup = !(hints && (hints->ai_flags & AI_NUMERICHOST));
	struct atr_thread *self;
	uint64_t start_ns;
	int result, saved;

	if (!is_lookup || !begins(name, &start_ns))
		return REAL(getaddrinfo)(name, service, hints, found);
	result = REAL(getaddrinfo)(name, service, hints, found);
	saved = errno;
	lookup_at = NULL;
	self = atr_enter();
	if (self)
		tell_lookup(self, name, start_ns, result == 0 ? *found : NULL,
			    result ? atr_semconv_eai(result) : (struct atr_str){ 0 });
	atr_leave(self);
	errno = saved;
	return result;
}

#define ANSWERS 8

/* The addresses of a host entry in the form that getaddrinfo gives them. */
static void tell_host(struct atr_thread *self, const char *name, uint64_t start_ns,
		      const struct hostent *host, int h_error)
{
	struct addrinfo list[ANSWERS];
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} address[ANSWERS];
	int n = 0;

	for (; host && n < ANSWERS && host->h_addr_list[n]; n++) {
		memset(&address[n], 0, sizeof(address[n]));
		memset(&list[n], 0, sizeof(list[n]));
		address[n].any.sa_family = (sa_family_t)host->h_addrtype;
		if (host->h_addrtype == AF_INET)
			memcpy(&address[n].in.sin_addr, host->h_addr_list[n], 4);
		else
			memcpy(&address[n].in6.sin6_addr, host->h_addr_list[n], 16);
		list[n].ai_addr = &address[n].any;
		if (n)
			list[n - 1].ai_next = &list[n];
	}
	tell_lookup(self, name, start_ns, n ? list : NULL,
		    host		   ? (struct atr_str){ 0 } :
		    h_error == TRY_AGAIN   ? ATR_STR("try_again") :
		    h_error == NO_RECOVERY ? ATR_STR("no_recovery") :
					     ATR_STR("host_not_found"));
}

static void ends(const char *name, uint64_t start_ns, const struct hostent *host, int h_error)
{
	int saved = errno;
	struct atr_thread *self;

	lookup_at = NULL;
	self = atr_enter();
	if (self)
		tell_host(self, name, start_ns, host, h_error);
	atr_leave(self);
	errno = saved;
}

HOOK struct hostent *gethostbyname(const char *name)
{
	struct hostent *host;
	uint64_t start_ns;

	if (!begins(name, &start_ns))
		return REAL(gethostbyname)(name);
	host = REAL(gethostbyname)(name);
	ends(name, start_ns, host, h_errno);
	return host;
}

HOOK struct hostent *gethostbyname2(const char *name, int family)
{
	struct hostent *host;
	uint64_t start_ns;

	if (!begins(name, &start_ns))
		return REAL(gethostbyname2)(name, family);
	host = REAL(gethostbyname2)(name, family);
	ends(name, start_ns, host, h_errno);
	return host;
}

/* A buffer too small is asked for again with a larger one. */
static void ends_r(const char *name, uint64_t start_ns, int result, struct hostent *const *found,
		   const int *h_error)
{
	if (result == ERANGE)
		lookup_at = NULL;
	else
		ends(name, start_ns, result ? NULL : *found, *h_error);
}

HOOK int gethostbyname_r(const char *name, struct hostent *room, char *buf, size_t len,
			 struct hostent **found, int *h_error)
{
	uint64_t start_ns;
	int result;

	if (!begins(name, &start_ns))
		return REAL(gethostbyname_r)(name, room, buf, len, found, h_error);
	result = REAL(gethostbyname_r)(name, room, buf, len, found, h_error);
	ends_r(name, start_ns, result, found, h_error);
	return result;
}

HOOK int gethostbyname2_r(const char *name, int family, struct hostent *room, char *buf, size_t len,
			  struct hostent **found, int *h_error)
{
	uint64_t start_ns;
	int result;

	if (!begins(name, &start_ns))
		return REAL(gethostbyname2_r)(name, family, room, buf, len, found, h_error);
	result = REAL(gethostbyname2_r)(name, family, room, buf, len, found, h_error);
	ends_r(name, start_ns, result, found, h_error);
	return result;
}
