/* SPDX-License-Identifier: Apache-2.0 */
/* life_static: a program that has no libc to preload before. */
#include <stdio.h>

int main(void)
{
	printf("static\n");
	return 7;
}
