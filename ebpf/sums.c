/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/sums.h"

#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(sizeof(struct atr_ebpf_slot) % 8 == 0, "they lie one behind the other");

static void *map(int fd, size_t len)
{
	void *got = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (got == MAP_FAILED)
		return NULL;
	/* a forked child is another process, and watched by itself */
	madvise(got, len, MADV_DONTFORK);
	return got;
}

static size_t slots_len(void)
{
	return ATR_EBPF_SLOTS * sizeof(struct atr_ebpf_slot);
}

/* Of a file that is shorter than what is mapped of it, a look would end the process. */
static bool is_no_file(int fd)
{
	struct stat st;

	return syscall(SYS_fstat, fd, &st) == 0 && !(st.st_mode & S_IFMT);
}

bool atr_sums_map(struct atr_sums *sums, const struct atr_probe *probe)
{
	*sums = (struct atr_sums){ 0 };
	for (int i = ATR_PROBE_SLOTS; i <= ATR_PROBE_SLOW; i++)
		if (!is_no_file(probe->fds[i]))
			return false;
	sums->slots = map(probe->fds[ATR_PROBE_SLOTS], slots_len());
	sums->told = map(probe->fds[ATR_PROBE_TOLD], sizeof(*sums->told));
	if (sums->slots && sums->told &&
	    atr_kernel_ring_map(&sums->slow, probe->fds[ATR_PROBE_SLOW], ATR_EBPF_RING_LEN))
		return true;
	atr_sums_unmap(sums);
	return false;
}

void atr_sums_unmap(struct atr_sums *sums)
{
	if (sums->slots)
		munmap(sums->slots, slots_len());
	if (sums->told)
		munmap(sums->told, sizeof(*sums->told));
	atr_kernel_ring_unmap(&sums->slow);
	*sums = (struct atr_sums){ 0 };
}

static void add_call(struct atr_ebpf_slot *to, const struct atr_ebpf_call *call)
{
	for (int i = 0; i < ATR_EBPF_CALLS; i++) {
		struct atr_ebpf_call *one = &to->calls[i];

		if (!one->number)
			one->number = call->number;
		if (one->number == call->number) {
			one->count += call->count;
			one->ns += call->ns;
			return;
		}
	}
	to->others += call->count;
	to->others_ns += call->ns;
}

static void add_tcp(struct atr_ebpf_slot *to, const struct atr_ebpf_tcp *tcp)
{
	for (int i = 0; i < ATR_EBPF_TCPS; i++) {
		struct atr_ebpf_tcp *one = &to->tcp[i];

		if (!one->ports)
			*one = *tcp;
		if (one->ports == tcp->ports) {
			/* of two parts the later has the greater count */
			if (tcp->resent >= one->resent)
				one->rtt_us = tcp->rtt_us;
			if (tcp->resent > one->resent)
				one->resent = tcp->resent;
			if (tcp->resent_before < one->resent_before)
				one->resent_before = tcp->resent_before;
			return;
		}
	}
}

static void add(struct atr_ebpf_slot *to, const struct atr_ebpf_slot *from)
{
	to->cpu_ns += from->cpu_ns;
	to->runqueue_ns += from->runqueue_ns;
	to->blocked_ns += from->blocked_ns;
	to->io_ns += from->io_ns;
	to->minor_faults += from->minor_faults;
	to->major_faults += from->major_faults;
	to->others += from->others;
	to->others_ns += from->others_ns;
	for (int i = 0; i < ATR_EBPF_CALLS; i++)
		if (from->calls[i].number)
			add_call(to, &from->calls[i]);
	for (int i = 0; i < ATR_EBPF_TCPS; i++)
		if (from->tcp[i].ports)
			add_tcp(to, &from->tcp[i]);
}

/* What is added meanwhile, by a call that another thread is still in, is lost or the next one's. */
static void give_back(struct atr_ebpf_slot *slot)
{
	memset((char *)slot + sizeof(slot->span), 0, sizeof(*slot) - sizeof(slot->span));
	__atomic_store_n(&slot->span, 0, __ATOMIC_RELEASE);
}

/*
 * As one was given back, the kernel may have taken it for a span that had another further
 * on: all that have its id are of it.
 */
