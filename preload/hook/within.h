/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_WITHIN_H
#define ATR_PRELOAD_HOOK_WITHIN_H

/*
 * within: a call that is handed to a TLS library. What that does for the same
 * session by names that are ours is its own business, and not told (atr_is_within).
 */
#include "preload/live/thread.h"

#define WITHIN(session, call)                                                   \
	({                                                                      \
		const void *outer_ = atr_self.in_session;                       \
		uintptr_t outer_at_ = atr_self.in_session_at;                   \
		__typeof__(call) result_;                                       \
                                                                                \
		atr_self.in_session = session;                                  \
		atr_self.in_session_at = (uintptr_t)__builtin_frame_address(0); \
		result_ = call;                                                 \
		atr_self.in_session = outer_;                                   \
		atr_self.in_session_at = outer_at_;                             \
		result_;                                                        \
	})

#endif
