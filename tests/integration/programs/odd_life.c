/* SPDX-License-Identifier: Apache-2.0 */
/* odd_life PORT WAY: requests, and something done to the process that few programs do. */
#include "net.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

extern char **environ;

static const char *port;
static char *first_variable; /* as the kernel has laid it down */

static bool asks_on(int fd)
{
	char answer[ANSWER_LEN];

	return write(fd, GET, strlen(GET)) == (ssize_t)strlen(GET) &&
	       recv(fd, answer, ANSWER_LEN, MSG_WAITALL) == (ssize_t)ANSWER_LEN &&
	       memcmp(answer, ANSWER, ANSWER_LEN) == 0;
}

static bool asks(void)
{
	int fd = connect_to(port);
	bool good = asks_on(fd);

	close(fd);
	return good;
}

static int status_of(pid_t pid)
{
	int status = 0;

	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1000;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* ---- children ----------------------------------------------------------------------------------- */

static void forks(int number)
{
	pid_t pid = fork();

	(void)number;
	if (pid == 0)
		_exit(asks() ? 0 : 1);
	say("child", status_of(pid));
}

/* The handler interrupts a read in the middle of a request, and later our own code, perhaps. */
static void fork_in_handler(void)
{
	struct sigaction action = { .sa_handler = forks, .sa_flags = SA_RESTART };
	int fd = connect_to(port);

	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < 5; i++) {
		if (write(fd, GET, strlen(GET)) != (ssize_t)strlen(GET))
			die("write");
		raise(SIGUSR1);
		read_ok(fd);
	}
}

static void vfork_fails(void)
{
	int fd = connect_to(port);

	for (int i = 0; i < 3; i++) {
		pid_t pid;

		if (write(fd, GET, strlen(GET)) != (ssize_t)strlen(GET))
			die("write");
		pid = vfork();
		if (pid == 0) {
			close(fd);
			execl("/none/of/it", "it", NULL);
			execlp("none-of-it", "it", NULL);
			_exit(errno == ENOENT ? 7 : 8);
		}
		say("child", status_of(pid));
		read_ok(fd);
	}
}

static int beside_us(void *fd)
{
	close(*(int *)fd);
	*(int *)fd = -1;
	return !asks();
}

/* In our memory, and not waited for; then one by fork, which is a process of its own again. */
static void beside(void)
{
	static char stack[65536] __attribute__((aligned(64)));
	pid_t pid;
	int fd;

	for (int i = 0; i < 3; i++) {
		int copy = fd = connect_to(port);

		if (write(fd, "GET /ok HTTP/1.1\r\n", 18) != 18)
			die("write");
		pid = clone(beside_us, stack + sizeof(stack), CLONE_VM | SIGCHLD, &copy);
		say("child", status_of(pid));
		say("ran", copy);
		say("rest", write(fd, "Host: h\r\n\r\n", 11));
		read_ok(fd);
		say("asks", asks_on(fd));
	}
	pid = fork();
	if (pid == 0)
		_exit(asks() ? 0 : 1);
	say("child", status_of(pid));
	pid = vfork();
	if (pid == 0)
		_exit(4);
	say("child", status_of(pid));
	pid = fork();
	if (pid == 0)
		_exit(asks() ? 0 : 1);
	say("child", status_of(pid));
}

static void looks_up_in_child(void)
{
	pid_t pid;

	say("asks", asks());
	pid = fork();
	if (pid == 0) {
		struct addrinfo *list = NULL;
		int bad = getaddrinfo("localhost", port, NULL, &list);

		if (list)
			freeaddrinfo(list);
		_exit(bad ? 1 : asks() ? 0 : 2);
	}
	say("child", status_of(pid));
}

static void prepare(void)
{
	say("before", asks());
}
static void in_parent(void)
{
	say("in the parent", asks());
}
static bool is_told_apart;
static void in_child(void)
{
	bool good = asks();

	if (!is_told_apart)
		say("in the child", good);
}

static void at_fork(void)
{
	pid_t pid;

	pthread_atfork(prepare, NULL, in_child);
	pid = fork();
	if (pid == 0)
		_exit(asks() ? 0 : 1);
	say("child", status_of(pid));
	is_told_apart = true;
	pthread_atfork(NULL, in_parent, NULL);
	pid = fork();
	if (pid == 0)
		_exit(asks() ? 0 : 1);
	say("child", status_of(pid));
}

