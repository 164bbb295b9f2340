/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/commands.h"

#include "propagator/str.h"
#include "tools/functions.h"
#include "tools/libraries.h"
#include "ebpf/agent.h"
#include "ebpf/object.h"
#include "export/heavy.h"
#include "export/stacks.h"
#include "preload/live/code.h"
#include "tools/program.h"
#include "tools/variables.h"

#include <errno.h>
#include <fnmatch.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

extern char **environ;

enum { SENTENCES_MAX = 32, SENTENCE_LEN = 512 };

/* What is told at the end: first why not, then what is and is not seen. */
struct sentences {
	char text[SENTENCES_MAX][SENTENCE_LEN];
	size_t nr;
};

struct patient {
	char path[PATH_MAX];	   /* what the name stands for */
	char executable[PATH_MAX]; /* what runs: of a script, its interpreter */
	char script_line[PATH_MAX];
	struct stat stat;
	struct atr_elf elf;
	struct atr_libraries libraries;
	struct sentences obstacles, seen, unseen;
	const char *functions; /* NULL: what the variable says */
	unsigned nr_unfollowed;
};

static const char usage[] =
	"Usage: autotrace doctor [--functions LIST] PROGRAM\n"
	"Tells what libautotrace can and cannot see of a program, without running it.\n"
	"Ends with 0 when it will be traced, and with 1 when not.\n\n"
	"      --functions LIST  which of these functions can be followed, and how\n"
	"                        (default: AUTOTRACE_FUNCTIONS)\n"
	"  -h, --help            this text\n";

/* Names come out of files and variables, and may hold what would move a terminal's cursor. */
static void make_harmless(char *text)
{
	for (; *text; text++) {
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
	}
}

static void __attribute__((format(printf, 2, 3))) say(struct sentences *s, const char *format, ...)
{
	va_list arguments;

	if (s->nr == SENTENCES_MAX)
		return;
	va_start(arguments, format);
	vsnprintf(s->text[s->nr], SENTENCE_LEN, format, arguments);
	va_end(arguments);
	make_harmless(s->text[s->nr++]);
}

/* One fact a line. */
static void __attribute__((format(printf, 2, 3))) fact(const char *title, const char *format, ...)
{
	char line[2 * PATH_MAX];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	make_harmless(line);
	printf("%-12s %s\n", title, line);
}

/* The value after "Name:\t" in /proc/self/status; -1 when there is none. */
static long own_status(const char *name)
{
	FILE *in = fopen("/proc/self/status", "re");
	char line[256];
	long value = -1;

	while (in && value < 0 && fgets(line, sizeof(line), in)) {
		if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == ':')
			value = strtol(line + strlen(name) + 1, NULL, 10);
	}
	if (in)
		fclose(in);
	return value;
}

static const char *value_of(const char *name)
{
	const char *value = getenv(name);

	return value ? value : "";
}

static bool is_set_to(const char *name, const char *value)
{
	return strcasecmp(value_of(name), value) == 0;
}

/*
 * The loader ignores LD_PRELOAD in a program that gains rights by being run. It
 * gains none when its owner is who runs it, or where new rights are forbidden.
 */
static void examine_rights(struct patient *p)
{
	bool set_user = p->stat.st_mode & S_ISUID, set_group = p->stat.st_mode & S_ISGID;
	bool has_capabilities = getxattr(p->executable, "security.capability", NULL, 0) > 0;
	bool gains = (set_user && p->stat.st_uid != geteuid()) ||
		     (set_group && p->stat.st_gid != getegid()) ||
		     (has_capabilities && geteuid() != 0);

	if (!set_user && !set_group && !has_capabilities)
		return;
	fact("rights", "%s%s%s", set_user ? "set-user-id, " : "", set_group ? "set-group-id, " : "",
	     has_capabilities ? "file capabilities" : "no file capabilities");
	if (!gains || own_status("NoNewPrivs") == 1)
		return;
	say(&p->obstacles,
	    "It gains rights when it is run (%s), and the loader then ignores LD_PRELOAD. "
	    "Run it as a user that has these rights already, or take them from a copy of it.",
	    has_capabilities ? "file capabilities" : "a set-id bit");
}

static bool is_musl(const struct patient *p)
{
	return p->elf.interpreter && strstr(p->elf.interpreter, "ld-musl");
}

