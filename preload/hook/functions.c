/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/functions.h"
#include "preload/hook/object.h"
#include "preload/hook/patches.h"
#include "preload/hook/real.h"
#include "preload/hook/slots.h"
#include "preload/hook/stubs.h"

#include "export/diag.h"
#include "export/env.h"
#include "export/weak.h"
#include "preload/live/code.h"
#include "preload/live/function.h"
#include "preload/live/sampler.h"
#include "preload/live/symbols.h"
#include "preload/live/work.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

static struct {
	bool follows; /* functions are asked for */
	bool changes_slots;
	bool forwards; /* another library has these two, too, and they do something */
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
#if defined(__x86_64__)
	atr_stubs_pass_on(atr_real[ATR_REAL_mcount], atr_real[ATR_REAL___fentry__]);
#endif
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
	void *at = MAP_FAILED;
	off_t len;
	int fd = (int)REAL(syscall)(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return file;
	len = lseek(fd, 0, SEEK_END);
	if (len > 0)
		at = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, fd, 0);
	if (at != MAP_FAILED)
		file = (struct mapped){ at, (size_t)len };
	REAL(close)(fd);
	return file;
}

/* An object while its functions are added. */
struct adding {
	struct atr_wanted_object names;
	struct atr_object object;
	uint32_t seen_by; /* of all of them */
	bool has_room;	  /* functions whose start may be changed, in this table: */
	const uintptr_t *starts;
	size_t nr_starts;
};

/*
 * Where a function's frame is laid anew for what it aligns in it, the return address in that is
 * a copy, and another one is returned to: push -8(%r10).
 */
static bool has_own_frame(const struct atr_function *function)
{
	static const unsigned char copies[] = { 0x41, 0xff, 0x72, 0xf8 };
	size_t len = function->end - function->target;

	return !memmem((const void *)function->target, len < 64 ? len : 64, copies, sizeof(copies));
}

#define BEFORE_MAX 64 /* bytes of room before its start that do not matter here */

static bool is_listed(const struct adding *adding, uintptr_t begin)
{
	for (size_t i = 0; i < adding->nr_starts; i++)
		if (adding->starts[i] + BEFORE_MAX >= begin && adding->starts[i] <= begin + 16)
			return true;
	return false;
}

/* Once: the system says it of all of them. */
static void say_may_not_be_changed(void)
{
	static bool is_said;

	if (!is_said)
		atr_log("AUTOTRACE_FUNCTIONS: the start of functions may not be changed here: %s",
			strerror(errno));
	is_said = true;
}

static bool patches(struct adding *adding, uintptr_t begin)
{
	if (!atr_patch_has_room(begin))
		return false;
	if (atr_patch(&adding->object, begin))
		return true;
	say_may_not_be_changed();
	adding->has_room = false;
	return false;
}

/* The kernel counts them as folders. */
static bool has_one_thread(void)
{
	struct stat status;

	return REAL(syscall)(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &status, 0) == 0 &&
	       status.st_nlink == 3;
}

static void look_for_room(struct adding *adding, const void *file, size_t len)
{
	uint64_t at, section_len;

	if (!own.changes_slots || own.follows || adding->seen_by ||
	    !atr_symbols_section(file, len, "__patchable_function_entries", &at, &section_len))
		return;
	if (!atr_object_has(&adding->object, (const void *)(adding->object.base + at)) ||
	    section_len > adding->object.end - adding->object.base - at)
		return;
	adding->starts = (const void *)(adding->object.base + at);
	adding->nr_starts = section_len / sizeof(*adding->starts);
	adding->has_room = has_one_thread();
	if (!adding->has_room) {
		atr_log("AUTOTRACE_FUNCTIONS: the start of functions is not changed, because there "
			"are threads already");
	} else if (!atr_code_may_change((void *)file)) {
		say_may_not_be_changed();
		adding->has_room = false;
	}
}

