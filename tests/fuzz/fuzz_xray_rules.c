/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is what X-Ray, or a file, says of sampling, as JSON, or is not. Claims: it is read
 * within its bounds, and what is told of it lies within it or in the arena, and within its limits.
 */
#include "export/encode/xray_rules.h"
#include "tests/fuzz/fuzz.h"

static unsigned sum; /* so that each byte that is told is read */

static void touch(struct atr_str text)
{
	CLAIM(text.at || !text.len);
	for (size_t i = 0; i < text.len; i++)
		sum += (unsigned char)text.at[i];
}

static void rule(const struct atr_xray_rule *rule, void *arg)
{
	++*(unsigned *)arg;
	touch(rule->name);
	touch(rule->service);
	touch(rule->host);
	touch(rule->method);
	touch(rule->path);
	CLAIM(rule->rate >= 0 && rule->rate <= 1 && rule->fixed >= 0);
}

static void target(const struct atr_xray_target *target, void *arg)
{
	++*(unsigned *)arg;
	touch(target->name);
	CLAIM(target->rate <= 1 && target->quota >= -1 && target->quota_until >= -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* ended by a NUL, as an answer is */
	char *text = malloc(size + 1);
	struct atr_str json = { text, size }, next = { 0 };
	unsigned rules = 0, targets = 0;
	int64_t changed_s = 0;

	memcpy(text, data, size);
	text[size] = 0;
	atr_xray_rules_local(json, rule, &rules);
	atr_xray_rules_done();
	if (atr_xray_rules_remote(json, rule, &rules, &next))
		touch(next);
	atr_xray_rules_done();
	if (atr_xray_rules_targets(json, target, &targets, &changed_s))
		CLAIM(changed_s >= -1);
	atr_xray_rules_done();
	free(text);
	return 0;
}
