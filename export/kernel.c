/* SPDX-License-Identifier: Apache-2.0 */
#include "export/kernel.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef __aarch64__
#define NAME "__kernel_clock_gettime"
#else
#define NAME "__vdso_clock_gettime"
#endif

/*
 * The kernel maps a small library into every process, whose functions need no
 * system call: vdso(7). libc asks it too, under names that are not libc's alone.
 */
static int (*mapped)(clockid_t clock, struct timespec *t);

static const ElfW(Dyn) * dynamic_of(const ElfW(Ehdr) * head, uintptr_t *base)
{
	const ElfW(Phdr) *part = (const void *)((uintptr_t)head + head->e_phoff);
	const ElfW(Dyn) *dynamic = NULL;

	for (unsigned i = 0; i < head->e_phnum; i++) {
		if (part[i].p_type == PT_LOAD)
			*base = (uintptr_t)head + part[i].p_offset - part[i].p_vaddr;
		else if (part[i].p_type == PT_DYNAMIC)
			dynamic = (const void *)((uintptr_t)head + part[i].p_offset);
	}
	return dynamic;
}

/* The last of the fullest chain is the last of all; each chain's last has its low bit set. */
static uint32_t count_by_gnu_hash(const uint32_t *hash)
{
	const uint32_t *buckets = hash + 4 + hash[2] * (sizeof(ElfW(Addr)) / sizeof(*hash));
	const uint32_t *chain = buckets + hash[0];
	uint32_t last = 0;

	for (uint32_t i = 0; i < hash[0]; i++)
		if (buckets[i] > last)
			last = buckets[i];
	if (last < hash[1])
		return 0;
	while (!(chain[last - hash[1]] & 1))
		last++;
	return last + 1;
}

void atr_kernel_setup(void)
{
	const ElfW(Ehdr) *head = (const void *)getauxval(AT_SYSINFO_EHDR);
	const ElfW(Dyn) * entry;
	const ElfW(Sym) *symbols = NULL;
	const char *names = NULL;
	const uint32_t *hash = NULL, *gnu_hash = NULL;
	uintptr_t base = 0;
	uint32_t nr;

	entry = head ? dynamic_of(head, &base) : NULL;
	for (; entry && entry->d_tag != DT_NULL; entry++) {
		if (entry->d_tag == DT_SYMTAB)
			symbols = (const void *)(base + entry->d_un.d_ptr);
		else if (entry->d_tag == DT_STRTAB)
			names = (const void *)(base + entry->d_un.d_ptr);
		else if (entry->d_tag == DT_HASH)
			hash = (const void *)(base + entry->d_un.d_ptr);
		else if (entry->d_tag == DT_GNU_HASH)
			gnu_hash = (const void *)(base + entry->d_un.d_ptr);
	}
	if (!symbols || !names || (!hash && !gnu_hash))
		return;
	/* which of the two there is, is the kernel's matter: a dozen symbols, or the older one's second word */
	nr = gnu_hash ? count_by_gnu_hash(gnu_hash) : hash[1];
	for (uint32_t i = 0; i < nr; i++)
		if (symbols[i].st_shndx && strcmp(names + symbols[i].st_name, NAME) == 0)
			mapped =
				(int (*)(clockid_t, struct timespec *))(base + symbols[i].st_value);
}

uint64_t atr_kernel_ns(clockid_t clock)
{
	struct timespec t = { 0 };

	if (!mapped || mapped(clock, &t)) {
		int saved = errno;

		syscall(SYS_clock_gettime, clock, &t);
		errno = saved;
	}
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void atr_kernel_sleep(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	int saved = errno;

	syscall(SYS_nanosleep, &t, NULL);
	errno = saved;
}

pid_t atr_kernel_pid(void)
{
	return (pid_t)syscall(SYS_getpid);
}

#define SET_LEN 8 /* of the kernel's sets of signals */

static const uint64_t of_writes = 1ull << (SIGPIPE - 1) | 1ull << (SIGXFSZ - 1);

/* One that waits, if any does. */
static bool take(const uint64_t *set)
{
	const struct timespec now = { 0 };

	return *set && syscall(SYS_rt_sigtimedwait, set, NULL, &now, SET_LEN) > 0;
}

void atr_kernel_take_signals(void)
{
	int saved = errno;

	while (take(&of_writes))
		;
	errno = saved;
}

/* Such a signal is for the thread that writes: held back, it waits there until it is taken. */
ssize_t atr_kernel_write(ssize_t (*write)(int fd, const void *buf, size_t len), int fd,
			 const void *buf, size_t len)
{
	const uint64_t held = of_writes;
	uint64_t before = 0, pending = 0, mine;
	ssize_t n;
	int saved;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &held, &before, SET_LEN);
	syscall(SYS_rt_sigpending, &pending, SET_LEN);
	n = write(fd, buf, len);
	saved = errno;
	mine = held & ~pending;
	if (n < 0 && (saved == EPIPE || saved == EFBIG))
		take(&mine);
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SET_LEN);
	errno = saved;
	return n;
}
