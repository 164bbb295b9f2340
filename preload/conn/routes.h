/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_CONN_ROUTES_H
#define ATR_PRELOAD_CONN_ROUTES_H

/*
 * routes: from a request's path to what it has in common with others like it
 * (AUTOTRACE_ROUTES), as it stands in http.route, url.template and the span's name.
 *
 *	[METHOD[|METHOD...]] /template
 *
 * A segment of a template is literal, or {name}, :name, <name> or * (any one segment
 * that is not empty), or has one {name} in it; the last may be {name...}, {name+},
 * {*name}, {name:path} or **, which stand for all that follows, also nothing. The
 * most specific that fits is taken: segment by segment from the left, a literal is
 * more than a literal with a name in it, that more than a name, and that more than
 * the rest; then one with methods, then the one that comes first. GET is HEAD, too.
 * A slash at the end means nothing.
 */
#include "export/io.h"
#include "propagator/str.h"

#define ATR_ROUTES_MAX 512
#define ATR_ROUTE_MAX 256 /* bytes of a template, and of a guess */
#define ATR_ROUTE_SEGMENTS_MAX 32

/* The constructor: AUTOTRACE_ROUTES, AUTOTRACE_ROUTES_GUESS. */
void atr_routes_setup(const struct atr_io *io);

/*
 * Any thread; no allocation, no lock. The template for a path (without its query), as
 * it was written; absent when none fits. Costs the path's length, and for each
 * template a comparison of two numbers; the path's length again for those that
 * have as many segments and the same first one.
 */
struct atr_str atr_routes_match(struct atr_str method, struct atr_str path);

/*
 * Any thread. Where guesses are asked for: the path with what looks like no word
 * (numbers, UUIDs, hashes, tokens) as {id}, into `room`; absent where they are not, and
 * when there have been too many different ones, so that what is no word after all
 * does not make a name for each request.
 */
bool atr_routes_are_guessed(void);
bool atr_routes_are_any(void); /* a path may have one, written or guessed */
struct atr_str atr_routes_guess(struct atr_str path, char room[static ATR_ROUTE_MAX]);

#endif
