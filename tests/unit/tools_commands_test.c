/* SPDX-License-Identifier: Apache-2.0 */
/* The commands themselves, each in a process of its own. */
#include "tests/unit/tools.h"

#include "tools/commands.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct ended {
	int code;
	char out[8192], err[8192];
};

static void read_back(int fd, char *text, size_t cap)
{
	ssize_t n = pread(fd, text, cap - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	close(fd);
}

static int scratch_file(void)
{
	char name[] = "/tmp/autotrace-test.XXXXXX";
	int fd = mkstemp(name);

	CHECK(fd >= 0);
	unlink(name);
	return fd;
}

/*
 * Starts a command with the environment that `prepare` leaves. libc itself
 * stands for the library: it is there, and preloading it changes nothing.
 */
static pid_t start(int (*command)(int, char **), char **argv, void (*prepare)(void), int out,
		   int err)
{
	pid_t pid = fork();
	int argc = 0;
	Dl_info libc;

	if (pid)
		return pid;
	/* what sanitizers want of a process is not for the programs it runs */
	unsetenv("LD_PRELOAD");
	dladdr(dlsym(RTLD_DEFAULT, "getppid"), &libc);
	setenv("AUTOTRACE_LIBRARY", libc.dli_fname, 1);
	unsetenv("TRACEPARENT");
	if (prepare)
		prepare();
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	while (argv[argc])
		argc++;
	optind = 0;
	argc = command(argc, argv);
	fflush(NULL);
	_exit(argc);
}

/* A command that has not ended after some seconds never will. */
static int wait_for_end(pid_t pid)
{
	int status;

	for (int waited_ms = 0; waited_ms < 20000; waited_ms += 10) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
	}
	kill(pid, SIGKILL);
	CHECK(waitpid(pid, &status, 0) == pid);
	return status;
}

static struct ended finish(pid_t pid, int out, int err)
{
	int status = wait_for_end(pid);
	struct ended ended;

	CHECK(WIFEXITED(status));
	ended.code = WEXITSTATUS(status);
	read_back(out, ended.out, sizeof(ended.out));
	read_back(err, ended.err, sizeof(ended.err));
	return ended;
}

static struct ended run_with(void (*prepare)(void), int (*command)(int, char **), char **argv)
{
	int out = scratch_file(), err = scratch_file();

	return finish(start(command, argv, prepare, out, err), out, err);
}

#define RUN(command, ...) run_with(NULL, command, (char *[]){ #command, __VA_ARGS__, NULL })
#define SH(script) RUN(atr_cmd_run, "--", "/bin/sh", "-c", script)

TEST(run_passes_output_and_exit_code_through)
{
	struct ended e = SH("echo said; echo told >&2; exit 7");

	CHECK(e.code == 7);
	CHECK(strcmp(e.out, "said\n") == 0);
	CHECK(strncmp(e.err, "told\ntrace ", 11) == 0);
	CHECK(strstr(e.err, " exit 7\n") && strstr(e.err, "1 span, 1 service, 1 error"));
}

TEST(run_tells_a_signal_as_a_shell_does)
{
	struct ended e = SH("kill -9 $$");

	CHECK(e.code == 128 + SIGKILL);
	CHECK(strstr(e.err, "exit 137 SIGKILL"));
}

TEST(run_of_what_cannot_run_says_why)
{
	struct ended e = RUN(atr_cmd_run, "/no/such/program");

	CHECK(e.code == 127);
	CHECK(strcmp(e.err, "autotrace: /no/such/program: No such file or directory\n") == 0);
	e = RUN(atr_cmd_run, "/etc/passwd");
	CHECK(e.code == 126);
	CHECK(strcmp(e.err, "autotrace: /etc/passwd: Permission denied\n") == 0);
}

TEST(run_leads_the_program_to_its_socket_and_below_its_root)
{
	struct ended e = SH("echo $OTEL_TRACES_EXPORTER $OTEL_EXPORTER_OTLP_PROTOCOL "
			    "$OTEL_BSP_SCHEDULE_DELAY; echo $OTEL_EXPORTER_OTLP_ENDPOINT; "
			    "test -S ${OTEL_EXPORTER_OTLP_ENDPOINT#unix:} && echo there; "
			    "echo $TRACEPARENT");
	char *trace = strstr(e.err, "trace ") + 6, *parent = strstr(e.out, "\n00-");

	CHECK(strncmp(e.out, "otlp http/protobuf 100\nunix:/", 29) == 0);
	CHECK(strstr(e.out, ".sock\nthere\n00-"));
	CHECK(strncmp(parent + 4, trace, 32) == 0);
	CHECK(strcmp(parent + 4 + 32 + 1 + 16, "-03\n") == 0); /* sampled, and of random bytes */
}

