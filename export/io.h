/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_IO_H
#define ATR_EXPORT_IO_H

/*
 * io: the calls the exporter makes. In the library they are libc's own, under
 * our hooks, so that nothing the exporter does is traced; in a test they are
 * whatever the test wants to happen. Each is as its manual page says.
 */
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/types.h>

struct atr_io {
	int (*socket)(int, int, int);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*recv)(int, void *, size_t, int);
	int (*poll)(struct pollfd *, nfds_t, int);
	int (*close)(int);
	int (*open)(const char *, int, ...);
	ssize_t (*read)(int, void *, size_t);
	ssize_t (*write)(int, const void *, size_t);
	int (*fcntl)(int, int, ...);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	int (*getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	void (*freeaddrinfo)(struct addrinfo *);
	int (*thread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
	/* Not of libc: loads an object of ours, and finds the one name it has. NULL: it cannot. */
	void *(*load)(const char *path, const char *name);
	/* Whether getaddrinfo and load may be called: both allocate as the program does. NULL: they may. */
	bool (*may_allocate)(void);
};

#endif
