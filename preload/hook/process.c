/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/real.h"

#include "export/env.h"
#include "export/exporter.h"
#include "preload/conn/conn.h"
#include "preload/conn/lambda.h"
#include "preload/conn/state.h"
#include "preload/hook/alone.h"
#include "preload/hook/process.h"
#include "preload/hook/program.h"
#include "preload/live/function.h"
#include "preload/live/outcome.h"
#include "preload/live/readable.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

extern char **environ;

/*
 * Children: made by fork they start clean, made by vfork they touch nothing of
 * ours, and those that are to be another program get the context in a copy of
 * the environment. The program's own environment is never changed.
 */

HOOK pid_t fork(void)
{
	pid_t pid;

	atr_conn_shares();
	pid = REAL(fork)();
	if (pid == 0) {
		atr_thread_forked();
		atr_process_begins();
	}
	return pid;
}

/* What vfork jumps to: notes that this thread may be its own child for a while. */
__attribute__((used, visibility("hidden"))) void *atr_vfork_noted(void)
{
	atr_conn_shares();
	atr_thread_vforks();
	return (void *)REAL(vfork);
}

/*
 * vfork returns twice into its caller's frame, so there must be no frame of
 * ours: the stack is as it was when libc's own is jumped to.
 */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl vfork\n"
	".type vfork, @function\n"
	"vfork:\n"
	"	sub $8, %rsp\n"
	"	call atr_vfork_noted\n"
	"	add $8, %rsp\n"
	"	jmp *%rax\n"
	".size vfork, . - vfork\n");
#elif defined(__aarch64__)
__asm__(".text\n"
	".globl vfork\n"
	".type vfork, %function\n"
	"vfork:\n"
	"	stp x29, x30, [sp, #-16]!\n"
	"	bl atr_vfork_noted\n"
	"	ldp x29, x30, [sp], #16\n"
	"	br x0\n"
	".size vfork, . - vfork\n");
#endif

struct cloned {
	int (*run)(void *);
	void *arg;
};

/*
 * It ends by a call of libc's that ends this thread alone. Where ours is the only
 * other, the process would go on, and end with its status.
 */
static int run_cloned(void *arg)
{
	struct cloned *child = arg;
	int status;

	atr_thread_forked();
	atr_process_begins();
	status = child->run(child->arg);
	atr_process_ends(status);
	if (atr_exporter_is_alone())
		REAL(_exit)(status);
	atr_exporter_yield();
	return status;
}

/*
 * A process of its own is a fork; one in our memory that has no thread-local memory of its own is
 * a vfork where we wait for it, else it is told from its parent by its number, call for call.
 */
HOOK int clone(int (*run)(void *), void *stack, int flags, void *arg, ...)
{
	struct cloned child = { run, arg };
	va_list args;
	pid_t *parent_tid, *child_tid;
	void *tls;

	va_start(args, arg);
	parent_tid = va_arg(args, pid_t *);
	tls = va_arg(args, void *);
	child_tid = va_arg(args, pid_t *);
	va_end(args);
	if (!(flags & CLONE_VM) && run && !atr_in_shared_child())
		return REAL(clone)(run_cloned, stack, flags, &child, parent_tid, tls, child_tid);
	if ((flags & CLONE_VM) && !(flags & (CLONE_SETTLS | CLONE_THREAD))) {
		if (flags & CLONE_VFORK)
			atr_thread_vforks();
		else
			atr_thread_doubles();
	}
	return REAL(clone)(run, stack, flags, arg, parent_tid, tls, child_tid);
}

/* An environment with the context in it: strings first, then the array that is passed on. */
#define CHILD_TEXT 2048
#define CHILD_ENV_MAX 2048
struct child_env {
	char text[CHILD_TEXT];
	char **env; /* the program's own where nothing is to be added */
};

/* As many as CHILD_ENV_MAX where it cannot be passed on but as it is. */
static size_t count_of(char *const *env)
{
	size_t n = 0;

	while (env && n < CHILD_ENV_MAX) {
		if (!atr_is_readable(&env[n], sizeof(*env)))
			return CHILD_ENV_MAX;
		if (!env[n])
			break;
		if (!atr_is_readable(env[n], 1))
			return CHILD_ENV_MAX;
		n++;
	}
	return n;
}

/* Whether the program set this variable itself: to another value than we were started with. */
static bool is_its_own(const char *variable)
{
	const char *equals = strchr(variable, '=');
	size_t len = equals ? (size_t)(equals - variable) : 0;
	char name[32];
	struct atr_str ours;

	if (!len || len >= sizeof(name))
		return true;
	memcpy(name, variable, len);
	name[len] = 0;
	ours = atr_env_get(name);
	return !ours.at || !atr_str_equal(ours, atr_str(equals + 1));
}

/*
 * Builds the child's environment in `room` (for count_of(env) and
 * ATR_ENV_VARIABLES_MAX + 2 pointers). A program that says itself what the child's
 * context is, is believed.
 */