bool atr_sums_take(struct atr_sums *sums, uint64_t span, struct atr_ebpf_slot *out)
{
	uint32_t first = atr_ebpf_hash(span);
	bool found = false;

	if (!span)
		return false;
	for (uint32_t i = 0; i < ATR_EBPF_PROBES; i++) {
		struct atr_ebpf_slot *slot = &sums->slots[(first + i) & (ATR_EBPF_SLOTS - 1)];

		if (__atomic_load_n(&slot->span, __ATOMIC_ACQUIRE) != span)
			continue;
		if (!found)
			*out = (struct atr_ebpf_slot){ .span = span };
		found = true;
		add(out, slot);
		give_back(slot);
	}
	return found;
}

static uint32_t rtt_in(const struct atr_ebpf_slot *slot, uint16_t peer_port)
{
	uint32_t found = 0;

	for (int i = 0; i < ATR_EBPF_TCPS; i++)
		if ((uint16_t)slot->tcp[i].ports == peer_port && slot->tcp[i].rtt_us)
			found = slot->tcp[i].rtt_us;
	return found;
}

uint32_t atr_sums_rtt_us(const struct atr_sums *sums, const struct atr_ebpf_slot *taken,
			 uint64_t parent, uint16_t peer_port)
{
	uint32_t first = atr_ebpf_hash(parent), found = taken ? rtt_in(taken, peer_port) : 0;

	for (uint32_t i = 0; parent && !found && i < ATR_EBPF_PROBES; i++) {
		const struct atr_ebpf_slot *slot = &sums->slots[(first + i) & (ATR_EBPF_SLOTS - 1)];

		if (__atomic_load_n(&slot->span, __ATOMIC_ACQUIRE) == parent)
			found = rtt_in(slot, peer_port);
	}
	return found;
}

uint32_t atr_sums_resent(const struct atr_ebpf_slot *slot)
{
	uint32_t nr = 0;

	for (int i = 0; i < ATR_EBPF_TCPS; i++)
		if (slot->tcp[i].resent > slot->tcp[i].resent_before)
			nr += slot->tcp[i].resent - slot->tcp[i].resent_before;
	return nr;
}

bool atr_sums_are_partial(const struct atr_sums *sums, uint64_t start_ns, uint64_t end_ns)
{
	uint64_t first = start_ns >> ATR_EBPF_PIECE_BITS, last = end_ns >> ATR_EBPF_PIECE_BITS;

	if (last - first >= ATR_EBPF_PIECES)
		first = last - ATR_EBPF_PIECES + 1;
	for (; first <= last; first++)
		if (sums->told->lost_in[first & (ATR_EBPF_PIECES - 1)] == (uint32_t)first)
			return true;
	return false;
}

unsigned atr_sums_sweep(struct atr_sums *sums, uint64_t since_ns)
{
	unsigned nr = 0, swept = 0;

	for (int i = 0; i < ATR_EBPF_SLOTS; i++)
		nr += sums->slots[i].span != 0;
	if (nr <= ATR_EBPF_SLOTS / 2)
		return 0;
	for (int i = 0; i < ATR_EBPF_SLOTS; i++) {
		struct atr_ebpf_slot *slot = &sums->slots[i];

		if (!slot->span || (int64_t)(slot->touched_ns - since_ns) >= 0)
			continue;
		atr_ebpf_lost_at(sums->told, slot->touched_ns);
		give_back(slot);
		swept++;
	}
	return swept;
}

bool atr_sums_next_slow(struct atr_sums *sums, struct atr_ebpf_slow *out)
{
	return atr_kernel_ring_next(&sums->slow, out, sizeof(*out));
}

unsigned atr_sums_top(const struct atr_ebpf_slot *slot,
		      struct atr_ebpf_call out[static ATR_SUMS_TOP])
{
	unsigned nr = 0;

	for (int i = 0; i < ATR_EBPF_CALLS; i++) {
		const struct atr_ebpf_call *call = &slot->calls[i];
		unsigned at = nr < ATR_SUMS_TOP ? nr : ATR_SUMS_TOP - 1;

		if (!call->number || !call->count || (nr == ATR_SUMS_TOP && call->ns <= out[at].ns))
			continue;
		for (; at && out[at - 1].ns < call->ns; at--)
			out[at] = out[at - 1];
		out[at] = *call;
		nr += nr < ATR_SUMS_TOP;
	}
	return nr;
}
