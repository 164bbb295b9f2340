/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "export/config.h"
#include "export/diag.h"
#include "export/env.h"
#include "export/options.h"
#include "preload/conn/formats.h"
#include "preload/conn/logs.h"
#include "preload/conn/probes.h"
#include "preload/conn/redact.h"
#include "preload/conn/routes.h"
#include "preload/conn/semconv.h"
#include "preload/live/outcome.h"
#include "preload/live/rules.h"
#include "preload/live/sampler.h"
#include "preload/live/where.h"
#include "preload/live/wanted.h"
#include "tools/program.h"
#include "tools/text.h"
#include "tools/variables.h"

#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char **environ;

/* Read as the library reads it, by its own functions; here we listen to what comes of it. */
enum { LINES_MAX = 128, LINE_LEN = ATR_DOUBT_MAX, HEARD_MAX = 128, HEARD_LEN = 32 };

static struct {
	char lines[LINES_MAX][LINE_LEN]; /* of the log, without what is before the first ": " */
	size_t nr_lines;
	struct {
		const char *name;
		char used[HEARD_LEN];
	} heard[HEARD_MAX]; /* the numbers, and true and false */
	size_t nr_heard;
	struct atr_str file, service_name;
} told;

static const struct setting {
	const char *name, *stronger, *otherwise;
} settings[] = {
#define ATR_VARIABLE(name, stronger, otherwise) { #name, #stronger, otherwise },
#define ATR_VARIABLE_KNOWN(name)
#include "export/variables.def"
#undef ATR_VARIABLE
#undef ATR_VARIABLE_KNOWN
};

#define NR_SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const char usage[] =
	"Usage: autotrace config [-- PROGRAM]\n"
	"Tells every setting in force here, and where it comes from: what the library would\n"
	"read of the environment and of OTEL_CONFIG_FILE, and what it would warn of.\n"
	"Ends with 0; with 1 when there is a warning.\n\n"
	"  -h, --help  this text\n";

/* The log's lines come here in the place of a file. */
static int no_open(const char *path, int flags, ...)
{
	(void)path;
	(void)flags;
	return STDERR_FILENO;
}

static ssize_t take_line(int fd, const void *buf, size_t len)
{
	const char *text = memmem(buf, len, "]: ", 3);
	size_t before = text ? (size_t)(text + 3 - (const char *)buf) : 0;

	(void)fd;
	if (told.nr_lines < LINES_MAX && len > before)
		snprintf(told.lines[told.nr_lines++], LINE_LEN, "%.*s", (int)(len - before - 1),
			 (const char *)buf + before);
	return (ssize_t)len;
}

static int no_close(int fd)
{
	(void)fd;
	return 0;
}

static void hear(const char *name, struct atr_str used)
{
	size_t i = 0;

	while (i < told.nr_heard && strcmp(told.heard[i].name, name) != 0)
		i++;
	if (i == HEARD_MAX)
		return;
	told.heard[i].name = name;
	snprintf(told.heard[i].used, HEARD_LEN, "%.*s", (int)used.len, used.at);
	told.nr_heard += i == told.nr_heard;
}

/* Names that nothing reads, and are near to one that something does. */
static void doubt_names(void)
{
	for (char **v = environ; *v; v++)
		if (told.nr_lines < LINES_MAX &&
		    atr_variable_is_doubtful(*v, told.lines[told.nr_lines]))
			told.nr_lines++;
}

static bool ends_in(struct atr_str text, const char *end)
{
	size_t len = strlen(end);

	return text.len >= len && !memcmp(text.at + text.len - len, end, len);
}