static char **with_context(char *const *env, struct child_env *child, char **room)
{
	struct atr_thread *self = atr_enter();
	bool in_child = !self && atr_in_shared_child();
	struct atr_context_copy context = { .block = 0 };
	unsigned nr = 0;
	size_t n = 0, len = 0;
	const char *text = child->text;
	bool found = false;

	if (self || (in_child && atr_has_thread()))
		found = atr_work_context(atr_work_current(&atr_self, 0), &context);
	if (found)
		len = atr_propagators_inject_env(&atr_formats, &context.context, child->text,
						 sizeof(child->text), &nr);
	atr_context_copy_release(&context);
	if (atr_lambda_is_on &&
	    atr_lambda_child_variable(child->text + len, sizeof(child->text) - len))
		nr++;
	atr_leave(self);
	if (!nr)
		return (char **)env;
	for (size_t i = 0; env && env[i]; i++) {
		if (atr_propagators_env_name(&atr_formats, atr_str(env[i]))) {
			if (is_its_own(env[i]))
				return (char **)env;
			continue;
		}
		room[n++] = env[i];
	}
	while (nr--) {
		room[n++] = (char *)text;
		text += strlen(text) + 1;
	}
	room[n] = NULL;
	return room;
}

/* The pointers for it live in the caller's frame; a huge environment is passed on as it is. */
#define CHILD_ENV(name, from)                                                              \
	struct child_env name;                                                             \
	size_t name##_count = count_of(from);                                              \
	char *name##_room[name##_count < CHILD_ENV_MAX ?                                   \
				  name##_count + ATR_ENV_VARIABLES_MAX + 2 :               \
				  1];                                                      \
                                                                                           \
	name.env = name##_count < CHILD_ENV_MAX ? with_context(from, &name, name##_room) : \
						  (char **)(from)

/* Before what is under way is ended by us: that says nothing of how it went. */
static void keep_undecided(void)
{
	struct atr_thread *self = atr_enter();

	if (self)
		atr_outcome_keep_all();
	atr_leave(self);
}

/* In a handler that interrupted our own code: at the very end, perhaps, that is under way already. */
static bool interrupts_us(void)
{
	return atr_has_thread() && atr_self.inside && !atr_self.jumped && atr_process_is_on();
}

/*
 * What that code was about to tell is not told; what waits is still sent, and an end that is under
 * way is not put off by another.
 */
static void end_within(void)
{
	uint32_t left_ms = atr_exporter_flush_left_ms();

	if (!atr_is_forked_child())
		atr_outcome_keep_all();
	atr_exporter_flush(left_ms ? left_ms : atr_exporter_exit_flush_ms());
}

/*
 * This process is about to be another program: what it has to tell is told before.
 * Not what is under way, where there will be no such program: then it goes on.
 */
static void before_exec(bool is_last)
{
	struct atr_thread *self;

	if (interrupts_us()) {
		end_within();
		return;
	}
	keep_undecided();
	if (is_last) {
		atr_conn_end_for_exec();
		atr_functions_end();
	}
	self = atr_enter();
	if (self) {
		if (is_last)
			atr_process_span_ends(ATR_STATUS_UNKNOWN);
		atr_exporter_flush(atr_exporter_exit_flush_ms());
	}
	atr_leave(self);
}

static bool is_any_under_way(void)
{
	return atr_conn_is_any_under_way() || atr_process_span_is_open();
}

/*
 * The call, after that. With the context the environment may be too large where it
 * was not without: it is then the program's own. errno is kept.
 */
#define EXEC(runs, child, own, call)                                   \
	do {                                                           \
		int saved_errno, result_;                              \
                                                                       \
		if (!atr_has_thread())                                 \
			return call;                                   \
		atr_conn_shares();                                     \
		saved_errno = errno;                                   \
		if (!atr_in_shared_child())                            \
			before_exec(is_any_under_way() && (runs));     \
		errno = saved_errno;                                   \
		result_ = call;                                        \
		if (errno == E2BIG && (child).env != (char **)(own)) { \
			errno = saved_errno;                           \
			(child).env = (char **)(own);                  \
			result_ = call;                                \
		}                                                      \
		return result_;                                        \
	} while (0)

HOOK int execve(const char *path, char *const argv[], char *const env[])
{
	CHILD_ENV(child, env);

	EXEC(atr_program_runs(AT_FDCWD, path, argv, env), child, env,
	     REAL(execve)(path, argv, child.env));
}

HOOK int execv(const char *path, char *const argv[])
{
	CHILD_ENV(child, environ);

	EXEC(atr_program_runs(AT_FDCWD, path, argv, environ), child, environ,
	     REAL(execve)(path, argv, child.env));
}

HOOK int execvpe(const char *file, char *const argv[], char *const env[])
{
	CHILD_ENV(child, env);

	EXEC(atr_program_is_found(file, argv, env), child, env,
	     REAL(execvpe)(file, argv, child.env));
}

HOOK int execvp(const char *file, char *const argv[])
{
	CHILD_ENV(child, environ);

	EXEC(atr_program_is_found(file, argv, environ), child, environ,
	     REAL(execvpe)(file, argv, child.env));
}

