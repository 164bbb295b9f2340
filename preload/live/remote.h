/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_REMOTE_H
#define ATR_PRELOAD_LIVE_REMOTE_H

/*
 * remote: rules of a sampler that are kept elsewhere. The exporter's thread asks for them, while
 * there are requests to decide on, and no sooner than it was to; the program's threads read what
 * came of it last.
 */
#include "export/exporter.h"
#include "export/options.h"

#include <stdatomic.h>

struct atr_remote {
	void (*ask)(void);		/* on the exporter's thread; ends with atr_remote_asked */
	_Atomic bool is_set;		/* the alarm */
	_Atomic uint64_t next_ms;	/* not before that */
	struct atr_exporter_options to; /* who is asked; the exporter's thread's */
	bool has_to;			/* read once in a process: its text stays */
};

/* Any thread: there is something to decide. No more than one system call for each time it is asked. */
void atr_remote_see_to_it(struct atr_remote *remote);
/* The exporter's thread, in `ask`: the next request has it asked again, but not before that. */
void atr_remote_asked(struct atr_remote *remote, uint64_t next_ms);
/* A forked child, alone: asks for itself. */
void atr_remote_forked(struct atr_remote *remote);

/*
 * Two tables, of which this is the first member: threads that decide read one of them, the
 * exporter's fills the other. One is filled anew only when nobody reads it any more.
 */
struct atr_edition {
	_Atomic uint32_t readers;
};
struct atr_editions {
	struct atr_edition *both[2];
	_Atomic(struct atr_edition *) current; /* NULL: there was none yet */
};

/*
 * Before there are threads: maps two tables of that length, all zeros, and behind them what
 * answers are read into, which is returned; NULL: there is no memory.
 */
struct atr_answer *atr_editions_map(struct atr_editions *editions, size_t table_len);

/* Any thread. NULL, or the current one, until it is let go. */
struct atr_edition *atr_editions_hold(struct atr_editions *editions);
void atr_editions_let_go(struct atr_edition *edition);
/* The exporter's thread. The one to fill; NULL: somebody reads it still. */
struct atr_edition *atr_editions_spare(struct atr_editions *editions);
void atr_editions_publish(struct atr_editions *editions, struct atr_edition *edition);
/* A forked child, alone: who read in the parent does not here. */
void atr_editions_forked(struct atr_editions *editions);

/* atr_exporter_alarm, _begin and _ask; a test's to change. */
extern void (*atr_remote_alarm)(uint64_t at_ms, void (*ring)(void));
extern void (*atr_remote_begin)(void);
extern bool (*atr_remote_post)(const struct atr_exporter_options *to, struct atr_str body,
			       uint32_t timeout_ms, struct atr_answer *answer);

#endif