/* What the compiler puts into every object is no function of the program's. */
static bool is_of_compiler(struct atr_str name)
{
	static const char *const names[] = {
		"_start",
		"_init",
		"_fini",
		"frame_dummy",
		"register_tm_clones",
		"deregister_tm_clones",
		"__do_global_dtors_aux",
		"_dl_relocate_static_pie",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (atr_str_equal(name, atr_str(names[i])))
			return true;
	return false;
}

/* The part of a function that is hardly ever run, and lies elsewhere: nobody calls it. */
static bool is_cold_part(struct atr_str name)
{
	return memmem(name.at, name.len, ".cold", 5);
}

static void add(void *arg, struct atr_symbol *symbol)
{
	struct adding *adding = arg;
	uintptr_t begin = adding->object.base + symbol->value;
	struct atr_function *function;

	if (begin < adding->object.begin || begin >= adding->object.end ||
	    is_of_compiler(symbol->name) || is_cold_part(symbol->name))
		return;
	function = atr_wanted_add(&adding->names, symbol->name, begin, begin + symbol->size);
	if (!function)
		return;
	function->object = adding->object.begin;
	if (atomic_load(&function->seen_by))
		return;
	if (adding->seen_by & ATR_SEEN_BY_CALLS || (adding->seen_by && has_own_frame(function)) ||
	    (adding->has_room && is_listed(adding, begin) && patches(adding, begin)))
		atomic_fetch_or(&function->seen_by,
				adding->seen_by ? adding->seen_by : ATR_SEEN_BY_ENTRY);
}

static struct atr_str base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return atr_str(slash ? slash + 1 : path);
}

/* Objects that were looked at, by where they begin; 0: a free place. */
#define OBJECTS_MAX 1024
static struct {
	uintptr_t begin;
	bool is_there; /* in this look */
} objects[OBJECTS_MAX];
static unsigned nr_objects;

/* True: it is new. The same address may be another's when it was closed in between. */
static bool note_object(const struct atr_object *o)
{
	unsigned free = nr_objects;

	for (unsigned i = 0; i < nr_objects; i++) {
		if (objects[i].begin == o->begin) {
			objects[i].is_there = true;
			return false;
		}
		if (!objects[i].begin)
			free = i;
	}
	if (free == OBJECTS_MAX)
		return false;
	nr_objects += free == nr_objects;
	objects[free].begin = o->begin;
	objects[free].is_there = true;
	return true;
}

/* Not in us, and not in the loader, which calls when nobody may be called. */
static bool is_left_alone(const struct atr_object *o)
{
	return atr_object_has(o, (const void *)is_left_alone) ||
	       (o->soname && !strncmp(o->soname, "ld-", 3)) ||
	       (o->soname && !strncmp(o->soname, "linux-vdso", 10));
}

static void add_functions(struct adding *adding, const struct dl_phdr_info *info)
{
	bool is_stripped, is_program = adding->names.is_program;
	struct mapped file = map_file(is_program ? "/proc/self/exe" : info->dlpi_name);

	if (!file.bytes)
		return;
	if (atr_symbols_are_of(file.bytes, file.len, info->dlpi_phdr, info->dlpi_phnum,
			       info->dlpi_addr)) {
		look_for_room(adding, file.bytes, file.len);
		atr_symbols_each(file.bytes, file.len, add, adding, &is_stripped);
		if (is_stripped)
			atr_log("AUTOTRACE_FUNCTIONS: %s is stripped: of its functions only those "
				"are known that it exports",
				is_program ? "the executable" : info->dlpi_name);
	}
	munmap((void *)file.bytes, file.len);
}

struct looking {
	bool is_first, at_start, is_any;
	uint64_t is_new[OBJECTS_MAX / 64]; /* by their number in the loader's list */
	unsigned nr;
	int nr_changed;
};

/* The first object is the program itself, and has no name. */
static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct adding adding = { .seen_by = 0 };
	struct looking *looking = arg;
	bool is_program = looking->is_first;
	unsigned nr = looking->nr++;

	(void)size;
	looking->is_first = false;
	if (!atr_object_read(&adding.object, info) || is_left_alone(&adding.object) ||
	    !note_object(&adding.object) || nr >= OBJECTS_MAX)
		return 0;
	looking->is_any = true;
	looking->is_new[nr / 64] |= UINT64_C(1) << nr % 64;
	adding.names = (struct atr_wanted_object){
		.is_program = is_program,
		.file = base_name(info->dlpi_name ? info->dlpi_name : ""),
		.soname = adding.object.soname ? atr_str(adding.object.soname) :
						 (struct atr_str){ 0 },
	};
	if (!atr_wanted_has(&adding.names))
		return 0;
	if (atr_object_reference(&adding.object, "__cyg_profile_func_enter"))
		adding.seen_by = ATR_SEEN_BY_CALLS;
	else if (own.changes_slots && (atr_object_reference(&adding.object, "mcount") ||
				       atr_object_reference(&adding.object, "_mcount") ||
				       atr_object_reference(&adding.object, "__fentry__")))
		adding.seen_by = ATR_SEEN_BY_ENTRY;
	add_functions(&adding, info);
	return 0;
}

static int change_slots(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct looking *looking = arg;
	struct atr_object object;
	unsigned nr = looking->nr++;

	(void)size;
	if (nr >= OBJECTS_MAX || !(looking->is_new[nr / 64] >> nr % 64 & 1) ||
	    !atr_object_read(&object, info))
		return 0;
	if (atr_slots_change(info, &object, looking->at_start) < 0)
		looking->nr_changed = -1;
	return 0;
}

