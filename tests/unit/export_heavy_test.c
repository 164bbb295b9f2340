/* SPDX-License-Identifier: Apache-2.0 */
/* Tests the object beside the library: what it packs, and whom it believes. */
#include "tests/test.h"

#include "export/heavy.h"
#include "export/heavy/address.h"
#include "export/heavy/parts.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

static bool is_packed_well(struct atr_str in)
{
	size_t room = atr_gzip_room(in.len), len;
	char *out = malloc(room), *back = malloc(in.len + 1);
	z_stream z = { .next_in = (void *)out };
	bool is_same;

	len = atr_heavy_table()->gzip(in, out, room);
	z.avail_in = (unsigned)len;
	z.next_out = (void *)back;
	z.avail_out = (unsigned)in.len + 1;
	is_same = len && inflateInit2(&z, 15 + 16) == Z_OK &&
		  inflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out == in.len &&
		  memcmp(back, in.at, in.len) == 0;
	inflateEnd(&z);
	free(out);
	free(back);
	return is_same;
}

TEST(gzip_is_what_zlib_unpacks)
{
	static char noise[300000], alike[300000];
	uint32_t word = 1;

	for (size_t i = 0; i < sizeof(noise); i++) {
		word = word * 1664525 + 1013904223;
		noise[i] = (char)(word >> 24);
	}
	memset(alike, 'a', sizeof(alike));
	for (size_t len = 1; len <= sizeof(noise); len = len * 3 + 1) {
		CHECK(is_packed_well((struct atr_str){ noise, len }));
		CHECK(is_packed_well((struct atr_str){ alike, len }));
	}
	CHECK(is_packed_well((struct atr_str){ "", 0 }));
}

TEST(gzip_without_room_is_none)
{
	static char in[5000], out[20];

	CHECK(atr_heavy_table()->gzip((struct atr_str){ in, sizeof(in) }, out, sizeof(out)) == 0);
}

/* Certificate { tbs { serial, [3] { { extension { oid, critical, names } } } } }, names: 7 = 127.0.0.1 */
static const uint8_t certificate[] = {
	0x30, 0x25, 0x30, 0x23, 0x02, 0x01, 0x01, 0xa3, 0x1e, 0x30, 0x1c, 0x30, 0x1a,
	0x06, 0x03, 0x55, 0x1d, 0x11, 0x01, 0x01, 0xff, 0x04, 0x10, 0x30, 0x0e, 0x82,
	0x06, 'a',  '.',  'd',	'e',  'f',  'g',  0x87, 0x04, 127,  0,	  0,	1,
};

TEST(address_is_found_in_a_certificate)
{
	static const uint8_t us[] = { 127, 0, 0, 1 }, other[] = { 127, 0, 0, 2 };

	CHECK(sizeof(certificate) == 0x27);
	CHECK(atr_certificate_names(certificate, sizeof(certificate), us, 4));
	CHECK(!atr_certificate_names(certificate, sizeof(certificate), other, 4));
	CHECK(!atr_certificate_names(certificate, sizeof(certificate), us, 3));
	/* text that looks like one is none */
	CHECK(!atr_certificate_names(certificate, sizeof(certificate), (const uint8_t *)"a.defg",
				     6));
}

TEST(address_of_a_broken_certificate_is_not_found)
{
	static const uint8_t us[] = { 127, 0, 0, 1 };

	for (size_t len = 0; len < sizeof(certificate); len++) {
		uint8_t *cut = malloc(len + 1); /* exactly, for the sanitizer */

		memcpy(cut, certificate, len);
		cut = realloc(cut, len ? len : 1);
		CHECK(!atr_certificate_names(cut, len, us, 4));
		for (size_t i = 0; i < len; i++) {
			cut[i] = 0x84; /* a length of four bytes */
			atr_certificate_names(cut, len, us, 4);
			cut[i] = certificate[i];
		}
		free(cut);
	}
}

TEST(grpc_retry_info_is_found_among_the_details)
{
	uint32_t ms = 1;

	/* 2 s and 500,000,000 ns; then 1 s alone, the rest unknown */
	CHECK(atr_grpc_retry_info(
		ATR_STR("CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5m"
			"bxIKCggIAhCAyrXuAQ=="),
		&ms));
	CHECK(ms == 2500);
	/* without a delay it is one all the same */
	CHECK(atr_grpc_retry_info(
		ATR_STR("CAgaKgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5mbw"), &ms));
	CHECK(ms == 0);
	/* code 8 and words; nothing; not base64 */
	CHECK(!atr_grpc_retry_info(ATR_STR("CAgSBHdvcmQ="), &ms) && ms == 0);
	CHECK(!atr_grpc_retry_info(ATR_STR(""), &ms));
	CHECK(!atr_grpc_retry_info(ATR_STR("****"), &ms));
}

TEST(grpc_retry_info_that_is_cut_or_wrong_harms_nobody)
{
	static const char whole[] = "CAgaNgoodHlwZS5nb29nbGVhcGlzLmNvbS9nb29nbGUucnBjLlJldHJ5SW5m"
				    "bxIKCggIAhCAyrXuAQ==";
	uint32_t ms;

	for (size_t len = 0; len < sizeof(whole) - 1; len++) {
		char *cut = malloc(len + 1);

		memcpy(cut, whole, len);
		for (size_t i = 0; i < len; i++) {
			char kept = cut[i];

			for (const char *c = "A/9_="; *c; c++) {
				cut[i] = *c;
				atr_grpc_retry_info((struct atr_str){ cut, len }, &ms);
				CHECK(ms <= 86401000);
			}
			cut[i] = kept;
		}
		free(cut);
	}
}
