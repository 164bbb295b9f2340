/* SPDX-License-Identifier: Apache-2.0 */
#include "export/heavy/pem.h"

#include <fcntl.h>
#include <string.h>

/* One object of a file: a certificate or a key, its bytes as they grow. */
struct object {
	unsigned char *at;
	size_t len;
	bool is_cut;
};

#define OBJECT_MAX 65536

/* What a file is read for; false ends it. */
typedef bool (*take_object)(void *to, const char *name, const struct object *object);

struct reading {
	struct atr_room *room;
	struct object object;
	take_object take;
	void *to;
	char name[40];
	bool is_in;
};

static void grow(void *reading, const void *bytes, size_t len)
{
	struct object *o = &((struct reading *)reading)->object;

	if (len > OBJECT_MAX - o->len) {
		o->is_cut = true;
		return;
	}
	memcpy(o->at + o->len, bytes, len);
	o->len += len;
}

static bool see_event(struct reading *r, br_pem_decoder_context *pem)
{
	size_t n;

	switch (br_pem_decoder_event(pem)) {
	case BR_PEM_BEGIN_OBJ:
		n = strlen(br_pem_decoder_name(pem));
		n = n < sizeof(r->name) ? n : sizeof(r->name) - 1;
		memcpy(r->name, br_pem_decoder_name(pem), n);
		r->name[n] = 0;
		r->object.len = 0;
		r->object.is_cut = false;
		r->is_in = true;
		br_pem_decoder_setdest(pem, grow, r);
		return true;
	case BR_PEM_END_OBJ:
		if (r->is_in && !r->object.is_cut && !r->take(r->to, r->name, &r->object))
			return false;
		r->is_in = false;
		return true;
	case BR_PEM_ERROR:
		r->is_in = false;
		return true;
	default:
		return true;
	}
}

/* All objects of a file; false: it cannot be opened. */
static bool read_file(const struct atr_io *io, const char *path, struct atr_room *room,
		      take_object take, void *to)
{
	struct reading r = { .room = room, .take = take, .to = to };
	br_pem_decoder_context pem;
	char buf[4096];
	ssize_t n;
	int fd = io->open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	r.object.at = atr_room_take(room, OBJECT_MAX);
	br_pem_decoder_init(&pem);
	while (r.object.at && (n = io->read(fd, buf, sizeof(buf))) > 0) {
		for (size_t at = 0; at < (size_t)n;) {
			at += br_pem_decoder_push(&pem, buf + at, (size_t)n - at);
			if (!see_event(&r, &pem))
				break;
		}
	}
	io->close(fd);
	return r.object.at != NULL;
}

static bool is_certificate(const char *name)
{
	return !strcmp(name, "CERTIFICATE") || !strcmp(name, "X509 CERTIFICATE") ||
	       !strcmp(name, "TRUSTED CERTIFICATE");
}

static unsigned char *copy(struct atr_room *room, const void *bytes, size_t len)
{
	unsigned char *at = atr_room_take(room, len);

	if (at && len)
		memcpy(at, bytes, len);
	return at;
}

/* ---- anchors ----------------------------------------------------------------------------------- */

#define ANCHORS_MAX 2048

struct gathering {
	struct atr_room *room;
	struct atr_anchors *anchors;
	unsigned char name[4096]; /* the one that is read: the subject, as it is encoded */
	size_t name_len;
};

static void grow_name(void *gathering, const void *bytes, size_t len)
{
	struct gathering *g = gathering;

	if (len > sizeof(g->name) - g->name_len) {
		g->name_len = sizeof(g->name);
		return;
	}
	memcpy(g->name + g->name_len, bytes, len);
	g->name_len += len;
}

static bool copy_key(struct atr_room *room, const br_x509_pkey *from, br_x509_pkey *to)
{
	*to = *from;
	if (from->key_type == BR_KEYTYPE_RSA) {
		to->key.rsa.n = copy(room, from->key.rsa.n, from->key.rsa.nlen);
		to->key.rsa.e = copy(room, from->key.rsa.e, from->key.rsa.elen);
		return to->key.rsa.n && to->key.rsa.e;
	}
	to->key.ec.q = copy(room, from->key.ec.q, from->key.ec.qlen);
	return from->key_type == BR_KEYTYPE_EC && to->key.ec.q;
}

