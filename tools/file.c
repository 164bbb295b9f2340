/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/file.h"

#include <stdlib.h>

char *atr_file_read(FILE *in, size_t *len)
{
	size_t cap = 65536;
	char *bytes = malloc(cap);

	*len = 0;
	while (bytes) {
		char *grown;

		*len += fread(bytes + *len, 1, cap - *len, in);
		if (*len < cap && !ferror(in))
			return bytes;
		grown = ferror(in) ? NULL : realloc(bytes, cap *= 2);
		if (!grown)
			free(bytes);
		bytes = grown;
	}
	return NULL;
}
