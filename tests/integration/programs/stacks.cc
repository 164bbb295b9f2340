// SPDX-License-Identifier: Apache-2.0
// A request from a function of a template in a namespace: stacks PORT
#include <arpa/inet.h>
#include <cstdlib>
#include <string>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

#define NOINLINE __attribute__((noinline, noclone))

namespace shop {
template <typename T> struct Stock {
	int port;

	NOINLINE void fetch(const std::vector<T> &ids)
	{
		std::string head = "GET /" + std::to_string(ids[0]) +
				   " HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
		sockaddr_in a = {};
		char buf[1024];
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		a.sin_family = AF_INET;
		a.sin_port = htons(port);
		a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		if (connect(fd, (sockaddr *)&a, sizeof(a)) == 0) {
			send(fd, head.data(), head.size(), 0); // SEND
			while (recv(fd, buf, sizeof(buf), 0) > 0)
				;
		}
		close(fd);
	}
};

NOINLINE void order(int port)
{
	Stock<long> stock{ port };

	stock.fetch({ 7 });
	__asm__ volatile("");
}
} // namespace shop

int main(int, char **argv)
{
	shop::order(atoi(argv[1]));
	__asm__ volatile("");
	return 0;
}
