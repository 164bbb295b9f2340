/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks/collect.h"

#include "export/stacks/loaded.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)	  /* a part of one, where they are larger */
#define REACH (UINT64_C(4) << 20) /* that far a stack is followed from what is known of it */
#define OWN_FRAMES_MAX 48	  /* ours, below the program's */

#if defined(__x86_64__) || defined(__aarch64__)
#define HAS_RULES true
#else
#define HAS_RULES false
#endif

static uintptr_t own_begin, own_end;
static _Atomic uint64_t generation;

/* ---- what is kept of an address -------------------------------------------------------------- */

/*
 * A word for an address, so that it is written and read whole: the rule, and of the address
 * what does not say already where the word lies. 48 bits of it, times an odd number, are another
 * 48 bits, and no two have the same:
 *
 *	63        35 34                    0
 *	| rule      | the rest of the bits |     at  the first 13 bits
 *
 *	28..26  25..11                 10..1              0
 *	kind    offset / 8, 15 bits    -fp_at / 8, 10     1: it is one
 *
 * On aarch64, where a stack is aligned to 16, fp and the return address lie side by side, or that alone:
 *
 *	28..26  25        24..11                 10..1           0
 *	kind    1: alone  offset / 16, 14 bits   -where / 8, 10  1: it is one
 */
#define INDEX_BITS 13
#define REST_BITS 35
static _Atomic uint64_t kept[1 << INDEX_BITS];

static uint64_t mixed(uintptr_t at)
{
	return at * UINT64_C(0x9e3779b97f4a7c15) & ((UINT64_C(1) << 48) - 1);
}

static uint64_t rest_of(uint64_t mix)
{
	return mix & ((UINT64_C(1) << REST_BITS) - 1);
}

#if defined(__aarch64__)
#define UNIT 16
#define OFFSET_BITS 14
#define IS_ALONE (UINT64_C(1) << 25)
#define HAS_LINK true /* a register has the return address, until it is saved */
#else
#define UNIT 8
#define OFFSET_BITS 15
#define IS_ALONE UINT64_C(0)
#define HAS_LINK false
#endif

static bool has_places(const struct atr_rule *rule)
{
	return !HAS_LINK || !rule->fp_at || rule->return_at == rule->fp_at + 8;
}

/* 0: it does not fit. */
static uint64_t pack(const struct atr_rule *rule)
{
	bool is_alone = HAS_LINK && !rule->fp_at && rule->return_at;
	int32_t place = is_alone ? rule->return_at : rule->fp_at;
	int32_t offset = rule->offset / UNIT + (1 << (OFFSET_BITS - 1)), at = -(place / 8);

	if (rule->offset % UNIT || place % 8 || offset < 0 || offset >= 1 << OFFSET_BITS ||
	    at < 0 || at >= 1 << 10 || !has_places(rule))
		return 0;
	return (uint64_t)rule->kind << 26 | (is_alone ? IS_ALONE : 0) | (uint64_t)offset << 11 |
	       (uint64_t)at << 1 | 1;
}

static struct atr_rule unpack(uint64_t word)
{
	int32_t offset = (int32_t)(word >> 11 & ((1 << OFFSET_BITS) - 1));
	int32_t place = -(int32_t)(word >> 1 & 0x3ff) * 8;
	struct atr_rule rule = { .kind = (word >> 26) & 7,
				 .offset = (offset - (1 << (OFFSET_BITS - 1))) * UNIT,
				 .fp_at = place };

	if (word & IS_ALONE) {
		rule.return_at = place;
		rule.fp_at = 0;
	} else if (HAS_LINK && place) {
		rule.return_at = place + 8;
	}
	return rule;
}

