/* SPDX-License-Identifier: Apache-2.0 */
#include "export/env.h"

#include "export/diag.h"
#include "export/print.h"

#include <limits.h>
#include <sys/mman.h>

#define VARIABLES_MAX 256
#define SMALL 4096
#define LARGE (256 * 1024)

static struct atr_pair variables[VARIABLES_MAX];
static size_t nr_variables;
static bool is_cut;
static size_t nr_captured; /* those behind them were put */
static struct atr_print put_room;

void (*atr_env_heard)(const char *name, struct atr_str used);

static bool begins_with(const char *text, const char *prefix)
{
	while (*prefix && *text == *prefix)
		text++, prefix++;
	return !*prefix;
}

static bool is_ours(const char *variable)
{
	switch (variable[0]) { /* most variables are none of these */
	case 'O':
		return begins_with(variable, "OTEL_") || begins_with(variable, "OT_TRACER_");
	case 'A':
		return begins_with(variable, "AUTOTRACE_") ||
		       begins_with(variable, "AWS_LAMBDA_") ||
		       begins_with(variable, "AWS_REGION=") || begins_with(variable, "AWS_XRAY_");
	case '_':
		return begins_with(variable, "_HANDLER=") ||
		       begins_with(variable, "_X_AMZN_TRACE_ID=");
	case 'U':
		return begins_with(variable, "UBER_TRACE_ID=");
	case 'X':
		return begins_with(variable, "X_B3_") ||
		       begins_with(variable, "X_AMZN_TRACE_ID=") ||
		       begins_with(variable, "X_CLOUD_TRACE_CONTEXT=");
	case 'T':
		return begins_with(variable, "TRACEPARENT=") ||
		       begins_with(variable, "TRACESTATE=");
	case 'B':
		return begins_with(variable, "BAGGAGE=") || begins_with(variable, "B3=");
	default:
		return false;
	}
}

/* Those that begin with our own name, or the others: what switches us off is not to be cut away. */
static void copy(char *const *now, bool own, char *room, size_t room_len, size_t *used)
{
	for (char *const *v = now; v && *v; v++) {
		const char *equals = is_ours(*v) ? strchr(*v, '=') : NULL;
		size_t len;

		if (!equals || begins_with(*v, "AUTOTRACE_") != own)
			continue;
		len = strlen(*v) + 1;
		if (*used + len > room_len || nr_variables == VARIABLES_MAX) {
			is_cut = true;
			continue;
		}
		memcpy(room + *used, *v, len);
		variables[nr_variables].name =
			(struct atr_str){ room + *used, (size_t)(equals - *v) };
		variables[nr_variables].value = atr_str(room + *used + (equals - *v) + 1);
		nr_variables++;
		*used += len;
	}
}

void atr_env_capture(char *const *now)
{
	static char small[SMALL];
	char *room = small;
	size_t need = 0, used = 0;

	nr_variables = 0;
	put_room.len = 0;
	is_cut = false;
	for (char *const *v = now; v && *v; v++)
		if (is_ours(*v))
			need += strlen(*v) + 1;
	if (need > LARGE) {
		is_cut = true;
		need = LARGE;
	}
	if (need > sizeof(small))
		room = mmap(NULL, need, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED) {
		is_cut = true;
	} else {
		copy(now, true, room, need, &used);
		copy(now, false, room, need, &used);
	}
	nr_captured = nr_variables;
}

void atr_env_forget(void)
{
	size_t nr = 0;

	for (size_t i = 0; i < nr_captured; i++)
		if (!begins_with(variables[i].name.at, "OTEL_"))
			variables[nr++] = variables[i];
	nr_variables = nr_captured = nr;
}