/* Of libraries that are not there any more. */
static void forget_closed(void)
{
	struct atr_function *function;

	for (unsigned i = 0; i < nr_objects; i++)
		if (!objects[i].is_there)
			objects[i].begin = 0;
	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++) {
		uintptr_t begin = atomic_load(&function->begin);
		bool is_there = false;

		for (unsigned k = 0; begin && k < nr_objects; k++)
			is_there = is_there || objects[k].begin == function->object;
		if (begin && !is_there)
			atr_wanted_forget(function);
	}
}

/* One thread at a time; one that comes meanwhile leaves it to that, which looks once more. */
static _Atomic unsigned nr_looks;

static void look(bool at_start)
{
	unsigned wanted = atomic_fetch_add(&nr_looks, 1) + 1;

	if (wanted > 1)
		return;
	do {
		struct looking looking = { .is_first = true, .at_start = at_start };

		for (unsigned i = 0; i < nr_objects; i++)
			objects[i].is_there = false;
		wanted = atomic_load(&nr_looks);
		dl_iterate_phdr(look_at, &looking);
		forget_closed();
		looking.nr = 0;
		if (looking.is_any && own.changes_slots)
			dl_iterate_phdr(change_slots, &looking);
		if (looking.nr_changed < 0)
			atr_log("AUTOTRACE_FUNCTIONS: a page of a library may not be written to: "
				"%s",
				strerror(errno));
	} while (!atomic_compare_exchange_strong(&nr_looks, &wanted, 0));
}

/* ---- what is loaded later -------------------------------------------------------------------- */

static void *open_and_look(const char *path, int flags)
{
	void *library = REAL(dlopen)(path, flags);
	int saved = errno;

	look(false);
	errno = saved;
	return library;
}

struct caller {
	const void *at;
	bool is_first, has_say;
};

/* The loader looks for a name in the folders that the object who asks for it has in it. */
static int look_for_folders(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct caller *caller = arg;
	struct atr_object o;
	bool is_program = caller->is_first, is_caller;

	(void)size;
	caller->is_first = false;
	atr_object_read(&o, info);
	is_caller = atr_object_has(&o, caller->at);
	for (const ElfW(Dyn) *dyn = o.dynamic; dyn && dyn->d_tag != DT_NULL; dyn++)
		if ((dyn->d_tag == DT_RUNPATH && is_caller) ||
		    (dyn->d_tag == DT_RPATH && !is_program))
			caller->has_say = true;
	return 0;
}

void *atr_functions_dlopen(const char *path, const void *caller_at)
{
	struct caller caller = { .at = caller_at, .is_first = true };

	if (!own.changes_slots || !path)
		return NULL;
	if (strchr(path, '$'))
		return NULL;
	if (!strchr(path, '/'))
		dl_iterate_phdr(look_for_folders, &caller);
	return caller.has_say ? NULL : (void *)open_and_look;
}

void atr_functions_unloaded(void)
{
	if (own.follows)
		look(false);
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

#define UNSEEN_SAID 16

static void say_unseen(void)
{
	bool is_left_to_kernel = atr_env_bool("AUTOTRACE_EBPF", false); /* preload/follow.h */
	const struct atr_function *function;
	unsigned nr = 0;

	for (unsigned i = 0; (function = atr_wanted_nth(i)); i++)
		if (!atomic_load(&function->seen_by) && !is_left_to_kernel && ++nr <= UNSEEN_SAID)
			atr_log("AUTOTRACE_FUNCTIONS: %.*s cannot be followed: its calls are "
				"direct, and it was not built to tell of them",
				(int)function->name.len, function->name.at);
	if (nr > UNSEEN_SAID)
		atr_log("AUTOTRACE_FUNCTIONS: nor can %u others", nr - UNSEEN_SAID);
}

void atr_functions_begin(void)
{
	const char *why;

	if (!atr_sampler_makes_spans() || !atr_wanted_setup())
		return;
	atr_functions_setup(mark_thread);
	learn_jumps();
	own.changes_slots = atr_stubs_setup(&why);
	if (!own.changes_slots)
		atr_log("AUTOTRACE_FUNCTIONS: calls between libraries are not followed: %s", why);
	look(true);
	own.follows = true;
	if (own.changes_slots)
		atr_stubs_listen();
	atomic_store_explicit(&is_on, true, memory_order_release);
	if (atr_log_is_on()) {
		atr_wanted_missing(say_missing);
		say_unseen();
	}
}