static void late(void)
{
	static int nr;

	say("at exit", asks());
	if (nr++ < 2)
		atexit(late); /* while the handlers run */
}

static void at_exit(void)
{
	atexit(late);
	say("asks", asks());
	exit(3);
}

/* ---- the environment ------------------------------------------------------------------------------ */

static void child_of_none(void)
{
	char *argv[] = { "true", NULL };
	pid_t pid;

	say("asks", asks());
	say("HOME", getenv("HOME") != NULL);
	say("system", system("exit 5") >> 8);
	say("spawn", posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
	say("child", status_of(pid));
	say("spawn", posix_spawn(&pid, "/bin/true", NULL, NULL, argv, NULL));
	say("child", status_of(pid));
	pid = fork();
	if (pid == 0) {
		execv("/bin/true", argv);
		_exit(9);
	}
	say("child", status_of(pid));
	pid = fork();
	if (pid == 0) {
		execve("/bin/true", argv, NULL);
		_exit(9);
	}
	say("child", status_of(pid));
	setenv("ODD", "1", 1);
	say("ODD", getenv("ODD") != NULL);
	say("asks", asks());
}

static void no_environment(void)
{
	environ = NULL;
	child_of_none();
}

static void cleared(void)
{
	say("asks", asks());
	clearenv();
	child_of_none();
}

static void overwritten(void)
{
	static char own[] = "AUTOTRACE_DISABLED=true", other[] = "OTEL_TRACES_EXPORTER=none",
		    file[] = "AUTOTRACE_FILE=/none";

	say("asks", asks());
	putenv(own);
	putenv(other);
	putenv(file);
	say("asks", asks());
	memset(own, 'x', sizeof(own) - 1);
	unsetenv("LD_PRELOAD");
	say("asks", asks());
	child_of_none();
	/* as programs do that change their titles */
	memset(first_variable, 'y', strlen(first_variable));
	say("asks", asks());
}

/* ---- threads and what they share --------------------------------------------------------------- */

static int started;

/* Descriptors of its own: the numbers mean other things here. */
static void *apart(void *at)
{
	int fd = *(int *)at;
	char name[] = "/tmp/odd-XXXXXX", got[256] = "";
	int file;

	if (syscall(SYS_unshare, CLONE_FILES))
		die("unshare");
	close(fd);
	file = mkstemp(name);
	say("the same number", file == fd);
	say("write", write(file, GET, strlen(GET)));
	say("pread", pread(file, got, sizeof(got), 0));
	printf("%s", got);
	unlink(name);
	close(file);
	say("its own", asks());
	say("its own again", asks());
	started = connect_to(port);
	say("the same number", started == fd);
	/* half of a head stays behind */
	say("half", write(started, "GET /ok?half HTTP/1.1\r\n", 23));
	return NULL;
}

static void own_descriptors(void)
{
	int fd = connect_to(port);
	pthread_t thread;

	say("asks", asks_on(fd));
	if (write(fd, "GET /ok HTTP/1.1\r\n", 18) != 18)
		die("write");
	pthread_create(&thread, NULL, apart, &fd);
	pthread_join(thread, NULL);
	say("rest", write(fd, "Host: h\r\n\r\n", 11));
	read_ok(fd);
	say("asks", asks_on(fd));
	say("asks", asks());
}

/* What a process may do with one thread only. */
static void own_users(void)
{
	int fd;
	pid_t pid;

	say("asks", asks());
	say("unshare CLONE_VM", unshare(CLONE_VM));
	say("unshare CLONE_SIGHAND", unshare(CLONE_SIGHAND));
	say("unshare CLONE_THREAD", unshare(CLONE_THREAD));
	say("unshare CLONE_FS", unshare(CLONE_FS));
	say("asks", asks());
	fd = open("/proc/self/ns/mnt", O_RDONLY);
	say("setns", setns(fd, CLONE_NEWNS));
	close(fd);
	say("asks", asks());
	say("unshare CLONE_NEWUSER", unshare(CLONE_NEWUSER));
	say("asks", asks());
	say("unshare CLONE_NEWUSER by number", syscall(SYS_unshare, CLONE_NEWUSER));
	say("asks", asks());
	pid = fork();
	if (pid == 0) {
		say("unshare CLONE_NEWUSER", unshare(CLONE_NEWUSER));
		say("asks", asks());
		say("unshare CLONE_NEWNET", unshare(CLONE_NEWNET));
		exit(0);
	}
	say("child", status_of(pid));
}

/* ---- signals ---------------------------------------------------------------------------------- */

static int to_null, to_pipe[2], to_file;

static void writes(int number)
{
	(void)number;
	if (write(to_null, "x", 1) != 1 || write(to_pipe[1], "x", 1) != 1 ||
	    write(to_file, "x", 1) != 1)
		abort();
}

/* The smallest stack for a handler there may be, and nothing below it. */
static void small_stack(void)
{
	size_t page = 4096, len = (size_t)sysconf(_SC_MINSIGSTKSZ), all = (len + 4095) & ~4095ul;
	char *at =
		mmap(NULL, all + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t stack = { .ss_size = len };
	struct sigaction action = { .sa_handler = writes, .sa_flags = SA_ONSTACK };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } }, never = { 0 };
	int good = 0;

	stack.ss_sp = at + page;
	/* right at its end, whatever is left of the first page */
	mprotect(at, page, PROT_NONE);
	say("sigaltstack", sigaltstack(&stack, NULL));
	to_null = open("/dev/null", O_WRONLY);
	to_file = open("/tmp/.odd-file", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	unlink("/tmp/.odd-file");
	if (pipe2(to_pipe, O_NONBLOCK))
		die("pipe");
	writes(0);
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	good += asks();
	raise(SIGUSR1);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 200; i++) {
		int fd = -1;
		struct sockaddr_in address = at_port(port);
		char answer[ANSWER_LEN];
		size_t got = 0;
		ssize_t n;

		while (fd < 0)
			fd = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(fd, (struct sockaddr *)&address, sizeof(address)) && errno != EINTR)
			die("connect");
		while (write(fd, GET, strlen(GET)) < 0)
			;
		while (got < ANSWER_LEN && ((n = read(fd, answer + got, ANSWER_LEN - got)) > 0 ||
					    (n < 0 && errno == EINTR)))
			got += n > 0 ? (size_t)n : 0;
		good += got == ANSWER_LEN;
		close(fd);
		while (read(to_pipe[0], answer, sizeof(answer)) > 0)
			;
	}
	setitimer(ITIMER_REAL, &never, NULL);
	say("good", good);
}

