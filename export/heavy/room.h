/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_HEAVY_ROOM_H
#define ATR_EXPORT_HEAVY_ROOM_H

/*
 * room: memory for something with an end, mapped for it, filled from the front and given
 * back in one. Zeroed; pages are touched as they are used. One thread.
 */
#include <stdbool.h>
#include <stddef.h>

struct atr_room {
	char *at;
	size_t used, len;
};

/* What maps it: NULL where that cannot be had. Else it is mmap. */
void atr_room_map_by(void *(*map)(size_t len));
bool atr_room_map(struct atr_room *room, size_t len);
/* Aligned to 16; NULL: it is full. */
void *atr_room_take(struct atr_room *room, size_t len);
void atr_room_unmap(struct atr_room *room);

#endif
