/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/slots.h"
#include "preload/hook/stubs.h"

#include "export/list.h"
#include "preload/live/wanted.h"

#include <elf.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#if defined(__x86_64__)
#define JUMP_SLOT R_X86_64_JUMP_SLOT
#define GLOB_DAT R_X86_64_GLOB_DAT
#else
#define JUMP_SLOT UINT32_MAX
#define GLOB_DAT UINT32_MAX
#endif

/* Not what returns twice, or asks who calls it, or what jumps and unwinds. */
static bool may_have_stub(struct atr_str name)
{
	struct atr_str others =
		ATR_STR("setjmp,_setjmp,sigsetjmp,__sigsetjmp,savectx,vfork,getcontext,swapcontext,"
			"dlopen,dlmopen,dlsym,dlvsym,__tls_get_addr,longjmp,_longjmp,siglongjmp,"
			"mcount,_mcount,__fentry__,setcontext,pthread_exit,__longjmp_chk");
	struct atr_str other;

	if (name.len > 5 && (!memcmp(name.at, "_Unwi", 5) || !memcmp(name.at, "__cxa", 5)))
		return false;
	while (atr_list_next(&others, &other))
		if (atr_str_equal(name, other))
			return false;
	return true;
}

/* ---- what a slot means that the loader has not filled yet ---- */

struct meaning {
	const struct atr_object *by;
	uint32_t symbol;
	const char *name;
	uint32_t hash;
	uintptr_t first;
	unsigned nr;
};

static bool is_version(const struct meaning *m, const struct atr_object *o, uint32_t symbol)
{
	const char *wanted = atr_object_version(m->by, m->symbol);
	const char *defined = atr_object_version(o, symbol);

	return !wanted || !defined || !strcmp(wanted, defined);
}

static int look_for_meaning(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct meaning *m = arg;
	struct atr_object o;
	uint32_t symbol;

	(void)size;
	if (!atr_object_read(&o, info))
		return 0;
	symbol = atr_object_find(&o, m->name, m->hash, true);
	if (!symbol)
		return 0;
	if (!m->nr++ && is_version(m, &o, symbol))
		m->first = (uintptr_t)atr_object_function(&o, symbol);
	return 0;
}

/* 0: it is not sure, or nothing that is asked for. */
static uintptr_t meaning_of(const struct atr_object *o, uint32_t symbol, bool at_start)
{
	const ElfW(Sym) *s = &o->symbols[symbol];
	struct meaning m = { .by = o, .symbol = symbol, .name = o->strings + s->st_name };

	if (s->st_name >= o->strings_len)
		return 0;
	m.hash = atr_object_hash(m.name);
	if (!atr_wanted_may_be(m.hash))
		return 0;
	dl_iterate_phdr(look_for_meaning, &m);
	return m.nr == 1 || at_start ? m.first : 0;
}

/* ---- the slots ---- */

/* An object's, and which part of it the loader made read-only. */
struct slots {
	const struct atr_object *o;
	uintptr_t begin, end;
	bool at_start;
	int nr;
};

static void read_only_of(struct slots *slots, const struct dl_phdr_info *info)
{
	uintptr_t page_mask = ~((uintptr_t)getauxval(AT_PAGESZ) - 1);

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];

		if (part->p_type != PT_GNU_RELRO)
			continue;
		slots->begin = (slots->o->base + part->p_vaddr) & page_mask;
		slots->end = (slots->o->base + part->p_vaddr + part->p_memsz) & page_mask;
	}
}

/* The page is as it was before when it is done; what other threads read of it is there all the time. */
static bool put(const struct slots *slots, uintptr_t *slot, uintptr_t value)
{
	uintptr_t page_len = getauxval(AT_PAGESZ);
	void *page = (void *)((uintptr_t)slot & ~(page_len - 1));
	bool is_read_only = (uintptr_t)slot >= slots->begin && (uintptr_t)slot < slots->end;

	if (is_read_only && mprotect(page, page_len, PROT_READ | PROT_WRITE))
		return false;
	__atomic_store_n(slot, value, __ATOMIC_RELEASE);
	if (is_read_only)
		mprotect(page, page_len, PROT_READ);
	return true;
}

static void change(struct slots *slots, const ElfW(Rela) * rela)
{
	const struct atr_object *o = slots->o;
	uintptr_t *slot = (uintptr_t *)(o->base + rela->r_offset), means;
	uint32_t symbol = (uint32_t)(rela->r_info >> 32);
	struct atr_function *function;

	if ((uintptr_t)slot < o->begin || (uintptr_t)slot + sizeof(*slot) > o->end)
		return;
	means = __atomic_load_n(slot, __ATOMIC_RELAXED);
	/* as the linker left it: it leads back into the object's own .plt */
	if ((uint32_t)rela->r_info == JUMP_SLOT && atr_object_has(o, (const void *)means) &&
	    (o->symbols[symbol].st_shndx == SHN_UNDEF ||
	     o->base + o->symbols[symbol].st_value != means))
		means = meaning_of(o, symbol, slots->at_start);
	function = means ? atr_wanted_at(means) : NULL;
	if (!function || !may_have_stub(function->name) ||
	    atomic_load(&function->seen_by) & (ATR_SEEN_BY_CALLS | ATR_SEEN_BY_ENTRY))
		return;
	if (!put(slots, slot, atr_stub_of(atr_wanted_index(function)))) {
		slots->nr = -1;
		return;
	}
	atomic_fetch_or(&function->seen_by, ATR_SEEN_BY_SLOT);
	if (slots->nr >= 0)
		slots->nr++;
}

static void change_all(struct slots *slots, uintptr_t table, size_t len)
{
	const ElfW(Rela) *rela = (const void *)table;

	for (size_t i = 0; table && i < len / sizeof(*rela); i++) {
		uint32_t type = (uint32_t)rela[i].r_info;

		if (type == JUMP_SLOT || type == GLOB_DAT)
			change(slots, &rela[i]);
	}
}

int atr_slots_change(const struct dl_phdr_info *info, const struct atr_object *o, bool at_start)
{
	struct slots slots = { .o = o, .at_start = at_start };
	uintptr_t rela = 0, rela_len = 0, plt = 0, plt_len = 0, plt_kind = DT_RELA;

	read_only_of(&slots, info);
	for (const ElfW(Dyn) *dyn = o->dynamic; dyn && dyn->d_tag != DT_NULL; dyn++) {
		uintptr_t value = dyn->d_un.d_val;

		if (dyn->d_tag == DT_RELA)
			rela = (uintptr_t)atr_object_table(o, value);
		else if (dyn->d_tag == DT_RELASZ)
			rela_len = value;
		else if (dyn->d_tag == DT_JMPREL)
			plt = (uintptr_t)atr_object_table(o, value);
		else if (dyn->d_tag == DT_PLTRELSZ)
			plt_len = value;
		else if (dyn->d_tag == DT_PLTREL)
			plt_kind = value;
	}
	change_all(&slots, rela, rela_len);
	if (plt_kind == DT_RELA)
		change_all(&slots, plt, plt_len);
	return slots.nr;
}
