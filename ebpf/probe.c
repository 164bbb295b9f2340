/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/probe.h"

#define ATR_SKELETON <calls.lskel.h>
#define ATR_SKELETON_ELSE <calls_plain.lskel.h>
#include "ebpf/skeleton.h"

#include <sys/random.h>

_Static_assert(sizeof(struct calls_bpf) == sizeof(struct calls_plain_bpf) &&
		       sizeof(struct calls_bpf__bss) == sizeof(struct atr_ebpf_shared),
	       "they are made of the same source");

static size_t shared_len(void)
{
	return (sizeof(struct atr_ebpf_shared) + 4095) & ~(size_t)4095;
}

static int bpf(int command, union bpf_attr *attr)
{
	int n = (int)syscall(SYS_bpf, command, attr, sizeof(*attr));

	return n < 0 ? -errno : n;
}

/* ---- the programs ---- */

static int move(int *from)
{
	int fd = *from;

	*from = 0;
	return fd;
}

static uint32_t id_of_link(int fd)
{
	struct bpf_link_info info = { 0 };
	union bpf_attr attr = { .info = { .bpf_fd = (uint32_t)fd,
					  .info_len = sizeof(info),
					  .info = (uint64_t)(uintptr_t)&info } };

	return bpf(BPF_OBJ_GET_INFO_BY_FD, &attr) < 0 ? 0 : info.id;
}

/* What is kept is no longer the skeleton's to close. */
static int keep(struct calls_bpf *skeleton, struct atr_watch *watch)
{
	int *links[] = { &skeleton->links.atr_enter_fd, &skeleton->links.atr_exit_fd,
			 &skeleton->links.atr_switch_fd, &skeleton->links.atr_wakeup_fd };
	int *programs[] = { &skeleton->progs.atr_enter.prog_fd, &skeleton->progs.atr_exit.prog_fd,
			    &skeleton->progs.atr_switch.prog_fd,
			    &skeleton->progs.atr_wakeup.prog_fd };
	void *shared = mmap(NULL, shared_len(), PROT_READ | PROT_WRITE, MAP_SHARED,
			    skeleton->maps.bss.map_fd, 0);

	if (shared == MAP_FAILED)
		return -ENOMEM;
	madvise(shared, shared_len(), MADV_DONTFORK);
	watch->shared = shared;
	watch->maps[ATR_PROBE_SLOTS] = move(&skeleton->maps.slots.map_fd);
	watch->maps[ATR_PROBE_TOLD] = move(&skeleton->maps.told.map_fd);
	watch->maps[ATR_PROBE_SLOW] = move(&skeleton->maps.slow.map_fd);
	for (int i = 0; i < ATR_NR_PROBE_LINKS; i++) {
		watch->links[i] = move(links[i]);
		watch->programs[i] = move(programs[i]);
		watch->link_ids[i] = id_of_link(watch->links[i]);
	}
	watch->is_open = true;
	return 0;
}

#define LOAD(name)                                                         \
	static int load_##name(struct atr_watch *watch)                    \
	{                                                                  \
		struct name##_bpf *skeleton = name##_bpf__open();          \
		int error;                                                 \
                                                                           \
		if (!skeleton)                                             \
			return -ENOMEM;                                    \
		error = name##_bpf__load(skeleton);                        \
		if (!error)                                                \
			error = name##_bpf__attach(skeleton);              \
		if (!error)                                                \
			error = keep((struct calls_bpf *)skeleton, watch); \
		name##_bpf__destroy(skeleton);                             \
		return error;                                              \
	}
LOAD(calls)
LOAD(calls_plain)

/* Whether the kernel refused what it was asked, and not who asks. */
static bool may_take_another(int error)
{
	return error && error != -EPERM && error != -ENOSYS && error != -ENOMEM &&
	       error != -EMFILE && error != -ENFILE;
}

static int load(struct atr_watch *watch)
{
	int error = load_calls(watch);

	if (!may_take_another(error) || load_calls_plain(watch) != 0)
		return error;
	watch->lacks = "the kernel has no BTF: page faults, waiting for disks, TCP's round trips "
		       "and programs that the library cannot be in are not seen";
	return 0;
}

