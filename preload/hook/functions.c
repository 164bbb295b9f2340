/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/functions.h"
#include "preload/hook/object.h"
#include "preload/hook/real.h"

#include "export/diag.h"
#include "export/weak.h"
#include "preload/live/function.h"
#include "preload/live/sampler.h"
#include "preload/live/symbols.h"
#include "preload/live/work.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct {
	bool follows;  /* functions are asked for */
	bool forwards; /* another library has these two, too, and they do something */
	const struct atr_io *io;
	unsigned long long nr_loaded, nr_unloaded; /* objects, when we last looked */
} own;

/* In a word, for what is called at every function's start and end. */
static _Atomic bool is_on;

/* ---- what is told by the functions themselves ------------------------------------------------ */

/*
 * These two are jumped to, so that their frame is where the caller's call was: the same place
 * at the function's start and end.
 */
#define CALLERS_STACK() ((uintptr_t)__builtin_frame_address(0) + 2 * sizeof(void *))

__attribute__((noinline)) static void enters(void *start, void *site)
{
	uintptr_t at = CALLERS_STACK();
	const struct atr_function *function = own.follows ? atr_wanted_at((uintptr_t)start) : NULL;
	struct atr_thread *self = function ? atr_enter() : NULL;
	int saved;

	if (self) {
		saved = errno;
		atr_function_begins(self, function, at, 0, (uintptr_t)__builtin_return_address(0));
		errno = saved;
	}
	atr_leave(self);
	if (own.forwards)
		REAL(__cyg_profile_func_enter)(start, site);
}

__attribute__((noinline)) static void leaves(void *start, void *site)
{
	uintptr_t at = CALLERS_STACK();
	const struct atr_function *function =
		own.follows && atr_self.frames ? atr_wanted_at((uintptr_t)start) : NULL;
	struct atr_thread *self = function ? atr_enter() : NULL;
	int saved;

	if (self) {
		saved = errno;
		atr_function_told(self, function, at);
		errno = saved;
	}
	atr_leave(self);
	if (own.forwards)
		REAL(__cyg_profile_func_exit)(start, site);
}

HOOK void __cyg_profile_func_enter(void *function, void *site)
{
	if (__builtin_expect(atomic_load_explicit(&is_on, memory_order_relaxed), 0))
		enters(function, site);
}

HOOK void __cyg_profile_func_exit(void *function, void *site)
{
	if (__builtin_expect(atomic_load_explicit(&is_on, memory_order_relaxed), 0))
		leaves(function, site);
}

/* libc has one that does nothing for both; where there are two, they are somebody's. */
__attribute__((constructor(102))) static void find_next(void)
{
	void *enter = atr_real[ATR_REAL___cyg_profile_func_enter];
	void *leave = atr_real[ATR_REAL___cyg_profile_func_exit];

	own.forwards = enter && leave && enter != leave;
	atomic_store_explicit(&is_on, own.forwards, memory_order_relaxed);
}

/* ---- what is loaded -------------------------------------------------------------------------- */

struct mapped {
	const void *bytes;
	size_t len;
};

static struct mapped map_file(const char *path)
{
	struct mapped file = { NULL, 0 };
	struct stat status;
	int fd = (int)REAL(syscall)(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return file;
	if (fstat(fd, &status) == 0 && status.st_size > 0) {
		void *at = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

		if (at != MAP_FAILED)
			file = (struct mapped){ at, (size_t)status.st_size };
	}
	REAL(close)(fd);
	return file;
}

/* An object while its functions are added. */
struct adding {
	struct atr_wanted_object names;
	struct atr_object object;
	unsigned nr;
	uint32_t seen_by; /* of all of them */
};

static void add(void *arg, struct atr_symbol *symbol)
{
	struct adding *adding = arg;
	uintptr_t begin = adding->object.base + symbol->value;
	struct atr_function *function;

	if (begin < adding->object.begin || begin >= adding->object.end)
		return;
	function = atr_wanted_add(&adding->names, symbol->name, begin, begin + symbol->size);
	if (!function)
		return;
	adding->nr++;
	atomic_fetch_or_explicit(&function->seen_by, adding->seen_by, memory_order_relaxed);
}

static struct atr_str base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return atr_str(slash ? slash + 1 : path);
}

