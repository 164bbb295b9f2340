/* SPDX-License-Identifier: Apache-2.0 */
/* The library that loading_calls.c has loaded: the program goes on while it is. */
void while_loaded(void);

__attribute__((constructor)) static void begins(void)
{
	while_loaded();
}
