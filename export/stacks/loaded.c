/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/loaded.h"
#include "export/stacks/eh_frame.h"

#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <string.h>

/* As glibc 2.35 has it, in dlfcn.h. */
struct found_object {
	unsigned long long flags;
	void *begin, *end;
	struct link_map *map;
	void *eh_frame;
	unsigned long long reserved[7];
};
static int (*find_object)(void *at, struct found_object *found);

/*
 * Read by many, written by one at a time: `turn` is odd meanwhile, and what was read is good
 * if it is even and the same before and after. By their addresses.
 */
#define OBJECTS_MAX 512

struct object {
	_Atomic uintptr_t begin, end;	      /* of what is mapped */
	_Atomic uintptr_t header;	      /* .eh_frame_hdr, or 0 */
	_Atomic uintptr_t tables, tables_end; /* the segment it is in */
};
static struct object objects[OBJECTS_MAX];
static _Atomic uint32_t turn, nr_objects;
static _Atomic bool is_written;

#define GET(word) atomic_load_explicit(&(word), memory_order_relaxed)
#define PUT(word, value) atomic_store_explicit(&(word), value, memory_order_relaxed)

struct layout {
	uintptr_t begin, end, header, tables, tables_end;
};

static struct layout layout_of(uintptr_t base, const ElfW(Phdr) * parts, unsigned nr)
{
	const struct atr_cfi tables = atr_eh_frame_of(base, parts, nr);
	struct layout l = { .begin = UINTPTR_MAX };

	for (unsigned i = 0; i < nr; i++) {
		uintptr_t at = base + parts[i].p_vaddr;

		if (parts[i].p_type != PT_LOAD)
			continue;
		if (at < l.begin)
			l.begin = at;
		if (at + parts[i].p_memsz > l.end)
			l.end = at + parts[i].p_memsz;
	}
	l.header = (uintptr_t)tables.header;
	l.tables = (uintptr_t)tables.begin;
	l.tables_end = (uintptr_t)tables.end;
	return l;
}

static int put_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct layout l = layout_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
	uint32_t *nr = arg;
	struct object *o = &objects[*nr];

	(void)size;
	if (*nr == OBJECTS_MAX)
		return 1;
	PUT(o->begin, l.begin);
	PUT(o->end, l.end);
	PUT(o->header, l.header);
	PUT(o->tables, l.tables);
	PUT(o->tables_end, l.tables_end);
	++*nr;
	return 0;
}

void atr_loaded_look(void)
{
	uint32_t nr = 0;

	if (find_object || atomic_exchange(&is_written, true))
		return;
	atomic_fetch_add(&turn, 1);
	/* who sees one of the words that follow sees that the turn is odd, too */
	atomic_thread_fence(memory_order_release);
	dl_iterate_phdr(put_object, &nr);
	PUT(nr_objects, nr);
	atomic_fetch_add(&turn, 1);
	atomic_store(&is_written, false);
}

void atr_loaded_setup(void *dl_find_object)
{
	find_object = (__typeof__(find_object))dl_find_object;
	atr_loaded_look();
}

static bool find_in_table(uintptr_t at, struct atr_cfi *cfi)
{
	uint32_t before = atomic_load_explicit(&turn, memory_order_acquire), nr = GET(nr_objects);
	bool found = false;

	for (uint32_t i = 0; i < nr && !found; i++) {
		if (at - GET(objects[i].begin) >= GET(objects[i].end) - GET(objects[i].begin))
			continue;
		cfi->begin = (const uint8_t *)GET(objects[i].tables);
		cfi->end = (const uint8_t *)GET(objects[i].tables_end);
		cfi->header = (const uint8_t *)GET(objects[i].header);
		found = true;
	}
	atomic_thread_fence(memory_order_acquire);
	return found && cfi->header && !(before & 1) && GET(turn) == before;
}

/*
 * What is mapped readable around the table is said by the object's own headers, at its begin: in
 * nearly all objects the first segment begins with them.
 */
static bool find_by_loader(uintptr_t at, struct atr_cfi *cfi)
{
	const ElfW(Ehdr) * elf;
	struct found_object found;
	struct layout l;

	if (find_object((void *)at, &found) != 0 || !found.eh_frame || !found.map)
		return false;
	elf = found.begin;
	if (memcmp(elf->e_ident, ELFMAG, SELFMAG) != 0 || elf->e_phentsize != sizeof(ElfW(Phdr)) ||
	    elf->e_phoff + elf->e_phnum * sizeof(ElfW(Phdr)) > 4096)
		return false;
	l = layout_of(found.map->l_addr, (const void *)((const char *)found.begin + elf->e_phoff),
		      elf->e_phnum);
	cfi->begin = (const uint8_t *)l.tables;
	cfi->end = (const uint8_t *)l.tables_end;
	cfi->header = (const uint8_t *)l.header;
	return l.header && l.header == (uintptr_t)found.eh_frame;
}

bool atr_loaded_cfi(uintptr_t at, struct atr_cfi *cfi)
{
	return find_object ? find_by_loader(at, cfi) : find_in_table(at, cfi);
}

struct range {
	uintptr_t at, begin, end;
};

static int find_range(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct layout l = layout_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
	struct range *range = arg;

	(void)size;
	if (range->at < l.begin || range->at >= l.end)
		return 0;
	range->begin = l.begin;
	range->end = l.end;
	return 1;
}

bool atr_loaded_range(uintptr_t at, uintptr_t *begin, uintptr_t *end)
{
	struct range range = { .at = at };

	dl_iterate_phdr(find_range, &range);
	*begin = range.begin;
	*end = range.end;
	return range.end != 0;
}
