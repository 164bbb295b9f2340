/* SPDX-License-Identifier: Apache-2.0 */
/*
 * w3c_service PORT: a thread for each connection. The body of a request is a list of URLs, one a
 * line; each is called with a GET of its own, one after the other, before the request is answered.
 */
#include "net.h"

#include <pthread.h>

static void call(char *url)
{
	char *host = url + strlen("http://"), *path = strchr(host, '/'),
	     *port = strchr(host, ':') + 1;
	char request[1000];
	int fd, n;

	*path++ = 0;
	n = snprintf(request, sizeof(request),
		     "GET /%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", path, host);
	fd = connect_to(port);
	if (write(fd, request, (size_t)n) != n)
		die("write");
	while (read(fd, request, sizeof(request)) > 0)
		;
	close(fd);
}

static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
	int fd = (int)(long)arg;
	char request[65536], *body = NULL, *length, *save;
	size_t len = 0;
	ssize_t n;

	while (!body || strlen(body) < (size_t)atol(length + 15)) {
		n = read(fd, request + len, sizeof(request) - 1 - len);
		if (n <= 0)
			goto out;
		len += (size_t)n;
		request[len] = 0;
		body = strstr(request, "\r\n\r\n");
		body = body ? body + 4 : NULL;
		length = strcasestr(request, "\nContent-Length:");
	}
	for (char *url = strtok_r(body, "\n", &save); url; url = strtok_r(NULL, "\n", &save))
		call(url);
	if (write(fd, answer, sizeof(answer) - 1) < 0)
		die("write");
out:
	close(fd);
	return NULL;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = argc > 1 ? at_port(argv[1]) : (struct sockaddr_in){ 0 };
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64))
		die("listen");
	for (;;) {
		long fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd < 0)
			die("accept");
		if (pthread_create(&thread, NULL, serve, (void *)fd))
			die("pthread_create");
		pthread_detach(thread);
	}
}
