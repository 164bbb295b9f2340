/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_HEAVY_H
#define ATR_EXPORT_HEAVY_H

/*
 * heavy: what drags in large libraries: gzip, TLS and HTTP/2. It is an object
 * of its own, libautotrace-tls.so beside the library, which the exporter thread loads
 * when a variable asks for one of these. The two know this table of each other, and
 * what they are handed; the object calls nothing of libc's but what copies memory, mmap and
 * munmap, and allocates from nowhere else.
 */
#include "export/io.h"
#include "propagator/str.h"

#include <limits.h>
#include <stdint.h>

#define ATR_HEAVY_FILE "libautotrace-tls.so"
#define ATR_HEAVY_VERSION 3 /* of the table; another one is not taken */

/* Bytes to and from a backend, within the time of one attempt. */
struct atr_pipe {
	void *at;
	bool (*send)(void *at, struct atr_str bytes);	     /* all, or false */
	ssize_t (*receive)(void *at, char *buf, size_t cap); /* 0: the end; -1: failed */
};

struct atr_tls; /* a session; it is as good as its connection */

struct atr_tls_options {
	const struct atr_io *io;
	uint64_t unix_s; /* the time: certificates have theirs */
	const char *host;
	const char *protocol; /* that ALPN names; NULL: none */
	bool is_address; /* the host is an IP address: address[address_len], in network order */
	uint8_t address[16];
	size_t address_len;
	const char *const *ca_files;   /* the first that can be opened, of a list ended by NULL */
	const char *certificate, *key; /* the client's own, PEM; NULL: none */
};

struct atr_grpc; /* an HTTP/2 session; it is as good as its connection */

#define ATR_GRPC_HEADERS_MAX 32

struct atr_grpc_call {
	const char *authority, *path, *user_agent, *timeout;
	const struct atr_pair *headers;
	size_t nr_headers;
	struct atr_str body; /* one message */
	bool is_gzip, is_tls;
};

struct atr_grpc_answer {
	char *body; /* the caller's; one message */
	size_t body_cap, body_len;
	bool is_packed;
	int http_status, grpc_status; /* -1: not said */
	bool has_retry_info;
	uint32_t retry_after_ms;
	char message[256];
};

struct atr_heavy {
	uint32_t version;
	/* Before all else: memory is had by this, and given back by munmap. Else it is mmap's. */
	void (*map_by)(void *(*map)(size_t len));
	/* At most `cap` bytes of a gzip member; 0: no memory, or no room. */
	size_t (*gzip)(struct atr_str in, char *out, size_t cap);
	/*
	 * A handshake. NULL: *why says in words why not; *is_final that another try
	 * would end the same.
	 */
	struct atr_tls *(*tls_open)(const struct atr_tls_options *options,
				    const struct atr_pipe *raw, const char **why, bool *is_final);
	bool (*tls_send)(struct atr_tls *tls, const struct atr_pipe *raw, struct atr_str bytes);
	ssize_t (*tls_receive)(struct atr_tls *tls, const struct atr_pipe *raw, char *buf,
			       size_t cap);
	void (*tls_free)(struct atr_tls *tls); /* nothing is sent; a signal handler too */
	struct atr_grpc *(*grpc_open)(void);
	/* False: the connection is of no use any more; what was said until then is in the answer. */
	bool (*grpc_call)(struct atr_grpc *grpc, const struct atr_pipe *pipe,
			  const struct atr_grpc_call *call, struct atr_grpc_answer *answer);
	void (*grpc_free)(struct atr_grpc *grpc); /* as tls_free */
};

/* The one name that the object has. */
#define ATR_HEAVY_NAME "atr_heavy_table"
const struct atr_heavy *atr_heavy_table(void);

/* The room that gzip needs for the most stubborn input. */
static inline size_t atr_gzip_room(size_t len)
{
	return len + len / 1000 + 128;
}

/*
 * The exporter thread: the path of an object of ours, beside the library; false: where that
 * lies cannot be told, and the path is the name alone.
 */
bool atr_heavy_find(const struct atr_io *io, const char *file, char path[static PATH_MAX]);

/*
 * The exporter thread: the table, loaded once. NULL, and a line in the log that tells what
 * for, once: it is not there.
 */
const struct atr_heavy *atr_heavy_load(const struct atr_io *io, const char *what_for);

#endif
