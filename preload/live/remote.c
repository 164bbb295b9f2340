/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/live/remote.h"

#include "export/map.h"
#include "export/transport/transport.h"

void (*atr_remote_alarm)(uint64_t at_ms, void (*ring)(void)) = atr_exporter_alarm;
void (*atr_remote_begin)(void) = atr_exporter_begin;
bool (*atr_remote_post)(const struct atr_exporter_options *to, struct atr_str body,
			uint32_t timeout_ms, struct atr_answer *answer) = atr_exporter_ask;

void atr_remote_see_to_it(struct atr_remote *remote)
{
	uint64_t now;

	if (atomic_load_explicit(&remote->is_set, memory_order_relaxed) ||
	    atomic_exchange(&remote->is_set, true))
		return;
	now = atr_now_ms();
	if (now < atomic_load(&remote->next_ms))
		now = atomic_load(&remote->next_ms);
	atr_remote_alarm(now, remote->ask);
	atr_remote_begin();
}

void atr_remote_asked(struct atr_remote *remote, uint64_t next_ms)
{
	atomic_store(&remote->next_ms, next_ms);
	atomic_store(&remote->is_set, false);
}

void atr_remote_forked(struct atr_remote *remote)
{
	atomic_store(&remote->is_set, false);
	atomic_store(&remote->next_ms, 0);
	remote->has_to = false;
}

struct atr_answer *atr_editions_map(struct atr_editions *editions, size_t table_len)
{
	char *at = atr_map_apart(2 * table_len + sizeof(struct atr_answer));

	if (!at)
		return NULL;
	editions->both[0] = (struct atr_edition *)at;
	editions->both[1] = (struct atr_edition *)(at + table_len);
	return (struct atr_answer *)(at + 2 * table_len);
}

struct atr_edition *atr_editions_hold(struct atr_editions *editions)
{
	struct atr_edition *edition;

	for (;;) {
		edition = atomic_load(&editions->current);
		if (!edition)
			return NULL;
		atomic_fetch_add(&edition->readers, 1);
		if (atomic_load(&editions->current) == edition)
			return edition;
		atomic_fetch_sub(&edition->readers, 1);
	}
}

void atr_editions_let_go(struct atr_edition *edition)
{
	atomic_fetch_sub(&edition->readers, 1);
}

struct atr_edition *atr_editions_spare(struct atr_editions *editions)
{
	struct atr_edition *current = atomic_load(&editions->current);
	struct atr_edition *spare = editions->both[current == editions->both[0]];

	return atomic_load(&spare->readers) ? NULL : spare;
}

void atr_editions_publish(struct atr_editions *editions, struct atr_edition *edition)
{
	atomic_store(&editions->current, edition);
}

void atr_editions_forked(struct atr_editions *editions)
{
	atomic_store(&editions->both[0]->readers, 0);
	atomic_store(&editions->both[1]->readers, 0);
}
