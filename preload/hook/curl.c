/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/hook/curl.h"
#include "preload/hook/loaded.h"
#include "preload/hook/real.h"

#include "preload/conn/transfer.h"

#include <errno.h>

/*
 * libcurl. What a program, or a library, means by a name is asked once for each, or once for each
 * place where its references do not say it; a handle's own library is known from when it was made.
 * A dlclose may take the caller and its library away, and then what was known is asked anew.
 */
#define PLACES 256
#define LIBRARIES_MAX 32

/* Read while one may be written: `is` is 0 until the others are, and is looked at twice. */
static struct {
	_Atomic uint64_t is; /* the dlcloses until then, and the library's number + 1 */
	_Atomic uintptr_t begin, end;
} places[PLACES];
static _Atomic uint32_t nr_places;

static struct atr_libcurl libraries[LIBRARIES_MAX];
static _Atomic uint32_t nr_libraries, adding;
static _Atomic uint32_t nr_closed;

#define NAME(type, name, arguments) "curl_" #name "\0"
static const char names[] = ATR_CURL_FUNCTIONS(NAME);
#undef NAME
#define COUNT(type, name, arguments) +1
enum { NR_NAMES = ATR_CURL_FUNCTIONS(COUNT) };
#undef COUNT

void atr_curl_unloaded(void)
{
	atomic_fetch_add_explicit(&nr_closed, 1, memory_order_relaxed);
}

/* The number of the library that is like this one, which may be new; LIBRARIES_MAX: no more can be kept. */
static uint32_t number_of(const struct atr_libcurl *like)
{
	uint32_t nr = atomic_load_explicit(&nr_libraries, memory_order_acquire), now = 0;

	for (uint32_t i = 0; i < nr; i++)
		if (!memcmp(&libraries[i], like, sizeof(*like)))
			return i;
	if (nr == LIBRARIES_MAX || !atomic_compare_exchange_strong(&adding, &now, 1))
		return LIBRARIES_MAX;
	nr = atomic_load_explicit(&nr_libraries, memory_order_relaxed);
	if (nr < LIBRARIES_MAX) {
		libraries[nr] = *like;
		atomic_store_explicit(&nr_libraries, nr + 1, memory_order_release);
	}
	atomic_store_explicit(&adding, 0, memory_order_release);
	return nr;
}

static bool look_for(const void *caller, struct atr_libcurl *out, struct atr_loaded *where,
		     bool *is_sure)
{
	void *found[NR_NAMES];

	if (!atr_loaded_find(caller, names, found, where, is_sure))
		return false;
	memset(out, 0, sizeof(*out));
#define TAKE(type, name, arguments) out->name = (__typeof__(out->name))found[nr++];
	unsigned nr = 0;
	ATR_CURL_FUNCTIONS(TAKE)
#undef TAKE
	out->begin = where->begin;
	out->end = where->end;
	return true;
}

/* One from before a dlclose gives its place to a new one; when there is no more room, it is not kept. */
static void remember(const struct atr_loaded *where, uint64_t is)
{
	uint32_t nr = atomic_load_explicit(&nr_places, memory_order_relaxed), i = 0;
	uint64_t was = 0;

	for (; i < nr; i++) {
		was = atomic_load_explicit(&places[i].is, memory_order_relaxed);
		if (was && was >> 32 != is >> 32 &&
		    atomic_compare_exchange_strong(&places[i].is, &was, 0))
			break;
	}
	if (i == nr && (nr == PLACES || !atomic_compare_exchange_strong(&nr_places, &nr, nr + 1)))
		return;
	atomic_thread_fence(memory_order_release);
	atomic_store_explicit(&places[i].begin, where->callers_begin, memory_order_relaxed);
	atomic_store_explicit(&places[i].end, where->callers_end, memory_order_relaxed);
	atomic_store_explicit(&places[i].is, is, memory_order_release);
}

