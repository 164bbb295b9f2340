/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/room.h"

#include <sys/mman.h>

static void *map_anew(size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return at == MAP_FAILED ? NULL : at;
}

static void *(*map)(size_t len) = map_anew;

void atr_room_map_by(void *(*by)(size_t len))
{
	map = by;
}

bool atr_room_map(struct atr_room *room, size_t len)
{
	*room = (struct atr_room){ 0 };
	room->at = map(len);
	if (!room->at)
		return false;
	room->len = len;
	return true;
}

void *atr_room_take(struct atr_room *room, size_t len)
{
	size_t need = (len + 15) & ~(size_t)15;
	void *at = room->at + room->used;

	if (need < len || need > room->len - room->used)
		return NULL;
	room->used += need;
	return at;
}

void atr_room_unmap(struct atr_room *room)
{
	if (room->at)
		munmap(room->at, room->len);
	*room = (struct atr_room){ 0 };
}
