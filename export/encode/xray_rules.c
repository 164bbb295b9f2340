/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/xray_rules.h"

#include "export/encode/arena.h"

#include "cJSON.h"

static struct atr_str text_of(const cJSON *of, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, key);

	return cJSON_IsString(item) ? atr_str(item->valuestring) : (struct atr_str){ 0 };
}

static double number_of(const cJSON *of, const char *key, double otherwise)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, key);

	return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}

static bool read_numbers(const cJSON *from, struct atr_xray_rule *rule)
{
	rule->fixed = number_of(from, "fixed_target", -1);
	rule->rate = number_of(from, "rate", -1);
	return rule->fixed >= 0 && rule->rate >= 0 && rule->rate <= 1;
}

static bool read_local(const cJSON *from, bool is_first_version, struct atr_xray_rule *rule)
{
	*rule = (struct atr_xray_rule){ .host = text_of(from,
							is_first_version ? "service_name" : "host"),
					.method = text_of(from, "http_method"),
					.path = text_of(from, "url_path") };
	return rule->host.len && rule->method.len && rule->path.len && read_numbers(from, rule);
}

const char *atr_xray_rules_local(struct atr_str json, atr_xray_rule_read *told, void *arg)
{
	const cJSON *root = cJSON_ParseWithLength(json.at, json.len), *item;
	double version = number_of(root, "version", 0);
	const char *why = NULL;
	struct atr_xray_rule rule;

	if (!cJSON_IsObject(root))
		return "it is not JSON";
	if (version != 1 && version != 2)
		return "its version is not 1 or 2";
	cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "rules"))
	{
		if (read_local(item, version == 1, &rule))
			told(&rule, arg);
		else
			why = "a rule in it is not one of X-Ray's";
	}
	rule = (struct atr_xray_rule){ .fixed = 0 };
	if (read_numbers(cJSON_GetObjectItemCaseSensitive(root, "default"), &rule))
		told(&rule, arg);
	else
		why = "it has no default";
	return why;
}

static bool is_any(struct atr_str text)
{
	return !text.at || atr_str_equal(text, ATR_STR("*"));
}

static void read_remote(const cJSON *from, atr_xray_rule_read *told, void *arg)
{
	const cJSON *attributes = cJSON_GetObjectItemCaseSensitive(from, "Attributes");
	struct atr_xray_rule rule = { .name = text_of(from, "RuleName"),
				      .service = text_of(from, "ServiceName"),
				      .host = text_of(from, "Host"),
				      .method = text_of(from, "HTTPMethod"),
				      .path = text_of(from, "URLPath"),
				      .fixed = number_of(from, "ReservoirSize", 0),
				      .rate = number_of(from, "FixedRate", -1) };
	double priority = number_of(from, "Priority", 10000);

	if (!rule.name.len || !(rule.rate >= 0 && rule.rate <= 1) || !(rule.fixed >= 0) ||
	    !(priority >= 0 && priority <= 1e6))
		return;
	rule.priority = (int64_t)priority;
	rule.is_never = !is_any(text_of(from, "ServiceType")) ||
			!is_any(text_of(from, "ResourceARN")) ||
			(cJSON_IsObject(attributes) && attributes->child);
	told(&rule, arg);
}

bool atr_xray_rules_remote(struct atr_str json, atr_xray_rule_read *told, void *arg,
			   struct atr_str *next)
{
	const cJSON *root = cJSON_ParseWithLength(json.at, json.len), *item;
	const cJSON *records = cJSON_GetObjectItemCaseSensitive(root, "SamplingRuleRecords");

	*next = text_of(root, "NextToken");
	if (!cJSON_IsArray(records))
		return false;
	cJSON_ArrayForEach(item, records)
		read_remote(cJSON_GetObjectItemCaseSensitive(item, "SamplingRule"), told, arg);
	return true;
}

static int64_t whole(double number)
{
	return number >= 0 && number < 1e15 ? (int64_t)number : -1;
}

bool atr_xray_rules_targets(struct atr_str json, atr_xray_target_read *told, void *arg,
			    int64_t *changed_s)
{
	const cJSON *root = cJSON_ParseWithLength(json.at, json.len), *item;
	const cJSON *targets = cJSON_GetObjectItemCaseSensitive(root, "SamplingTargetDocuments");

	if (!cJSON_IsArray(targets))
		return false;
	*changed_s = whole(number_of(root, "LastRuleModification", -1));
	cJSON_ArrayForEach(item, targets)
	{
		struct atr_xray_target target = {
			.name = text_of(item, "RuleName"),
			.rate = number_of(item, "FixedRate", -1),
			.quota = whole(number_of(item, "ReservoirQuota", -1)),
			.quota_until = whole(number_of(item, "ReservoirQuotaTTL", -1)),
		};

		if (target.name.len && target.rate <= 1)
			told(&target, arg);
	}
	return true;
}

void atr_xray_rules_done(void)
{
	atr_arena_empty();
}
