/* SPDX-License-Identifier: Apache-2.0 */
/* pipelined PORT N: N requests in one call, then all the answers. */
#include "net.h"

int main(int argc, char **argv)
{
	static char requests[100000];
	int nr = argc > 2 ? atoi(argv[2]) : 0;
	int fd = connect_to(argv[1]);

	for (int i = 1; i < nr; i++)
		strcat(requests, GET);
	strcat(requests, GET_CLOSE);
	say("send", send(fd, requests, strlen(requests), 0));
	read_oks(fd, nr + 1);
	return 0;
}
