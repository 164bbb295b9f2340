/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_CURL_H
#define ATR_PRELOAD_HOOK_CURL_H

/* curl: a dlclose was called: what was known of libcurl's functions is to be asked anew. */
void atr_curl_unloaded(void);

#endif
