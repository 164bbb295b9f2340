/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/polls.h"

#include "export/stacks/eh_frame.h"
#include "preload/live/cfa.h"
#include "preload/hook/object.h"
#include "preload/live/readable.h"

#if defined(__x86_64__)

/* A place that waits; written once, `returns_to` last. run: of uv_run, 0: it is none of libuv's. */
struct place {
	_Atomic uintptr_t returns_to;
	struct atr_cfa cfa;
	uintptr_t run_begin, run_end;
};
#define PLACES_MAX 8
static struct place places[PLACES_MAX];
static _Atomic uint32_t nr_places;

struct search {
	uintptr_t returns_to;
	struct place found;
};

static int look_in(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *search = arg;
	struct place *found = &search->found;
	struct atr_cfi tables = atr_eh_frame_of(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum);
	struct atr_object o;
	uint32_t symbol;
	void *run;

	(void)size;
	if (!atr_object_read(&o, info) || !atr_object_has(&o, (const void *)search->returns_to))
		return 0;
	symbol = atr_object_find(&o, "uv_run", atr_object_hash("uv_run"), false);
	run = atr_object_function(&o, symbol);
	/* by the call that it returns to the one after: at a function's end that is another's */
	if (run && tables.begin && atr_cfa_read(&tables, search->returns_to - 1, &found->cfa)) {
		found->run_begin = (uintptr_t)run;
		found->run_end = (uintptr_t)run + o.symbols[symbol].st_size;
	}
	return 1;
}

/* NULL: there are too many. */
static const struct place *place_of(uintptr_t returns_to)
{
	struct search search = { .returns_to = returns_to };
	uint32_t at;

	for (uint32_t i = 0; i < PLACES_MAX; i++)
		if (atomic_load_explicit(&places[i].returns_to, memory_order_acquire) == returns_to)
			return &places[i];
	if (atomic_load_explicit(&nr_places, memory_order_relaxed) >= PLACES_MAX)
		return NULL;
	dl_iterate_phdr(look_in, &search);
	at = atomic_fetch_add_explicit(&nr_places, 1, memory_order_relaxed);
	if (at >= PLACES_MAX)
		return NULL;
	places[at].cfa = search.found.cfa;
	places[at].run_begin = search.found.run_begin;
	places[at].run_end = search.found.run_end;
	atomic_store_explicit(&places[at].returns_to, returns_to, memory_order_release);
	return &places[at];
}

/*
 * So near to the stack's end, of the thread's own or the main thread's, that it is surely on it:
 * it stays mapped as long as the thread runs.
 */
#define NEAR_END (256 * 1024)

static bool is_near_end(uintptr_t at)
{
	uintptr_t tls = (uintptr_t)&atr_self;

	return (at < tls && tls - at < NEAR_END) ||
	       (at < atr_main_stack_end && atr_main_stack_end - at < NEAR_END);
}

const uintptr_t *atr_polls_at(uintptr_t returns_to, uintptr_t sp, uintptr_t fp)
{
	const struct place *place = place_of(returns_to);
	uintptr_t at;

	if (!place || !place->run_begin)
		return NULL;
	at = (place->cfa.is_of_fp ? fp : sp) + (uintptr_t)place->cfa.offset - sizeof(at);
	if (at < sp || at % sizeof(at) || !is_near_end(at))
		return NULL;
	/* the call is before what it returns to */
	if (*(const uintptr_t *)at - place->run_begin - 1 >= place->run_end - place->run_begin)
		return NULL;
	return (const uintptr_t *)at;
}

#else

const uintptr_t *atr_polls_at(uintptr_t returns_to, uintptr_t sp, uintptr_t fp)
{
	(void)returns_to;
	(void)sp;
	(void)fp;
	return NULL;
}

#endif
