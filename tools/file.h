/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TOOLS_FILE_H
#define ATR_TOOLS_FILE_H

/* file: a file in memory. */
#include <stddef.h>
#include <stdio.h>

/* The whole of what is left of it, in memory of malloc; NULL with errno set. */
char *atr_file_read(FILE *in, size_t *len);

#endif