static void set_user_variables(void)
{
	setenv("TRACEPARENT", "00-0123456789abcdef0123456789abcdef-00000000000000aa-00", 1);
	setenv("OTEL_BSP_SCHEDULE_DELAY", "7", 1);
	setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://elsewhere/", 1);
	setenv("LD_PRELOAD", "/no/such/other.so", 1);
}

TEST(run_keeps_what_the_user_has_set_and_hangs_below_his_trace)
{
	char *argv[] = { "run",
			 "--probes",
			 "dns",
			 "/bin/sh",
			 "-c",
			 "echo $OTEL_BSP_SCHEDULE_DELAY-$OTEL_EXPORTER_OTLP_TRACES_ENDPOINT-"
			 "$AUTOTRACE_PROBES; echo $LD_PRELOAD; echo $TRACEPARENT",
			 NULL };
	struct ended e = run_with(set_user_variables, atr_cmd_run, argv);

	CHECK(strncmp(e.out, "7--dns\n/", 8) == 0);
	CHECK(strstr(e.out, ":/no/such/other.so\n00-0123456789abcdef0123456789abcdef-"));
	CHECK(!strstr(e.out, "00000000000000aa"));
	CHECK(strstr(e.out, "-01\n")); /* sampled now: it is to be seen */
	CHECK(strstr(e.err, "trace 0123456789abcdef0123456789abcdef"));
}

static void in_a_trace_of_b3(void)
{
	setenv("OTEL_PROPAGATORS", "b3,xray", 1);
	setenv("TRACEPARENT", "00-ffffffffffffffffffffffffffffffff-00000000000000ff-01", 1);
	setenv("B3", "0123456789abcdef0123456789abcdef-00000000000000aa-0", 1);
}

TEST(run_speaks_the_formats_that_the_program_is_to_speak)
{
	static const char id[] = "0123456789abcdef0123456789abcdef-";
	char *argv[] = {
		"run", "--", "/bin/sh", "-c", "echo $B3; echo $X_AMZN_TRACE_ID; env", NULL
	};
	struct ended e = run_with(in_a_trace_of_b3, atr_cmd_run, argv);

	CHECK(e.code == 0);
	CHECK(strncmp(e.out, id, strlen(id)) == 0 && !strstr(e.out, "00000000000000aa-0\n"));
	CHECK(strstr(e.out, "\nRoot=1-01234567-89abcdef0123456789abcdef;Parent="));
	/* of a format that is not in use: not ours to touch */
	CHECK(strstr(e.out, "TRACEPARENT=00-ffffffffffffffffffffffffffffffff-00000000000000ff-01"));
}

TEST(run_hands_signals_to_the_program)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR1 };

	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int out = scratch_file(), err = scratch_file();
		char *argv[] = { "run", "/bin/sh", "-c",
				 "trap 'echo got; exit 3' TERM INT HUP USR1; echo up; "
				 "i=0; while [ $i -lt 300 ]; do sleep 0.05; i=$((i + 1)); done",
				 NULL };
		pid_t pid = start(atr_cmd_run, argv, NULL, out, err);
		struct stat st = { 0 };
		struct ended e;

		for (int waited = 0; waited < 500 && st.st_size == 0; waited++) {
			usleep(10000);
			fstat(out, &st);
		}
		CHECK(st.st_size > 0);
		kill(pid, signals[i]);
		e = finish(pid, out, err);
		CHECK(e.code == 3);
		CHECK(strcmp(e.out, "up\ngot\n") == 0);
	}
}

static void ignore_signals(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGCHLD, SIG_IGN);
}

TEST(run_leaves_the_signals_of_the_program_as_they_were)
{
	char *argv[] = { "run", "/bin/grep", "SigBlk\\|SigIgn", "/proc/self/status", NULL };
	struct ended e = run_with(ignore_signals, atr_cmd_run, argv);
	unsigned long long blocked, ignored;

	CHECK(e.code == 0);
	CHECK(sscanf(e.out, "SigBlk: %llx SigIgn: %llx", &blocked, &ignored) == 2);
	CHECK(blocked == 0);
	CHECK((ignored >> (SIGHUP - 1) & 1) && (ignored >> (SIGCHLD - 1) & 1));
	CHECK(!(ignored >> (SIGPIPE - 1) & 1));
}

