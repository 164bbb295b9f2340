/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/probe.h"

#define ATR_SKELETON <calls.lskel.h>
#include "ebpf/skeleton.h"

static int load(struct calls_bpf *skeleton, const struct atr_probe_options *options)
{
	int error;

	skeleton->rodata->token = options->token;
	skeleton->rodata->slow_ns = options->slow_ns;
	skeleton->rodata->only = options->only;
	error = calls_bpf__load(skeleton);
	return error ? error : calls_bpf__attach(skeleton);
}

/* What is handed on is no longer the skeleton's to close. */
static void keep(struct calls_bpf *skeleton, struct atr_probe *probe)
{
	int *from[ATR_NR_PROBE_FDS] = {
		[ATR_PROBE_SLOTS] = &skeleton->maps.slots.map_fd,
		[ATR_PROBE_TOLD] = &skeleton->maps.told.map_fd,
		[ATR_PROBE_SLOW] = &skeleton->maps.slow.map_fd,
		[ATR_PROBE_ENTER] = &skeleton->links.atr_enter_fd,
		[ATR_PROBE_EXIT] = &skeleton->links.atr_exit_fd,
		[ATR_PROBE_SWITCH] = &skeleton->links.atr_switch_fd,
		[ATR_PROBE_WAKEUP] = &skeleton->links.atr_wakeup_fd,
	};

	for (int i = 0; i < ATR_NR_PROBE_FDS; i++) {
		probe->fds[i] = *from[i];
		*from[i] = 0;
	}
}

int atr_probe_open(const struct atr_probe_options *options, struct atr_probe *probe,
		   const char **why)
{
	unsigned filled = atr_skeleton_fill();
	struct calls_bpf *skeleton = calls_bpf__open();
	int error = -ENOMEM;

	if (skeleton) {
		error = load(skeleton, options);
		if (!error)
			keep(skeleton, probe);
		calls_bpf__destroy(skeleton);
	}
	atr_skeleton_free(filled);
	*why = error ? atr_skeleton_why(error) : NULL;
	return error;
}

void atr_probe_close(struct atr_probe *probe)
{
	for (int i = 0; i < ATR_NR_PROBE_FDS; i++)
		atr_skeleton_close(probe->fds[i]);
}