static _Atomic int alarms;

static void counts(int number)
{
	(void)number;
	alarms++;
}

/* Thousands of signals a second; calls that go on by themselves must. */
static void storm(void)
{
	struct sigaction action = { .sa_handler = counts, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 300 }, { 0, 300 } }, never = { 0 };
	int good = 0, bad = 0;

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 300; i++) {
		int fd = connect_to(port);
		char answer[ANSWER_LEN];
		size_t got = 0;
		ssize_t n;

		bad += write(fd, GET, strlen(GET)) != (ssize_t)strlen(GET);
		while (got < ANSWER_LEN && (n = read(fd, answer + got, ANSWER_LEN - got)) > 0)
			got += (size_t)n;
		good += got == ANSWER_LEN;
		close(fd);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	printf("%d, %d, %d\n", good, bad, alarms > 0);
}

/* ---- limits ------------------------------------------------------------------------------------ */

/* A descriptor that is none, at the start: 0, 1, 2 are the program's next ones. */
static void closed_at_start(void)
{
	int fd, results = dup(9);

	fd = connect_to(port);
	dprintf(results, "number %d: %d\n", fd, asks_on(fd));
	fd = open("/dev/null", O_RDWR);
	dprintf(results, "number %d\n", fd);
	dprintf(results, "number %d: %d\n", dup(fd), asks());
	_exit(0);
}

static void no_files(void)
{
	struct rlimit none = { 0, RLIM_INFINITY };

	setrlimit(RLIMIT_FSIZE, &none);
	if (!asks() || unshare(CLONE_VM) || !asks())
		_exit(1);
}

static long status_kb(const char *what)
{
	char line[256];
	long kb = -1;
	FILE *file = fopen("/proc/self/status", "r");

	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, what, strlen(what)))
			kb = atol(line + strlen(what));
	fclose(file);
	return kb;
}

static bool is_in_bounds(void)
{
	return status_kb("VmRSS:") < 16384;
}

/* As long as it takes for what was told to be sent. */
static void wait_for_sending(void)
{
	usleep(300000);
}

