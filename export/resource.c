/* SPDX-License-Identifier: Apache-2.0 */
#include "export/diag.h"
#include "export/encode/encode.h"
#include "export/env.h"
#include "export/kernel.h"
#include "export/options.h"
#include "export/version.h"
#include "propagator/ids.h"

#include <fcntl.h>
#include <sys/utsname.h>
#include <unistd.h>

/* Text of the resource that is in no variable. */
static char room[2048];
static size_t room_len;

static struct atr_str keep(const char *at, size_t len)
{
	struct atr_str out = { room + room_len, len };

	if (len > sizeof(room) - room_len)
		return (struct atr_str){ 0 };
	memcpy(room + room_len, at, len);
	room_len += len;
	return out;
}

/* Up to here attributes that are given find room: ours of the SDK come after them. */
#define GIVEN_MAX (ATR_RESOURCE_MAX - 3)

struct list {
	struct atr_resource_attr *at;
	size_t nr;
};

static struct atr_resource_attr *find(struct list *l, struct atr_str key)
{
	for (size_t i = 0; i < l->nr; i++)
		if (atr_str_equal(l->at[i].key, key))
			return &l->at[i];
	if (l->nr == ATR_RESOURCE_MAX)
		return NULL;
	l->at[l->nr].key = key;
	return &l->at[l->nr++];
}

static void put_value(struct list *l, struct atr_str key, struct atr_str value)
{
	struct atr_resource_attr *attr = find(l, key);

	if (!attr)
		return;
	attr->value = value;
	attr->type = ATR_RESOURCE_TEXT;
}

/* What was not found is none; what is given may be empty. */
static void put(struct list *l, struct atr_str key, struct atr_str value)
{
	if (value.len)
		put_value(l, key, value);
}

static struct atr_str base_name(struct atr_str path)
{
	const char *slash = path.len ? memrchr(path.at, '/', path.len) : NULL;

	if (!slash)
		return path;
	return (struct atr_str){ slash + 1, path.len - (size_t)(slash + 1 - path.at) };
}

static struct atr_str default_name(struct atr_str executable)
{
	static const char unknown[] = "unknown_service";
	char name[300];
	size_t len = sizeof(unknown) - 1;

	memcpy(name, unknown, len);
	if (executable.len && executable.len < 255) {
		name[len++] = ':';
		memcpy(name + len, executable.at, executable.len);
		len += executable.len;
	}
	return keep(name, len);
}

/* A UUID of version 4, as text. */
static struct atr_str new_uuid(void)
{
	static const char digits[] = "0123456789abcdef";
	struct atr_ids ids = { { 0 } };
	uint8_t bytes[16];
	char text[36];
	size_t at = 0;

	atr_ids_trace(&ids, bytes);
	bytes[6] = (bytes[6] & 0x0f) | 0x40;
	bytes[8] = (bytes[8] & 0x3f) | 0x80;
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[at++] = '-';
		text[at++] = digits[bytes[i] >> 4];
		text[at++] = digits[bytes[i] & 15];
	}
	return keep(text, at);
}