/* 0: not known, or from before a dlclose. */
static uint64_t remembered(const void *caller, uint32_t closed)
{
	uint32_t nr = atomic_load_explicit(&nr_places, memory_order_acquire);
	uintptr_t at = (uintptr_t)caller;

	for (uint32_t i = 0; i < nr; i++) {
		uint64_t is = atomic_load_explicit(&places[i].is, memory_order_acquire);

		if (!is || is >> 32 != closed ||
		    at < atomic_load_explicit(&places[i].begin, memory_order_relaxed) ||
		    at >= atomic_load_explicit(&places[i].end, memory_order_relaxed))
			continue;
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(&places[i].is, memory_order_relaxed) == is)
			return is;
	}
	return 0;
}

/*
 * The library that the caller is bound to; NULL: there is none. It is in `room` where
 * it could not be kept.
 */
static const struct atr_libcurl *library_of(const void *caller, struct atr_libcurl *room)
{
	uint32_t closed = atomic_load_explicit(&nr_closed, memory_order_acquire), number;
	uint64_t is = remembered(caller, closed);
	struct atr_loaded where;
	bool is_sure;

	if (is)
		return &libraries[(uint32_t)is - 1];
	if (!look_for(caller, room, &where, &is_sure))
		return NULL;
	number = number_of(room);
	if (number == LIBRARIES_MAX)
		return room;
	if (is_sure)
		remember(&where, (uint64_t)closed << 32 | (number + 1));
	return &libraries[number];
}

static bool is_kept(const struct atr_libcurl *library)
{
	return library >= libraries && library < libraries + LIBRARIES_MAX;
}

/* What libcurl makes for itself it takes apart without our being told. */
static bool is_libcurls_own(const struct atr_libcurl *library, const void *caller)
{
	return (uintptr_t)caller >= library->begin && (uintptr_t)caller < library->end;
}

/* A handle's own library comes before what its user seems to mean. */
static const struct atr_libcurl *library_for(const void *easy, const void *caller,
					     struct atr_libcurl *room)
{
	const struct atr_libcurl *own = atr_transfer_library(easy);

	return own ? own : library_of(caller, room);
}

/* In the frame of the hook. */
#define CALLER ((const char *)__builtin_return_address(0) - 1)
#define FRAME __builtin_frame_address(0)

#define FIND_FOR(easy)                                                       \
	struct atr_libcurl room;                                             \
	int saved = errno;                                                   \
	const struct atr_libcurl *real = library_for((easy), CALLER, &room); \
	errno = saved
#define FIND()                                                      \
	struct atr_libcurl room;                                    \
	int saved = errno;                                          \
	const struct atr_libcurl *real = library_of(CALLER, &room); \
	errno = saved

/* Not declared anywhere: its header is not wanted for the build. */
void *curl_easy_init(void);
int curl_easy_setopt(void *easy, int option, ...);
int curl_easy_getinfo(void *easy, int info, ...);
int curl_easy_perform(void *easy);
void curl_easy_reset(void *easy);
void *curl_easy_duphandle(void *easy);
void curl_easy_cleanup(void *easy);
int curl_multi_add_handle(void *multi, void *easy);
int curl_multi_remove_handle(void *multi, void *easy);
int curl_multi_perform(void *multi, int *running);
int curl_multi_socket(void *multi, int fd, int *running);
int curl_multi_socket_action(void *multi, int fd, int events, int *running);
int curl_multi_socket_all(void *multi, int *running);
struct atr_curl_message *curl_multi_info_read(void *multi, int *left);

HOOK void *curl_easy_init(void)
{
	void *easy;

	FIND();
	if (!real || !real->easy_init)
		return NULL;
	easy = real->easy_init();
	if (is_kept(real) && !is_libcurls_own(real, CALLER))
		atr_transfer_made(easy, real);
	else
		atr_transfer_unknown(easy);
	return easy;
}

/*
 * The value is a long, a pointer or an off_t: whichever it is, the register that it
 * came in (x86-64, aarch64) goes on as it is.
 */
HOOK int curl_easy_setopt(void *easy, int option, ...)
{
	va_list args;
	void *value;
	int result;

	FIND_FOR(easy);
	va_start(args, option);
	value = va_arg(args, void *);
	va_end(args);
	if (!real || !real->easy_setopt)
		return ATR_CURLE_FAILED_INIT;
	if (!atr_transfer_minds(option))
		return real->easy_setopt(easy, option, value);
	result = real->easy_setopt(easy, option, atr_transfer_option(easy, option, value));
	if (result == ATR_CURLE_OK)
		atr_transfer_option_set(easy, option, value);
	return result;
}