TEST(run_leaves_nothing_behind_in_the_temporary_directory)
{
	struct ended e = SH("echo ${OTEL_EXPORTER_OTLP_ENDPOINT#unix:}");
	struct stat st;

	e.out[strcspn(e.out, "\n")] = '\0';
	CHECK(stat(e.out, &st) != 0);
	*strrchr(e.out, '/') = '\0';
	CHECK(stat(e.out, &st) != 0);
}

TEST(run_writes_json_that_show_draws_and_html)
{
	char json[64], html[64];
	struct ended e;
	struct stat st;

	snprintf(json, sizeof(json), "/tmp/autotrace-test.%d.jsonl", getpid());
	snprintf(html, sizeof(html), "/tmp/autotrace-test.%d.html", getpid());
	e = RUN(atr_cmd_run, "--json", json, "--html", html, "/bin/sh", "-c", ":");
	CHECK(e.code == 0);
	CHECK(stat(html, &st) == 0 && st.st_size > 2000);
	e = RUN(atr_cmd_show, "--tree", "--attributes", "process.exit.code", json);
	CHECK(e.code == 0);
	CHECK(strncmp(e.out, "INTERNAL sh [unknown_service:", 29) == 0);
	CHECK(strstr(e.out, "] UNSET process.exit.code=0\n"));
	unlink(json);
	unlink(html);
}

TEST(run_into_a_file_that_cannot_be_written_does_not_start)
{
	struct ended e = RUN(atr_cmd_run, "--json", "/no/such/file", "/bin/sh", "-c", "echo ran");

	CHECK(e.code == 125 && e.out[0] == '\0');
	CHECK(strcmp(e.err, "autotrace: /no/such/file: No such file or directory\n") == 0);
}

static void lose_library(void)
{
	setenv("AUTOTRACE_LIBRARY", "/no/such/libautotrace.so", 1);
}

TEST(run_without_the_library_says_so)
{
	char *argv[] = { "run", "/bin/true", NULL };
	struct ended e = run_with(lose_library, atr_cmd_run, argv);

	CHECK(e.code == 125);
	CHECK(strstr(e.err, "no library at /no/such/libautotrace.so;"));
}

TEST(commands_refuse_unknown_options_in_one_line)
{
	struct ended runs[] = {
		RUN(atr_cmd_run, "--nonsense"),
		RUN(atr_cmd_run, "--"),
		RUN(atr_cmd_show, "--nonsense"),
		RUN(atr_cmd_show, "--tree"),
		RUN(atr_cmd_lambda, "--nonsense"),
		RUN(atr_cmd_lambda, "--memory", "much", "x"),
		RUN(atr_cmd_doctor, "--nonsense"),
		RUN(atr_cmd_doctor, "a", "b"),
		RUN(atr_cmd_config, "--nonsense"),
		RUN(atr_cmd_ebpf_agent, "--nonsense"),
		RUN(atr_cmd_ebpf_agent, "--user", "root"),
		RUN(atr_cmd_ebpf_agent, "--socket", "/x", "--user", "no such user"),
		RUN(atr_cmd_ebpf_agent, "--socket", "/x", "--most", "257"),
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		CHECK(runs[i].code == ATR_EXIT_USAGE && runs[i].out[0] == '\0');
		CHECK(strchr(runs[i].err, '\n') == runs[i].err + strlen(runs[i].err) - 1);
	}
}

TEST(show_of_a_damaged_file_draws_the_rest_and_fails)
{
	struct ended e = RUN(atr_cmd_show, TOOLS_DATA "services.jsonl", "/no/such/file");

	CHECK(e.code == 1 && strstr(e.out, "7 spans"));
	CHECK(strcmp(e.err, "autotrace: /no/such/file: No such file or directory\n") == 0);
	e = RUN(atr_cmd_show, "/etc/passwd");
	CHECK(e.code == 1 && e.out[0] == '\0');
	CHECK(strstr(e.err, "/etc/passwd:1: not OTLP"));
}

/* Where the copies below are: of one name for all tests of a run. */
static char *copy_path(void)
{
	static char path[64];

	snprintf(path, sizeof(path), "/tmp/autotrace-test.%d.program", getpid());
	return path;
}

