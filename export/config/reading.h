/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_CONFIG_READING_H
#define ATR_EXPORT_CONFIG_READING_H

/*
 * reading: a file on its way from YAML to variables. The keys of each part are a table;
 * each has a reader, which is handed the node of its value and puts what that says.
 *
 * A node is its number in the document, from 1. Everything here lives in the
 * arena, and is gone when the file is read.
 */
#include "export/config.h"
#include "export/print.h"

#include <stdint.h>

/* A scalar by YAML's core schema, after ${} is replaced. */
struct atr_scalar {
	enum {
		ATR_SCALAR_NULL,
		ATR_SCALAR_BOOL,
		ATR_SCALAR_INT,
		ATR_SCALAR_FLOAT,
		ATR_SCALAR_TEXT
	} type;
	struct atr_str text;
	int64_t number; /* of an INT; of a BOOL 0 or 1 */
};

#define ATR_CONFIG_VARIABLES_MAX 64
#define ATR_CONFIG_WHERE_MAX 240

struct atr_reading {
	const struct atr_config_host *host;
	struct yaml_document_s *document;
	struct atr_scalar *scalars; /* of each node that is one */
	char where_text[ATR_CONFIG_WHERE_MAX];
	struct atr_print where; /* the key that is being read */
	struct atr_pair put[ATR_CONFIG_VARIABLES_MAX];
	unsigned nr_put;
	struct atr_str exporters; /* the names, by commas */
	bool has_otlp;
	bool is_wrong; /* a fault that leaves nothing to be used; it was told */
};

struct atr_field {
	const char *key;
	void (*read)(struct atr_reading *r, int node, const struct atr_field *field);
	const char *variable;		/* of one value */
	const struct atr_field *fields; /* of a mapping; the last has no key */
	uint32_t least;			/* of a number */
	bool is_required;
};

/* What is wrong at the key being read. _fail: nothing can be made of the file. Only its first is told. */
void atr_reading_fault(struct atr_reading *r, const char *why, const char *instead);
void atr_reading_fail(struct atr_reading *r, const char *why);

/*
 * Says it in the words of a variable. Of two processors that say it differently the first
 * counts, which is told: there is one queue.
 */
void atr_reading_put(struct atr_reading *r, const char *variable, struct atr_str value);

/* The key being read is `key` of the one before; _up with what _down returned. */
size_t atr_reading_down(struct atr_reading *r, struct atr_str key);
size_t atr_reading_down_item(struct atr_reading *r, size_t i);
void atr_reading_up(struct atr_reading *r, size_t before);

/* Room of `cap` bytes to write in; a fault, and a room of none, when there is no memory. */
struct atr_print atr_reading_room(struct atr_reading *r, size_t cap);
/* Without what would end a member of a list, percent-encoded. */
void atr_reading_print_encoded(struct atr_print *t, struct atr_str text);

/* NULL: it is no scalar. */
const struct atr_scalar *atr_reading_scalar(struct atr_reading *r, int node);
bool atr_reading_is_null(struct atr_reading *r, int node);
/* Absent: it is null; or, a fault, no scalar. A number is text too: `version: 1.0`. */
struct atr_str atr_reading_text(struct atr_reading *r, int node);

/* The items of a sequence; 0: none, and a fault if it is no sequence. */
size_t atr_reading_items(struct atr_reading *r, int node);
int atr_reading_item(struct atr_reading *r, int node, size_t i);

/* A mapping of one key, the name of something: its value's node; 0: it is none, a fault. */
int atr_reading_named(struct atr_reading *r, int node, struct atr_str *name);
/* The value of a key; 0: there is none. */
int atr_reading_find(struct atr_reading *r, int node, const char *key);
/* Each key of a mapping by its field. Null is a mapping without keys. */
void atr_reading_fields(struct atr_reading *r, int node, const struct atr_field *fields);

/* Readers of values of a kind. Null leaves the default. */
void atr_read_map(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_text(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_file_name(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_count(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_switch(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_list(struct atr_reading *r, int node, const struct atr_field *field);
/* Of what is not for us: other signals, other languages. */
void atr_read_nothing(struct atr_reading *r, int node, const struct atr_field *field);

/* The parts, each in a file of its own. */
void atr_read_processors(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_sampler(struct atr_reading *r, int node, const struct atr_field *field);
void atr_read_resource(struct atr_reading *r, int node, const struct atr_field *field);
/* The whole file. */
void atr_read_root(struct atr_reading *r, int node);

/* A variable's value; absent: it is not set. */
struct atr_str atr_environment_value(struct atr_str name, char *const *environment);
/*
 * `in` with ${NAME}, ${env:NAME} and ${NAME:-otherwise} replaced, and $$ by $, as
 * OpenTelemetry's data model has it. False: a reference in it is none.
 */
bool atr_substitute(struct atr_str in, char *const *environment, struct atr_print *out);
/* What a scalar is; one in quotes is text whatever it says. */
struct atr_scalar atr_scalar_of(struct atr_str text, bool is_quoted);

#endif
