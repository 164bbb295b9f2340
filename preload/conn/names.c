/* SPDX-License-Identifier: Apache-2.0 */
#include "preload/conn/names.h"

#include <netinet/in.h>
#include <string.h>

#define ENTRIES 16
#define ADDRESSES 8

struct entry {
	_Atomic uint32_t busy;
	uint32_t nr_addresses;
	bool told;
	struct atr_lookup lookup;
	uint8_t address[ADDRESSES][16];
};

static struct entry entries[ENTRIES];
static _Atomic uint32_t next_entry;

/* An address as 16 bytes, IPv4 mapped into IPv6; false for other families. */
static bool plain_address(const struct sockaddr *address, uint8_t out[static 16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (address->sa_family == AF_INET) {
		memcpy(out, mapped, 12);
		memcpy(out + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
		return true;
	}
	if (address->sa_family == AF_INET6) {
		memcpy(out, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool has_address(const struct entry *e, const uint8_t address[static 16])
{
	for (uint32_t i = 0; i < e->nr_addresses; i++)
		if (!memcmp(e->address[i], address, 16))
			return true;
	return false;
}

void atr_names_found(const char *name, uint64_t start_ns, uint64_t end_ns,
		     const struct addrinfo *list)
{
	struct entry *e =
		&entries[atomic_fetch_add_explicit(&next_entry, 1, memory_order_relaxed) % ENTRIES];
	uint8_t address[16];
	size_t len = strlen(name);

	if (atomic_exchange_explicit(&e->busy, 1, memory_order_acquire))
		return;
	e->lookup.start_ns = start_ns;
	e->lookup.end_ns = end_ns;
	e->lookup.name_len = (uint8_t)(len < ATR_LOOKUP_NAME_MAX ? len : ATR_LOOKUP_NAME_MAX);
	memcpy(e->lookup.name, name, e->lookup.name_len);
	e->told = false;
	e->nr_addresses = 0;
	for (; list && e->nr_addresses < ADDRESSES; list = list->ai_next)
		/* one address comes once for each kind of socket */
		if (list->ai_addr && plain_address(list->ai_addr, address) &&
		    !has_address(e, address))
			memcpy(e->address[e->nr_addresses++], address, 16);
	atomic_store_explicit(&e->busy, 0, memory_order_release);
}

static bool take(struct entry *e, const uint8_t address[static 16], struct atr_lookup *out)
{
	for (uint32_t i = 0; i < e->nr_addresses; i++) {
		if (memcmp(e->address[i], address, 16) != 0)
			continue;
		*out = e->lookup;
		out->is_last = i + 1 == e->nr_addresses;
		if (e->told)
			out->start_ns = out->end_ns = 0;
		return true;
	}
	return false;
}

bool atr_names_of(const struct sockaddr *address, socklen_t len, struct atr_lookup *out)
{
	uint32_t newest = atomic_load_explicit(&next_entry, memory_order_relaxed);
	uint8_t plain[16];
	bool found = false;

	if (len < sizeof(struct sockaddr_in) || !plain_address(address, plain))
		return false;
	for (uint32_t i = 1; i <= ENTRIES && !found; i++) {
		struct entry *e = &entries[(newest - i) % ENTRIES];

		if (atomic_exchange_explicit(&e->busy, 1, memory_order_acquire))
			continue;
		found = take(e, plain, out);
		if (found)
			e->told = true;
		atomic_store_explicit(&e->busy, 0, memory_order_release);
	}
	return found;
}

void atr_names_untold(const struct atr_lookup *lookup)
{
	for (struct entry *e = entries; e < entries + ENTRIES; e++) {
		if (e->lookup.start_ns != lookup->start_ns ||
		    atomic_exchange_explicit(&e->busy, 1, memory_order_acquire))
			continue;
		e->told = false;
		atomic_store_explicit(&e->busy, 0, memory_order_release);
	}
}