/* The first object is the program itself, and has no name. */
static int add_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct adding adding = { .nr = 0 };
	bool *is_first = arg, is_program = *is_first, is_stripped;
	struct mapped file;

	(void)size;
	*is_first = false;
	own.nr_loaded = info->dlpi_adds;
	own.nr_unloaded = info->dlpi_subs;
	if (!atr_object_read(&adding.object, info) ||
	    atr_object_has(&adding.object, (const void *)add_object))
		return 0;
	adding.names = (struct atr_wanted_object){
		.is_program = is_program,
		.file = base_name(info->dlpi_name ? info->dlpi_name : ""),
		.soname = adding.object.soname ? atr_str(adding.object.soname) :
						 (struct atr_str){ 0 },
	};
	if (!atr_wanted_has(&adding.names))
		return 0;
	if (atr_object_reference(&adding.object, "__cyg_profile_func_enter"))
		adding.seen_by |= ATR_SEEN_BY_CALLS;
	file = map_file(is_program ? "/proc/self/exe" : info->dlpi_name);
	if (!file.bytes)
		return 0;
	if (atr_symbols_are_of(file.bytes, file.len, info->dlpi_phdr, info->dlpi_phnum,
			       info->dlpi_addr)) {
		atr_symbols_each(file.bytes, file.len, add, &adding, &is_stripped);
		if (is_stripped)
			atr_log("AUTOTRACE_FUNCTIONS: %s is stripped: of its functions only those "
				"are known that it exports",
				is_program ? "the executable" : info->dlpi_name);
	}
	munmap((void *)file.bytes, file.len);
	return 0;
}

static void look(void)
{
	bool is_first = true;

	dl_iterate_phdr(add_object, &is_first);
}

/* ---- ends that do not return ------------------------------------------------------------------ */

ATR_WEAK(pthread_key_create);
ATR_WEAK(pthread_setspecific);

static pthread_key_t key;
static _Atomic int has_key; /* 0 not yet, 1 being made, 2 it is there, 3 it cannot be had */

static void thread_ends(void *self)
{
	struct atr_thread *entered = atr_enter();

	if (entered)
		atr_functions_thread_ends(self);
	atr_leave(entered);
}

static bool mark_thread(void)
{
	int now = 0;

	if (!pthread_key_create || !pthread_setspecific)
		return false;
	if (atomic_compare_exchange_strong(&has_key, &now, 1)) {
		now = pthread_key_create(&key, thread_ends) ? 3 : 2;
		atomic_store(&has_key, now);
	}
	return now == 2 && pthread_setspecific(key, &atr_self) == 0;
}

/*
 * Where a jump goes is in its jmp_buf, the stack at the same place in glibc's and musl's; but
 * glibc's is turned and mixed with a word of its own.
 */
static enum { UNKNOWN, PLAIN, MIXED } jumps_are;
#if defined(__x86_64__)
#define STACK_WORD 6

static uintptr_t unmixed(uintptr_t word)
{
	uintptr_t with;

	__asm__("mov %%fs:0x30, %0" : "=r"(with));
	return (word >> 17 | word << 47) ^ with;
}

static bool is_here(uintptr_t stack)
{
	return stack - (uintptr_t)__builtin_frame_address(0) + 4096 < 8192;
}

__attribute__((noinline)) static void learn_jumps(void)
{
	jmp_buf here;
	uintptr_t word;

	if (_setjmp(here))
		return;
	memcpy(&word, (const char *)here + STACK_WORD * sizeof(word), sizeof(word));
	jumps_are = is_here(word) ? PLAIN : is_here(unmixed(word)) ? MIXED : UNKNOWN;
}

static uintptr_t stack_of(const void *jump)
{
	uintptr_t word;

	memcpy(&word, (const char *)jump + STACK_WORD * sizeof(word), sizeof(word));
	return jumps_are == MIXED ? unmixed(word) : word;
}
#else
static void learn_jumps(void)
{
}

static uintptr_t stack_of(const void *jump)
{
	(void)jump;
	return 0;
}
#endif

void atr_functions_jumps(const void *jump)
{
	struct atr_thread *self = atr_self.frames && jumps_are != UNKNOWN ? atr_enter() : NULL;

	if (self)
		atr_functions_jump(self, (uintptr_t)__builtin_frame_address(0), stack_of(jump));
	atr_leave(self);
}

/* ---- the start ------------------------------------------------------------------------------- */

static void say_missing(struct atr_str text)
{
	atr_log("AUTOTRACE_FUNCTIONS: %.*s: no such function is loaded", (int)text.len, text.at);
}

static void say_unseen(void)
{
	const struct atr_function *function;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++)
		if (!atomic_load(&function->seen_by))
			atr_log("AUTOTRACE_FUNCTIONS: %.*s cannot be seen: it is called directly, "
				"and was not built to tell",
				(int)function->name.len, function->name.at);
}

void atr_functions_begin(const struct atr_io *io)
{
	if (!atr_sampler_makes_spans() || !atr_wanted_setup())
		return;
	own.io = io;
	atr_functions_setup(mark_thread);
	learn_jumps();
	look();
	own.follows = true;
	atomic_store_explicit(&is_on, true, memory_order_release);
	if (atr_log_is_on()) {
		atr_wanted_missing(say_missing);
		say_unseen();
	}
}
