/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_ENCODE_XRAY_RULES_H
#define ATR_EXPORT_ENCODE_XRAY_RULES_H

/*
 * xray_rules: what X-Ray says of sampling, in JSON: the local rules of its SDKs (versions 1
 * and 2), and what its daemon answers (GetSamplingRules, SamplingTargets). The exporter
 * thread, or the constructor before there is one. Texts are borrowed until _done.
 */
#include "propagator/str.h"

#include <stdint.h>

struct atr_xray_rule {
	struct atr_str name;			    /* of a remote one */
	struct atr_str service, host, method, path; /* wildcards; absent: any */
	double fixed, rate; /* so many a second, and the share of the others */
	int64_t priority;
	bool is_never; /* asks for what is not known of a request here */
};
typedef void atr_xray_rule_read(const struct atr_xray_rule *rule, void *arg);

/* The file's order, the default last. NULL, or what is wrong: the rules that were told hold. */
const char *atr_xray_rules_local(struct atr_str json, atr_xray_rule_read *told, void *arg);

/* False: it is no such answer. `next`: the token of the next page, or absent. */
bool atr_xray_rules_remote(struct atr_str json, atr_xray_rule_read *told, void *arg,
			   struct atr_str *next);

struct atr_xray_target {
	struct atr_str name;
	double rate;	     /* below 0: not said */
	int64_t quota;	     /* a second; below 0: not said */
	int64_t quota_until; /* unix seconds */
};
typedef void atr_xray_target_read(const struct atr_xray_target *target, void *arg);
/* changed_s: when the rules last changed, unix seconds. */
bool atr_xray_rules_targets(struct atr_str json, atr_xray_target_read *told, void *arg,
			    int64_t *changed_s);

void atr_xray_rules_done(void);

#endif
