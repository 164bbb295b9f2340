/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ATR_PRELOAD_APART_H
#define ATR_PRELOAD_APART_H

/*
 * apart: a thread with descriptors of its own. None of the program's is in its
 * table, and none of its in the program's: each open, dup2 and close of the
 * program answers as it would, and what it closes is closed.
 */
#include <stdbool.h>

/*
 * The thread that is to have them; `keeps_standard`: 0 to 2 go along. False: the
 * kernel has it not (close_range before Linux 5.9) or forbids it (unshare in some
 * containers), and all is as it was.
 */
bool atr_apart(bool keeps_standard);

#endif