__attribute__((noinline)) static struct atr_rule find_rule(uintptr_t at, uint64_t mix)
{
	struct atr_rule rule = { .kind = ATR_RULE_NONE };
	struct atr_cfi cfi;
	uint64_t packed;

	/* elsewhere frame pointers are followed, which functions keep there; what is in no object may be yet */
	if (!HAS_RULES || !atr_loaded_cfi(at, &cfi))
		return rule;
	rule = atr_cfi_rule(&cfi, at);
	packed = pack(&rule);
	if (packed)
		atomic_store_explicit(&kept[mix >> REST_BITS], packed << REST_BITS | rest_of(mix),
				      memory_order_relaxed);
	return rule;
}

static inline struct atr_rule rule_at(uintptr_t at)
{
	uint64_t mix = mixed(at);
	uint64_t word = atomic_load_explicit(&kept[mix >> REST_BITS], memory_order_relaxed);

	if (__builtin_expect(word != 0 && rest_of(word) == rest_of(mix), 1))
		return unpack(word >> REST_BITS);
	return find_rule(at, mix);
}

/* ---- the stack ------------------------------------------------------------------------------- */

struct walk {
	struct atr_stack_range *known;
	uintptr_t pc, sp, fp;
	uintptr_t page; /* another one that is readable, of another stack */
	uintptr_t link; /* the return address, while it is in its register; 0: it is not known */
	bool is_sp_a_guess; /* the stack is higher up, perhaps */
	bool is_in_call; /* the address is behind a call, which may be a function's last instruction */
};

/* The kernel is asked: it answers EFAULT, or that there is no such `how`. errno is kept by collect. */
static bool page_is_readable(uintptr_t at)
{
	return syscall(SYS_rt_sigprocmask, ~0, at & ~(PAGE - 1), NULL, 8) < 0 && errno != EFAULT;
}

/* Goes on page by page, so that there is no gap in what is known. */
static bool reaches(uintptr_t *from, uintptr_t to)
{
	for (; *from < to; *from += PAGE)
		if (!page_is_readable(*from))
			return false;
	return true;
}

__attribute__((noinline)) static bool is_readable(struct walk *w, uintptr_t at)
{
	uintptr_t page = at & ~(PAGE - 1);

	if (at >= w->known->end && at - w->known->end < REACH)
		return reaches(&w->known->end, page + PAGE);
	if (page == w->page)
		return true;
	if (!page_is_readable(page))
		return false;
	w->page = page;
	return true;
}

/* The stack that the thread is on now; of one that was known, what it has grown by. */
static bool know_stack(struct walk *w)
{
	struct atr_stack_range *known = w->known;
	uintptr_t page = w->sp & ~(PAGE - 1), to = page;

	if (w->sp >= known->begin && w->sp < known->end)
		return true;
	if (w->sp < known->begin && known->begin - page < REACH) {
		if (reaches(&to, known->begin)) {
			known->begin = page;
			return true;
		}
	}
	if (!page_is_readable(page))
		return false;
	known->begin = page;
	known->end = page + PAGE;
	return true;
}

/* What a sanitizer keeps others from is read, too. */
__attribute__((no_sanitize("address"))) static inline bool load(struct walk *w, uintptr_t at,
								uintptr_t *value)
{
	if (__builtin_expect(at & 7 || at - w->known->begin >= w->known->end - w->known->begin, 0))
		if (at & 7 || !is_readable(w, at))
			return false;
	*value = *(const uintptr_t *)at;
	return true;
}

/* ---- one frame after the other --------------------------------------------------------------- */

#define NEAR (UINT64_C(128) << 20) /* what is made at run time lies together */

static bool is_code_near(const struct walk *w, uintptr_t pc)
{
	struct atr_cfi cfi;

	return pc - w->pc + NEAR < 2 * NEAR || atr_loaded_cfi(pc, &cfi);
}

#if defined(__aarch64__)
/* Without the sign that a function built with -mbranch-protection puts on it; as it is where there is none. */
static inline uintptr_t unsigned_address(uintptr_t at)
{
	register uintptr_t x30 __asm__("x30") = at;

	__asm__("hint #7" : "+r"(x30)); /* xpaclri, which older processors pass over */
	return x30;
}
#else
static inline uintptr_t unsigned_address(uintptr_t at)
{
	return at;
}
#endif