static struct atr_str machine_id(const struct atr_io *io)
{
	char id[33];
	int fd = io->open("/etc/machine-id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? io->read(fd, id, sizeof(id)) : -1;

	if (fd >= 0)
		io->close(fd);
	return n >= 32 ? keep(id, 32) : (struct atr_str){ 0 };
}

static struct atr_str architecture(const char *machine)
{
	if (!strcmp(machine, "x86_64"))
		return ATR_STR("amd64");
	if (!strcmp(machine, "aarch64"))
		return ATR_STR("arm64");
	return keep(machine, strlen(machine));
}

enum { SERVICE = 1, PROCESS = 2, HOST = 4, FAAS = 8, EVERY = 15 };

static unsigned detector_of(struct atr_str name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} known[] = {
		{ "service", SERVICE }, { "process", PROCESS }, { "host", HOST },
		{ "faas", FAAS },	{ "all", EVERY },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (atr_str_equal_nocase(name, atr_str(known[i].name)))
			return known[i].bit;
	return 0;
}

static unsigned detectors(void)
{
	static const char name[] = "AUTOTRACE_RESOURCE_DETECTORS";
	struct atr_str whole = atr_env_get(name), list = whole, member;
	unsigned bits = whole.at ? 0 : EVERY;
	bool is_known = true;

	while (atr_list_next(&list, &member)) {
		unsigned bit = detector_of(member);

		is_known &= bit || atr_str_equal_nocase(member, ATR_STR("none"));
		bits |= bit;
	}
	if (!is_known)
		atr_log_bad_env(name, whole, "a detector in it is not known here",
				"it is left out");
	return bits;
}

static void detect_process(struct list *l, const struct atr_process *process)
{
	struct atr_resource_attr *pid = find(l, ATR_STR("process.pid"));

	pid->type = ATR_RESOURCE_INT;
	pid->number = atr_kernel_pid();
	put(l, ATR_STR("process.executable.name"), base_name(process->executable_path));
	put(l, ATR_STR("process.executable.path"), process->executable_path);
	put(l, ATR_STR("process.command"), process->command);
}

static void detect_host(struct list *l, const struct atr_io *io)
{
	struct utsname host;

	if (uname(&host) == 0) {
		put(l, ATR_STR("host.name"), keep(host.nodename, strlen(host.nodename)));
		put(l, ATR_STR("host.arch"), architecture(host.machine));
	}
	put(l, ATR_STR("host.id"), machine_id(io));
	put(l, ATR_STR("os.type"), ATR_STR("linux"));
}

/* A Lambda function's, by the FaaS conventions; outside of one it is none. */
static void detect_function(struct list *l)
{
	static const struct {
		char key[20], variable[28];
	} names[] = {
		{ "service.name", "AWS_LAMBDA_FUNCTION_NAME" },
		{ "faas.name", "AWS_LAMBDA_FUNCTION_NAME" },
		{ "faas.version", "AWS_LAMBDA_FUNCTION_VERSION" },
		{ "faas.instance", "AWS_LAMBDA_LOG_STREAM_NAME" },
		{ "aws.log.group.names", "AWS_LAMBDA_LOG_GROUP_NAME" },
		{ "cloud.region", "AWS_REGION" },
	};
	uint32_t megabytes = atr_env_uint("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", 0, 0, 1 << 20);
	struct atr_resource_attr *memory;

	if (!atr_env_get("AWS_LAMBDA_FUNCTION_NAME").at)
		return;
	put(l, ATR_STR("cloud.provider"), ATR_STR("aws"));
	put(l, ATR_STR("cloud.platform"), ATR_STR("aws_lambda"));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		put(l, atr_str(names[i].key), atr_env_get(names[i].variable));
	memory = megabytes ? find(l, ATR_STR("faas.max_memory")) : NULL;
	if (memory) {
		memory->type = ATR_RESOURCE_INT;
		memory->number = (int64_t)megabytes << 20;
	}
}

#define NOT_UTF8 "it is not all UTF-8"
#define REPLACED "what is not is replaced by U+FFFD"

static void put_given(struct list *l)
{
	static const char name[] = "OTEL_RESOURCE_ATTRIBUTES";
	struct atr_str whole = atr_env_get(name), list = whole, member;
	bool is_text = true, is_full = false;

	if (!atr_list_is_pairs(list)) {
		atr_log_bad_env(name, whole, "not a list of key=value, percent-encoded",
				"the whole of it is discarded");
		return;
	}
	while (atr_list_next(&list, &member)) {
		const char *equals = memchr(member.at, '=', member.len);
		struct atr_str key = { member.at, (size_t)(equals - member.at) };
		struct atr_str value = { equals + 1, member.len - key.len - 1 };

		key = atr_percent_decoded(atr_str_trim(key));
		value = atr_percent_decoded(atr_str_trim(value));
		is_text &= atr_utf8_is_valid(key) && atr_utf8_is_valid(value);
		is_full |= l->nr >= GIVEN_MAX;
		if (l->nr < GIVEN_MAX)
			put_value(l, key, value);
	}
	if (is_full)
		atr_log_bad_env(name, whole, "more attributes than there is room for",
				"those beyond are left out");
	else if (!is_text)
		atr_log_bad_env(name, whole, NOT_UTF8, REPLACED);
}

/* ---- of the configuration file ------------------------------------------------------------------ */

/* A number as YAML writes it, .inf and .nan too. */
static double real_of(struct atr_str text)
{
	bool is_negative = text.len && text.at[0] == '-', is_behind = false;
	long double value = 0;
	int exponent = 0, more = 0, sign = 1;
	size_t i = text.len && (text.at[0] == '-' || text.at[0] == '+');

	if (i + 4 == text.len && (text.at[i + 1] | 0x20) == 'i')
		return is_negative ? -__builtin_inf() : __builtin_inf();
	if (i + 4 == text.len && (text.at[i + 1] | 0x20) == 'n')
		return __builtin_nan("");
	for (; i < text.len && (text.at[i] | 0x20) != 'e'; i++) {
		if (text.at[i] == '.') {
			is_behind = true;
		} else {
			value = value * 10 + (text.at[i] - '0');
			exponent -= is_behind;
		}
	}
	for (i++; i < text.len; i++)
		if (text.at[i] == '-')
			sign = -1;
		else if (text.at[i] != '+' && more < 10000)
			more = more * 10 + (text.at[i] - '0');
	for (exponent += sign * more; exponent > 0 && value; exponent--)
		value *= 10;
	for (; exponent < 0 && value; exponent++)
		value /= 10;
	return (double)(is_negative ? -value : value);
}

static int64_t int_of(struct atr_str text)
{
	uint64_t n = 0;

	for (size_t i = text.len && text.at[0] == '-'; i < text.len; i++)
		n = n * 10 + (uint64_t)(text.at[i] - '0');
	return (int64_t)(text.len && text.at[0] == '-' ? -n : n);
}

/* By the letter of its type, in small. */
static void put_typed_value(struct atr_resource_attr *attr, char type, struct atr_str text)
{
	switch (type) {
	case 'i':
		attr->type = ATR_RESOURCE_INT;
		attr->number = int_of(text);
		break;
	case 'b':
		attr->type = ATR_RESOURCE_BOOL;
		attr->number = atr_str_equal(text, ATR_STR("true"));
		break;
	case 'd':
		attr->type = ATR_RESOURCE_DOUBLE;
		attr->real = real_of(text);
		break;
	default:
		attr->type = ATR_RESOURCE_TEXT;
		attr->value = atr_percent_decoded(text);
	}
}

/* Items of all lists together; what is beyond is left out, and told. */
#define ITEMS_MAX 512
static struct atr_resource_attr items[ITEMS_MAX];
static unsigned nr_items;

static bool put_items(struct atr_resource_attr *attr, char type, struct atr_str text)
{
	attr->type = ATR_RESOURCE_LIST;
	attr->items = items + nr_items;
	attr->nr_items = 0;
	while (text.len) {
		const char *end = memchr(text.at, ';', text.len);
		struct atr_str one = { text.at, end ? (size_t)(end - text.at) : text.len };

		if (nr_items == ITEMS_MAX)
			return false;
		memset(&items[nr_items], 0, sizeof(items[0]));
		put_typed_value(&items[nr_items++], type, one);
		attr->nr_items++;
		text.at += one.len + 1;
		text.len -= end ? one.len + 1 : one.len;
	}
	return true;
}

/*
 * What the file has of types other than text, as its reader writes it (config/resource.c):
 * a letter for the type (b, d, i; of lists B, D, I, S), key=value; each item ends with ';'.
 */
static void put_typed(struct list *l)
{
	struct atr_str list = atr_env_get("file: resource.attributes"), member;
	bool has_room = true;

	nr_items = 0;
	while (atr_list_next(&list, &member)) {
		const char *equals = memchr(member.at, '=', member.len);
		struct atr_str key = { member.at + 1, (size_t)(equals - member.at - 1) };
		struct atr_str value = { equals + 1, member.len - key.len - 2 };
		struct atr_resource_attr *attr;

		attr = l->nr < GIVEN_MAX ? find(l, atr_percent_decoded(key)) : NULL;
		if (!attr)
			has_room = false;
		else if (member.at[0] >= 'a')
			put_typed_value(attr, member.at[0], value);
		else
			has_room &= put_items(attr, member.at[0] | 0x20, value);
	}
	if (!has_room)
		atr_log("OTEL_CONFIG_FILE: more attributes of the resource, or items of them, than "
			"there "
			"is room for; those beyond are left out");
}

static void put_service_name(struct list *l)
{
	struct atr_str name = atr_env_get("OTEL_SERVICE_NAME");

	if (!atr_utf8_is_valid(name))
		atr_log_bad_env("OTEL_SERVICE_NAME", name, NOT_UTF8, REPLACED);
	put(l, ATR_STR("service.name"), name);
}

size_t atr_resource_read(const struct atr_process *process, const struct atr_io *io,
			 struct atr_resource_attr out[static ATR_RESOURCE_MAX])
{
	struct list l = { out, 0 };
	unsigned asked = detectors();

	memset(out, 0, sizeof(*out) * ATR_RESOURCE_MAX);
	room_len = 0;
	put(&l, ATR_STR("service.name"), default_name(base_name(process->executable_path)));
	if (asked & SERVICE)
		put(&l, ATR_STR("service.instance.id"), new_uuid());
	if (asked & PROCESS)
		detect_process(&l, process);
	if (asked & HOST)
		detect_host(&l, io);
	if (asked & FAAS)
		detect_function(&l);
	put_given(&l);
	put_typed(&l);
	put_service_name(&l);
	put(&l, ATR_STR("telemetry.sdk.name"), ATR_STR("autotrace"));
	put(&l, ATR_STR("telemetry.sdk.language"), ATR_STR("c"));
	put(&l, ATR_STR("telemetry.sdk.version"), ATR_STR(ATR_VERSION));
	return l.nr;
}

struct atr_str atr_resource_schema(void)
{
	struct atr_str url = atr_env_get("file: resource.schema_url");

	return url.len <= ATR_SCHEMA_URL_MAX ? url : (struct atr_str){ 0 };
}
