/* SPDX-License-Identifier: Apache-2.0 */
/* A library that functions_opens.c loads; what it calls is in another, which comes with it. */
#include "functions.h"

int plugin_run(const char *port)
{
	functions_port = port;
	return handle("plugin");
}
