/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_HOOK_LOAD_H
#define ATR_PRELOAD_HOOK_LOAD_H

/* load: libraries that the program loads. The constructor, unless we stand aside: reads what is asked. */
void atr_load_setup(void);

#endif