/* What comes is locked before anything was sent, and all of it when something was. */
static void locked_first(void)
{
	say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
	say("asks", asks());
	wait_for_sending();
	say("resident in bounds", is_in_bounds());
	say("munlockall", munlockall());
	say("asks", asks());
	wait_for_sending();
	say("mlockall", mlockall(MCL_CURRENT));
	say("resident in bounds", is_in_bounds());
}

/* What is there already, what comes, and not more than there was. */
static void locked(void)
{
	static char all[1 << 20];
	unsigned char there[sizeof(all) / 4096 + 1];
	size_t nr = 0;

	say("mlockall", mlockall(MCL_CURRENT));
	say("asks", asks());
	mincore((void *)((uintptr_t)all & ~4095ul), sizeof(all), there);
	for (size_t i = 0; i < sizeof(all) / 4096; i++)
		nr += there[i] & 1;
	say("filled", (long)nr);
	say("locked", status_kb("VmLck:") > 1024);
	say("resident in bounds", is_in_bounds());
	say("mlockall", mlockall(MCL_CURRENT | MCL_FUTURE));
	say("asks", asks());
	char *more = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	say("filled", more != MAP_FAILED && mincore(more, 4096, there) == 0 && there[0] & 1);
	say("mlockall", mlockall(MCL_FUTURE));
	say("mlockall", mlockall(MCL_CURRENT | 4 /* MCL_ONFAULT */));
	say("nothing asked for", mlockall(0));
	say("not known", mlockall(64 | MCL_CURRENT));
	say("resident in bounds", is_in_bounds());
	say("munlockall", munlockall());
	say("locked", status_kb("VmLck:"));
}

