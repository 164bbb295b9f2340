/* SPDX-License-Identifier: Apache-2.0 */
/* Tests the object beside the library: what it packs, and whom it believes. */
#include "tests/test.h"

#include "export/heavy.h"
#include "export/heavy/address.h"
#include "export/heavy/parts.h"
#include "export/heavy/pem.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
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

/* A server that says what it was given to say, a few bytes at a time, whatever it is told. */
struct parrot {
	struct atr_str says;
	size_t step;
};

static bool hear(void *at, struct atr_str bytes)
{
	(void)at, (void)bytes;
	return true;
}

static ssize_t say(void *at, char *buf, size_t cap)
{
	struct parrot *p = at;
	size_t n = p->says.len < p->step ? p->says.len : p->step;

	n = n < cap ? n : cap;
	memcpy(buf, p->says.at, n);
	p->says.at += n;
	p->says.len -= n;
	return (ssize_t)n;
}

static struct atr_grpc_answer answer_to(struct atr_str says, size_t step, bool *holds)
{
	static char body[100];
	static const struct atr_pair headers[] = { { { "API-Key", 7 }, { "v", 1 } } };
	struct atr_grpc_call call = { .authority = "c",
				      .path = "/p",
				      .user_agent = "u",
				      .timeout = "1m",
				      .headers = headers,
				      .nr_headers = 1,
				      .body = ATR_STR("message") };
	struct atr_grpc_answer answer = { .body = body, .body_cap = sizeof(body) };
	struct parrot parrot = { says, step };
	struct atr_pipe pipe = { &parrot, hear, say };
	struct atr_grpc *grpc = atr_heavy_table()->grpc_open();

	CHECK(grpc);
	*holds = atr_heavy_table()->grpc_call(grpc, &pipe, &call, &answer);
	atr_heavy_table()->grpc_free(grpc);
	return answer;
}

/* SETTINGS; HEADERS :status 200; DATA of a message of two bytes; HEADERS grpc-status 0, the end (RFC 9113, 7541) */
static const char conversation[] = "\0\0\0\4\0\0\0\0\0"
				   "\0\0\1\1\4\0\0\0\1\x88"
				   "\0\0\7\0\0\0\0\0\1\0\0\0\0\2ab"
				   "\0\0\xf\1\5\0\0\0\1\x10\xbgrpc-status\1\x30";

TEST(grpc_answer_is_read_over_any_split)
{
	struct atr_str all = { conversation, sizeof(conversation) - 1 };

	for (size_t step = 1; step <= all.len; step++) {
		bool holds;
		struct atr_grpc_answer answer = answer_to(all, step, &holds);

		CHECK(holds && answer.http_status == 200 && answer.grpc_status == 0);
		CHECK(answer.body_len == 2 && memcmp(answer.body, "ab", 2) == 0);
	}
}

TEST(grpc_answer_that_is_cut_or_wrong_harms_nobody)
{
	static char changed[sizeof(conversation) - 1];
	bool holds;

	for (size_t len = 0; len < sizeof(changed); len++) {
		answer_to((struct atr_str){ conversation, len }, 1000, &holds);
		CHECK(!holds);
	}
	for (size_t i = 0; i < sizeof(changed); i++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			memcpy(changed, conversation, sizeof(changed));
			changed[i] ^= (char)(1u << bit);
			answer_to((struct atr_str){ changed, sizeof(changed) }, 1000, &holds);
		}
	}
}

static const struct atr_io files = { .open = open, .read = read, .close = close };

/* What is read of a file with these bytes; -1: it cannot be. */
static int anchors_in(const char *text, size_t len)
{
	char path[] = "/tmp/autotrace-anchors-XXXXXX";
	int fd = mkstemp(path), nr = -1;
	struct atr_anchors anchors;
	struct atr_room room;

	CHECK(fd >= 0 && write(fd, text, len) == (ssize_t)len && close(fd) == 0);
	CHECK(atr_room_map(&room, 8 << 20));
	if (atr_anchors_read(&files, path, &room, &anchors))
		nr = (int)anchors.nr;
	atr_room_unmap(&room);
	unlink(path);
	return nr;
}

/* P-256, of nobody: CN=a, from 2026 on; signed by itself */
static const char pem[] = "-----BEGIN CERTIFICATE-----\n"
			  "MIIBbzCCARWgAwIBAgIUBAjBJf6YmobYjt4ClmbK1PoO2RwwCgYIKoZIzj0EAwIw\n"
			  "DDEKMAgGA1UEAwwBYTAgFw0yNjExMjExNTMzMTJaGA8yMTI2MTAyODE1MzMxMlow\n"
			  "DDEKMAgGA1UEAwwBYTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABDF/478iKnAZ\n"
			  "0wYOuh2aEDteiRbqi1oEorTn4aDmWSAeQ+vxbVHkMOiufYyFXZPk/Z+Z0Nm1huT0\n"
			  "Tx1wUyxqfCajUzBRMB0GA1UdDgQWBBS/BgUHPdBkVAsqSRhXl2xdHthpQzAfBgNV\n"
			  "HSMEGDAWgBS/BgUHPdBkVAsqSRhXl2xdHthpQzAPBgNVHRMBAf8EBTADAQH/MAoG\n"
			  "CCqGSM49BAMCA0gAMEUCIQDXWs6tISEcIAAujiT1DzZFFJp4USmeb2JTppb4Wr1b\n"
			  "TwIgX+79ew04sUoSAPJuY71gvVSmP3/FYBLI1QVDwk955Zw=\n"
			  "-----END CERTIFICATE-----\n";

TEST(anchors_are_the_certificates_of_a_file)
{
	static char two[2 * sizeof(pem) + 100];
	struct atr_anchors anchors;
	struct atr_room room;

	CHECK(anchors_in(pem, sizeof(pem) - 1) == 1);
	snprintf(two, sizeof(two), "words before\n%sand between\n%s", pem, pem);
	CHECK(anchors_in(two, strlen(two)) == 2);
	CHECK(anchors_in("", 0) == 0 && anchors_in("no PEM", 6) == 0);
	CHECK(atr_room_map(&room, 8 << 20));
	CHECK(!atr_anchors_read(&files, "/none/of/it", &room, &anchors));
	atr_room_unmap(&room);
}

TEST(anchors_that_are_cut_or_wrong_are_passed_over)
{
	static char changed[sizeof(pem) - 1];

	for (size_t len = 0; len < sizeof(pem) - 2; len += 7)
		CHECK(anchors_in(pem, len) == 0);
	for (size_t i = 0; i < sizeof(changed); i++) {
		memcpy(changed, pem, sizeof(changed));
		changed[i] ^= 1;
		CHECK(anchors_in(changed, sizeof(changed)) <= 1);
	}
}