/* A copy of /bin/sh to be examined: cut to `len` (0: whole), with a mode. */
static char *shell_copy(const char *from, size_t len, mode_t mode)
{
	char buffer[4096], *path = copy_path();
	FILE *in = fopen(from, "rb"), *out = fopen(path, "wb");
	size_t n, left = len ? len : SIZE_MAX;

	while (left && (n = fread(buffer, 1, left < sizeof(buffer) ? left : sizeof(buffer), in))) {
		fwrite(buffer, 1, n, out);
		left -= n;
	}
	fclose(in);
	fclose(out);
	chmod(path, mode);
	return path;
}

TEST(doctor_of_a_dynamic_program_tells_what_is_seen)
{
	struct ended e = RUN(atr_cmd_doctor, "/bin/sh");

	CHECK(e.code == 0);
	CHECK(strstr(e.out, "sh will be traced.\n") && strstr(e.out, "\nkind         dynamic, "));
	CHECK(strstr(e.out, "Programs that it starts"));
}

TEST(doctor_of_a_cut_program_says_that_it_is_damaged)
{
	struct ended e = RUN(atr_cmd_doctor, shell_copy("/bin/sh", 200, 0755));

	CHECK(e.code == 1 && strstr(e.out, "damaged or cut off"));
	e = RUN(atr_cmd_doctor, shell_copy(TOOLS_DATA "services.pb", 0, 0755));
	CHECK(e.code == 1 && strstr(e.out, "neither an ELF executable nor a script"));
	unlink(copy_path());
}

TEST(doctor_of_a_program_without_interpreter_says_that_it_is_static)
{
	/* the loader itself is the one program without that every machine has */
	static const char *const loaders[] = { "/lib64/ld-linux-x86-64.so.2",
					       "/lib/ld-linux-aarch64.so.1" };
	struct ended e;

	for (size_t i = 0; i < 2; i++) {
		if (access(loaders[i], X_OK) != 0)
			continue;
		e = RUN(atr_cmd_doctor, (char *)loaders[i]);
		CHECK(e.code == 1 && strstr(e.out, "kind         static"));
		CHECK(strstr(e.out, "linked statically"));
		return;
	}
	SKIP("no loader where it is known to be");
}

static void not_be_root(void)
{
	if (geteuid() == 0 && setresuid(65534, 65534, 65534) != 0)
		_exit(99);
}

TEST(doctor_of_a_set_id_program_says_that_the_loader_ignores_us)
{
	char *argv[] = { "doctor", shell_copy("/bin/sh", 0, 04755), NULL };
	struct ended e;

	if (geteuid() != 0)
		SKIP("needs root, to have a file of another user");
	e = run_with(not_be_root, atr_cmd_doctor, argv);
	CHECK(e.code == 1);
	CHECK(strstr(e.out, "set-user-id") && strstr(e.out, "ignores LD_PRELOAD"));
	/* for its owner it is a program like any other */
	e = RUN(atr_cmd_doctor, copy_path());
	CHECK(e.code == 0);
	unlink(copy_path());
}

static void switch_off(void)
{
	setenv("AUTOTRACE_EXCLUDE", "nginx,da*,sh,ba*,busybox", 1);
	setenv("OTEL_SERVICENAME", "x", 1);
	setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret-word", 1);
}

TEST(doctor_reads_the_variables_and_keeps_secrets)
{
	char *argv[] = { "doctor", "/bin/sh", NULL };
	struct ended e = run_with(switch_off, atr_cmd_doctor, argv);

	CHECK(e.code == 1);
	CHECK(strstr(e.out, "AUTOTRACE_EXCLUDE=nginx,da*,sh,ba*,busybox matches it."));
	CHECK(strstr(e.out, "is it meant to be OTEL_SERVICE_NAME?"));
	CHECK(strstr(e.out, "OTEL_EXPORTER_OTLP_HEADERS=(not shown)"));
	CHECK(!strstr(e.out, "secret-word"));
}

static void set_things(void)
{
	setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret-word,x=secret-word", 1);
	setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://me:secret-word@c:4318/", 1);
	setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "5", 1);
	setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "007", 1);
	setenv("OTEL_BSP_SCHEDULE_DELAY", "soon", 1);
	setenv("OTEL_PROPAGATORS", "b3,pigeon", 1);
	setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=sh\033op", 1);
}

/* The line of a setting, without the spaces between. */
static bool tells(const char *out, const char *name, const char *value)
{
	char line[200];

	snprintf(line, sizeof(line), "%-41s %s\n", name, value);
	return strstr(out, line);
}

