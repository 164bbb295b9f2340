/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_COMMANDS_H
#define ATR_TOOLS_COMMANDS_H

/*
 * commands: what `autotrace COMMAND` runs. Each is given its own arguments, its
 * name first, and returns the exit code.
 */
enum {
	ATR_EXIT_USAGE = 2,  /* an option or argument that is not known */
	ATR_EXIT_OURS = 125, /* the command itself failed, not the program it runs */
	ATR_EXIT_NOT_EXECUTABLE = 126,
	ATR_EXIT_NOT_FOUND = 127,
};

int atr_cmd_run(int argc, char **argv);
int atr_cmd_show(int argc, char **argv);
int atr_cmd_lambda(int argc, char **argv);
int atr_cmd_doctor(int argc, char **argv);
int atr_cmd_config(int argc, char **argv);
int atr_cmd_ebpf_agent(int argc, char **argv);

#endif
