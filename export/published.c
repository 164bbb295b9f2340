/* SPDX-License-Identifier: Apache-2.0 */
#include "export/published.h"

#include "export/encode/encode.h"
#include "export/encode/pb.h"
#include "export/env.h"
#include "export/kernel.h"

#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u /* Linux 6.3 */
#endif

#define NAME "OTEL_CTX"
#define VERSION 2
#define PAYLOAD_MAX 65536 /* readers take no more */

/* At the mapping's start; the payload is behind it. */
struct header {
	char signature[8];
	uint32_t version, payload_len;
	_Atomic uint64_t published_ns; /* of CLOCK_BOOTTIME; 0: not all is there */
	const char *payload;
};
_Static_assert(sizeof(struct header) == 32, "the layout is not ours to choose");

static struct header *published;

/* attributes = 2: KeyValue { key = 1, value = 2 }, of a string = 1 or an array = 5. */
static void put_attribute(struct atr_buf *out, struct atr_str key, char type, struct atr_str value)
{
	char *at = atr_buf_room(out, 64 + key.len + value.len), *pair, *any;

	if (!at)
		return;
	pair = atr_pb_open(at, 0x12);
	any = atr_pb_open(atr_pb_bytes(pair, 0x0a, key.at, key.len), 0x12);
	at = atr_pb_close(any, atr_pb_bytes(any, type, value.at, value.len));
	out->len = (size_t)(atr_pb_close(pair, at) - out->at);
}

/* ProcessContext: resource = 1, attributes = 2. No attributes of threads: no keys of theirs. */
static bool encode(struct atr_buf *out, const struct atr_resource_attr *resource, size_t nr,
		   bool threads)
{
	if (!atr_otlp_put_resource(out, resource, nr))
		return false;
	if (threads) {
		put_attribute(out, ATR_STR("threadlocal.schema_version"), 0x0a,
			      ATR_STR("tlsdesc_v1_dev"));
		put_attribute(out, ATR_STR("threadlocal.attribute_key_map"), 0x2a, ATR_STR(""));
	}
	return !out->failed && out->len <= PAYLOAD_MAX;
}

/* Mapped, it has a name whatever the kernel can, and no more descriptor. */
static void *map_file(const struct atr_io *io, size_t len)
{
	unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
	long fd = syscall(SYS_memfd_create, NAME, flags | MFD_NOEXEC_SEAL);
	void *at = MAP_FAILED;

	if (fd < 0)
		fd = syscall(SYS_memfd_create, NAME, flags);
	if (fd < 0)
		return MAP_FAILED;
	if (syscall(SYS_ftruncate, fd, len) == 0)
		at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE, (int)fd, 0);
	io->close((int)fd); /* not by its number: who hears of that takes it for the program's */
	return at;
}

static bool give_name(void *at, size_t len)
{
	return syscall(SYS_prctl, PR_SET_VMA, PR_SET_VMA_ANON_NAME, at, len, NAME) == 0;
}

/* The time comes last: a reader that sees it sees the rest. */
static void fill(struct header *header, const struct atr_buf *payload)
{
	memcpy(header + 1, payload->at, payload->len);
	memcpy(header->signature, NAME, sizeof(header->signature));
	header->version = VERSION;
	header->payload_len = (uint32_t)payload->len;
	header->payload = (const char *)(header + 1);
	atomic_thread_fence(memory_order_seq_cst);
	atomic_store(&header->published_ns, atr_kernel_ns(CLOCK_BOOTTIME));
}

static void publish(const struct atr_buf *payload, const struct atr_io *io)
{
	size_t len = sizeof(struct header) + payload->len;
	void *at = io ? map_file(io, len) : MAP_FAILED;
	bool has_name = at != MAP_FAILED;

	if (!has_name)
		at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return;
	if (madvise(at, len, MADV_DONTFORK))
		goto none;
	fill(at, payload);
	if (!give_name(at, len) && !has_name)
		goto none;
	published = at;
	return;
none:
	munmap(at, len);
}

void atr_published_make(const struct atr_resource_attr *resource, size_t nr, bool threads,
			const struct atr_io *io)
{
	struct atr_buf payload = { 0 };

	if (published || !atr_env_bool("AUTOTRACE_PROCESS_CONTEXT", true))
		return;
	if (encode(&payload, resource, nr, threads))
		publish(&payload, io);
	atr_buf_release(&payload);
}

void atr_published_forked(void)
{
	published = NULL;
}
