/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/observe.h"

#define ATR_SKELETON <wire.lskel.h>
#include "ebpf/skeleton.h"

#include "ebpf/probe.h"

static int load(struct wire_bpf *skeleton, uint64_t token)
{
	int error;

	skeleton->rodata->token = token;
	error = wire_bpf__load(skeleton);
	return error ? error : wire_bpf__attach(skeleton);
}

static bool keep(struct wire_bpf *skeleton, struct atr_observer *observer)
{
	int *links[] = { &skeleton->links.atr_wire_enter_fd, &skeleton->links.atr_wire_exit_fd,
			 &skeleton->links.atr_wire_fork_fd, &skeleton->links.atr_wire_exec_fd,
			 &skeleton->links.atr_wire_end_fd };

	observer->lost = mmap(NULL, sizeof(*observer->lost), PROT_READ, MAP_SHARED,
			      skeleton->maps.wire_lost.map_fd, 0);
	if (observer->lost == MAP_FAILED)
		return false;
	observer->ring_fd = skeleton->maps.wire.map_fd;
	if (!atr_kernel_ring_map(&observer->ring, observer->ring_fd, ATR_WIRE_RING_LEN))
		return false;
	skeleton->maps.wire.map_fd = 0;
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		observer->links[i] = *links[i];
		*links[i] = 0;
	}
	return true;
}

int atr_observer_open(struct atr_observer *observer, uint64_t token, const char **why)
{
	unsigned filled = atr_skeleton_fill();
	struct wire_bpf *skeleton = wire_bpf__open();
	int error = -ENOMEM;

	if (skeleton) {
		error = load(skeleton, token);
		if (!error && !keep(skeleton, observer))
			error = -ENOMEM;
		wire_bpf__destroy(skeleton);
	}
	atr_skeleton_free(filled);
	*why = error ? atr_skeleton_why(error) : NULL;
	return error;
}

void atr_observer_close(struct atr_observer *observer)
{
	for (size_t i = 0; i < sizeof(observer->links) / sizeof(observer->links[0]); i++)
		atr_skeleton_close(observer->links[i]);
	atr_kernel_ring_unmap(&observer->ring);
	munmap(observer->lost, sizeof(*observer->lost));
	atr_skeleton_close(observer->ring_fd);
}

void atr_observer_arm(uint64_t token)
{
	atr_probe_arm(~token, 0);
}

bool atr_observer_next(struct atr_observer *observer, struct atr_wire_event *event)
{
	return atr_kernel_ring_next(&observer->ring, event, sizeof(*event));
}