/* A frame ends above where it began; one that has nothing on the stack, where that did. */
static inline bool go_to(struct walk *w, uintptr_t end, uintptr_t pc, uintptr_t fp)
{
	bool may_have_none = HAS_LINK && w->link;

	pc = unsigned_address(pc);
	if (end < w->sp || (end == w->sp && !may_have_none) || pc < PAGE)
		return false;
	w->pc = pc;
	w->sp = end;
	w->fp = fp;
	if (HAS_LINK)
		w->link = 0;
	w->is_in_call = true;
	return true;
}

/*
 * The caller's frame pointer and the return address lie side by side. Of code that uses the register
 * for something else it leads anywhere, but hardly to code. With a link register they are mostly at
 * the lower end of the frame: how far up that goes is not said.
 */
static bool follow_frame_pointer(struct walk *w)
{
	uintptr_t fp, pc;

	if (w->fp < w->sp || !load(w, w->fp, &fp) || !load(w, w->fp + 8, &pc))
		return false;
	if (!is_code_near(w, unsigned_address(pc)) || !go_to(w, w->fp + 16, pc, fp))
		return false;
	if (HAS_LINK)
		w->is_sp_a_guess = true;
	return true;
}

#if defined(__aarch64__)
/* On the stack as a handler begins: what the kernel tells of the signal, then the context. */
#define IN_CONTEXT(what) (sizeof(siginfo_t) + offsetof(ucontext_t, uc_mcontext.what))

static bool leave_handler(struct walk *w)
{
	uintptr_t pc, sp, fp, link, context = w->sp;

	if (!load(w, context + IN_CONTEXT(pc), &pc) || !load(w, context + IN_CONTEXT(sp), &sp) ||
	    !load(w, context + IN_CONTEXT(regs[29]), &fp) ||
	    !load(w, context + IN_CONTEXT(regs[30]), &link) || pc < PAGE)
		return false;
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	w->link = link;
	w->is_in_call = false;
	return true;
}

/*
 * What handlers return to has no tables (Linux 5.8) and is known by what it does: mov x8, #139; svc #0.
 * It may lie near the stack, and is none of it.
 */
__attribute__((noinline)) static bool is_behind_handler(const struct walk *w)
{
	static const uint32_t returns[] = { 0xd2801168, 0xd4000001 };

	return !w->is_sp_a_guess && !(w->pc & 3) && page_is_readable(w->pc) &&
	       page_is_readable(w->pc + 4) &&
	       !memcmp((const void *)w->pc, returns, sizeof(returns));
}

static inline bool step(struct walk *w)
{
	/* a function that does not return ends with a call: what follows is another's */
	struct atr_rule rule = rule_at(w->pc - w->is_in_call);
	uintptr_t end, pc = w->link, fp = w->fp;

	if (rule.kind == ATR_RULE_NONE && is_behind_handler(w))
		rule.kind = ATR_RULE_SIGNAL;
	if (w->is_sp_a_guess && (rule.kind == ATR_RULE_SP || rule.kind == ATR_RULE_SIGNAL))
		rule.kind = ATR_RULE_NONE;
	if (rule.kind == ATR_RULE_SIGNAL)
		return leave_handler(w);
	if (rule.kind == ATR_RULE_NONE)
		return follow_frame_pointer(w);
	if (rule.kind != ATR_RULE_SP && rule.kind != ATR_RULE_FP)
		return false;
	end = (rule.kind == ATR_RULE_SP ? w->sp : w->fp) + (uintptr_t)(intptr_t)rule.offset;
	if (rule.return_at && !load(w, end + (intptr_t)rule.return_at, &pc))
		return false;
	if (rule.fp_at && !load(w, end + (intptr_t)rule.fp_at, &fp))
		return false;
	w->is_sp_a_guess = false;
	return go_to(w, end, pc, fp);
}

