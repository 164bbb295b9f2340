/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/tools.h"

#include "tools/program.h"
#include "tools/variables.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory for one test, on PATH alone. */
static const char *make_place(void)
{
	static char place[64];

	strcpy(place, "/tmp/autotrace-test.XXXXXX");
	CHECK(mkdtemp(place));
	setenv("PATH", place, 1);
	return place;
}

static const char *file_in(const char *place, const char *name)
{
	static char path[128];

	snprintf(path, sizeof(path), "%s/%s", place, name);
	return path;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *out = fopen(path, "w");

	fputs(text, out);
	fclose(out);
	chmod(path, mode);
}

static void remove_place(const char *place, const char *path)
{
	CHECK(unlink(path) == 0 && rmdir(place) == 0);
	setenv("PATH", "/usr/local/bin:/usr/bin:/bin", 1);
}

TEST(program_is_found_on_the_path_or_by_its_slash)
{
	char found[PATH_MAX];
	const char *place = make_place(), *path = file_in(place, "tool");

	write_file(path, "x", 0755);
	CHECK(atr_program_find("tool", found) == 0 && strcmp(found, path) == 0);
	CHECK(atr_program_find(path, found) == 0 && strcmp(found, path) == 0);
	CHECK(atr_program_find("other", found) == ENOENT);
	CHECK(atr_program_find("", found) == ENOENT);
	CHECK(atr_program_find(place, found) == EACCES);
	chmod(path, 0644);
	CHECK(atr_program_find("tool", found) == EACCES);
	remove_place(place, path);
}

TEST(program_of_a_script_is_its_interpreter)
{
	char executable[PATH_MAX], line[PATH_MAX], sh[PATH_MAX];
	const char *place = make_place(), *path = file_in(place, "script");

	CHECK(realpath("/bin/sh", sh));
	write_file(path, "#! /bin/sh -e\necho\n", 0755);
	CHECK(atr_program_executable(path, executable, line) == 0);
	CHECK(strcmp(executable, sh) == 0 && strcmp(line, "/bin/sh -e") == 0);
	setenv("PATH", "/bin", 1);
	write_file(path, "#!/usr/bin/env -S A=b sh -e", 0755);
	CHECK(atr_program_executable(path, executable, line) == 0 && strcmp(executable, sh) == 0);
	remove_place(place, path);
}

TEST(program_that_is_a_script_of_itself_is_an_error)
{
	char executable[PATH_MAX], line[PATH_MAX], text[160];
	const char *place = make_place(), *path = file_in(place, "loop");

	snprintf(text, sizeof(text), "#!%s\n", path);
	write_file(path, text, 0755);
	CHECK(atr_program_executable(path, executable, line) == ELOOP);
	write_file(path, "#!\n", 0755);
	CHECK(atr_program_executable(path, executable, line) ==
	      0); /* no line at all: not a script */
	write_file(path, "#!/no/such/file\n", 0755);
	CHECK(atr_program_executable(path, executable, line) == ENOENT);
	remove_place(place, path);
}

TEST(program_library_named_by_the_variable_must_be_there)
{
	char path[PATH_MAX], named[PATH_MAX];
	const char *place = make_place(), *file = file_in(place, "lib.so");

	write_file(file, "x", 0644);
	snprintf(named, sizeof(named), "%s/./lib.so", place);
	setenv("AUTOTRACE_LIBRARY", named, 1);
	CHECK(atr_program_library(path) && strcmp(path, file) == 0);
	setenv("AUTOTRACE_LIBRARY", "/no/such/lib.so", 1);
	CHECK(!atr_program_library(path) && strcmp(path, "/no/such/lib.so") == 0);
	unsetenv("AUTOTRACE_LIBRARY");
	remove_place(place, file);
}

static const char *meant(const char *name)
{
	return atr_variable_meant(name, strlen(name));
}

TEST(variables_that_are_misspelt_are_told_what_they_mean)
{
	CHECK(atr_variable_is_known("OTEL_SERVICE_NAME", strlen("OTEL_SERVICE_NAME")));
	CHECK(!atr_variable_is_known("OTEL_SERVICENAME", strlen("OTEL_SERVICENAME")));
	CHECK(strcmp(meant("OTEL_SERVICENAME"), "OTEL_SERVICE_NAME") == 0);
	CHECK(strcmp(meant("OTEL_TRACE_EXPORTER"), "OTEL_TRACES_EXPORTER") == 0);
	CHECK(strcmp(meant("OTEL_EXPORTER_OTPL_ENDPOINT"), "OTEL_EXPORTER_OTLP_ENDPOINT") == 0);
	CHECK(!meant("OTEL_PYTHON_LOG_CORRELATION"));
	CHECK(!meant("OTEL_A_NAME_THAT_IS_LONGER_THAN_ANY_THAT_IS_KNOWN_TO_US_AT_THIS_TIME"));
}

TEST(variables_with_headers_are_secret)
{
	CHECK(atr_variable_is_secret("OTEL_EXPORTER_OTLP_HEADERS", 26));
	CHECK(atr_variable_is_secret("OTEL_EXPORTER_OTLP_METRICS_HEADERS", 34));
	CHECK(atr_variable_is_secret("AUTOTRACE_REDACT_KEY", 20));
	CHECK(!atr_variable_is_secret("OTEL_INSTRUMENTATION_HTTP_CLIENT_CAPTURE_REQUEST_HEADERS",
				      56));
	CHECK(!atr_variable_is_secret("OTEL_SERVICE_NAME", 17));
	CHECK(atr_variable_is_ours("OTEL_X=1") && atr_variable_is_ours("TRACEPARENT=00"));
	CHECK(!atr_variable_is_ours("TRACEPARENTS=1") && !atr_variable_is_ours("HOME=/"));
}
