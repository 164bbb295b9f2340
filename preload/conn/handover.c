/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/handover.h"

#include "export/kernel.h"
#include "propagator/hex.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MAGIC 0x61747232u

static char path[64];

static uint64_t hash(uint64_t h, struct atr_str text)
{
	for (size_t i = 0; i < text.len; i++)
		h = (h ^ (uint8_t)text.at[i]) * UINT64_C(0x100000001b3);
	return h;
}

static char *put_hex(char *at, uint64_t n)
{
	return atr_hex_write(at, (const uint8_t *)&n, sizeof(n));
}

void atr_handover_setup(struct atr_str api, struct atr_str log_stream)
{
	static const char folder[] = "/tmp/.autotrace-";
	uint64_t h = hash(hash(UINT64_C(0xcbf29ce484222325), api), log_stream) + geteuid();

	memcpy(path, folder, sizeof(folder) - 1);
	*put_hex(path + sizeof(folder) - 1, h) = 0;
}

static bool is_sound(const struct atr_handover *h)
{
	const struct atr_span *span = (const struct atr_span *)h->record;

	return h->magic == MAGIC && h->id_len <= ATR_HANDOVER_ID_MAX &&
	       (size_t)h->tracestate_len + h->baggage_len + h->xray_len <= ATR_HANDOVER_CARRY &&
	       (!h->has_record || atr_span_is_whole(span, sizeof(h->record)));
}

/* Of this user, and of nobody else to write. */
static bool is_own(int fd)
{
	struct stat st;

	return syscall(SYS_fstat, fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & 077);
}

bool atr_handover_read(struct atr_handover *out)
{
	int saved = errno;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0 && is_own(fd))
		n = read(fd, out, sizeof(*out));
	if (fd >= 0)
		close(fd);
	errno = saved;
	return n == (ssize_t)sizeof(*out) && is_sound(out);
}

bool atr_handover_remove(void)
{
	int saved = errno;
	bool ok = unlink(path) == 0;

	errno = saved;
	return ok;
}

bool atr_handover_write(const struct atr_handover *handover)
{
	struct atr_handover *own = (struct atr_handover *)handover;
	char fresh[sizeof(path) + 17];
	size_t len = strlen(path);
	int saved = errno, fd;
	bool ok;

	own->magic = MAGIC;
	memcpy(fresh, path, len);
	fresh[len] = '.';
	*put_hex(fresh + len + 1, (uint64_t)atr_kernel_pid()) = 0;
	fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0) {
		errno = saved;
		return false;
	}
	ok = write(fd, handover, sizeof(*handover)) == (ssize_t)sizeof(*handover);
	close(fd);
	ok = ok && rename(fresh, path) == 0;
	if (!ok)
		unlink(fresh);
	errno = saved;
	return ok;
}

struct atr_context atr_handover_context(const struct atr_handover *h)
{
	struct atr_context context = { .flags = h->flags, .marks = h->marks, .remote = true };
	const char *at = h->carry;

	memcpy(context.trace_id, h->trace_id, sizeof(h->trace_id));
	memcpy(context.span_id, h->span_id, sizeof(h->span_id));
	context.tracestate = (struct atr_str){ h->tracestate_len ? at : NULL, h->tracestate_len };
	at += h->tracestate_len;
	context.baggage = (struct atr_str){ h->baggage_len ? at : NULL, h->baggage_len };
	at += h->baggage_len;
	context.xray = (struct atr_str){ h->xray_len ? at : NULL, h->xray_len };
	return context;
}

static uint16_t put_text(struct atr_handover *h, size_t *len, struct atr_str text)
{
	if (text.len > sizeof(h->carry) - *len)
		return 0;
	if (text.len)
		memcpy(h->carry + *len, text.at, text.len);
	*len += text.len;
	return (uint16_t)text.len;
}

void atr_handover_put_context(struct atr_handover *h, const struct atr_context *context)
{
	size_t len = 0;

	h->flags = context->flags;
	h->marks = context->marks;
	memcpy(h->trace_id, context->trace_id, sizeof(h->trace_id));
	memcpy(h->span_id, context->span_id, sizeof(h->span_id));
	h->tracestate_len = put_text(h, &len, context->tracestate);
	h->baggage_len = put_text(h, &len, context->baggage);
	h->xray_len = put_text(h, &len, context->xray);
}
