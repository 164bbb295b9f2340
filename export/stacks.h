/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_STACKS_H
#define ATR_EXPORT_STACKS_H

/*
 * stacks: where in the program a span was made. It is an object of its own,
 * libautotrace-stacks.so beside the library, which the constructor loads when AUTOTRACE_STACKS
 * asks for it. Addresses are collected on the program's thread, into the record; what they
 * are called is looked up on the exporter's.
 *
 * The two know this table of each other. The object calls nothing of libc's but what copies
 * memory, maps it, and reads files on the exporter's thread.
 */
#include "export/exporter.h"

#define ATR_STACKS_FILE "libautotrace-stacks.so"
#define ATR_STACKS_VERSION 1 /* of the table; another one is not taken */

#define ATR_STACK_DEPTH 20     /* frames, if not said otherwise */
#define ATR_STACK_DEPTH_MAX 64 /* a quarter of a record */

/* Set in the address that a signal's handler returns to: what it interrupted follows. */
#define ATR_STACK_HANDLER (UINT64_C(1) << 63)

/* Of a thread's stack what is known to be readable; all zero at first, the thread's own. */
struct atr_stack_range {
	uintptr_t begin, end;
};

#define ATR_STACKS_ROOM 24
typedef struct atr_str atr_stacks_tell(uint16_t id, struct atr_str value,
				       char room[ATR_STACKS_ROOM]);

struct atr_stacks {
	uint32_t version;
	/*
	 * The constructor, with an address in the library, whose frames are not to be told, and glibc's
	 * _dl_find_object, or NULL. tell: what stands for an attribute's value, as atr_redact_value gives it.
	 */
	bool (*setup)(const void *own, void *dl_find_object, atr_stacks_tell *tell);
	/*
	 * Any thread, a signal handler too: a generation, and then the addresses of up to `nr_frames`
	 * frames, the nearest first, each within the call that its frame is making. Returns
	 * how many words there are, 0 where there is no frame. No lock, no allocation; a
	 * system call for a page of the stack that was not looked at before.
	 */
	unsigned (*collect)(struct atr_stack_range *range, uint64_t *words, unsigned nr_frames);
	/* Any thread that is in a call of the loader's: something may go, or has gone. */
	void (*unloads)(void);
	/* Any thread, before a call of the loader's: what was loaded meanwhile. */
	void (*loads)(void);
	const struct atr_addition *addition;
};

/* The one name that the object has. */
#define ATR_STACKS_NAME "atr_stacks_table"
const struct atr_stacks *atr_stacks_table(void);

#endif