#define REGISTERS(w)                                                             \
	__asm__ volatile("adr %0, .\n\tmov %1, sp\n\tmov %2, x29\n\tmov %3, x30" \
			 : "=&r"((w).pc), "=&r"((w).sp), "=&r"((w).fp), "=r"((w).link))
#elif defined(__x86_64__)
/* Where a signal's context has the registers: sigcontext, behind the first 40 bytes of ucontext. */
enum { CONTEXT_RBP = 40 + 10 * 8, CONTEXT_RSP = 40 + 15 * 8, CONTEXT_RIP = 40 + 16 * 8 };

/* From a handler's frame to what it interrupted, which may be on another stack. */
static bool leave_handler(struct walk *w)
{
	uintptr_t pc, sp, fp, context = w->sp;

	if (!load(w, context + CONTEXT_RIP, &pc) || !load(w, context + CONTEXT_RSP, &sp) ||
	    !load(w, context + CONTEXT_RBP, &fp) || pc < PAGE)
		return false;
	w->pc = pc;
	w->sp = sp;
	w->fp = fp;
	w->is_in_call = false;
	return true;
}

static inline bool step(struct walk *w)
{
	/* a function that does not return ends with a call: what follows is another's */
	struct atr_rule rule = rule_at(w->pc - w->is_in_call);
	uintptr_t end, pc, fp = w->fp;

	switch (rule.kind) {
	case ATR_RULE_SP:
		end = w->sp + (intptr_t)rule.offset;
		break;
	case ATR_RULE_FP:
		end = w->fp + (intptr_t)rule.offset;
		break;
	case ATR_RULE_REALIGNED:
		if (!load(w, w->fp + (intptr_t)rule.offset, &end) || !load(w, w->fp, &fp))
			return false;
		break;
	case ATR_RULE_SIGNAL:
		return leave_handler(w);
	case ATR_RULE_NONE:
		return follow_frame_pointer(w);
	default:
		return false;
	}
	if (!load(w, end - 8, &pc))
		return false;
	if (rule.fp_at && !load(w, end + (intptr_t)rule.fp_at, &fp))
		return false;
	return go_to(w, end, pc, fp);
}

#define REGISTERS(w)                                                          \
	__asm__ volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2" \
			 : "=r"((w).pc), "=r"((w).sp), "=r"((w).fp))
#else
static inline bool step(struct walk *w)
{
	return follow_frame_pointer(w);
}

#define REGISTERS(w)                                                     \
	do {                                                             \
		(w).sp = (w).fp = (uintptr_t)__builtin_frame_address(0); \
		(w).pc = (uintptr_t)atr_collect;                         \
	} while (0)
#endif

uint64_t atr_collect_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_acquire);
}

unsigned atr_collect(struct atr_stack_range *range, uint64_t *words, unsigned nr_frames)
{
	struct walk w = { .known = range };
	unsigned nr = 0;
	int saved = errno;

	REGISTERS(w);
	if (!know_stack(&w)) {
		errno = saved;
		return 0;
	}
	for (unsigned steps = 0; nr < nr_frames && steps < nr_frames + OWN_FRAMES_MAX; steps++) {
		if (!step(&w))
			break;
		if (!w.is_in_call && nr)
			words[nr] = (words[nr] + 1) | ATR_STACK_HANDLER;
		if (w.pc - own_begin >= own_end - own_begin)
			words[++nr] = w.pc - w.is_in_call;
	}
	words[0] = atr_collect_generation();
	errno = saved;
	return nr ? nr + 1 : 0;
}

void atr_collect_unloads(void)
{
	atomic_fetch_add(&generation, 1);
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (atomic_load_explicit(&kept[i], memory_order_relaxed))
			atomic_store_explicit(&kept[i], 0, memory_order_relaxed);
	atr_loaded_look();
}

void atr_collect_loads(void)
{
	atr_loaded_look();
}

bool atr_collect_setup(const void *own, void *dl_find_object)
{
	atr_loaded_setup(dl_find_object);
	return atr_loaded_range((uintptr_t)own, &own_begin, &own_end);
}
