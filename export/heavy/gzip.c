/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/parts.h"
#include "export/heavy/room.h"

#include <zlib.h>

#define STATE_LEN (512 * 1024) /* what deflate takes is 268 KiB */
#define WITH_GZIP_HEAD (15 + 16)

static void *take(void *room, unsigned items, unsigned size)
{
	return atr_room_take(room, (size_t)items * size);
}

static void give(void *room, void *at)
{
	(void)room; /* all at once */
	(void)at;
}

/* The fastest way: spans are so alike that the others save little more. */
static size_t deflate_all(struct atr_room *room, struct atr_str in, char *out, size_t cap)
{
	z_stream z = { .zalloc = take, .zfree = give, .opaque = room };

	if (in.len > UINT32_MAX || cap > UINT32_MAX ||
	    deflateInit2(&z, Z_BEST_SPEED, Z_DEFLATED, WITH_GZIP_HEAD, 8, Z_DEFAULT_STRATEGY))
		return 0;
	z.next_in = (void *)in.at;
	z.avail_in = (unsigned)in.len;
	z.next_out = (void *)out;
	z.avail_out = (unsigned)cap;
	return deflate(&z, Z_FINISH) == Z_STREAM_END ? z.total_out : 0;
}

size_t atr_gzip(struct atr_str in, char *out, size_t cap)
{
	struct atr_room room;
	size_t len;

	if (!atr_room_map(&room, STATE_LEN))
		return 0;
	len = deflate_all(&room, in, out, cap);
	atr_room_unmap(&room);
	return len;
}