int atr_watch_open(struct atr_watch *watch, const char **why)
{
	unsigned filled = atr_skeleton_fill();
	int error;

	*watch = (struct atr_watch){ 0 };
	error = load(watch);
	atr_skeleton_free(filled);
	*why = error ? atr_skeleton_why(error) : watch->lacks;
	return error;
}

static void close_all(int *fds, int nr)
{
	for (int i = 0; i < nr; i++)
		if (fds[i] > 0)
			atr_skeleton_close(move(&fds[i]));
}

/* All but the links, which keep the programs running. */
static void forget(struct atr_watch *watch)
{
	close_all(watch->maps, ATR_NR_PROBE_MAPS);
	close_all(watch->programs, ATR_NR_PROBE_LINKS);
	if (watch->shared)
		munmap(watch->shared, shared_len());
	watch->shared = NULL;
	watch->is_open = false;
}

void atr_watch_close(struct atr_watch *watch)
{
	close_all(watch->links, ATR_NR_PROBE_LINKS);
	forget(watch);
}

/* ---- seats ---- */

static int create(int kind)
{
	static const struct {
		const char *name;
		uint32_t type, value_len, entries;
	} kinds[ATR_NR_PROBE_MAPS] = {
		[ATR_PROBE_SLOTS] = { "slots", BPF_MAP_TYPE_ARRAY, sizeof(struct atr_ebpf_slot),
				      ATR_EBPF_SLOTS },
		[ATR_PROBE_TOLD] = { "told", BPF_MAP_TYPE_ARRAY, sizeof(struct atr_ebpf_told), 1 },
		[ATR_PROBE_SLOW] = { "slow", BPF_MAP_TYPE_RINGBUF, 0, ATR_EBPF_RING_LEN },
	};
	bool is_array = kinds[kind].type == BPF_MAP_TYPE_ARRAY;
	union bpf_attr attr = { .map_type = kinds[kind].type,
				.key_size = is_array ? 4 : 0,
				.value_size = kinds[kind].value_len,
				.max_entries = kinds[kind].entries,
				.map_flags = is_array ? BPF_F_MMAPABLE : 0 };

	strncpy(attr.map_name, kinds[kind].name, sizeof(attr.map_name) - 1);
	return bpf(BPF_MAP_CREATE, &attr);
}

static int wipe(int fd, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		return -ENOMEM;
	memset(at, 0, len);
	munmap(at, len);
	return 0;
}

/* What the last one on the seat has left. */
static int empty(int kind, int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t *read_at, *write_at;

	if (kind == ATR_PROBE_SLOTS)
		return wipe(fd, ATR_EBPF_SLOTS * sizeof(struct atr_ebpf_slot));
	if (kind == ATR_PROBE_TOLD)
		return wipe(fd, sizeof(struct atr_ebpf_told));
	read_at = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (read_at == MAP_FAILED)
		return -ENOMEM;
	write_at = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (write_at != MAP_FAILED) {
		*(volatile uint64_t *)read_at = *(volatile uint64_t *)write_at;
		munmap(write_at, page);
	}
	munmap(read_at, page);
	return write_at == MAP_FAILED ? -ENOMEM : 0;
}

static int furnish(struct atr_watch *watch, uint32_t seat, struct atr_probe *probe)
{
	int error = 0;

	for (int i = 0; i < ATR_NR_PROBE_MAPS && error >= 0; i++) {
		union bpf_attr attr = { .map_fd = (uint32_t)watch->maps[i],
					.key = (uint64_t)(uintptr_t)&seat,
					.value = (uint64_t)(uintptr_t)&probe->fds[i] };

		if (probe->fds[i] >= 0)
			error = empty(i, probe->fds[i]);
		else
			error = probe->fds[i] = create(i);
		if (error >= 0)
			error = bpf(BPF_MAP_UPDATE_ELEM, &attr);
	}
	return error < 0 ? error : 0;
}