/* The value is where to put it. */
HOOK int curl_easy_getinfo(void *easy, int info, ...)
{
	va_list args;
	void *value;
	int result;

	FIND_FOR(easy);
	va_start(args, info);
	value = va_arg(args, void *);
	va_end(args);
	if (!real || !real->easy_getinfo)
		return ATR_CURLE_FAILED_INIT;
	result = real->easy_getinfo(easy, info, value);
	if (info == ATR_CURLINFO_REQUEST_SIZE && result == ATR_CURLE_OK)
		*(long *)value = atr_transfer_request_size(easy, *(long *)value);
	return result;
}

HOOK int curl_easy_perform(void *easy)
{
	struct atr_driving before;
	int result;

	FIND_FOR(easy);
	if (!real || !real->easy_perform)
		return ATR_CURLE_FAILED_INIT;
	atr_transfer_begins(easy);
	before = atr_transfer_drives(easy, NULL, real, FRAME);
	result = real->easy_perform(easy);
	atr_transfer_drove(&before);
	atr_transfer_performed(easy, result);
	return result;
}

HOOK void curl_easy_reset(void *easy)
{
	FIND_FOR(easy);
	if (!real || !real->easy_reset)
		return;
	atr_transfer_reset(easy);
	real->easy_reset(easy);
}

HOOK void *curl_easy_duphandle(void *easy)
{
	void *copy;

	FIND_FOR(easy);
	if (!real || !real->easy_duphandle)
		return NULL;
	copy = real->easy_duphandle(easy);
	atr_transfer_copied(easy, copy, real);
	if (is_libcurls_own(real, CALLER))
		atr_transfer_unknown(copy);
	return copy;
}

HOOK void curl_easy_cleanup(void *easy)
{
	FIND_FOR(easy);
	if (!real || !real->easy_cleanup)
		return;
	atr_transfer_gone(easy);
	real->easy_cleanup(easy);
}

HOOK int curl_multi_add_handle(void *multi, void *easy)
{
	int result;

	FIND_FOR(easy);
	if (!real || !real->multi_add_handle)
		return ATR_CURLM_INTERNAL_ERROR;
	result = real->multi_add_handle(multi, easy);
	if (!result)
		atr_transfer_added(multi, easy);
	return result;
}

HOOK int curl_multi_remove_handle(void *multi, void *easy)
{
	int result;

	FIND_FOR(easy);
	if (!real || !real->multi_remove_handle)
		return ATR_CURLM_INTERNAL_ERROR;
	result = real->multi_remove_handle(multi, easy);
	if (!result)
		atr_transfer_taken_out(multi, easy);
	return result;
}

/* Drives a multi handle by one of libcurl's functions. */
#define DRIVE(function, ...)                                            \
	do {                                                            \
		struct atr_driving before;                              \
		int result;                                             \
                                                                        \
		FIND();                                                 \
		if (!real || !real->function)                           \
			return ATR_CURLM_INTERNAL_ERROR;                \
		atr_transfers_begin(multi);                             \
		before = atr_transfer_drives(NULL, multi, real, FRAME); \
		result = real->function(multi, __VA_ARGS__);            \
		atr_transfer_drove(&before);                            \
		return result;                                          \
	} while (0)

HOOK int curl_multi_perform(void *multi, int *running)
{
	DRIVE(multi_perform, running);
}

HOOK int curl_multi_socket(void *multi, int fd, int *running)
{
	DRIVE(multi_socket, fd, running);
}

HOOK int curl_multi_socket_action(void *multi, int fd, int events, int *running)
{
	DRIVE(multi_socket_action, fd, events, running);
}

HOOK int curl_multi_socket_all(void *multi, int *running)
{
	DRIVE(multi_socket_all, running);
}

HOOK struct atr_curl_message *curl_multi_info_read(void *multi, int *left)
{
	struct atr_curl_message *message;

	FIND();
	if (!real || !real->multi_info_read)
		return NULL;
	message = real->multi_info_read(multi, left);
	if (message && message->what == ATR_CURLMSG_DONE)
		atr_transfer_done(message->easy, message->data.result);
	return message;
}