static void examine_libc(struct patient *p)
{
	const char *version = atr_elf_newest_version(&p->elf, "GLIBC_");

	fact("interpreter", "%s", p->elf.interpreter);
	if (is_musl(p))
		fact("libc", "musl");
	else
		fact("libc", "glibc%s%s", version ? ", at least " : "", version ? version : "");
	if (access(p->elf.interpreter, X_OK) != 0)
		say(&p->obstacles, "Its interpreter %s is not on this machine, so it cannot start.",
		    p->elf.interpreter);
}

/* "name, name" of one use out of a set. */
static void list_functions(uint64_t set, enum atr_use use, char *out, size_t cap)
{
	size_t len = 0;
	const char *name;
	enum atr_use of;

	out[0] = '\0';
	for (size_t i = 0; (name = atr_function(i, &of)); i++) {
		if (of == use && (set >> i & 1) && len < cap)
			len += (size_t)snprintf(out + len, cap - len, "%s%s", len ? " " : "", name);
	}
}

static void tell_imports(const struct atr_object *object)
{
	char line[1024], names[512];
	size_t len = 0;

	for (enum atr_use use = 0; use < ATR_NR_USES; use++) {
		list_functions(object->imports, use, names, sizeof(names));
		if (names[0] && len < sizeof(line))
			len += (size_t)snprintf(line + len, sizeof(line) - len, "%s%s: %s",
						len ? "; " : "", atr_use_name(use), names);
	}
	if (len)
		fact("  calls", "%s  %s", object->name, line);
}

static void tell_libraries(struct patient *p)
{
	size_t nr_missing = 0;

	for (size_t i = 1; i < p->libraries.nr; i++)
		nr_missing += !p->libraries.objects[i].path[0];
	fact("libraries", "%zu%s needed", p->libraries.nr - 1,
	     p->libraries.is_cut ? " and more" : "");
	for (size_t i = 0; i < p->libraries.nr; i++) {
		const struct atr_object *object = &p->libraries.objects[i];

		if (object->path[0])
			tell_imports(object);
		else
			fact("  missing", "%s", object->name);
	}
	if (nr_missing)
		say(&p->unseen,
		    "%zu of its libraries were not found; what they call is not counted here.",
		    nr_missing);
}

static bool calls(const struct patient *p, enum atr_use use)
{
	return atr_libraries_imports(&p->libraries) & atr_functions_of(use);
}

static void judge_network(struct patient *p)
{
	if (calls(p, ATR_USE_NETWORK))
		say(&p->seen,
		    "Plain HTTP/1, HTTP/2 and gRPC that it speaks, as a client and as a server; "
		    "trace headers are put into its requests and read from those it gets.");
	if (calls(p, ATR_USE_TLS))
		say(&p->seen, "The same inside TLS (HTTPS), by OpenSSL or GnuTLS.");
	if (calls(p, ATR_USE_NAMES))
		say(&p->seen, "Name lookups, on the request they are for "
			      "(spans of their own with AUTOTRACE_PROBES=http,dns).");
	if (calls(p, ATR_USE_CURL))
		say(&p->seen, "What libcurl does for it: HTTP of all versions, also over TLS.");
	if (calls(p, ATR_USE_PROCESS))
		say(&p->seen, "Programs that it starts: they inherit the trace, and are traced "
			      "themselves if they can be (ask doctor about each).");
	if (calls(p, ATR_USE_LOADING))
		say(&p->seen,
		    "Libraries that it loads as it runs, which cannot be told from here.");
}

static void judge_blind_spots(struct patient *p)
{
	const struct atr_object *program = &p->libraries.objects[0];

	if (program->defines & atr_functions_of(ATR_USE_TLS))
		say(&p->unseen, "TLS that is compiled into it: of such a connection that it opens "
				"there is a span with its server, times and bytes, but the "
				"requests in it are not seen and carry no trace.");
	else if (!calls(p, ATR_USE_TLS) && calls(p, ATR_USE_NETWORK))
		say(&p->unseen, "It calls no TLS library by itself. One that it loads is seen; of "
				"TLS by code of its own only the connection is.");
	if (program->imports & atr_functions_of(ATR_USE_DIRECT))
		say(&p->unseen, "Network I/O through io_uring, past libc "
				"(see `direct` above).");
}

