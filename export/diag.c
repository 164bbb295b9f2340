/* SPDX-License-Identifier: Apache-2.0 */
#include "export/diag.h"

#include "export/encode/encode.h"
#include "export/kernel.h"
#include "export/print.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

/*
 * Several of each counter, so that threads that count at once do not wait for one
 * another's line of memory; what they come to is the sum. The first threads to count have
 * one for themselves, in which nobody else adds; the others' is likely their own.
 */
#define STRIPE_BITS 3
#define SHARED (1 << STRIPE_BITS)
#define OWNED 24
#define STRIPES (SHARED + OWNED)

static struct {
	_Alignas(64) _Atomic uint64_t of[ATR_NR_COUNTS];
} counts[STRIPES];

static _Atomic unsigned nr_owned;
static __thread unsigned own; /* 1: none was left; else its number + 2 */

static struct atr_str log_to;
static const struct atr_io *log_io;
static bool leaves_out_warnings;

static unsigned shared_stripe(void)
{
	/* the places of threads differ by the size of a stack: the product's upper bits by more */
	return (uint64_t)(uintptr_t)&own * UINT64_C(0x9e3779b97f4a7c15) >> (64 - STRIPE_BITS);
}

/* A handler of a signal that comes here takes one too, of which one is left unused. */
__attribute__((noinline)) static void take_stripe(void)
{
	unsigned n = atomic_load_explicit(&nr_owned, memory_order_relaxed);

	while (n < OWNED &&
	       !atomic_compare_exchange_weak_explicit(&nr_owned, &n, n + 1, memory_order_relaxed,
						      memory_order_relaxed))
		;
	own = n < OWNED ? n + 2 : 1;
}

/*
 * In what is this thread's alone. Nobody has to be kept out, but a handler that
 * interrupts us is to find it before or after, and not in between.
 */
static inline void add_own(_Atomic uint64_t *at, uint64_t n)
{
#ifdef __x86_64__
	__asm__ volatile("addq %1, %0" : "+m"(*at) : "er"(n) : "cc");
#else
	atomic_fetch_add_explicit(at, n, memory_order_relaxed);
#endif
}

void atr_count_add(enum atr_count what, uint64_t n)
{
	if (__builtin_expect(!own, 0))
		take_stripe();
	if (__builtin_expect(own == 1, 0))
		atomic_fetch_add_explicit(&counts[OWNED + shared_stripe()].of[what], n,
					  memory_order_relaxed);
	else
		add_own(&counts[own - 2].of[what], n);
}

void atr_count(enum atr_count what)
{
	atr_count_add(what, 1);
}

/*
 * Those that have been counted in lie at the front, and the shared ones come when the others are
 * taken: of those behind no page is touched.
 */
static unsigned stripes_in_use(void)
{
	unsigned n = atomic_load_explicit(&nr_owned, memory_order_relaxed);

	return n == OWNED ? STRIPES : n ? n : 1;
}

void atr_count_set(enum atr_count what, uint64_t n)
{
	for (unsigned i = 0, nr = stripes_in_use(); i < nr; i++)
		atomic_store_explicit(&counts[i].of[what], i ? 0 : n, memory_order_relaxed);
}

uint64_t atr_count_read(enum atr_count what)
{
	uint64_t sum = 0;

	for (unsigned i = 0, nr = stripes_in_use(); i < nr; i++)
		sum += atomic_load_explicit(&counts[i].of[what], memory_order_relaxed);
	return sum;
}

const char *atr_count_name(enum atr_count what)
{
	static const struct texts {
#define ATR_COUNT(id, name) char id[sizeof(name)];
#include "export/diag.def"
#undef ATR_COUNT
	} texts = {
#define ATR_COUNT(id, name) name,
#include "export/diag.def"
#undef ATR_COUNT
	};
	/* where each begins: as pointers they would have to be relocated at start */
	static const uint16_t at[] = {
#define ATR_COUNT(id, name) offsetof(struct texts, id),
#include "export/diag.def"
#undef ATR_COUNT
	};

	return (const char *)&texts + at[what];
}

void atr_count_reset(void)
{
	for (int i = 0; i < ATR_NR_COUNTS; i++)
		if (atr_count_read((enum atr_count)i))
			atr_count_set((enum atr_count)i, 0);
}

void atr_log_setup(struct atr_str where, const struct atr_io *io)
{
	log_to = where;
	log_io = io;
}

bool atr_log_is_on(void)
{
	return log_to.len != 0;
}

void atr_log_without_warnings(bool without)
{
	leaves_out_warnings = without;
}

/* A file is opened for each line: no descriptor of ours lies about for the program to find. */
static void write_line(const char *line, size_t len)
{
	bool is_file = !atr_str_equal(log_to, ATR_STR("stderr"));
	int fd = STDERR_FILENO;

	if (is_file)
		fd = log_io->open(log_to.at,
				  O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
				  0644);
	if (fd < 0)
		return;
	(void)!atr_kernel_write(log_io->write, fd, line, len); /* there is nobody to tell */
	if (is_file)
		log_io->close(fd);
}

void atr_log(const char *format, ...)
{
	char line[1024];
	struct atr_print t = { line, 0, sizeof(line) - 1, false };
	int saved = errno;
	va_list args;

	if (!atr_log_is_on())
		return;
	atr_print(&t, ATR_STR("autotrace["));
	atr_print_int(&t, atr_kernel_pid());
	atr_print(&t, ATR_STR("]: "));
	va_start(args, format);
	atr_print_format(&t, format, args);
	va_end(args);
	/* what was read from a file or a backend is in it: one line stays one, whatever that says */
	for (size_t i = 0; i < t.len; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = '?';
	line[t.len++] = '\n';
	write_line(line, t.len);
	errno = saved;
}

#define VALUE_MAX 200 /* bytes of a value that are shown */

void atr_log_bad_env(const char *name, struct atr_str value, const char *why, const char *instead)
{
	char shown[3 * VALUE_MAX];
	size_t len = value.len;

	if (!atr_log_is_on() || leaves_out_warnings)
		return;
	if (!value.at) {
		atr_log("%s: %s; %s", name, why, instead);
		return;
	}
	if (len > VALUE_MAX) /* and not within a character */
		for (len = VALUE_MAX; len && ((unsigned char)value.at[len] & 0xc0) == 0x80;)
			len--;
	len = atr_utf8_clean(value.at, len, SIZE_MAX, shown);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)shown[i] < ' ' || shown[i] == 0x7f)
			shown[i] = '?'; /* one line stays one, and a terminal's settings its own */
	atr_log("%s=%.*s%s: %s; %s", name, (int)len, shown, value.len > VALUE_MAX ? "..." : "", why,
		instead);
}

void atr_log_counts(void)
{
	for (int i = 0; i < ATR_NR_COUNTS; i++)
		if (atr_count_read((enum atr_count)i))
			atr_log("%s: %llu", atr_count_name((enum atr_count)i),
				(unsigned long long)atr_count_read((enum atr_count)i));
}
