/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_PROTO_JSON_H
#define ATR_PRELOAD_PROTO_JSON_H

/*
 * json: picks some values out of a JSON text (RFC 8259) that goes by.
 *
 * Pure and resumable at any byte: bytes in, values out; no allocation, memory and
 * time bounded whatever the text. It is no validator: a text that is not JSON ends
 * the search, values that came before it stand.
 *
 * A path names members from the outermost object on, with a '.' between them:
 * "requestContext.http.method". '*' is any member, and any element of an array. A
 * member with a '~' before it is compared without regard to case.
 */
#include "propagator/str.h"

#include <stdint.h>

#define ATR_JSON_PATHS_MAX 64
#define ATR_JSON_PATH_DEPTH 8	/* members of a path */
#define ATR_JSON_DEPTH_MAX 1024 /* a text that nests deeper is not followed */
#define ATR_JSON_KEY_MAX 128	/* a longer name is no member of any path */

/*
 * A piece of a wanted value: a string, its escapes resolved, or the text of a
 * number, true, false or null. In one or several pieces; `ends` with the last.
 * `element`: which element of the outermost array on the way it is in, else 0.
 * `key`: the name of the last member on the way that a '*' stands for; of no use
 * for a path without one.
 */
struct atr_json_value {
	unsigned path; /* index of the first path that names it */
	uint32_t element;
	bool is_string, ends;
	struct atr_str key, piece;
};

struct atr_json {
	const char *const *paths;
	unsigned nr_paths;
	void (*found)(void *arg, const struct atr_json_value *value);
	void *arg;

	uint8_t state;
	uint8_t escape; /* hex digits of a \u still to come */
	bool is_key;
	uint8_t match; /* index of the wanted path + 1 */
	uint32_t depth, element;
	uint32_t code, high;  /* of \u escapes: this one, and the first of a pair */
	uint32_t array_depth; /* of the outermost array */
	uint32_t key_len, any_len;
	uint64_t wanted[ATR_JSON_PATH_DEPTH + 1]; /* by depth: the paths that lead here */
	uint64_t is_object[ATR_JSON_DEPTH_MAX / 64];
	/* of these, where in the path its next member is; 0: it ends here */
	uint8_t next[ATR_JSON_PATH_DEPTH + 1][ATR_JSON_PATHS_MAX];
	char key[ATR_JSON_KEY_MAX], any[ATR_JSON_KEY_MAX];
};

/* The paths stay the caller's and must outlive it. */
void atr_json_begin(struct atr_json *json, const char *const *paths, unsigned nr_paths,
		    void (*found)(void *arg, const struct atr_json_value *value), void *arg);

/* The next bytes. False, then and for all that follows: it is not JSON, or it is over. */
bool atr_json_feed(struct atr_json *json, const char *bytes, size_t len);

/* Whether a whole value went by. */
bool atr_json_is_whole(const struct atr_json *json);

#endif
