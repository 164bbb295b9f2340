/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/xray_daemon.h"
#include "tools/decode.h"

#include <arpa/inet.h>
#include <cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	DATAGRAM_MAX = 65536,
	RECEIVE_BUFFER = 4 * 1024 * 1024, /* a burst while we are at something else */
};

struct atr_xray_daemon {
	struct atr_trace *trace;
	struct atr_str service;
	struct atr_xray_daemon_result result;
	int fd;
	uint16_t port;
	char bytes[DATAGRAM_MAX], decoded[DATAGRAM_MAX];
};

/* The order of its members and the spaces are the sender's. */
static bool is_header(struct atr_str line)
{
	char text[128];
	const cJSON *version;
	cJSON *object;
	bool good;

	if (line.len >= sizeof(text))
		return false;
	memcpy(text, line.at, line.len);
	text[line.len] = '\0';
	object = cJSON_ParseWithOpts(text, NULL, true);
	version = cJSON_GetObjectItemCaseSensitive(object, "version");
	good = cJSON_IsNumber(version) && version->valuedouble == 1 &&
	       atr_str_equal(atr_str(cJSON_GetStringValue(
				     cJSON_GetObjectItemCaseSensitive(object, "format"))),
			     ATR_STR("json"));
	cJSON_Delete(object);
	return good;
}

static bool take_otlp(struct atr_xray_daemon *d, struct atr_str digits)
{
	size_t len = atr_decode_base64(&digits, d->decoded);

	return atr_decode_base64_is_end(digits) &&
	       atr_otlp_read_protobuf(d->trace, (struct atr_str){ d->decoded, len },
				      &d->result.otlp);
}

static bool take_document(struct atr_xray_daemon *d, struct atr_str document)
{
	struct atr_str behind = { document.at + 3, document.len - 3 };

	if (document.len > 3 && memcmp(document.at, "T1S", 3) == 0)
		return take_otlp(d, behind);
	if (document.len > 3 && memcmp(document.at, "T1U", 3) == 0) {
		d->result.nr_unsampled++;
		return true;
	}
	return atr_xray_read(d->trace, document, d->service, &d->result.documents);
}

static bool take_datagram(struct atr_xray_daemon *d, struct atr_str bytes)
{
	const char *newline = bytes.len ? memchr(bytes.at, '\n', bytes.len) : NULL;
	struct atr_str line, document;

	if (!newline)
		return false;
	line = (struct atr_str){ bytes.at, (size_t)(newline - bytes.at) };
	document = (struct atr_str){ newline + 1, bytes.len - line.len - 1 };
	return document.len && is_header(line) && take_document(d, document);
}

size_t atr_xray_daemon_serve(struct atr_xray_daemon *d)
{
	size_t before = d->result.nr_datagrams;
	ssize_t n;

	while ((n = recv(d->fd, d->bytes, sizeof(d->bytes), MSG_DONTWAIT)) >= 0 || errno == EINTR) {
		if (n < 0)
			continue;
		d->result.nr_datagrams++;
		if (!take_datagram(d, (struct atr_str){ d->bytes, (size_t)n }))
			d->result.nr_malformed++;
	}
	return d->result.nr_datagrams - before;
}

static bool bind_loopback(struct atr_xray_daemon *d)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(address);
	int size = RECEIVE_BUFFER;

	d->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (d->fd < 0 || bind(d->fd, (struct sockaddr *)&address, len) != 0 ||
	    getsockname(d->fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	setsockopt(d->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	d->port = ntohs(address.sin_port);
	return true;
}

struct atr_xray_daemon *atr_xray_daemon_open(struct atr_trace *trace, struct atr_str service)
{
	struct atr_xray_daemon *d = calloc(1, sizeof(*d));
	int error;

	if (!d)
		return NULL;
	d->trace = trace;
	d->service = service;
	if (bind_loopback(d))
		return d;
	error = errno;
	atr_xray_daemon_close(d);
	errno = error;
	return NULL;
}

void atr_xray_daemon_close(struct atr_xray_daemon *d)
{
	if (d->fd >= 0)
		close(d->fd);
	free(d);
}

int atr_xray_daemon_fd(const struct atr_xray_daemon *d)
{
	return d->fd;
}

uint16_t atr_xray_daemon_port(const struct atr_xray_daemon *d)
{
	return d->port;
}

const struct atr_xray_daemon_result *atr_xray_daemon_result(const struct atr_xray_daemon *d)
{
	return &d->result;
}