static bool has_put_room(size_t need)
{
	void *mapped;

	if (put_room.cap)
		return need <= put_room.cap - put_room.len;
	mapped = mmap(NULL, LARGE, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (mapped == MAP_FAILED)
		return false;
	put_room = (struct atr_print){ mapped, 0, LARGE, false };
	return need <= LARGE;
}

static struct atr_str keep(struct atr_str text)
{
	struct atr_str kept = { put_room.at + put_room.len, text.len };

	atr_print(&put_room, text);
	atr_print(&put_room, (struct atr_str){ "", 1 });
	return kept;
}

bool atr_env_put(struct atr_str name, struct atr_str value)
{
	if (nr_variables == VARIABLES_MAX || !has_put_room(name.len + value.len + 2))
		return false;
	variables[nr_variables].name = keep(name);
	variables[nr_variables++].value = keep(value);
	return true;
}

static const struct atr_pair *find(const char *name, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		if (atr_str_equal(variables[i].name, atr_str(name)))
			return &variables[i];
	return NULL;
}

bool atr_env_was_put(const char *name)
{
	return find(name, nr_captured, nr_variables);
}

bool atr_env_is_cut(void)
{
	return is_cut;
}

/* What was put is stronger than what was captured; of one that is twice in either, the first. */
struct atr_str atr_env_get(const char *name)
{
	const struct atr_pair *found = find(name, nr_captured, nr_variables);

	if (!found)
		found = find(name, 0, nr_captured);
	return found && found->value.len ? found->value : (struct atr_str){ 0 };
}

size_t atr_env_count(void)
{
	return nr_variables;
}

struct atr_pair atr_env_at(size_t i)
{
	return variables[i];
}

static bool read_bool(const char *name, bool otherwise)
{
	struct atr_str value = atr_str_trim(atr_env_get(name));

	if (!value.at)
		return otherwise;
	if (atr_str_equal_nocase(value, ATR_STR("true")))
		return true;
	if (!atr_str_equal_nocase(value, ATR_STR("false")))
		atr_log_bad_env(name, value, "neither true nor false", "false is used");
	return false;
}

bool atr_env_bool(const char *name, bool otherwise)
{
	bool used = read_bool(name, otherwise);

	if (atr_env_heard)
		atr_env_heard(name, used ? ATR_STR("true") : ATR_STR("false"));
	return used;
}

static bool number_of(struct atr_str text, uint32_t *out)
{
	uint64_t n;

	if (!atr_str_decimal(atr_str_trim(text), INT32_MAX, &n))
		return false;
	*out = (uint32_t)n;
	return true;
}

static void put_number(struct atr_print *t, uint32_t n)
{
	if (n == UINT32_MAX)
		atr_print(t, ATR_STR("no limit"));
	else
		atr_print_uint(t, n);
}

static void bad_number(const char *name, struct atr_str value, uint32_t least, uint32_t most,
		       uint32_t otherwise)
{
	char why[64], instead[32];
	struct atr_print w = { why, 0, sizeof(why) - 1, false };
	struct atr_print i = { instead, 0, sizeof(instead) - 1, false };

	atr_print(&w, ATR_STR("not a whole number from "));
	put_number(&w, least);
	atr_print(&w, ATR_STR(" to "));
	put_number(&w, most);
	put_number(&i, otherwise);
	atr_print(&i, ATR_STR(" is used"));
	why[w.len] = instead[i.len] = 0;
	atr_log_bad_env(name, value, why, instead);
}

static uint32_t read_uint(const char *name, uint32_t otherwise, uint32_t least, uint32_t most)
{
	struct atr_str value = atr_env_get(name);
	uint32_t n;

	if (!value.at)
		return otherwise;
	if (number_of(value, &n) && n >= least && n <= most)
		return n;
	bad_number(name, value, least, most, otherwise);
	return otherwise;
}

uint32_t atr_env_uint(const char *name, uint32_t otherwise, uint32_t least, uint32_t most)
{
	uint32_t used = read_uint(name, otherwise, least, most);
	char text[16];
	struct atr_print t = { text, 0, sizeof(text), false };

	if (atr_env_heard) {
		put_number(&t, used);
		atr_env_heard(name, (struct atr_str){ text, t.len });
	}
	return used;
}

uint32_t atr_env_ms(const char *name, uint32_t otherwise)
{
	return atr_env_uint(name, otherwise, 0, INT32_MAX);
}

bool atr_decimal_of(struct atr_str text, double *out)
{
	double value = 0, scale = 1;
	bool point = false, digit = false;

	for (size_t i = 0; i < text.len; i++) {
		char c = text.at[i];

		if (c == '.' && !point) {
			point = true;
		} else if (c >= '0' && c <= '9') {
			digit = true;
			value = value * 10 + (c - '0');
			if (point)
				scale *= 10;
		} else {
			return false;
		}
	}
	*out = value / scale;
	return digit && *out == *out && *out < 1e18;
}
