/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"
#include "tools/file.h"
#include "tools/html.h"
#include "tools/otlp_read.h"
#include "tools/tree.h"
#include "tools/waterfall.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct show_options {
	bool tree;
	struct atr_tree_style tree_style;
	const char *html;
};

static const char usage[] =
	"Usage: autotrace show [OPTION...] FILE...\n"
	"Draws what OTLP files hold (JSON lines, or one protobuf request; - is standard input).\n\n"
	"      --html FILE        write one HTML page to FILE instead (- is standard output)\n"
	"      --tree             print the span trees without times and ids, for tests\n"
	"      --attributes LIST  with --tree: the attributes to print, by commas; default\n"
	"                         " ATR_TREE_ATTRIBUTES "\n"
	"      --mask-ports       with --tree: print PORT for every port number\n"
	"  -h, --help             this text\n";

/* False when the file could not be read, or not all of it; that is told on stderr. */
static bool read_file(struct atr_trace *trace, const char *name)
{
	bool is_stdin = strcmp(name, "-") == 0;
	FILE *in = is_stdin ? stdin : fopen(name, "rbe");
	struct atr_otlp_result result = { 0 };
	size_t len = 0, bad_line = 0, nr_bad;
	char *bytes = in ? atr_file_read(in, &len) : NULL;

	if (!bytes)
		fprintf(stderr, "autotrace: %s: %s\n", name, strerror(errno));
	if (in && !is_stdin)
		fclose(in);
	if (!bytes)
		return false;
	nr_bad = atr_otlp_read_file(trace, (struct atr_str){ bytes, len }, &result, &bad_line);
	free(bytes);
	if (nr_bad)
		fprintf(stderr, "autotrace: %s:%zu: not OTLP%s\n", name, bad_line,
			nr_bad > 1 ? ", and others like it" : "");
	if (result.nr_rejected)
		fprintf(stderr, "autotrace: %s: %zu spans with invalid ids left out\n", name,
			result.nr_rejected);
	return !nr_bad;
}

static bool write_page(const struct atr_trace *trace, const char *name, const char *title)
{
	bool is_stdout = strcmp(name, "-") == 0;
	FILE *out = is_stdout ? stdout : fopen(name, "we");
	bool good = out && atr_html_draw(trace, title, out);

	if (out && !is_stdout)
		good = fclose(out) == 0 && good;
	if (!good)
		fprintf(stderr, "autotrace: %s: %s\n", name, strerror(errno));
	return good;
}

/* False: an option was wrong, and getopt has told so. */
static bool read_options(int argc, char **argv, struct show_options *options)
{
	enum { HTML = 256, TREE, ATTRIBUTES, MASK_PORTS };
	static const struct option known[] = {
		{ "html", required_argument, NULL, HTML },
		{ "tree", no_argument, NULL, TREE },
		{ "attributes", required_argument, NULL, ATTRIBUTES },
		{ "mask-ports", no_argument, NULL, MASK_PORTS },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	*options = (struct show_options){ .tree_style.attributes = ATR_TREE_ATTRIBUTES };
	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (c) {
		case HTML:
			options->html = optarg;
			break;
		case TREE:
			options->tree = true;
			break;
		case ATTRIBUTES:
			options->tree_style.attributes = optarg;
			break;
		case MASK_PORTS:
			options->tree_style.mask_ports = true;
			break;
		case 'h':
			fputs(usage, stdout);
			exit(0);
		default:
			return false;
		}
	}
	if (optind == argc)
		fputs("autotrace show: a file is missing; see autotrace show --help\n", stderr);
	return optind < argc;
}

int atr_cmd_show(int argc, char **argv)
{
	struct show_options options;
	struct atr_trace trace = { 0 };
	bool good = true;

	argv[0] = "autotrace show";
	if (!read_options(argc, argv, &options))
		return ATR_EXIT_USAGE;
	for (int i = optind; i < argc; i++)
		good = read_file(&trace, argv[i]) && good;
	atr_trace_link(&trace);
	if (options.html) {
		good = write_page(&trace, options.html, argv[optind]) && good;
	} else if (options.tree) {
		atr_tree_draw(&trace, &options.tree_style, stdout);
	} else {
		struct atr_waterfall_style style = atr_waterfall_style_of(STDOUT_FILENO);

		atr_waterfall_draw(&trace, &style, stdout);
	}
	atr_trace_free(&trace);
	return good ? 0 : 1;
}