/* Whether there is anything that a hook could ever see. */
static void judge(struct patient *p)
{
	if (p->elf.is_go) {
		say(&p->obstacles,
		    "It is a Go program: the library loads into it, but Go calls "
		    "the kernel directly "
		    "and not through libc. Use OpenTelemetry's Go SDK in it. As it is, "
		    "`autotrace run --ebpf` tells its plain HTTP/1, as root.");
		return;
	}
	judge_network(p);
	judge_blind_spots(p);
	if (!p->seen.nr)
		say(&p->obstacles, "Neither it nor its libraries call a function of the network, "
				   "start programs or load libraries: there is nothing to see.");
}

/* ---- functions ---- */

static void tell_function(void *arg, const char *name, const char *library, const char *how)
{
	struct patient *p = arg;

	if (!how && is_set_to("AUTOTRACE_EBPF", "true"))
		how = "by the kernel, in spans of requests";
	fact("  function", "%s%s%s  %s", library ? library : "", library ? ":" : "", name,
	     how ? how : "cannot be followed");
	if (!how && p->nr_unfollowed++ == 0)
		say(&p->unseen,
		    "%s, and each function that is said above not to be followed: its calls "
		    "are direct. Build it with %s, or let the kernel follow it (AUTOTRACE_EBPF).",
		    name, atr_functions_advice());
}

static void miss_function(void *arg, const char *name)
{
	struct patient *p = arg;

	if (strncmp(name, "libc.", 5) == 0)
		return; /* is not among the libraries */
	say(&p->unseen,
	    "%s: neither the program nor a library that it needs has such a function by name; "
	    "one that is inlined, or static in a stripped file, has none.",
	    name);
}

static void forbid_functions(void *arg, const char *why)
{
	struct patient *p = arg;

	say(&p->unseen, "Functions are not followed by what they were built for: %s.", why);
}

static void examine_functions(struct patient *p)
{
	struct atr_functions_told told = {
		.found = tell_function,
		.missing = miss_function,
		.forbidden = forbid_functions,
		.arg = p,
	};
	const char *list = p->functions ? p->functions : value_of("AUTOTRACE_FUNCTIONS");

	if (*list && atr_code_has_shadow_stack())
		say(&p->unseen,
		    "The processor keeps return addresses (SHSTK): of functions only those are "
		    "followed that were built with -finstrument-functions.");
	if (*list)
		atr_functions_tell(&p->libraries, p->executable, list, &told);
}

static void examine_elf(struct patient *p)
{
	bool is_static = !p->elf.interpreter;

	fact("kind", "%s, %s, %u bit%s", is_static ? "static" : "dynamic",
	     atr_elf_machine_name(p->elf.machine), p->elf.bits, p->elf.is_go ? ", Go" : "");
	if (is_static) {
		say(&p->obstacles,
		    "It is linked statically: no loader runs, so nothing can be preloaded. Use a "
		    "dynamically linked build of it (%s)%s. As it is, `autotrace run --ebpf` tells "
		    "its plain HTTP/1, as root.",
		    p->elf.is_go ? "Go: better, OpenTelemetry's SDK" : "link without -static",
		    p->elf.is_go ?
			    "; as a Go program it would call the kernel directly all the same" :
			    "");
		return;
	}
	examine_libc(p);
	atr_libraries_follow(&p->libraries, &p->elf, p->executable);
	tell_libraries(p);
	examine_functions(p);
	judge(p);
}

static void examine_file(struct patient *p)
{
	enum atr_elf_state state = ATR_ELF_NOT_ELF;
	int error = atr_elf_open(&p->elf, p->executable, &state);

	if (error) {
		say(&p->obstacles, "%s cannot be read: %s.", p->executable, strerror(error));
		return;
	}
	if (state == ATR_ELF_NOT_ELF) {
		say(&p->obstacles, "It is neither an ELF executable nor a script with a #! line.");
	} else if (state == ATR_ELF_OTHER_MACHINE) {
		fact("kind", "%s, %u bit", atr_elf_machine_name(p->elf.machine), p->elf.bits);
		say(&p->obstacles,
		    "It is for another machine (%s, %u bit) than the library here; "
		    "build libautotrace for that one and name it in LD_PRELOAD.",
		    atr_elf_machine_name(p->elf.machine), p->elf.bits);
	} else if (state == ATR_ELF_DAMAGED) {
		say(&p->obstacles, "Its ELF headers are damaged or cut off.");
	} else {
		examine_elf(p);
	}
	atr_elf_close(&p->elf);
}

