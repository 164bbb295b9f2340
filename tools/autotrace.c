/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "export/version.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct command {
	const char *name, *does;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "run", "run a program and draw the trace of what it did", atr_cmd_run },
	{ "show", "draw a trace that was stored", atr_cmd_show },
	{ "lambda", "play AWS Lambda for a custom runtime, and draw the trace", atr_cmd_lambda },
	{ "doctor", "tell what can be seen of a program, and why", atr_cmd_doctor },
	{ "config", "tell the settings in force, where they come from, and what is wrong",
	  atr_cmd_config },
	{ "ebpf-agent", "load AUTOTRACE_EBPF's programs for those that may not",
	  atr_cmd_ebpf_agent },
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void help(void)
{
	puts("Usage: autotrace COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:");
	for (size_t i = 0; i < NR_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].does);
	puts("\n`autotrace COMMAND --help` tells the options of one. autotrace(1) tells all.");
}

int main(int argc, char **argv)
{
	const char *name = argc > 1 ? argv[1] : "";

	setlocale(LC_CTYPE, "");
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		help();
		return 0;
	}
	if (strcmp(name, "--version") == 0) {
		puts("autotrace " ATR_VERSION);
		return 0;
	}
	for (size_t i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(name, commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	fprintf(stderr,
		*name ? "autotrace: no command '%s'; see autotrace --help\n" :
			"autotrace: a command is missing%s; see autotrace --help\n",
		name);
	return ATR_EXIT_USAGE;
}