HOOK int fexecve(int fd, char *const argv[], char *const env[])
{
	CHILD_ENV(child, env);

	EXEC(atr_program_runs(fd, "", argv, env), child, env, REAL(fexecve)(fd, argv, child.env));
}

HOOK int execveat(int fd, const char *path, char *const argv[], char *const env[], int flags)
{
	CHILD_ENV(child, env);

	EXEC(atr_program_runs(fd, path, argv, env), child, env,
	     REAL(execveat)(fd, path, argv, child.env, flags));
}

static size_t count_args(va_list args)
{
	size_t n = 1; /* the first is named */

	while (va_arg(args, char *))
		n++;
	return n;
}

/* The variable arguments as an array, in the caller's frame. */
#define ARGV(name, first)                          \
	va_list args;                              \
	size_t name##_count;                       \
                                                   \
	va_start(args, first);                     \
	name##_count = count_args(args);           \
	va_end(args);                              \
	char *name[name##_count + 1];              \
	va_start(args, first);                     \
	name[0] = (char *)(first);                 \
	for (size_t i = 1; i <= name##_count; i++) \
	name[i] = va_arg(args, char *)

HOOK int execl(const char *path, const char *first, ...)
{
	ARGV(argv, first);
	va_end(args);
	return execv(path, argv);
}

HOOK int execlp(const char *file, const char *first, ...)
{
	ARGV(argv, first);
	va_end(args);
	return execvp(file, argv);
}

HOOK int execle(const char *path, const char *first, ...)
{
	char *const *env;

	ARGV(argv, first);
	env = va_arg(args, char *const *);
	va_end(args);
	return execve(path, argv, env);
}

HOOK int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
		     const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	int result;
	CHILD_ENV(child, env);

	atr_conn_shares();
	result = REAL(posix_spawn)(pid, path, actions, attributes, argv, child.env);
	if (result == E2BIG && child.env != (char **)env)
		result = REAL(posix_spawn)(pid, path, actions, attributes, argv, env);
	return result;
}

HOOK int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
		      const posix_spawnattr_t *attributes, char *const argv[], char *const env[])
{
	int result;
	CHILD_ENV(child, env);

	atr_conn_shares();
	result = REAL(posix_spawnp)(pid, file, actions, attributes, argv, child.env);
	if (result == E2BIG && child.env != (char **)env)
		result = REAL(posix_spawnp)(pid, file, actions, attributes, argv, env);
	return result;
}

/*
 * system and popen take the environment from the global variable. It is pointed
 * at the child's copy for the length of the call, and only where no other thread
 * could see that: where the program has made none.
 */
HOOK int system(const char *command)
{
	char **own = environ;
	int result;
	CHILD_ENV(child, own);

	if (child.env != own && atr_has_one_thread())
		environ = child.env;
	result = REAL(system)(command);
	if (environ == child.env)
		environ = own;
	return result;
}

HOOK FILE *popen(const char *command, const char *mode)
{
	char **own = environ;
	FILE *result;
	CHILD_ENV(child, own);

	if (child.env != own && atr_has_one_thread())
		environ = child.env;
	result = REAL(popen)(command, mode);
	if (environ == child.env)
		environ = own;
	return result;
}

static pthread_t main_thread;

void atr_process_begins(void)
{
	main_thread = pthread_self();
}

void atr_thread_ends(pthread_t thread)
{
	if (pthread_equal(thread, main_thread) && !atr_in_shared_child())
		atr_exporter_yield();
}

HOOK _Noreturn void pthread_exit(void *value)
{
	atr_thread_ends(pthread_self());
	REAL(pthread_exit)(value);
	__builtin_unreachable();
}

HOOK _Noreturn void thrd_exit(int value)
{
	atr_thread_ends(pthread_self());
	REAL(thrd_exit)(value);
	__builtin_unreachable();
}

HOOK int pthread_cancel(pthread_t thread)
{
	atr_alone_ends();
	atr_thread_ends(thread);
	return REAL(pthread_cancel)(thread);
}

static void end_all(int status)
{
	struct atr_thread *self;

	keep_undecided();
	atr_conn_end_all();
	atr_functions_end();
	self = atr_enter();
	if (self) {
		atr_process_span_ends(status);
		atr_exporter_flush(atr_exporter_exit_flush_ms());
	}
	atr_leave(self);
}

void atr_process_ends(int status)
{
	int saved;

	if (!atr_was_entered || atr_in_shared_child())
		return;
	saved = errno;
	if (interrupts_us())
		end_within();
	else
		end_all(status);
	errno = saved;
}

void atr_process_dies(int number)
{
	if (atr_was_entered && atr_has_thread() && atr_process_is_on())
		atr_process_ends(128 + number); /* as shells tell it */
}

HOOK _Noreturn void _exit(int status)
{
	atr_process_ends(status);
	REAL(_exit)(status);
	__builtin_unreachable();
}

HOOK _Noreturn void _Exit(int status)
{
	atr_process_ends(status);
	REAL(_Exit)(status);
	__builtin_unreachable();
}

HOOK _Noreturn void quick_exit(int status)
{
	atr_process_ends(status);
	REAL(quick_exit)(status);
	__builtin_unreachable();
}
