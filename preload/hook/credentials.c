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

HOOK int setuid(uid_t user)
{
	become_alike();
	return REAL(setuid)(user);
}

HOOK int seteuid(uid_t user)
{
	become_alike();
	return REAL(seteuid)(user);
}

HOOK int setreuid(uid_t real, uid_t effective)
{
	become_alike();
	return REAL(setreuid)(real, effective);
}

HOOK int setresuid(uid_t real, uid_t effective, uid_t saved)
{
	become_alike();
	return REAL(setresuid)(real, effective, saved);
}

HOOK int setgid(gid_t group)
{
	become_alike();
	return REAL(setgid)(group);
}

HOOK int setegid(gid_t group)
{
	become_alike();
	return REAL(setegid)(group);
}

HOOK int setregid(gid_t real, gid_t effective)
{
	become_alike();
	return REAL(setregid)(real, effective);
}

HOOK int setresgid(gid_t real, gid_t effective, gid_t saved)
{
	become_alike();
	return REAL(setresgid)(real, effective, saved);
}

HOOK int setgroups(size_t nr, const gid_t *groups)
{
	become_alike();
	return REAL(setgroups)(nr, groups);
}

HOOK int initgroups(const char *user, gid_t group)
{
	become_alike();
	return REAL(initgroups)(user, group);
}
