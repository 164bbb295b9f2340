/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/modules.h"

#include "export/stacks/collect.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULES_MAX 1024

static struct atr_module *modules; /* mapped at the first look */
static unsigned nr_modules;
static _Atomic bool is_looked_at;

struct look {
	uint64_t generation;
	bool is_first;
};

static void range_of(struct atr_module *m, const struct dl_phdr_info *info)
{
	m->base = info->dlpi_addr;
	m->begin = UINTPTR_MAX;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		uintptr_t at = m->base + part->p_vaddr;

		if (part->p_type != PT_LOAD)
			continue;
		if (at < m->begin)
			m->begin = at;
		if (at + part->p_memsz > m->end)
			m->end = at + part->p_memsz;
	}
}

static void build_id_of(struct atr_module *m, const struct dl_phdr_info *info)
{
	for (unsigned i = 0; i < info->dlpi_phnum && !m->id.len; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const uint8_t *at = (const uint8_t *)(m->base + part->p_vaddr);

		if (part->p_type == PT_NOTE && (uintptr_t)at >= m->begin &&
		    (uintptr_t)at + part->p_filesz <= m->end)
			m->id = atr_notes_build_id(
				(struct atr_bytes){ at, at + part->p_filesz, false });
	}
}

static void path_of(struct atr_module *m, const struct dl_phdr_info *info, bool is_program)
{
	ssize_t len;

	m->is_program = is_program;
	if (is_program) {
		len = syscall(SYS_readlinkat, -1, "/proc/self/exe", m->path, sizeof(m->path) - 1);
		m->path[len > 0 ? len : 0] = 0;
		return;
	}
	len = (ssize_t)strlen(info->dlpi_name);
	if (len < (ssize_t)sizeof(m->path))
		memcpy(m->path, info->dlpi_name, (size_t)len + 1);
}

static struct atr_module *known(uintptr_t begin, uint64_t sum)
{
	for (unsigned i = nr_modules; i-- > 0;)
		if (modules[i].begin == begin && modules[i].sum == sum)
			return &modules[i];
	return NULL;
}

static int see(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct look *look = arg;
	bool is_program = look->is_first;
	uint64_t sum = atr_parts_sum(info->dlpi_phdr, info->dlpi_phnum);
	struct atr_module new = { .sum = sum }, *module;

	(void)size;
	look->is_first = false;
	range_of(&new, info);
	module = known(new.begin, sum);
	if (module) {
		module->last = look->generation;
		return 0;
	}
	if (nr_modules == MODULES_MAX || new.begin >= new.end)
		return 0;
	new.first = new.last = look->generation;
	new.nr_parts = info->dlpi_phnum;
	build_id_of(&new, info);
	path_of(&new, info, is_program);
	modules[nr_modules++] = new;
	return 0;
}

void atr_modules_look(bool waits)
{
	struct look look = { .generation = atr_collect_generation(), .is_first = true };

	while (atomic_exchange(&is_looked_at, true)) {
		if (!waits)
			return;
		syscall(SYS_sched_yield);
	}
	if (!modules) {
		modules = mmap(NULL, MODULES_MAX * sizeof(*modules), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (modules == MAP_FAILED)
			modules = NULL;
	}
	if (modules)
		dl_iterate_phdr(see, &look);
	atomic_store(&is_looked_at, false);
}

const struct atr_module *atr_modules_find(uintptr_t at, uint64_t generation)
{
	const struct atr_module *found = NULL;

	while (atomic_exchange(&is_looked_at, true))
		syscall(SYS_sched_yield);
	for (unsigned i = 0; i < nr_modules; i++) {
		const struct atr_module *m = &modules[i];

		if (at < m->begin || at >= m->end || generation < m->first || generation > m->last)
			continue;
		if (found) { /* one came where the other went: which it was then is not known */
			found = NULL;
			break;
		}
		found = m;
	}
	atomic_store(&is_looked_at, false);
	return found;
}

void atr_modules_forked(void)
{
	atomic_store(&is_looked_at, false);
}

const char *atr_module_name(const struct atr_module *module)
{
	const char *slash = strrchr(module->path, '/');

	return slash ? slash + 1 : module->path;
}

/*
 * Libraries whose frames are not the program's own: what it called to make a request, and what
 * that called. By the begin of their names.
 */
static const char *const not_own[] = {
	"libautotrace", "libc.so",   "libc-2.",	   "ld-",	"ld.so",
	"libpthread",	"libcurl",   "libssl",	   "libcrypto", "libgnutls",
	"libnghttp2",	"libngtcp2", "libstdc++",  "libgcc_s",	"libresolv",
	"libnss_",	"libanl",    "linux-vdso", "libmusl",	"libc.musl",
};

bool atr_module_is_own(const struct atr_module *module)
{
	const char *name = atr_module_name(module);

	for (size_t i = 0; !module->is_program && i < sizeof(not_own) / sizeof(not_own[0]); i++)
		if (!strncmp(name, not_own[i], strlen(not_own[i])))
			return false;
	return true;
}
