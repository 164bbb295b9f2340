/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/capture.h"

#include "export/attr.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"
#include "preload/conn/redact.h"
#include "preload/conn/rpc.h"

#define NAME_MAX_LEN 128
#define FIELDS_MAX 32 /* of one message that are told */

/* A variable's names; they are copied, because the conventions have them in small letters. */
struct list {
	unsigned nr;
	struct {
		struct atr_str name;
		enum atr_redact how;
	} of[ATR_CAPTURE_MAX];
	size_t used;
	char text[1024];
};

static const char variables[][64] = {
	"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_REQUEST_HEADERS",
	"OTEL_INSTRUMENTATION_HTTP_SERVER_CAPTURE_RESPONSE_HEADERS",
	"OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS",
	"OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_RESPONSE_HEADERS",
};
#define NR_LISTS (sizeof(variables) / sizeof(variables[0]))

/* Not touched where no names are asked for. */
static struct list lists[NR_LISTS];
static uint64_t
	lengths; /* bits: of the names in all of them; the highest for all that are longer */

static uint64_t bit_of(size_t len)
{
	return UINT64_C(1) << (len < 63 ? len : 63);
}

static struct list *list_of(const struct atr_span *span, bool is_response)
{
	return &lists[(span->kind == ATR_KIND_CLIENT ? 2 : 0) + is_response];
}

static int find(const struct list *l, struct atr_str name)
{
	for (unsigned i = 0; i < l->nr; i++)
		if (atr_str_equal_nocase(l->of[i].name, name))
			return (int)i;
	return -1;
}

/* The stronger of what is said of the header, and of the attribute that it would be. */
static enum atr_redact how_of(struct atr_str name, bool is_response)
{
	struct atr_str prefix =
		atr_attr_name(is_response ? ATR_HTTP_RESPONSE_HEADER : ATR_HTTP_REQUEST_HEADER);
	char room[64 + NAME_MAX_LEN];
	struct atr_print attribute = { room, 0, sizeof(room), false };
	enum atr_redact of_header = atr_redact_header(name), of_attribute;

	atr_print(&attribute, prefix);
	atr_print(&attribute, name);
	of_attribute = atr_redact_attribute((struct atr_str){ room, attribute.len });
	return of_header > of_attribute ? of_header : of_attribute;
}

/* Why this is not one; NULL when it is, and is put into the list. */
static const char *read_name(struct list *l, struct atr_str name, bool is_response)
{
	char *to = l->text + l->used;

	if (find(l, name) >= 0)
		return NULL;
	if (l->nr == ATR_CAPTURE_MAX || name.len > NAME_MAX_LEN ||
	    name.len > sizeof(l->text) - l->used)
		return "there are too many headers in it, or too long ones";
	for (size_t i = 0; i < name.len; i++) {
		if (name.at[i] <= ' ' || name.at[i] > '~' || name.at[i] == ':')
			return "a header in it has characters that no header has";
		to[i] = name.at[i] >= 'A' && name.at[i] <= 'Z' ? (char)(name.at[i] | 0x20) :
								 name.at[i];
	}
	l->used += name.len;
	l->of[l->nr].name = (struct atr_str){ to, name.len };
	l->of[l->nr].how = how_of(l->of[l->nr].name, is_response);
	l->nr++;
	lengths |= bit_of(name.len);
	return NULL;
}

void atr_capture_setup(void)
{
	if (lengths)
		memset(lists, 0, sizeof(lists));
	lengths = 0;
	for (unsigned i = 0; i < NR_LISTS; i++) {
		struct atr_str text = atr_env_get(variables[i]), rest = text, name;
		const char *why = NULL;

		while (atr_list_next(&rest, &name)) {
			const char *wrong = read_name(&lists[i], name, i & 1);

			why = why ? why : wrong;
		}
		if (why)
			atr_log_bad_env(variables[i], text, why, "it is left out");
	}
}

bool atr_capture_is_on(void)
{
	return lengths;
}

bool atr_capture_wants(struct atr_str name)
{
	if (!(lengths & bit_of(name.len)))
		return false;
	for (unsigned i = 0; i < NR_LISTS; i++)
		if (find(&lists[i], name) >= 0)
			return true;
	return false;
}

/* ---- what was found in a message --------------------------------------------------------------- */

struct found {
	const struct list *list;
	unsigned nr;
	struct {
		int name;
		struct atr_str value;
	} field[FIELDS_MAX];
};

static void look_at(struct found *f, const struct atr_pair *field)
{
	int name = find(f->list, field->name);

	if (name < 0 || f->nr == FIELDS_MAX)
		return;
	f->field[f->nr].name = name;
	f->field[f->nr++].value = field->value;
}

static void put_one(struct atr_span *span, const struct found *f, int name, bool is_response)
{
	enum atr_redact how = f->list->of[name].how;
	struct atr_str values[ATR_LIST_MAX];
	char room[ATR_LIST_MAX][ATR_REDACTED_MAX];
	unsigned nr = 0;

	if (how == ATR_REDACT_DROP)
		return;
	for (unsigned i = 0; i < f->nr && nr < ATR_LIST_MAX; i++) {
		if (f->field[i].name != name)
			continue;
		values[nr] = atr_redact_value(how, f->field[i].value, room[nr]);
		nr++;
	}
	if (nr)
		atr_span_put_list(span,
				  is_response ? ATR_HTTP_RESPONSE_HEADER : ATR_HTTP_REQUEST_HEADER,
				  f->list->of[name].name, values, nr);
}

static void put_all(struct atr_span *span, const struct found *f, bool is_response)
{
	for (unsigned i = 0; i < f->list->nr && f->nr; i++)
		put_one(span, f, (int)i, is_response);
}

/* Not to be on the stack of those who want none. */
__attribute__((noinline)) static void from_bytes(struct atr_span *span, const struct list *list,
						 const char *bytes, size_t len,
						 const struct atr_http1_head *head)
{
	struct found f = { .list = list };
	uint32_t at = head->fields_at;
	struct atr_pair field;

	while (atr_http1_next_field(bytes, len, &at, &field))
		look_at(&f, &field);
	put_all(span, &f, head->is_response);
}

void atr_capture_http1(struct atr_span *span, const char *bytes, size_t len,
		       const struct atr_http1_head *head)
{
	const struct list *list = list_of(span, head->is_response);

	if (lengths && list->nr)
		from_bytes(span, list, bytes, len, head);
}

__attribute__((noinline)) static void from_fields(struct atr_span *span, const struct list *list,
						  bool is_response, const struct atr_pair *fields,
						  size_t nr)
{
	struct found f = { .list = list };

	for (size_t i = 0; i < nr; i++)
		look_at(&f, &fields[i]);
	put_all(span, &f, is_response);
}

void atr_capture_fields(struct atr_span *span, bool is_response, const struct atr_pair *fields,
			size_t nr)
{
	const struct list *list = list_of(span, is_response);

	if (lengths && list->nr)
		from_fields(span, list, is_response, fields, nr);
}

void atr_capture_http2(struct atr_span *span, const struct atr_http2_head *head)
{
	/* what gRPC's conventions have for it is another name */
	if (!atr_rpc_is(head->content_type))
		atr_capture_fields(span, head->http.is_response, head->noted, head->nr_noted);
}
