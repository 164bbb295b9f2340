/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/strategy.h"

#include "export/encode/arena.h"
#include "export/encode/pb.h"

#include "cJSON.h"

enum { PROBABILISTIC, RATE_LIMITING, UNKNOWN };

static bool is_share(double rate)
{
	return rate >= 0 && rate <= 1;
}

/* A member that is left out is 0, as protobuf's JSON has it; false: it is no number. */
static bool number_of(const cJSON *of, const char *key, double *out)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(of, key);

	*out = cJSON_IsNumber(item) ? item->valuedouble : 0;
	return !item || cJSON_IsNumber(item);
}

static bool share_of(const cJSON *of, const char *key, double *out)
{
	return number_of(of, key, out) && is_share(*out);
}

/* By name, or by number; where it is not said, by what there is. */
static int type_of(const cJSON *root)
{
	const cJSON *type = cJSON_GetObjectItemCaseSensitive(root, "strategyType");

	if (!type)
		return cJSON_GetObjectItemCaseSensitive(root, "rateLimitingSampling") ?
			       RATE_LIMITING :
			       PROBABILISTIC;
	if (cJSON_IsNumber(type))
		return type->valuedouble == 0 ? PROBABILISTIC :
		       type->valuedouble == 1 ? RATE_LIMITING :
						UNKNOWN;
	if (!cJSON_IsString(type))
		return UNKNOWN;
	return !strcmp(type->valuestring, "PROBABILISTIC") ? PROBABILISTIC :
	       !strcmp(type->valuestring, "RATE_LIMITING") ? RATE_LIMITING :
							     UNKNOWN;
}

static bool read_operations(const cJSON *from, struct atr_strategy *out,
			    atr_strategy_operation *told, void *arg)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(from, "perOperationStrategies"), *item;

	if (!share_of(from, "defaultSamplingProbability", &out->rate) ||
	    !number_of(from, "defaultLowerBoundTracesPerSecond", &out->least) ||
	    !(out->least >= 0) || (list && !cJSON_IsArray(list) && !cJSON_IsNull(list)))
		return false;
	cJSON_ArrayForEach(item, list)
	{
		const cJSON *name = cJSON_GetObjectItemCaseSensitive(item, "operation");
		const cJSON *share =
			cJSON_GetObjectItemCaseSensitive(item, "probabilisticSampling");
		double rate;

		if (!cJSON_IsString(name) || !cJSON_IsObject(share) ||
		    !share_of(share, "samplingRate", &rate))
			return false;
		told(atr_str(name->valuestring), rate, arg);
	}
	return true;
}

bool atr_strategy_json(struct atr_str json, struct atr_strategy *out, atr_strategy_operation *told,
		       void *arg)
{
	const cJSON *root = cJSON_ParseWithLength(json.at, json.len), *part;
	int type = type_of(root);
	double limit;

	*out = (struct atr_strategy){ .traces_a_second = -1 };
	if (!cJSON_IsObject(root))
		return false;
	part = cJSON_GetObjectItemCaseSensitive(root, "operationSampling");
	if (cJSON_IsObject(part))
		return read_operations(part, out, told, arg);
	part = cJSON_GetObjectItemCaseSensitive(
		root, type == PROBABILISTIC ? "probabilisticSampling" : "rateLimitingSampling");
	if (type == UNKNOWN || !cJSON_IsObject(part))
		return false;
	if (type == PROBABILISTIC)
		return share_of(part, "samplingRate", &out->rate);
	if (!number_of(part, "maxTracesPerSecond", &limit) || !(limit >= 0 && limit <= INT32_MAX))
		return false;
	out->traces_a_second = (int64_t)limit;
	return true;
}

/* ---- the message ------------------------------------------------------------------------------- */

static double double_of(uint64_t bits)
{
	double number;

	memcpy(&number, &bits, sizeof(number));
	return number;
}

/* ProbabilisticSamplingStrategy { samplingRate = 1 } */
static bool read_share(struct atr_str from, double *out)
{
	struct atr_pb_field field;

	*out = 0;
	while (from.len) {
		if (!atr_pb_read(&from, &field))
			return false;
		if (field.tag == 0x09)
			*out = double_of(field.number);
	}
	return is_share(*out);
}

/* RateLimitingSamplingStrategy { maxTracesPerSecond = 1 } */
static bool read_limit(struct atr_str from, struct atr_strategy *out)
{
	struct atr_pb_field field;

	out->traces_a_second = 0;
	while (from.len) {
		if (!atr_pb_read(&from, &field))
			return false;
		if (field.tag == 0x08 && field.number > INT32_MAX)
			return false;
		if (field.tag == 0x08)
			out->traces_a_second = (int64_t)field.number;
	}
	return true;
}

/* OperationSamplingStrategy { operation = 1, probabilisticSampling = 2 } */
static bool read_operation(struct atr_str from, atr_strategy_operation *told, void *arg)
{
	struct atr_pb_field field;
	struct atr_str name = { 0 };
	double rate = 0;

	while (from.len) {
		if (!atr_pb_read(&from, &field))
			return false;
		if (field.tag == 0x0a)
			name = field.bytes;
		if (field.tag == 0x12 && !read_share(field.bytes, &rate))
			return false;
	}
	told(name, rate, arg);
	return true;
}

/*
 * PerOperationSamplingStrategies { defaultSamplingProbability = 1,
 * defaultLowerBoundTracesPerSecond = 2, perOperationStrategies = 3 }
 */
static bool read_each(struct atr_str from, struct atr_strategy *out, atr_strategy_operation *told,
		      void *arg)
{
	struct atr_pb_field field;

	while (from.len) {
		if (!atr_pb_read(&from, &field))
			return false;
		if (field.tag == 0x09)
			out->rate = double_of(field.number);
		if (field.tag == 0x11)
			out->least = double_of(field.number);
		if (field.tag == 0x1a && !read_operation(field.bytes, told, arg))
			return false;
	}
	return is_share(out->rate) && out->least >= 0;
}

/*
 * SamplingStrategyResponse { strategyType = 1, probabilisticSampling = 2,
 * rateLimitingSampling = 3, operationSampling = 4 }
 */
bool atr_strategy_message(struct atr_str message, struct atr_strategy *out,
			  atr_strategy_operation *told, void *arg)
{
	struct atr_str part[5] = { { 0 } };
	struct atr_pb_field field;
	uint64_t type = PROBABILISTIC;

	*out = (struct atr_strategy){ .traces_a_second = -1 };
	while (message.len) {
		if (!atr_pb_read(&message, &field))
			return false;
		if (field.tag == 0x08)
			type = field.number;
		else if (field.tag == 0x12 || field.tag == 0x1a || field.tag == 0x22)
			part[field.tag >> 3] = field.bytes;
	}
	if (part[4].at)
		return read_each(part[4], out, told, arg);
	if (type == PROBABILISTIC && part[2].at)
		return read_share(part[2], &out->rate);
	return type == RATE_LIMITING && part[3].at && read_limit(part[3], out);
}

void atr_strategy_done(void)
{
	atr_arena_empty();
}