TEST(config_tells_each_setting_its_source_and_what_is_wrong)
{
	char *argv[] = { "config", "--", "sh", "-c", "x", NULL };
	struct ended e = run_with(set_things, atr_cmd_config, argv);

	CHECK(e.code == 1 && !*e.err);
	CHECK(tells(e.out, "OTEL_BSP_EXPORT_TIMEOUT", "30000  (default)"));
	CHECK(tells(e.out, "OTEL_ATTRIBUTE_COUNT_LIMIT", "7  (OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT)"));
	CHECK(tells(e.out, "OTEL_BSP_SCHEDULE_DELAY", "5000  (environment, wrong; see below)"));
	CHECK(tells(e.out, "OTEL_PROPAGATORS", "b3,pigeon  (environment, wrong; see below)"));
	CHECK(tells(e.out, "OTEL_EXPORTER_OTLP_HEADERS", "authorization=***,x=***  (environment)"));
	CHECK(strstr(e.out, "http://***@c:4318/  (OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"));
	CHECK(strstr(e.out, "  - OTEL_BSP_SCHEDULE_DELAY=soon: not a whole number from 0 to "
			    "2147483647; 5000 is used\n"));
	CHECK(strstr(e.out, "  - OTEL_PROPAGATORS=b3,pigeon: a propagator in it is not known"));
	CHECK(!strstr(e.out, "secret-word") && !strchr(e.out, '\033'));
}

static void set_rules(void)
{
	setenv("AUTOTRACE_SAMPLING_RULES", "nonsense", 1);
	setenv("AUTOTRACE_KEEP", "nonsense", 1);
	setenv("AUTOTRACE_ROUTES", "nonsense", 1);
	setenv("AUTOTRACE_REDACT", "nonsense", 1);
	setenv("OTEL_TRACES_SAMPLER", "jaeger_remote", 1);
	setenv("OTEL_TRACES_SAMPLER_ARG", "nonsense", 1);
}

TEST(config_tells_what_is_wrong_with_rules)
{
	char *argv[] = { "config", "--", "sh", NULL };
	struct ended e = run_with(set_rules, atr_cmd_config, argv);

	CHECK(e.code == 1 && !*e.err);
	CHECK(tells(e.out, "AUTOTRACE_SAMPLING_RULES",
		    "nonsense  (environment, wrong; see below)"));
	CHECK(tells(e.out, "AUTOTRACE_KEEP", "nonsense  (environment, wrong; see below)"));
	CHECK(tells(e.out, "AUTOTRACE_ROUTES", "nonsense  (environment, wrong; see below)"));
	CHECK(tells(e.out, "AUTOTRACE_REDACT", "nonsense  (environment, wrong; see below)"));
	CHECK(tells(e.out, "OTEL_TRACES_SAMPLER_ARG", "nonsense  (environment, wrong; see below)"));
}

static void set_nothing(void)
{
	for (char **v = environ; *v;)
		if (strncmp(*v, "OTEL_", 5) == 0 || strncmp(*v, "AUTOTRACE_", 10) == 0)
			unsetenv(strndup(*v, strcspn(*v, "=")));
		else
			v++;
}

static void set_xray(void)
{
	setenv("OTEL_TRACES_SAMPLER", "xray", 1);
	setenv("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://d:2000,polling_interval=soon", 1);
}

static void set_xray_right(void)
{
	set_nothing();
	setenv("OTEL_TRACES_SAMPLER", "xray", 1);
	setenv("OTEL_TRACES_SAMPLER_ARG", "endpoint=http://d:2000,polling_interval=60", 1);
}

TEST(config_tells_what_is_wrong_with_the_argument_of_xrays_sampler)
{
	char *argv[] = { "config", "--", "sh", NULL };
	struct ended e = run_with(set_xray, atr_cmd_config, argv);

	CHECK(e.code == 1 && tells(e.out, "OTEL_TRACES_SAMPLER", "xray  (environment)"));
	CHECK(tells(
		e.out, "OTEL_TRACES_SAMPLER_ARG",
		"endpoint=http://d:2000,polling_interval=soon  (environment, wrong; see below)"));
	CHECK(strstr(e.out, "  - OTEL_TRACES_SAMPLER_ARG=endpoint=http://d:2000,polling_interval="
			    "soon: "));
	e = run_with(set_xray_right, atr_cmd_config, argv);
	CHECK(e.code == 0 && tells(e.out, "OTEL_TRACES_SAMPLER_ARG",
				   "endpoint=http://d:2000,polling_interval=60  (environment)"));
}