/* Files that are read when there is something to send, and not before. */
static void look_for_files(void)
{
	for (size_t i = 0; i < atr_env_count(); i++) {
		struct atr_pair v = atr_env_at(i);
		bool is_file = !strncmp(v.name.at, "OTEL_EXPORTER_OTLP_", 19) &&
			       (ends_in(v.name, "_CERTIFICATE") || ends_in(v.name, "_CLIENT_KEY"));

		if (is_file && v.value.len && told.nr_lines < LINES_MAX &&
		    access(v.value.at, R_OK) != 0)
			snprintf(told.lines[told.nr_lines++], LINE_LEN,
				 "%.*s=%s: this file cannot be read here", (int)v.name.len,
				 v.name.at, v.value.at);
	}
}

/* As the constructor and the exporter's thread do, in their order. False: a file is in the way. */
static bool read_all(const char *program)
{
	static const struct atr_io log = { .open = no_open, .write = take_line, .close = no_close };
	static const struct atr_io files = { .open = open, .read = read, .close = close };
	static struct atr_resource_attr resource[ATR_RESOURCE_MAX];
	size_t nr_resource;
	static struct atr_options options;
	struct atr_process process = { atr_str(program), atr_str(program) };

	atr_env_capture(environ);
	atr_env_heard = hear;
	atr_log_setup(ATR_STR("here"), &log);
	atr_env_bool("AUTOTRACE_DISABLED", false);
	told.file = atr_config_path();
	if (told.file.at && !atr_config_use(&atr_config_object, &files, environ))
		return false;
	atr_options_read_log_level();
	atr_formats_setup();
	atr_probes_setup();
	atr_sampler_setup();
	atr_rules_setup(&files, &process);
	atr_outcome_setup(NULL, NULL);
	atr_semconv_setup();
	atr_routes_setup(&files);
	atr_redact_setup(&files);
	atr_logs_setup();
	atr_options_read_queue(&options);
	if (atr_logs_are_exported)
		atr_options_read_log_queue(&options);
	atr_options_read(&options);
	atr_options_read_others(&options, atr_options_export_metrics(), atr_logs_are_exported);
	nr_resource = atr_resource_read(&process, &files, resource);
	for (size_t i = 0; i < nr_resource; i++)
		if (atr_str_equal(resource[i].key, ATR_STR("service.name")))
			told.service_name = resource[i].value;
	atr_env_ms("AUTOTRACE_EXIT_FLUSH_MS", 500);
	atr_env_bool("AUTOTRACE_DEEPBIND", false);
	atr_env_bool("AUTOTRACE_FLUSH_ON_SIGNAL", true);
	atr_wanted_setup();
	atr_env_bool("AUTOTRACE_LAMBDA_EXTENSION", false);
	atr_env_bool("AUTOTRACE_STATS", false);
	atr_where_wanted();
	return true;
}

static const char *heard_of(const char *name)
{
	for (size_t i = 0; i < told.nr_heard; i++)
		if (strcmp(told.heard[i].name, name) == 0)
			return told.heard[i].used;
	return NULL;
}

static bool is_warned_of(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < told.nr_lines; i++)
		if (strncmp(told.lines[i], name, len) == 0 &&
		    (told.lines[i][len] == '=' || told.lines[i][len] == ':'))
			return true;
	return false;
}

static void print_clean(struct atr_str text)
{
	while (text.len) {
		uint32_t code = atr_text_next(&text);

		atr_text_put(stdout, atr_text_is_plain(code) ? code : '?');
	}
}

/* Of headers the names alone. */
static void print_names(struct atr_str list)
{
	struct atr_str member;

	for (const char *comma = ""; atr_list_next(&list, &member); comma = ",") {
		const char *equals = memchr(member.at, '=', member.len);

		fputs(comma, stdout);
		if (equals)
			print_clean(
				(struct atr_str){ member.at, (size_t)(equals + 1 - member.at) });
		fputs("***", stdout);
	}
}