static void not_dumpable(void)
{
	say("asks", asks());
	if (getuid() == 0 && setuid(65534))
		die("setuid");
	say("dumpable", prctl(PR_SET_DUMPABLE, 0));
	say("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	for (int i = 0; i < 3; i++)
		say("asks", asks());
	say("bad memory", send(connect_to(port), (void *)8, 100, 0));
}

static void *becomes_another(void *unused)
{
	(void)unused;
	say("setgid", setgid(65534));
	say("setuid", setuid(65534));
	say("asks", asks());
	return NULL;
}

static void setuid_in_thread(void)
{
	pthread_t thread;

	say("asks", asks());
	pthread_create(&thread, NULL, becomes_another, NULL);
	pthread_join(thread, NULL);
	say("it is", getuid());
	say("asks", asks());
}

/* Whether all threads of the process may do the same. */
static bool are_alike(void)
{
	char path[300], line[256], first[256] = "";
	DIR *tasks = opendir("/proc/self/task");
	bool alike = true;
	struct dirent *task;

	while ((task = readdir(tasks))) {
		FILE *status;

		if (task->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
		status = fopen(path, "re");
		while (status && fgets(line, sizeof(line), status))
			if (!strncmp(line, "CapPrm:", 7)) {
				if (!first[0])
					memcpy(first, line, sizeof(first));
				alike = alike && !strcmp(first, line);
			}
		if (status)
			fclose(status);
	}
	closedir(tasks);
	return alike;
}

int capset(struct __user_cap_header_struct *, const struct __user_cap_data_struct *);

/* Of a thread's capabilities, one; it has it, or not. */
static int has_capability(int which, bool effective, bool permitted, bool by_number)
{
	struct __user_cap_header_struct version = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	uint32_t bit = 1u << which;

	if (syscall(SYS_capget, &version, sets))
		die("capget");
	sets[0].effective = (sets[0].effective & ~bit) | (effective ? bit : 0);
	sets[0].permitted = (sets[0].permitted & ~bit) | (permitted ? bit : 0);
	return by_number ? (int)syscall(SYS_capset, &version, sets) : capset(&version, sets);
}

/*
 * What one thread may do, and the next change of who the process is, which libc has each thread make:
 * where they do not all come to the same, it ends the process.
 */
static void capabilities(void)
{
	gid_t group = 65534;

	say("asks", asks());
	say("keeps them", prctl(PR_SET_KEEPCAPS, 1));
	say("setuid", setuid(65534));
	say("asks", asks());
	say("alike", are_alike());
	for (int i = 0; i < 3; i++) { /* as a server that serves each in the name of another */
		say("has", has_capability(CAP_SETGID, true, true, i & 1));
		say("setgroups", setgroups(1, &group));
		say("has not", has_capability(CAP_SETGID, false, true, i & 1));
		say("setgroups", setgroups(1, &group));
		say("asks", asks());
	}
	say("gives up", has_capability(CAP_SETGID, false, false, false));
	say("asks", asks());
	say("setgroups", setgroups(1, &group));
	say("alike", are_alike());
}

/* The same by a filter, of one thread. */
static void refused(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setgroups, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	say("asks", asks());
	say("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	say("setgroups", setgroups(0, NULL));
	say("asks", asks());
	say("setgroups", setgroups(0, NULL));
}

/* By number, of one thread. */
static void by_number(void)
{
	gid_t group = 65534;

	say("asks", asks());
	say("setresuid", syscall(SYS_setresuid, 65534, 65534, 65534));
	say("setgroups", setgroups(1, &group));
	say("asks", asks());
	say("setuid", setuid(0));
}

/* ---- one thread, and then another ------------------------------------------------------------- */

static int quiet[2]; /* nothing is ever sent on it */

static void *reads_for_ever(void *unused)
{
	char byte;

	(void)unused;
	say("read", recv(quiet[0], &byte, 1, 0));
	return NULL;
}

static void interrupted(int number)
{
	(void)number;
}

/* The library's own thread is there since the first request. */
static void cancels(void)
{
	struct itimerval soon = { .it_value.tv_usec = 50000 };
	struct sigaction action = { .sa_handler = interrupted };
	struct iovec iov = { "one\n", 4 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	void *volatile nowhere = (void *)8;
	pthread_t thread;
	void *result;
	char byte;

	say("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, quiet));
	say("asks", asks());
	errno = 0;
	say("written", writev(1, &iov, 1));
	say("errno", errno);
	say("not a socket", send(1, "x", 1, 0));
	say("not a socket", sendmsg(1, &message, 0));
	say("nothing there", recv(quiet[0], &byte, 1, MSG_DONTWAIT));
	say("nothing there", recvmsg(quiet[0], &message, MSG_DONTWAIT));
	say("not open", read(-1, &byte, 1));
	say("not open", readv(-1, &iov, 1));
	say("bad memory", write(quiet[1], nowhere, 1));
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &soon, NULL);
	say("interrupted", read(quiet[0], &byte, 1));
	pthread_create(&thread, NULL, reads_for_ever, NULL);
	usleep(50000);
	say("cancel", pthread_cancel(thread));
	say("join", pthread_join(thread, &result));
	say("was cancelled", result == PTHREAD_CANCELED);
	say("asks", asks());
}

static void cancels_itself(void)
{
	say("asks", asks());
	say("cancel", pthread_cancel(pthread_self()));
	say("never", write(1, "never\n", 6));
}

static void *does_nothing(void *unused)
{
	return unused;
}

/* Until it is killed. */
static void blocks(void)
{
	say("pair", socketpair(AF_UNIX, SOCK_STREAM, 0, quiet));
	say("asks", asks());
	say("pid", getpid());
	reads_for_ever(NULL);
}

static void blocks_after_another(void)
{
	pthread_t thread;

	say("asks", asks());
	pthread_create(&thread, NULL, does_nothing, NULL);
	pthread_join(thread, NULL);
	blocks();
}

/* A filter that has nothing against anything. */
static void blocks_behind_filter(void)
{
	struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { 1, &all };

	say("asks", asks());
	say("privileges", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	say("filter", prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter));
	blocks();
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} ways[] = {
		{ "handler", fork_in_handler },
		{ "vfork", vfork_fails },
		{ "beside", beside },
		{ "lookup", looks_up_in_child },
		{ "atfork", at_fork },
		{ "atexit", at_exit },
		{ "none", no_environment },
		{ "cleared", cleared },
		{ "overwritten", overwritten },
		{ "apart", own_descriptors },
		{ "users", own_users },
		{ "altstack", small_stack },
		{ "storm", storm },
		{ "closed", closed_at_start },
		{ "nofiles", no_files },
		{ "locked", locked },
		{ "locked-first", locked_first },
		{ "dumpable", not_dumpable },
		{ "setuid", setuid_in_thread },
		{ "capabilities", capabilities },
		{ "refused", refused },
		{ "number", by_number },
		{ "cancels", cancels },
		{ "itself", cancels_itself },
		{ "blocks", blocks },
		{ "another", blocks_after_another },
		{ "filtered", blocks_behind_filter },
	};

	if (argc < 3)
		return 2;
	port = argv[1];
	first_variable = environ[0];
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++)
		if (!strcmp(argv[2], ways[i].name))
			ways[i].run();
	return 0;
}
