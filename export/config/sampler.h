/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_CONFIG_SAMPLER_H
#define ATR_EXPORT_CONFIG_SAMPLER_H

/* sampler: what the two that read samplers of a file share. */
#include "export/config/reading.h"

/* What a span's parent is. */
enum atr_situation {
	ATR_ROOT,
	ATR_REMOTE_SAMPLED,
	ATR_REMOTE_NOT,
	ATR_LOCAL_SAMPLED,
	ATR_LOCAL_NOT,
	ATR_NR_SITUATIONS
};

/* The key of ParentBased that is about it. */
extern const char *const atr_situation_key[ATR_NR_SITUATIONS];

#define ATR_SAMPLERS_DEEPEST 16
#define ATR_SAMPLERS_MAX 4096 /* that are looked at: anchors may make a few lines to very many */

/* The ratio of a sampler that has one, in plain decimal notation. */
struct atr_str atr_ratio_of(struct atr_reading *r, int node);

/* A sampler by rules is in it, at any depth. */
bool atr_sampler_has_rules(struct atr_reading *r, int node);

/*
 * Such a sampler, with all that is around it, in the words of AUTOTRACE_SAMPLING_RULES:
 * for every span there is a rule, so that nothing else is asked.
 */
void atr_sampler_put_rules(struct atr_reading *r, int node);

#endif
