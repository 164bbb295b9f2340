/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/libraries.h"
#include "tools/program.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	const char *name;
	enum atr_use use;
} functions[] = {
	{ "accept", ATR_USE_NETWORK },
	{ "accept4", ATR_USE_NETWORK },
	{ "connect", ATR_USE_NETWORK },
	{ "listen", ATR_USE_NETWORK },
	{ "recv", ATR_USE_NETWORK },
	{ "recvfrom", ATR_USE_NETWORK },
	{ "recvmsg", ATR_USE_NETWORK },
	{ "recvmmsg", ATR_USE_NETWORK },
	{ "send", ATR_USE_NETWORK },
	{ "sendto", ATR_USE_NETWORK },
	{ "sendmsg", ATR_USE_NETWORK },
	{ "sendmmsg", ATR_USE_NETWORK },
	{ "socket", ATR_USE_NETWORK },
	{ "__recv_chk", ATR_USE_NETWORK },
	{ "__recvfrom_chk", ATR_USE_NETWORK },
	{ "fdopen", ATR_USE_STDIO },
	{ "getaddrinfo", ATR_USE_NAMES },
	{ "gethostbyname", ATR_USE_NAMES },
	{ "gethostbyname2", ATR_USE_NAMES },
	{ "gethostbyname_r", ATR_USE_NAMES },
	{ "gethostbyname2_r", ATR_USE_NAMES },
	{ "curl_easy_perform", ATR_USE_CURL },
	{ "curl_multi_perform", ATR_USE_CURL },
	{ "curl_multi_socket_action", ATR_USE_CURL },
	{ "SSL_connect", ATR_USE_TLS },
	{ "SSL_accept", ATR_USE_TLS },
	{ "SSL_do_handshake", ATR_USE_TLS },
	{ "SSL_read", ATR_USE_TLS },
	{ "SSL_read_ex", ATR_USE_TLS },
	{ "SSL_write", ATR_USE_TLS },
	{ "SSL_write_ex", ATR_USE_TLS },
	{ "gnutls_handshake", ATR_USE_TLS },
	{ "gnutls_record_recv", ATR_USE_TLS },
	{ "gnutls_record_send", ATR_USE_TLS },
	{ "execv", ATR_USE_PROCESS },
	{ "execve", ATR_USE_PROCESS },
	{ "execvp", ATR_USE_PROCESS },
	{ "execvpe", ATR_USE_PROCESS },
	{ "fork", ATR_USE_PROCESS },
	{ "vfork", ATR_USE_PROCESS },
	{ "popen", ATR_USE_PROCESS },
	{ "posix_spawn", ATR_USE_PROCESS },
	{ "posix_spawnp", ATR_USE_PROCESS },
	{ "system", ATR_USE_PROCESS },
	{ "dlopen", ATR_USE_LOADING },
	{ "io_uring_submit", ATR_USE_DIRECT },
	{ "io_uring_enter", ATR_USE_DIRECT },
};

#define NR_FUNCTIONS (sizeof(functions) / sizeof(functions[0]))
_Static_assert(NR_FUNCTIONS <= 64, "a set of functions is the bits of one word");

const char *atr_function(size_t i, enum atr_use *use)
{
	if (i >= NR_FUNCTIONS)
		return NULL;
	*use = functions[i].use;
	return functions[i].name;
}

const char *atr_use_name(enum atr_use use)
{
	static const char *const names[ATR_NR_USES] = { "network", "stdio",   "names",	 "curl",
							"TLS",	   "process", "loading", "direct" };

	return names[use];
}

uint64_t atr_functions_of(enum atr_use use)
{
	uint64_t set = 0;

	for (size_t i = 0; i < NR_FUNCTIONS; i++) {
		if (functions[i].use == use)
			set |= UINT64_C(1) << i;
	}
	return set;
}

static uint64_t function_bit(const char *name)
{
	for (size_t i = 0; i < NR_FUNCTIONS; i++) {
		if (strcmp(functions[i].name, name) == 0)
			return UINT64_C(1) << i;
	}
	return 0;
}

static void note_functions(struct atr_object *object, const struct atr_elf *elf)
{
	const char *name;
	bool is_import;

	for (size_t i = 0; (name = atr_elf_symbol(elf, i, &is_import)); i++) {
		uint64_t bit = *name ? function_bit(name) : 0;

		if (is_import)
			object->imports |= bit;
		else
			object->defines |= bit;
	}
}

/* One directory of a search path, with $ORIGIN put in: where the asking object lies. */
static bool expand(const char *directory, size_t len, const char *origin, const char *name,
		   char path[static PATH_MAX])
{
	static const char *const spellings[] = { "$ORIGIN", "${ORIGIN}" };
	int origin_len = (int)(atr_program_base_name(origin) - origin);

	for (size_t i = 0; i < 2; i++) {
		size_t word = strlen(spellings[i]);

		if (len >= word && strncmp(directory, spellings[i], word) == 0)
			return snprintf(path, PATH_MAX, "%.*s.%.*s/%s", origin_len, origin,
					(int)(len - word), directory + word, name) < PATH_MAX;
	}
	return snprintf(path, PATH_MAX, "%.*s/%s", (int)len, directory, name) < PATH_MAX;
}

