/* SPDX-License-Identifier: Apache-2.0 */
#include "export/stacks.h"

#include "export/attr.h"
#include "export/print.h"
#include "export/stacks/collect.h"
#include "export/stacks/loaded.h"
#include "export/stacks/resolve.h"

/* What the demanglers take at worst. */
#define STACK_LEN (1024 * 1024)

static atr_stacks_tell *tell;

static bool is_own(const struct atr_place *place)
{
	return place->module && atr_module_is_own(place->module);
}

/* What came with the language is not the program's either, though it is in its file. */
static bool is_of_language(const struct atr_place *place)
{
	return place->function && atr_name_is_of_language(place->function);
}

static void put_hex(struct atr_print *to, uint64_t n)
{
	char digits[16];
	size_t at = sizeof(digits);

	do
		digits[--at] = "0123456789abcdef"[n & 15];
	while (n >>= 4);
	atr_print(to, ATR_STR("0x"));
	atr_print(to, (struct atr_str){ digits + at, sizeof(digits) - at });
}

static void put_build_id(struct atr_print *to, const struct atr_build_id *id)
{
	for (unsigned i = 0; i < id->len; i++) {
		char pair[] = { "0123456789abcdef"[id->bytes[i] >> 4],
				"0123456789abcdef"[id->bytes[i] & 15] };

		atr_print(to, (struct atr_str){ pair, 2 });
	}
}

/* A function, or the object and where in it: what addr2line takes. */
static void put_function(struct atr_print *to, const struct atr_place *place, uint64_t at)
{
	if (place->function) {
		atr_print(to, atr_str(place->function));
	} else if (place->module) {
		atr_print(to, atr_str(atr_module_name(place->module)));
		atr_print(to, ATR_STR("+"));
		put_hex(to, at - place->module->base);
	} else {
		put_hex(to, at);
	}
}

/*
 *	fetch (/src/shop/stock.c:42)
 *	order (/src/shop/order.c:17)	which the compiler has put fetch into
 *	<signal handler called>
 *	PyEval_EvalCode+0x5e (python3.11)
 *	shop+0x1234 (build id 8f1c...)
 */
static void put_frame(struct atr_print *to, const struct atr_place *place, uint64_t at)
{
	if (place->inlined) {
		atr_print(to, atr_str(place->inlined));
		return;
	}
	put_function(to, place, at);
	if (place->line) {
		atr_print(to, ATR_STR(" ("));
		atr_print(to, atr_str(place->path));
		atr_print(to, ATR_STR(":"));
		atr_print_uint(to, place->line);
		atr_print(to, ATR_STR(")"));
	} else if (place->function) {
		atr_print(to, ATR_STR("+"));
		put_hex(to, place->in_function);
		atr_print(to, ATR_STR(" ("));
		atr_print(to, atr_str(atr_module_name(place->module)));
		atr_print(to, ATR_STR(")"));
	} else if (place->module && place->module->id.len) {
		atr_print(to, ATR_STR(" (build id "));
		put_build_id(to, &place->module->id);
		atr_print(to, ATR_STR(")"));
	}
	atr_print(to, ATR_STR("\n"));
}

static void add_str(struct atr_span *span, size_t room, uint16_t id, struct atr_str value)
{
	char instead[ATR_STACKS_ROOM];

	if (value.len)
		atr_span_add_str(span, room, id, tell ? tell(id, value, instead) : value);
}

/* A number has nothing that could stand for it. */
static bool may_tell(uint16_t id)
{
	static const struct atr_str any = { "0", 1 };
	char instead[ATR_STACKS_ROOM];

	return !tell || tell(id, any, instead).at == any.at;
}

/* On the exporter's thread alone. */
static char text[ATR_SPAN_ADDED_MAX];
static struct atr_place places[ATR_STACK_DEPTH_MAX];

/* The nearest frame of the program's own; nr: there is none. */
static unsigned nearest(unsigned nr)
{
	unsigned first = nr;

	for (unsigned i = 0; i < nr; i++) {
		if (!is_own(&places[i]))
			continue;
		if (!is_of_language(&places[i]))
			return i;
		if (first == nr)
			first = i;
	}
	return first;
}

static void add_nearest(struct atr_span *span, size_t room, const uint64_t *at, unsigned nr)
{
	struct atr_print to = { text, 0, sizeof(text), false };
	unsigned i = nearest(nr);

	if (i == nr)
		return;
	put_function(&to, &places[i], at[i]);
	add_str(span, room, ATR_CODE_FUNCTION_NAME, (struct atr_str){ text, to.len });
	if (!places[i].line)
		return;
	add_str(span, room, ATR_CODE_FILE_PATH, atr_str(places[i].path));
	if (may_tell(ATR_CODE_LINE_NUMBER))
		atr_span_add_int(span, room, ATR_CODE_LINE_NUMBER, places[i].line);
}

static void add(struct atr_span *span, size_t room)
{
	struct atr_print to = { text, 0, sizeof(text), false };
	uint64_t words[ATR_STACK_DEPTH_MAX + 1];
	unsigned nr = atr_span_words(span, ATR_STACK, words, ATR_STACK_DEPTH_MAX + 1);
	uint64_t handlers = 0;

	if (nr < 2)
		return;
	for (unsigned i = 1; i < nr; i++) {
		handlers |= words[i] >> 63 << (i - 1);
		words[i] &= ~ATR_STACK_HANDLER;
	}
	atr_resolve(words[0], words + 1, places, --nr);
	add_nearest(span, room, words + 1, nr);
	for (unsigned i = 0; i < nr; i++)
		if (handlers >> i & 1)
			atr_print(&to, ATR_STR("<signal handler called>\n"));
		else
			put_frame(&to, &places[i], words[i + 1]);
	add_str(span, room, ATR_CODE_STACKTRACE, (struct atr_str){ text, to.len ? to.len - 1 : 0 });
}

static void start(const struct atr_io *io)
{
	atr_resolve_setup(io);
	atr_modules_forked();
}

static void batch(void)
{
	atr_loaded_look();
}

static bool setup(const void *own, void *dl_find_object, atr_stacks_tell *by)
{
	tell = by;
	atr_modules_look(true);
	return atr_collect_setup(own, dl_find_object);
}

/* Before it is gone, it is noted what it was. */
static void unloads(void)
{
	atr_modules_look(false);
	atr_collect_unloads();
}

__attribute__((visibility("default"))) const struct atr_stacks *atr_stacks_table(void)
{
	static const struct atr_addition addition = {
		.start = start, .batch = batch, .add = add, .stack_len = STACK_LEN
	};
	static const struct atr_stacks table = { .version = ATR_STACKS_VERSION,
						 .setup = setup,
						 .collect = atr_collect,
						 .unloads = unloads,
						 .loads = atr_collect_loads,
						 .addition = &addition };

	return &table;
}
