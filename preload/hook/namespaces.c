/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/exporter.h"
#include "preload/hook/process.h"
#include "preload/live/thread.h"

#include <errno.h>

/*
 * What a process or a thread stops sharing with others. Some of it the kernel allows to a process of
 * one thread only, and ours would be the second.
 */
static void be_alone(void)
{
	int saved = errno;

	if (atr_was_entered && !atr_in_shared_child() && !atr_is_forked_child())
		atr_exporter_leave(atr_exporter_exit_flush_ms(), true);
	errno = saved;
}

HOOK int unshare(int flags)
{
	int result;

	if (flags & (CLONE_NEWUSER | CLONE_THREAD | CLONE_SIGHAND | CLONE_VM))
		be_alone();
	result = REAL(unshare)(flags);
	if (result == 0 && (flags & CLONE_FILES) && atr_has_thread() && !atr_has_one_thread())
		atr_thread_parts();
	return result;
}

/* A kind of 0: any, and only the kernel knows which. */
HOOK int setns(int fd, int kind)
{
	if (!kind || (kind & ~(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID)))
		be_alone();
	return REAL(setns)(fd, kind);
}
