/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_LIBCURL_H
#define ATR_PRELOAD_CONN_LIBCURL_H

/*
 * libcurl: what is used of its public interface. It is never linked: programs bring
 * it, in more than one build at once. Numbers and layouts are those of curl/curl.h,
 * curl/multi.h and of `man libcurl-symbols`; they have been the same since each was
 * added, as libcurl's ABI policy promises.
 */
#include "propagator/str.h"

#include <stdint.h>

/* CURLcode, CURLMcode */
#define ATR_CURLE_OK 0
#define ATR_CURLE_FAILED_INIT 2
#define ATR_CURLE_WRITE_ERROR 23
#define ATR_CURLE_ABORTED_BY_CALLBACK 42
#define ATR_CURLM_INTERNAL_ERROR 4

/* CURLoption: the number, and 10000 where the value is a pointer */
#define ATR_CURLOPT_VERBOSE 41
#define ATR_CURLOPT_CONNECT_ONLY 141
#define ATR_CURLOPT_URL 10002
#define ATR_CURLOPT_HTTPHEADER 10023
#define ATR_CURLOPT_CURLU 10282

/* CURLINFO: the number, and what its value is */
#define ATR_CURLINFO_EFFECTIVE_URL 0x100001
#define ATR_CURLINFO_PRIMARY_IP 0x100020
#define ATR_CURLINFO_EFFECTIVE_METHOD 0x10003a /* 7.72.0 */
#define ATR_CURLINFO_RESPONSE_CODE 0x200002
#define ATR_CURLINFO_REQUEST_SIZE 0x20000c
#define ATR_CURLINFO_REDIRECT_COUNT 0x200014
#define ATR_CURLINFO_NUM_CONNECTS 0x20001a
#define ATR_CURLINFO_PRIMARY_PORT 0x200028
#define ATR_CURLINFO_HTTP_VERSION 0x20002e /* 7.50.0 */
#define ATR_CURLINFO_TOTAL_TIME_T 0x600032 /* microseconds; this and those that follow: 7.61.0 */
#define ATR_CURLINFO_NAMELOOKUP_TIME_T 0x600033
#define ATR_CURLINFO_CONNECT_TIME_T 0x600034
#define ATR_CURLINFO_STARTTRANSFER_TIME_T 0x600036
#define ATR_CURLINFO_APPCONNECT_TIME_T 0x600038

/* CURLMsg */
#define ATR_CURLMSG_DONE 1
struct atr_curl_message {
	int what;
	void *easy;
	union {
		void *whatever;
		int result;
	} data;
};

/* struct curl_slist */
struct atr_curl_list {
	char *text;
	struct atr_curl_list *next;
};

/* The functions that are called, of one library: in the order of their names. */
#define ATR_CURL_FUNCTIONS(of)                                                                    \
	of(void *, easy_init, (void)) of(int, easy_setopt, (void *, int, ...)) of(                \
		int, easy_getinfo, (void *, int, ...)) of(int, easy_perform, (void *))            \
		of(void, easy_reset, (void *)) of(void *, easy_duphandle, (void *)) of(           \
			void, easy_cleanup, (void *)) of(int, multi_add_handle, (void *, void *)) \
			of(int, multi_remove_handle, (void *, void *))                            \
				of(int, multi_perform, (void *, int *)) of(int, multi_socket,     \
									   (void *, int, int *))  \
					of(int, multi_socket_action, (void *, int, int, int *))   \
						of(int, multi_socket_all, (void *, int *))        \
							of(struct atr_curl_message *,             \
							   multi_info_read, (void *, int *))

struct atr_libcurl {
#define ATR_CURL_MEMBER(type, name, arguments) type(*name) arguments;
	ATR_CURL_FUNCTIONS(ATR_CURL_MEMBER)
#undef ATR_CURL_MEMBER
	uintptr_t begin, end; /* where it lies */
};

/* "CURLE_OPERATION_TIMEDOUT" of 28; "_OTHER" of what is not known. */
struct atr_str atr_curlcode_name(int code);

#endif
