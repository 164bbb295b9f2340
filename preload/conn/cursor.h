/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_CURSOR_H
#define ATR_PRELOAD_CONN_CURSOR_H

/* cursor: a walk over what a program hands to a call, for the files that send. */
#include "preload/live/readable.h"
#include "preload/live/thread.h"

#include <string.h>
#include <sys/uio.h>

/*
 * Bytes that lie in several pieces, from an offset on. They are shown page by
 * page, each when it is known to be there: we read before the kernel does.
 */
struct cursor {
	const struct iovec *iov;
	int nr;
	size_t skip; /* of the first piece */
	bool unread; /* the bytes are not looked at */
	bool ends_badly;
};

static inline struct cursor cursor_at(const struct iovec *iov, int nr, size_t from)
{
	struct cursor c = { iov, nr, from, false, false };

	while (c.nr && c.skip >= c.iov->iov_len) {
		c.skip -= c.iov->iov_len;
		c.iov++;
		c.nr--;
	}
	return c;
}

/* Nothing is known of any page any more: a plan begins. Until it ends a page is asked about once. */
static inline void forget_page(void)
{
	atr_self.known_page = 0;
}

static inline bool can_read_page(const void *at)
{
	uintptr_t page = (uintptr_t)at | 4095;

	if (atr_self.known_page == page + 1)
		return true;
	if (!atr_page_is_readable(at))
		return false;
	atr_self.known_page = page + 1;
	return true;
}

static inline bool next_bytes(struct cursor *c, const char **at, size_t *len)
{
	while (c->nr && c->skip == c->iov->iov_len) {
		c->iov++;
		c->nr--;
		c->skip = 0;
	}
	if (!c->nr)
		return false;
	*at = (const char *)c->iov->iov_base + c->skip;
	*len = c->iov->iov_len - c->skip;
	if (!c->unread) {
		*len = atr_len_in_page(*at, *len);
		c->ends_badly = !can_read_page(*at);
		if (c->ends_badly)
			return false;
	}
	c->skip += *len;
	return true;
}

/* Whether all of it lies in one piece, and in the page that was asked about last. */
static inline bool is_known(const struct iovec *iov, int nr, size_t from, size_t len)
{
	const char *at = nr == 1 ? (const char *)iov->iov_base + from : NULL;

	return at && from <= iov->iov_len && len <= iov->iov_len - from &&
	       atr_self.known_page == ((uintptr_t)at | 4095) + 1 && len == atr_len_in_page(at, len);
}

/* Copies `len` of the program's bytes from `from` on; false where some cannot be read. */
static inline bool copy_bytes(char *to, const struct iovec *iov, int nr, size_t from, size_t len)
{
	struct cursor c;
	const char *at;
	size_t n, done = 0;

	if (is_known(iov, nr, from, len)) {
		memcpy(to, (const char *)iov->iov_base + from, len);
		return true;
	}
	c = cursor_at(iov, nr, from);
	while (done < len && next_bytes(&c, &at, &n)) {
		if (n > len - done)
			n = len - done;
		memcpy(to + done, at, n);
		done += n;
	}
	return done == len;
}

#endif