/* One that is not understood (a curve that we have not) is passed over. */
static bool add_anchor(void *gathering, const char *name, const struct object *object)
{
	struct gathering *g = gathering;
	br_x509_trust_anchor *to = &g->anchors->list[g->anchors->nr];
	br_x509_decoder_context decoder;
	const br_x509_pkey *key;

	if (!is_certificate(name) || g->anchors->nr == ANCHORS_MAX)
		return true;
	g->name_len = 0;
	br_x509_decoder_init(&decoder, grow_name, g);
	br_x509_decoder_push(&decoder, object->at, object->len);
	key = br_x509_decoder_get_pkey(&decoder);
	if (!key || g->name_len == sizeof(g->name))
		return true;
	to->dn.data = copy(g->room, g->name, g->name_len);
	to->dn.len = g->name_len;
	to->flags = br_x509_decoder_isCA(&decoder) ? BR_X509_TA_CA : 0;
	if (to->dn.data && copy_key(g->room, key, &to->pkey))
		g->anchors->nr++;
	return true;
}

bool atr_anchors_read(const struct atr_io *io, const char *path, struct atr_room *room,
		      struct atr_anchors *out)
{
	struct gathering g = { .room = room, .anchors = out };

	out->nr = 0;
	out->list = atr_room_take(room, ANCHORS_MAX * sizeof(*out->list));
	return out->list && read_file(io, path, room, add_anchor, &g);
}

/* ---- the client's own -------------------------------------------------------------------------- */

#define CHAIN_MAX 16

struct showing {
	struct atr_room *room;
	struct atr_identity *identity;
	bool has_key;
};

static bool add_to_chain(void *showing, const char *name, const struct object *object)
{
	struct showing *s = showing;
	struct atr_identity *i = s->identity;

	if (!is_certificate(name) || i->nr == CHAIN_MAX)
		return true;
	i->chain[i->nr].data = copy(s->room, object->at, object->len);
	i->chain[i->nr].data_len = object->len;
	if (i->chain[i->nr].data)
		i->nr++;
	return true;
}

static bool take_key(void *showing, const char *name, const struct object *object)
{
	struct showing *s = showing;
	size_t len = strlen(name);

	/* not an encrypted one: its words are others, and it is none for the decoder either */
	if (len < 11 || strcmp(name + len - 11, "PRIVATE KEY") != 0)
		return true;
	br_skey_decoder_init(&s->identity->key);
	br_skey_decoder_push(&s->identity->key, object->at, object->len);
	s->has_key = br_skey_decoder_last_error(&s->identity->key) == 0;
	return !s->has_key;
}

static int issuer_key_type(const br_x509_certificate *certificate)
{
	br_x509_decoder_context decoder;

	br_x509_decoder_init(&decoder, NULL, NULL);
	br_x509_decoder_push(&decoder, certificate->data, certificate->data_len);
	return br_x509_decoder_get_signer_key_type(&decoder);
}

const char *atr_identity_read(const struct atr_io *io, const char *certificate, const char *key,
			      struct atr_room *room, struct atr_identity *out)
{
	struct showing s = { .room = room, .identity = out };

	out->nr = 0;
	out->chain = atr_room_take(room, CHAIN_MAX * sizeof(*out->chain));
	if (!out->chain)
		return "there is no memory";
	if (!read_file(io, certificate, room, add_to_chain, &s))
		return "the client's certificate cannot be opened";
	if (!out->nr)
		return "the client's certificate is none";
	if (!read_file(io, key, room, take_key, &s))
		return "the client's key cannot be opened";
	if (!s.has_key)
		return "the client's key is none that can be read (an encrypted one cannot)";
	out->issuer_key_type = issuer_key_type(out->chain);
	return NULL;
}
