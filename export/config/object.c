/* SPDX-License-Identifier: Apache-2.0 */

/* object: what libautotrace-config.so is asked for: reads the file, has it parsed, hands out what it says. */
#include "export/config/reading.h"

#include "export/encode/arena.h"
#include "export/version.h"

#include <fcntl.h>
#include <yaml.h>

#define FILE_MAX (256 * 1024)
#define SCALAR_MAX 65536
#define BRACKETS_MAX 4096 /* what libyaml does for one grows with those that are open */

/* libyaml is compiled with this name in the place of strdup's. */
char *atr_yaml_strdup(const char *text);

char *atr_yaml_strdup(const char *text)
{
	size_t len = strlen(text) + 1;
	char *copy = atr_arena_malloc(len);

	return copy ? memcpy(copy, text, len) : NULL;
}

/* What is no file of a size is told before anything is read of it that never ends. */
static bool read_file(struct atr_reading *r, struct atr_str path, struct atr_print *text)
{
	const struct atr_io *io = r->host->io;
	int fd = io->open(path.at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	unsigned brackets = 0;
	ssize_t n = -1;

	*text = atr_reading_room(r, FILE_MAX + 1);
	if (fd < 0) {
		atr_reading_fail(r, "it cannot be opened");
		return false;
	}
	while (text->len < text->cap &&
	       (n = io->read(fd, text->at + text->len, text->cap - text->len)) > 0)
		text->len += (size_t)n;
	io->close(fd);
	for (size_t i = 0; i < text->len; i++)
		brackets += text->at[i] == '[' || text->at[i] == '{';
	if (brackets > BRACKETS_MAX)
		atr_reading_fail(r, "more than 4096 brackets in it");
	else if (text->len > FILE_MAX)
		atr_reading_fail(r, "larger than 256 KiB");
	else if (n < 0)
		atr_reading_fail(r, "it cannot be read");
	return !r->is_wrong;
}

static void tell_parser(struct atr_reading *r, const yaml_parser_t *parser)
{
	char why[200];
	struct atr_print t = { why, 0, sizeof(why) - 1, false };

	atr_print(&t, ATR_STR("not YAML: "));
	atr_print(&t, atr_str(parser->problem ? parser->problem : "no memory"));
	atr_print(&t, ATR_STR(", line "));
	atr_print_uint(&t, parser->problem_mark.line + 1);
	why[t.len] = 0;
	atr_reading_fail(r, why);
}

/* The value of a scalar, all of them before anything is looked at: one wrong reference, and nothing is read. */
static bool read_scalar(struct atr_reading *r, size_t i, bool is_key)
{
	yaml_node_t *node = r->document->nodes.start + i;
	struct atr_str text = { (const char *)node->data.scalar.value, node->data.scalar.length };
	bool is_quoted = node->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	struct atr_print out;

	if (is_key || !text.len || !memchr(text.at, '$', text.len)) {
		r->scalars[i] = atr_scalar_of(text, is_quoted);
		return true;
	}
	out = atr_reading_room(r, SCALAR_MAX);
	if (!atr_substitute(text, r->host->environment, &out))
		atr_reading_fail(r, "a ${} in it is no reference to a variable");
	else if (out.is_cut)
		atr_reading_fail(r, "a text in it is longer than 65536 bytes");
	r->scalars[i] = atr_scalar_of((struct atr_str){ out.at, out.len }, is_quoted);
	return !r->is_wrong;
}

static void mark_keys(const yaml_node_t *node, unsigned char *is_key)
{
	if (node->type != YAML_MAPPING_NODE)
		return;
	for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
	     p++)
		is_key[p->key - 1] = 1;
}

static bool read_scalars(struct atr_reading *r)
{
	yaml_node_t *nodes = r->document->nodes.start;
	size_t nr = (size_t)(r->document->nodes.top - nodes);
	struct atr_print keys = atr_reading_room(r, nr);
	struct atr_print scalars = atr_reading_room(r, nr * sizeof(*r->scalars));

	if (r->is_wrong)
		return false;
	memset(keys.at, 0, nr);
	r->scalars = (struct atr_scalar *)(void *)scalars.at;
	for (size_t i = 0; i < nr; i++)
		mark_keys(&nodes[i], (unsigned char *)keys.at);
	for (size_t i = 0; i < nr; i++)
		if (nodes[i].type == YAML_SCALAR_NODE && !read_scalar(r, i, keys.at[i]))
			return false;
	return true;
}

static void read_document(struct atr_reading *r, struct atr_print text)
{
	yaml_parser_t parser;
	yaml_document_t document;

	if (!yaml_parser_initialize(&parser)) {
		atr_reading_fail(r, "there is no memory to read it");
		return;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text.at, text.len);
	r->document = &document;
	if (!yaml_parser_load(&parser, &document))
		tell_parser(r, &parser);
	else if (!yaml_document_get_root_node(&document))
		atr_reading_fail(r, "there is nothing in it");
	else if (read_scalars(r))
		atr_read_root(r, 1);
}

static bool read_config(const struct atr_config_host *host, struct atr_str path)
{
	struct atr_reading r = { .host = host };
	struct atr_print text;

	r.where = (struct atr_print){ r.where_text, 0, sizeof(r.where_text), false };
	if (read_file(&r, path, &text))
		read_document(&r, text);
	atr_arena_unmap(); /* all that libyaml has, too */
	return !r.is_wrong;
}

__attribute__((visibility("default"))) const struct atr_config_object atr_config_object = {
	ATR_VERSION,
	read_config,
};