static void examine_library(struct patient *p)
{
	enum atr_elf_state state = ATR_ELF_NOT_ELF;
	char path[PATH_MAX];
	struct atr_elf elf;

	if (!atr_program_library(path)) {
		fact("library", "not found at %s", path);
		say(&p->obstacles, "libautotrace.so was not found; install it, or set "
				   "AUTOTRACE_LIBRARY to its path.");
		return;
	}
	fact("library", "%s", path);
	if (atr_elf_open(&elf, path, &state) == 0)
		atr_elf_close(&elf);
	if (state != ATR_ELF_GOOD)
		say(&p->obstacles, "%s is no library for this machine.", path);
}

static void tell_variable(struct patient *p, const char *variable)
{
	int len = (int)strcspn(variable, "=");
	char doubt[ATR_DOUBT_MAX];

	if (atr_variable_is_secret(variable, (size_t)len))
		fact("  set", "%.*s=(not shown)", len, variable);
	else
		fact("  set", "%s", variable);
	if (atr_variable_is_doubtful(variable, doubt))
		say(&p->unseen, "%s", doubt);
}

/* One of the globs, by commas, matches the path or the base name. */
static bool is_matched(const char *globs, const char *path)
{
	char glob[PATH_MAX];

	while (*globs) {
		size_t len = strcspn(globs, ",");
		struct atr_str one = atr_str_trim((struct atr_str){ globs, len });

		snprintf(glob, sizeof(glob), "%.*s", (int)one.len, one.at);
		if (fnmatch(glob, path, 0) == 0 ||
		    fnmatch(glob, atr_program_base_name(path), 0) == 0)
			return true;
		globs += len + (globs[len] != '\0');
	}
	return false;
}

/* Whether an object of ours lies beside the library. */
static bool has_object(const char *name)
{
	char path[PATH_MAX], object[PATH_MAX + 64];

	if (!atr_program_library(path) || !strrchr(path, '/'))
		return false;
	snprintf(object, sizeof(object), "%.*s%s", (int)(strrchr(path, '/') + 1 - path), path,
		 name);
	return access(object, R_OK) == 0;
}

/* Of the two that name it, the one for traces counts. */
static void judge_endpoint(struct patient *p)
{
	const char *endpoint = value_of("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT");

	if (!*endpoint)
		endpoint = value_of("OTEL_EXPORTER_OTLP_ENDPOINT");
	if ((strncasecmp(endpoint, "https:", 6) == 0 ||
	     is_set_to("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc") ||
	     is_set_to("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc")) &&
	    !has_object(ATR_HEAVY_FILE))
		say(&p->unseen, "To send spans over TLS or gRPC takes libautotrace-tls.so beside "
				"the library: without it they are not sent.");
}

/* Loads the programs for a moment, as the library would: by itself, else by the agent. */
static void judge_ebpf(struct patient *p)
{
	const struct atr_probe_options options = { 0 };
	const char *agent = value_of("AUTOTRACE_EBPF_AGENT"), *by = "", *why;
	struct atr_probe probe;
	int error = atr_probe_open(&options, &probe, &why);

	if (error && *agent) {
		error = atr_agent_ask(agent, &options, &probe, &why);
		by = ", by the agent";
	}
	if (!error) {
		atr_probe_close(&probe);
		fact("eBPF", "attaches%s: sys_enter, sys_exit, sched_switch, sched_wakeup", by);
		if (why)
			say(&p->unseen, "%s.", why);
	} else {
		fact("eBPF", "does not attach: %s", why);
		say(&p->unseen, "Nothing is seen from the kernel: %s.", why);
	}
	if (is_set_to("AUTOTRACE_THREAD_CONTEXT", "false"))
		say(&p->unseen, "AUTOTRACE_THREAD_CONTEXT=false: the kernel cannot tell spans, and "
				"AUTOTRACE_EBPF does nothing.");
	if (!has_object(ATR_EBPF_FILE))
		say(&p->unseen, "AUTOTRACE_EBPF takes " ATR_EBPF_FILE
				" beside the library: without it nothing is seen from the kernel.");
}

static void judge_stacks(struct patient *p)
{
	const char *stacks = value_of("AUTOTRACE_STACKS");

	if (*stacks && strcmp(stacks, "off") != 0 && !has_object(ATR_STACKS_FILE))
		say(&p->unseen, "AUTOTRACE_STACKS takes libautotrace-stacks.so beside the library: "
				"without it spans do not tell where they were made.");
}

