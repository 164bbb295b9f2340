/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_EXPORT_LIST_H
#define ATR_EXPORT_LIST_H

/* list: members by commas, as variables have them. */
#include "propagator/str.h"

/* The next member of a comma-separated list, trimmed; empty ones are passed over. */
bool atr_list_next(struct atr_str *list, struct atr_str *member);

/*
 * All of it is key=value, percent-encoded. Any error, and OTEL_RESOURCE_ATTRIBUTES is
 * discarded as a whole: that is the specification's rule.
 */
bool atr_list_is_pairs(struct atr_str list);

#endif