static void set_what_is_not_served(void)
{
	setenv("OTEL_TRACES_SAMPLER_ARG", "0.1", 1);
	setenv("OTEL_LOGS_EXPORTER", "console", 1);
	setenv("OTEL_ENTITIES", "host{host.id=1}", 1);
	setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_on", 1);
	setenv("OTEL_EXPORTER_OTLP_ENDPIONT", "http://c", 1);
	setenv("AUTOTRACE_COLOUR", "red", 1);
	setenv("OTEL_PYTHON_LOG_LEVEL", "info", 1);
	setenv("OTEL_PROPAGATORS", "b3,none", 1);
	setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/ca.pem", 1);
}

TEST(config_tells_what_is_set_and_not_served)
{
	char *argv[] = { "config", "--", "sh", NULL };
	struct ended e = run_with(set_what_is_not_served, atr_cmd_config, argv);

	CHECK(e.code == 1);
	CHECK(strstr(e.out, "  - OTEL_TRACES_SAMPLER_ARG=0.1: the sampler in force takes none"));
	CHECK(strstr(e.out, "  - OTEL_LOGS_EXPORTER=console: neither otlp nor none; otlp is used"));
	CHECK(strstr(e.out, "  - OTEL_ENTITIES=host{host.id=1}: "));
	CHECK(strstr(e.out, "  - OTEL_METRICS_EXEMPLAR_FILTER=always_on: "));
	CHECK(strstr(e.out, "is it meant to be OTEL_EXPORTER_OTLP_ENDPOINT?"));
	CHECK(strstr(e.out, "AUTOTRACE_COLOUR is not a variable that is known."));
	CHECK(!strstr(e.out, "PYTHON"));
	CHECK(strstr(e.out, "  - OTEL_PROPAGATORS=b3,none: none, and others; the others are used"));
	CHECK(strstr(e.out,
		     "  - OTEL_EXPORTER_OTLP_CERTIFICATE=/no/such/ca.pem: this file cannot be "
		     "read here"));
}

TEST(config_of_nothing_is_the_defaults)
{
	char *argv[] = { "config", "/bin/sh", NULL };
	struct ended e = run_with(set_nothing, atr_cmd_config, argv);

	CHECK(e.code == 0 && !strstr(e.out, "Warnings"));
	CHECK(tells(e.out, "OTEL_TRACES_SAMPLER", "parentbased_always_on  (default)"));
	CHECK(tells(e.out, "OTEL_SERVICE_NAME", "unknown_service:sh  (default)"));
	argv[1] = "/no/such/program";
	CHECK(run_with(set_nothing, atr_cmd_config, argv).code == ATR_EXIT_NOT_FOUND);
}

#define CONFIG_YAML "/tmp/autotrace-test-config.yaml"

static void write_config(void)
{
	FILE *out = fopen(CONFIG_YAML, "w");

	fputs("file_format: '1.1'\n"
	      "propagator: { composite: [ b3: ] }\n"
	      "tracer_provider:\n  processors:\n  - batch:\n      schedule_delay: 7\n"
	      "      exporter: { otlp_http: { headers: [ { name: k, value: secret-word } ] } }\n",
	      out);
	fclose(out);
	set_nothing();
	setenv("OTEL_CONFIG_FILE", CONFIG_YAML, 1);
	setenv("OTEL_BSP_MAX_QUEUE_SIZE", "10", 1);
}

TEST(config_tells_what_comes_of_a_file)
{
	char *argv[] = { "config", NULL };
	struct ended e = run_with(write_config, atr_cmd_config, argv);

	CHECK(e.code == 0 && strstr(e.out, CONFIG_YAML "  (environment; "));
	CHECK(tells(e.out, "OTEL_PROPAGATORS", "b3  (file)"));
	CHECK(tells(e.out, "OTEL_BSP_SCHEDULE_DELAY", "7  (file)"));
	CHECK(tells(e.out, "OTEL_BSP_MAX_QUEUE_SIZE", "2048  (default)"));
	CHECK(tells(e.out, "OTEL_EXPORTER_OTLP_HEADERS", "k=***  (file)"));
	unlink(CONFIG_YAML);
}

TEST(doctor_without_the_library_says_so)
{
	char *argv[] = { "doctor", "/bin/sh", NULL };
	struct ended e = run_with(lose_library, atr_cmd_doctor, argv);

	CHECK(e.code == 1 && strstr(e.out, "libautotrace.so was not found"));
}
