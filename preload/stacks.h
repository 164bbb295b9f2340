/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_STACKS_H
#define ATR_PRELOAD_STACKS_H

/* stacks: loads the object that collects and names stacks, where AUTOTRACE_STACKS asks for it. */

/* The constructor, when what is told of attributes is known, and before the exporter is. */
void atr_stacks_setup(void);

#endif
