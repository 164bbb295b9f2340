/* SPDX-License-Identifier: Apache-2.0 */
#include "export/encode/json.h"

#include "export/encode/arena.h"
#include "export/encode/encode.h"
#include "export/print.h"
#include "propagator/hex.h"

const char *atr_json_text(struct atr_str text, size_t characters_max)
{
	size_t len = text.len ? strnlen(text.at, text.len) : 0;
	char *out = atr_arena_malloc(3 * len + 1);

	if (!out)
		return "";
	out[atr_utf8_clean(text.at, len, characters_max, out)] = 0;
	return out;
}

void atr_json_id(cJSON *to, const char *key, const uint8_t *id, size_t len)
{
	char text[2 * ATR_TRACE_ID_LEN + 1];

	*atr_hex_write(text, id, len) = 0;
	cJSON_AddStringToObject(to, key, text);
}

void atr_json_uint(cJSON *to, const char *key, uint64_t value)
{
	char text[24];
	struct atr_print t = { text, 0, sizeof(text) - 1, false };

	atr_print_uint(&t, value);
	text[t.len] = 0;
	cJSON_AddRawToObject(to, key, text);
}

void atr_json_put(struct atr_buf *out, const cJSON *item)
{
	const char *text = item ? cJSON_PrintUnformatted(item) : NULL;

	if (text)
		atr_buf_put(out, text, strlen(text));
	else
		out->failed = true;
	atr_arena_empty();
}