/* Those that were let go of may be held by somebody else. */
static int attach_again(struct atr_watch *watch)
{
	static const char *const names[ATR_NR_PROBE_LINKS] = { "sys_enter", "sys_exit",
							       "sched_switch", "sched_wakeup" };

	for (int i = 0; i < ATR_NR_PROBE_LINKS; i++) {
		union bpf_attr held = { .link_id = watch->link_ids[i] };
		const char *name = watch->lacks ? names[i] : NULL;
		union bpf_attr again = { .raw_tracepoint = {
						 .name = (uint64_t)(uintptr_t)name,
						 .prog_fd = (uint32_t)watch->programs[i] } };
		int fd = watch->links[i];

		if (fd > 0)
			continue;
		fd = bpf(BPF_LINK_GET_FD_BY_ID, &held);
		if (fd < 0)
			fd = bpf(BPF_RAW_TRACEPOINT_OPEN, &again);
		if (fd < 0)
			return fd;
		watch->links[i] = fd;
		watch->link_ids[i] = id_of_link(fd);
	}
	return 0;
}

int atr_watch_admit(struct atr_watch *watch, unsigned seat, const struct atr_probe_options *options,
		    struct atr_probe *probe, const char **why)
{
	struct atr_ebpf_seat *at = &watch->shared->seats[seat];
	unsigned filled = atr_skeleton_fill();
	int error = attach_again(watch);

	if (!error)
		error = furnish(watch, seat, probe);
	atr_skeleton_free(filled);
	*why = error ? atr_skeleton_why(error) : watch->lacks;
	if (error)
		return error;
	if (syscall(SYS_getrandom, &probe->token, sizeof(probe->token), 0) !=
	    sizeof(probe->token)) {
		*why = "no random number can be had";
		return -EIO;
	}
	probe->token = (probe->token & ~(uint64_t)(ATR_EBPF_SEATS - 1)) | UINT64_C(1) << 63 | seat;
	memcpy(probe->fds + ATR_PROBE_ENTER, watch->links, sizeof(watch->links));
	*at = (struct atr_ebpf_seat){ .slow_ns = options->slow_ns, .only = options->only };
	__atomic_store_n(&at->token, probe->token, __ATOMIC_RELEASE);
	return 0;
}

void atr_watch_dismiss(struct atr_watch *watch, unsigned seat)
{
	struct atr_ebpf_seat *at = &watch->shared->seats[seat];
	__u64 *bucket = &watch->shared->buckets[at->tgid & (ATR_EBPF_BUCKETS - 1)];

	__atomic_store_n(&at->token, 0, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 4; i++) {
		__u64 before = __atomic_load_n(bucket, __ATOMIC_RELAXED);

		while ((before >> 16 * i & 0xffff) == seat + 1 &&
		       !__atomic_compare_exchange_n(bucket, &before,
						    before & ~(UINT64_C(0xffff) << 16 * i), false,
						    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
	}
	at->tgid = 0;
}

void atr_watch_let_go(struct atr_watch *watch)
{
	bool is_held = false;

	for (int i = 0; i < ATR_NR_PROBE_LINKS; i++) {
		union bpf_attr attr = { .link_id = watch->link_ids[i] };
		int fd = bpf(BPF_LINK_GET_FD_BY_ID, &attr);

		/* where they could not be found again, they are not let go of */
		if (fd < 0 && fd != -ENOENT)
			return;
		if (watch->links[i] > 0)
			atr_skeleton_close(move(&watch->links[i]));
		if (fd < 0)
			continue;
		atr_skeleton_close(fd);
		fd = bpf(BPF_LINK_GET_FD_BY_ID, &attr);
		if (fd < 0)
			continue;
		atr_skeleton_close(fd);
		is_held = true;
	}
	if (!is_held)
		atr_watch_close(watch);
}

/* ---- one process ---- */

int atr_probe_open(const struct atr_probe_options *options, struct atr_probe *probe,
		   const char **why)
{
	struct atr_watch watch;
	int error = atr_watch_open(&watch, why);

	*probe = (struct atr_probe){ .fds = { -1, -1, -1 } };
	if (error)
		return error;
	error = atr_watch_admit(&watch, 0, options, probe, why);
	if (error) {
		close_all(probe->fds, ATR_NR_PROBE_MAPS);
		atr_watch_close(&watch);
	} else {
		forget(&watch);
	}
	return error;
}

void atr_probe_close(struct atr_probe *probe)
{
	close_all(probe->fds, ATR_NR_PROBE_FDS);
}