/* Of a URL all but who it is for. */
static void print_value(const char *name, struct atr_str value)
{
	const char *at = value.len ? memrchr(value.at, '@', value.len) : NULL;
	const char *slashes = at ? memmem(value.at, value.len, "//", 2) : NULL;

	if (atr_variable_is_secret(name, strlen(name))) {
		print_names(value);
		return;
	}
	if (at && strstr(name, "_ENDPOINT")) {
		if (slashes && slashes < at)
			print_clean((struct atr_str){ value.at, (size_t)(slashes + 2 - value.at) });
		fputs("***", stdout);
		value = (struct atr_str){ at, value.len - (size_t)(at - value.at) };
	}
	print_clean(value);
}

/* Of a name for traces alone, that one; the file has no names of its own. */
static void print_source(const struct setting *s, const char *name)
{
	bool is_wrong = is_warned_of(name);

	if (!atr_env_get(name).at)
		printf("  (default");
	else if (atr_env_was_put(name))
		printf("  (file");
	else
		printf("  (%s", name == s->name ? "environment" : name);
	puts(is_wrong ? ", wrong; see below)" : ")");
}

/* The service's name has more than one source, and the executable is one of them. */
static void print_service_name(const struct setting *s)
{
	print_clean(told.service_name);
	if (atr_env_get(s->name).at || (told.service_name.len > 15 &&
					memcmp(told.service_name.at, "unknown_service", 15) == 0))
		print_source(s, s->name);
	else
		puts("  (OTEL_RESOURCE_ATTRIBUTES)");
}

static void print_setting(const struct setting *s)
{
	const char *name = *s->stronger && atr_env_get(s->stronger).at ? s->stronger : s->name;
	const char *heard = heard_of(*s->stronger && heard_of(s->stronger) ? s->stronger : s->name);
	struct atr_str value = atr_env_get(name);

	printf("%-41s ", s->name);
	if (!strcmp(name, "OTEL_SERVICE_NAME")) {
		print_service_name(s);
		return;
	}
	if (!strcmp(name, "OTEL_CONFIG_FILE") && told.file.at) {
		print_clean(told.file);
		puts("  (environment; it is in the place of all other OTEL_ variables)");
		return;
	}
	if (heard)
		fputs(heard, stdout);
	else if (value.at)
		print_value(name, value);
	else
		fputs(*s->otherwise ? s->otherwise : "-", stdout);
	print_source(s, name);
}

/* Of metrics or log records alone: told of where it is set. */
static bool is_of_one_signal(const struct setting *s)
{
	return strcmp(s->otherwise, "as for all signals") == 0;
}

static int report(bool is_usable)
{
	if (!is_usable)
		puts("OTEL_CONFIG_FILE cannot be used: nothing is traced.");
	for (size_t i = 0; is_usable && i < NR_SETTINGS; i++)
		if (!is_of_one_signal(&settings[i]) || atr_env_get(settings[i].name).at)
			print_setting(&settings[i]);
	if (told.nr_lines)
		puts("\nWarnings:");
	for (size_t i = 0; i < told.nr_lines; i++) {
		fputs("  - ", stdout);
		print_clean(atr_str(told.lines[i]));
		putchar('\n');
	}
	return told.nr_lines != 0;
}

static bool read_options(int argc, char **argv)
{
	static const struct option known[] = { { "help", no_argument, NULL, 'h' }, { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "+h", known, NULL)) != -1) {
		if (c != 'h')
			return false;
		fputs(usage, stdout);
		exit(0);
	}
	return true;
}

int atr_cmd_config(int argc, char **argv)
{
	char path[PATH_MAX] = "";
	bool is_usable;

	argv[0] = "autotrace config";
	if (!read_options(argc, argv))
		return ATR_EXIT_USAGE;
	told.nr_lines = told.nr_heard = 0;
	if (optind < argc && atr_program_find(argv[optind], path) != 0) {
		fprintf(stderr, "autotrace: %s: no such program\n", argv[optind]);
		return ATR_EXIT_NOT_FOUND;
	}
	is_usable = read_all(path);
	look_for_files();
	doubt_names();
	return report(is_usable);
}