static void judge_variables(struct patient *p)
{
	const char *include = value_of("AUTOTRACE_INCLUDE"),
		   *exclude = value_of("AUTOTRACE_EXCLUDE");

	if (is_set_to("AUTOTRACE_DISABLED", "true"))
		say(&p->obstacles, "AUTOTRACE_DISABLED=true switches the library off.");
	if (*include && !is_matched(include, p->executable))
		say(&p->obstacles, "AUTOTRACE_INCLUDE=%s does not match it.", include);
	if (*exclude && is_matched(exclude, p->executable))
		say(&p->obstacles, "AUTOTRACE_EXCLUDE=%s matches it.", exclude);
	if (is_set_to("OTEL_SDK_DISABLED", "true"))
		say(&p->obstacles,
		    "OTEL_SDK_DISABLED=true: contexts are passed on, but no spans made.");
	if (is_set_to("OTEL_TRACES_EXPORTER", "none"))
		say(&p->unseen, "OTEL_TRACES_EXPORTER=none: spans go nowhere "
				"(autotrace run sets its own exporter).");
	if (is_set_to("OTEL_TRACES_SAMPLER", "always_off"))
		say(&p->obstacles, "OTEL_TRACES_SAMPLER=always_off: every span is dropped.");
	judge_endpoint(p);
	if (is_set_to("AUTOTRACE_EBPF", "true"))
		judge_ebpf(p);
	judge_stacks(p);
}

static void examine_environment(struct patient *p)
{
	long seccomp = own_status("Seccomp");

	if (seccomp > 0) {
		fact("seccomp", "%s", seccomp == 1 ? "strict" : "a filter is in force here");
		say(&p->unseen,
		    "A seccomp filter is in force: spans leave only if it allows the program "
		    "socket, connect, sendto, recvfrom, ppoll, futex and clone.");
	}
	if (*value_of("LD_PRELOAD"))
		fact("LD_PRELOAD", "%s (kept; the library goes before it)", value_of("LD_PRELOAD"));
	for (char **v = environ; *v; v++) {
		if (atr_variable_is_ours(*v))
			tell_variable(p, *v);
	}
	judge_variables(p);
}

static void print_sentences(const char *title, const struct sentences *s)
{
	if (s->nr && *title)
		printf("%s\n", title);
	for (size_t i = 0; i < s->nr; i++)
		printf("  - %s\n", s->text[i]);
}

static int report(const struct patient *p)
{
	bool is_traced = !p->obstacles.nr;

	printf("\n%s %s\n", atr_program_base_name(p->path),
	       is_traced ? "will be traced." : "will not be traced:");
	if (is_traced) {
		print_sentences("What is seen:", &p->seen);
		print_sentences("What to know:", &p->unseen);
	} else {
		print_sentences("", &p->obstacles);
		print_sentences("Also:", &p->unseen);
	}
	return is_traced ? 0 : 1;
}

/* Finds the file and what runs it; false, and told, when there is none. */
static bool find_patient(struct patient *p, const char *name)
{
	int error = atr_program_find(name, p->path);

	if (!error)
		error = atr_program_executable(p->path, p->executable, p->script_line);
	if (!error && stat(p->executable, &p->stat) != 0)
		error = errno;
	if (error) {
		fprintf(stderr, "autotrace: %s: %s\n", name, strerror(error));
		return false;
	}
	fact("program", "%s", p->path);
	if (p->script_line[0])
		fact("script", "run by %s, which is what follows here", p->script_line);
	if (strcmp(p->path, p->executable) != 0)
		fact("executable", "%s", p->executable);
	return true;
}

static bool read_options(int argc, char **argv, struct patient *p)
{
	static const struct option known[] = { { "help", no_argument, NULL, 'h' },
					       { "functions", required_argument, NULL, 'f' },
					       { 0 } };
	int c;

	while ((c = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		if (c == 'f')
			p->functions = optarg;
		else if (c != 'h')
			return false;
		if (c == 'f')
			continue;
		fputs(usage, stdout);
		exit(0);
	}
	if (optind != argc - 1)
		fputs("autotrace doctor: one program is needed; see autotrace doctor --help\n",
		      stderr);
	return optind == argc - 1;
}

int atr_cmd_doctor(int argc, char **argv)
{
	static struct patient patient;

	argv[0] = "autotrace doctor";
	if (!read_options(argc, argv, &patient))
		return ATR_EXIT_USAGE;
	if (!find_patient(&patient, argv[optind]))
		return 1;
	examine_rights(&patient);
	examine_file(&patient);
	examine_library(&patient);
	examine_environment(&patient);
	return report(&patient);
}
