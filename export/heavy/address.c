/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/address.h"

#include <string.h>

/*
 *	Certificate { TBSCertificate { ... [3] { Extensions { Extension {
 *		OID 2.5.29.17, critical?, OCTET STRING { GeneralNames { [7] address } } } } } } }
 */
struct der {
	const uint8_t *at;
	size_t len;
};

/* Takes the next element off the front: its tag, and what is in it. */
static bool next(struct der *in, uint8_t *tag, struct der *out)
{
	size_t len, head = 2;

	if (in->len < 2)
		return false;
	*tag = in->at[0];
	len = in->at[1];
	if (len & 0x80) {
		size_t nr = len & 0x7f;

		if (nr < 1 || nr > 3 || in->len < 2 + nr)
			return false;
		len = 0;
		for (size_t i = 0; i < nr; i++)
			len = len << 8 | in->at[2 + i];
		head += nr;
	}
	if (len > in->len - head)
		return false;
	*out = (struct der){ in->at + head, len };
	in->at += head + len;
	in->len -= head + len;
	return true;
}

/* The first one with this tag. */
static bool find(struct der in, uint8_t wanted, struct der *out)
{
	uint8_t tag;

	while (next(&in, &tag, out))
		if (tag == wanted)
			return true;
	return false;
}

static bool has_address(struct der names, const uint8_t *address, size_t address_len)
{
	struct der one;
	uint8_t tag;

	while (next(&names, &tag, &one))
		if (tag == 0x87 && one.len == address_len &&
		    memcmp(one.at, address, address_len) == 0)
			return true;
	return false;
}

bool atr_certificate_names(const uint8_t *certificate, size_t len, const uint8_t *address,
			   size_t address_len)
{
	static const uint8_t alt_name[] = { 0x55, 0x1d, 0x11 };
	struct der in = { certificate, len }, extensions, one, part;
	uint8_t tag;

	if (!find(in, 0x30, &in) || !find(in, 0x30, &in) || !find(in, 0xa3, &in) ||
	    !find(in, 0x30, &extensions))
		return false;
	while (next(&extensions, &tag, &one)) {
		if (tag != 0x30 || !find(one, 0x06, &part) || part.len != sizeof(alt_name) ||
		    memcmp(part.at, alt_name, sizeof(alt_name)) != 0)
			continue;
		return find(one, 0x04, &part) && find(part, 0x30, &part) &&
		       has_address(part, address, address_len);
	}
	return false;
}