/* A file that is there but for another machine is passed over, as the loader does. */
static bool try_open(struct atr_elf *elf, const char *path)
{
	enum atr_elf_state state;

	if (atr_elf_open(elf, path, &state) != 0)
		return false;
	if (state == ATR_ELF_GOOD)
		return true;
	atr_elf_close(elf);
	return false;
}

static bool search(const char *list, const char *origin, const char *name, struct atr_elf *elf,
		   char path[static PATH_MAX])
{
	while (list && *list) {
		size_t len = strcspn(list, ":;");

		if (len && expand(list, len, origin, name, path) && try_open(elf, path))
			return true;
		list += len + (list[len] != '\0');
	}
	return false;
}

/* The directories that a file of ld.so.conf.d names, a line each. */
static bool search_listed(const char *file, const char *name, struct atr_elf *elf,
			  char path[static PATH_MAX])
{
	FILE *in = fopen(file, "re");
	char line[PATH_MAX];
	bool found = false;

	while (in && !found && fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\r\n")] = '\0';
		found = line[0] == '/' && search(line, "", name, elf, path);
	}
	if (in)
		fclose(in);
	return found;
}

static bool search_configured(const char *name, struct atr_elf *elf, char path[static PATH_MAX])
{
	bool found = false;
	glob_t files;

	if (glob("/etc/ld.so.conf.d/*.conf", 0, NULL, &files) != 0)
		return false;
	for (size_t i = 0; i < files.gl_pathc && !found; i++)
		found = search_listed(files.gl_pathv[i], name, elf, path);
	globfree(&files);
	return found;
}

static bool search_default(const char *name, struct atr_elf *elf, char path[static PATH_MAX])
{
	static const char directories[] =
#if defined(__x86_64__)
		"/lib/x86_64-linux-gnu:/usr/lib/x86_64-linux-gnu:"
#elif defined(__aarch64__)
		"/lib/aarch64-linux-gnu:/usr/lib/aarch64-linux-gnu:"
#endif
		"/lib64:/usr/lib64:/lib:/usr/lib:/usr/local/lib";

	return search(directories, "", name, elf, path) || search_configured(name, elf, path);
}

/* In the loader's order. `asking` is open, at `origin`. */
static bool find_library(const char *name, const struct atr_elf *asking, const char *origin,
			 struct atr_elf *elf, char path[static PATH_MAX])
{
	if (strchr(name, '/'))
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && try_open(elf, path);
	if (!asking->runpath && search(asking->rpath, origin, name, elf, path))
		return true;
	return search(getenv("LD_LIBRARY_PATH"), origin, name, elf, path) ||
	       search(asking->runpath, origin, name, elf, path) || search_default(name, elf, path);
}

/* libc calls nobody for us to see; and musl's is the interpreter, whatever it is called here. */
static bool is_libc(const char *name)
{
	return strncmp(name, "libc.so", 7) == 0 || strncmp(name, "libc.musl-", 10) == 0;
}

static bool is_known(const struct atr_libraries *all, const char *name)
{
	for (size_t i = 0; i < all->nr; i++) {
		if (strcmp(all->objects[i].name, name) == 0)
			return true;
	}
	return false;
}

static struct atr_object *add_object(struct atr_libraries *all, const char *name)
{
	struct atr_object *object;

	if (all->nr == ATR_OBJECTS_MAX) {
		all->is_cut = true;
		return NULL;
	}
	object = &all->objects[all->nr++];
	*object = (struct atr_object){ 0 };
	snprintf(object->name, sizeof(object->name), "%s", name);
	return object;
}

/* Adds what `asking` needs and was not met before: to be followed in its turn. */
static void add_needed(struct atr_libraries *all, const struct atr_elf *asking, const char *origin)
{
	const char *name;

	for (size_t i = 0; (name = atr_elf_needed(asking, i)) && !all->is_cut; i++) {
		struct atr_object *object;
		struct atr_elf elf;

		if (is_libc(name) || is_known(all, name) || !(object = add_object(all, name)))
			continue;
		if (!find_library(name, asking, origin, &elf, object->path)) {
			object->path[0] = '\0';
			continue;
		}
		note_functions(object, &elf);
		atr_elf_close(&elf);
	}
}

void atr_libraries_follow(struct atr_libraries *all, const struct atr_elf *elf, const char *path)
{
	struct atr_object *program;

	all->nr = 0;
	all->is_cut = false;
	program = add_object(all, atr_program_base_name(path));
	snprintf(program->path, sizeof(program->path), "%s", path);
	note_functions(program, elf);
	add_needed(all, elf, path);
	/* breadth first; what is added meanwhile lies further on */
	for (size_t i = 1; i < all->nr; i++) {
		struct atr_elf library;

		if (all->objects[i].path[0] && try_open(&library, all->objects[i].path)) {
			add_needed(all, &library, all->objects[i].path);
			atr_elf_close(&library);
		}
	}
}

uint64_t atr_libraries_imports(const struct atr_libraries *all)
{
	uint64_t set = 0;

	for (size_t i = 0; i < all->nr; i++)
		set |= all->objects[i].imports;
	return set;
}
