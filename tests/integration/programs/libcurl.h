/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_TESTS_PROGRAMS_LIBCURL_H
#define ATR_TESTS_PROGRAMS_LIBCURL_H

/*
 * What these programs use of libcurl, so that they need the library alone: numbers
 * and prototypes of its public interface.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void CURL;
typedef void CURLM;

struct curl_slist {
	char *data;
	struct curl_slist *next;
};
struct curl_blob {
	void *data;
	size_t len;
	unsigned flags;
};
typedef struct {
	int msg;
	CURL *easy_handle;
	union {
		void *whatever;
		int result;
	} data;
} CURLMsg;

enum {
	CURLOPT_VERBOSE = 41,
	CURLOPT_NOPROGRESS = 43,
	CURLOPT_NOBODY = 44,
	CURLOPT_FOLLOWLOCATION = 52,
	CURLOPT_SSL_VERIFYPEER = 64,
	CURLOPT_SSL_VERIFYHOST = 81,
	CURLOPT_NOSIGNAL = 99,
	CURLOPT_HTTPAUTH = 107,
	CURLOPT_CONNECT_ONLY = 141,
	CURLOPT_TIMEOUT_MS = 155,
	CURLOPT_WRITEDATA = 10001,
	CURLOPT_URL = 10002,
	CURLOPT_USERPWD = 10005,
	CURLOPT_POSTFIELDS = 10015,
	CURLOPT_HTTPHEADER = 10023,
	CURLOPT_HEADERDATA = 10029,
	CURLOPT_PRIVATE = 10103,
	CURLOPT_WRITEFUNCTION = 20011,
	CURLOPT_HEADERFUNCTION = 20079,
	CURLOPT_DEBUGFUNCTION = 20094,
	CURLOPT_XFERINFOFUNCTION = 20219,
	CURLOPT_RESUME_FROM_LARGE = 30116,
	CURLOPT_CAINFO_BLOB = 40309,
	CURLMOPT_SOCKETFUNCTION = 20001,
	CURLMOPT_SOCKETDATA = 10002,
	CURLMOPT_TIMERFUNCTION = 20004,
	CURLMOPT_TIMERDATA = 10005,
	CURLINFO_RESPONSE_CODE = 0x200002,
	CURLINFO_REQUEST_SIZE = 0x20000c,
	CURLINFO_ACTIVESOCKET = 0x50002c,
	CURLINFO_PRIVATE = 0x100015,
	CURL_POLL_IN = 1,
	CURL_POLL_OUT = 2,
	CURL_POLL_REMOVE = 4,
	CURL_SOCKET_TIMEOUT = -1,
	CURL_CSELECT_IN = 1,
	CURL_CSELECT_OUT = 2,
	CURL_CSELECT_ERR = 4,
	CURLAUTH_DIGEST = 2,
	CURLMSG_DONE = 1,
};

int curl_global_init(long flags);
CURL *curl_easy_init(void);
int curl_easy_setopt(CURL *, int option, ...);
int curl_easy_getinfo(CURL *, int info, ...);
int curl_easy_perform(CURL *);
int curl_easy_send(CURL *, const void *, size_t, size_t *);
int curl_easy_recv(CURL *, void *, size_t, size_t *);
void curl_easy_reset(CURL *);
CURL *curl_easy_duphandle(CURL *);
void curl_easy_cleanup(CURL *);
const char *curl_easy_strerror(int);
struct curl_slist *curl_slist_append(struct curl_slist *, const char *);
void curl_slist_free_all(struct curl_slist *);
CURLM *curl_multi_init(void);
int curl_multi_setopt(CURLM *, int option, ...);
int curl_multi_add_handle(CURLM *, CURL *);
int curl_multi_remove_handle(CURLM *, CURL *);
int curl_multi_perform(CURLM *, int *running);
int curl_multi_poll(CURLM *, void *, unsigned, int timeout_ms, int *);
int curl_multi_socket_action(CURLM *, int fd, int events, int *running);
CURLMsg *curl_multi_info_read(CURLM *, int *left);
int curl_multi_cleanup(CURLM *);

#endif
