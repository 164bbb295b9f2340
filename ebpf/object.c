/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/object.h"

#include "ebpf/agent.h"
#include "ebpf/names.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What is mapped stays without its descriptor. */
static void close_maps(const struct atr_probe *probe)
{
	for (int i = ATR_PROBE_SLOTS; i <= ATR_PROBE_SLOW; i++)
		syscall(SYS_close, probe->fds[i]);
}

static bool open_probe(const struct atr_ebpf_asked *asked, struct atr_probe *probe,
		       const char **why)
{
	struct atr_probe_options options = { .slow_ns = asked->slow_ns, .token = asked->token };
	int error;

	if (asked->token && asked->agent && !atr_agent_ask(asked->agent, &options, probe, why))
		return true;
	options.token = 0;
	error = atr_probe_open(&options, probe, why);
	if ((error == -EPERM || error == -EACCES || error == -ENOSYS) && asked->agent)
		error = atr_agent_ask(asked->agent, &options, probe, why);
	return !error;
}

static bool start(const struct atr_ebpf_asked *asked, struct atr_sums *sums, const char **why)
{
	struct atr_probe probe;

	if (!open_probe(asked, &probe, why))
		return false;
	if (!atr_sums_map(sums, &probe)) {
		atr_probe_close(&probe);
		*why = "what there is to read cannot be mapped";
		return false;
	}
	atr_probe_arm(probe.token, asked->offset);
	if (sums->told->armed_ns) {
		close_maps(&probe);
		return true;
	}
	atr_probe_close(&probe);
	atr_sums_unmap(sums);
	*why = "the kernel's programs do not see this process";
	return false;
}

static const struct atr_ebpf table = {
	.version = ATR_EBPF_VERSION,
	.start = start,
	.take = atr_sums_take,
	.rtt_us = atr_sums_rtt_us,
	.resent = atr_sums_resent,
	.are_partial = atr_sums_are_partial,
	.sweep = atr_sums_sweep,
	.next_slow = atr_sums_next_slow,
	.top = atr_sums_top,
	.name = atr_syscall_name,
	.follow_open = atr_follow_open,
	.follow_add = atr_follow_add,
	.follow_next = atr_follow_next,
};

__attribute__((visibility("default"))) const struct atr_ebpf *atr_ebpf_table(void)
{
	return &table;
}
