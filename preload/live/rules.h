/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_LIVE_RULES_H
#define ATR_PRELOAD_LIVE_RULES_H

/*
 * rules: sampling by service, method, path and host (AUTOTRACE_SAMPLING_RULES). One rule a
 * line, or up to a `;`; the first that fits decides, and where none fits, the sampler:
 *
 *	path=/health* ratio=0			# none of these
 *	service=shop* method=POST route=/orders ratio=0.5
 *	kind=server host=*.example rate=2 ratio=0.01
 *
 * Conditions are globs (of a method several, by commas), and all are to hold, those with `!=`
 * are not to; `route` and `path` are the same here. `rate` is so many a second, `ratio` the share
 * of all others; one of them is there.
 *
 * Where the parent has decided, only rules that have `parent` are asked (any, none, remote, local,
 * remote_sampled and so on): before it is followed, and of each span. With ratio=parent it is.
 * Or, beginning with `{`, X-Ray's local rules (version 2).
 */
#include "export/exporter.h"
#include "preload/live/sampler.h"

/* After the sampler's setup: whether the process's executable is to be known to the rules'. */
bool atr_rules_want_service(void);

/* The constructor, after the sampler's. What is wrong is told once, and left out. */
void atr_rules_setup(const struct atr_io *io, const struct atr_process *process);

/* They are X-Ray's local ones: asked after its service's. */
bool atr_rules_are_local(void);

/* Any thread. Whether there is a rule that fits, which has then decided. _precede: where a parent has. */
bool atr_rules_precede(const struct atr_beginning *span, struct atr_decision *out);
bool atr_rules_decide(const struct atr_beginning *span, struct atr_decision *out);

#endif
