/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/credentials.h"

#include "export/exporter.h"
#include "preload/hook/real.h"
#include "preload/live/thread.h"

#include <errno.h>

static _Atomic bool differs;

void atr_credentials_changed(void)
{
	int saved = errno;

	if (atr_was_entered && !atr_in_shared_child() && !atr_is_forked_child()) {
		/* ours itself, or a handler in the middle of what it would wait for */
		differs = atr_self.inside;
		if (!differs)
			atr_exporter_leave(atr_exporter_exit_flush_ms(), false);
	}
	errno = saved;
}

void atr_credentials_differ(void)
{
	differs = true;
}

static void become_alike(void)
{
	if (__builtin_expect(differs, 0))
		atr_credentials_changed();
}

HOOK int capset(cap_user_header_t header, const cap_user_data_t data)
{
	int result = REAL(capset)(header, data);

	if (result == 0)
		atr_credentials_changed();
	return result;
}

#define SETS(name, parameters, ...)             \
	HOOK int name parameters                \
	{                                       \
		become_alike();                 \
		return REAL(name)(__VA_ARGS__); \
	}

SETS(setuid, (uid_t user), user)
SETS(seteuid, (uid_t user), user)
SETS(setreuid, (uid_t real, uid_t effective), real, effective)
SETS(setresuid, (uid_t real, uid_t effective, uid_t saved), real, effective, saved)
SETS(setgid, (gid_t group), group)
SETS(setegid, (gid_t group), group)
SETS(setregid, (gid_t real, gid_t effective), real, effective)
SETS(setresgid, (gid_t real, gid_t effective, gid_t saved), real, effective, saved)
SETS(setgroups, (size_t nr, const gid_t *groups), nr, groups)
SETS(initgroups, (const char *user, gid_t group), user, group)
