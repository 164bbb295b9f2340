/* SPDX-License-Identifier: Apache-2.0 */

/*
 * http2_heads PORT HOW...: requests by HTTP/2 in the clear, by libnghttp2, one after the other on a
 * connection; what each was answered with is printed. HOW: how what libnghttp2 has to say is sent:
 *
 *	frames   each call's bytes as it hands them out: a frame
 *	parts    seven bytes at a time
 *	halves   the head of a frame, and what is in it
 *	all      one write
 *
 * The heads are of some fields, of a frame and a bit, and of four frames; padded, and with priority.
 */
#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/tcp.h>
#include <unistd.h>

static int fd;
static const char *how;
static bool is_answered, pads;
static unsigned char all[1 << 20];
static size_t all_len;

static void write_all(const unsigned char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0 || (size_t)n > len)
			exit(1);
		bytes += n;
		len -= (size_t)n;
	}
}

static void write_frames(nghttp2_session *session)
{
	const uint8_t *bytes;
	ssize_t n;

	while ((n = nghttp2_session_mem_send(session, &bytes)) > 0) {
		size_t head = !strcmp(how, "halves") && n > 9 ? 9 : (size_t)n;

		if (!strcmp(how, "all")) {
			memcpy(all + all_len, bytes, (size_t)n);
			all_len += (size_t)n;
		} else if (!strcmp(how, "parts")) {
			for (ssize_t i = 0; i < n; i += 7)
				write_all(bytes + i, n - i < 7 ? (size_t)(n - i) : 7);
		} else {
			write_all(bytes, head);
			write_all(bytes + head, (size_t)n - head);
		}
	}
	write_all(all, all_len);
	all_len = 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *unused)
{
	(void)session, (void)flags, (void)unused;
	if (name_len == 7 && !memcmp(name, ":status", 7))
		printf("%d: %.*s\n", frame->hd.stream_id, (int)value_len, value);
	return 0;
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *unused)
{
	(void)session, (void)unused;
	printf("%d is over: %s\n", stream, nghttp2_http2_strerror(code));
	is_answered = true;
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *unused)
{
	(void)session, (void)unused;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		printf("goes: %s\n", nghttp2_http2_strerror(frame->goaway.error_code));
	return 0;
}

static ssize_t padding(nghttp2_session *session, const nghttp2_frame *frame, size_t most,
		       void *unused)
{
	(void)session, (void)unused;
	return (ssize_t)(pads && frame->hd.length + 20 < most ? frame->hd.length + 20 :
								frame->hd.length);
}

#define FIELD(name, value)                                                            \
	{                                                                             \
		(uint8_t *)(name), (uint8_t *)(value), strlen(name), strlen(value), 0 \
	}

static void ask(nghttp2_session *session, const char *path, size_t more, bool has_priority)
{
	static char value[70000];
	nghttp2_nv fields[] = { FIELD(":method", "GET"), FIELD(":scheme", "http"),
				FIELD(":authority", "h"), FIELD(":path", path),
				FIELD("x-long", value) };
	nghttp2_priority_spec priority;
	unsigned char got[16384];
	ssize_t n;

	memset(value, '~', more);
	value[more] = 0;
	fields[4].valuelen = more;
	nghttp2_priority_spec_init(&priority, 0, 200, 1);
	is_answered = false;
	if (nghttp2_submit_request(session, has_priority ? &priority : NULL, fields, 5, NULL,
				   NULL) < 0)
		exit(1);
	write_frames(session);
	while (!is_answered && (n = recv(fd, got, sizeof(got), 0)) > 0) {
		if (nghttp2_session_mem_recv(session, got, (size_t)n) != n)
			exit(1);
		write_frames(session);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)atoi(argv[1])),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	nghttp2_session_callbacks *calls;
	nghttp2_session *session;
	nghttp2_option *option;
	int one = 1;

	how = argc > 2 ? argv[2] : "frames";
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0)
		return 1;
	nghttp2_session_callbacks_new(&calls);
	nghttp2_session_callbacks_set_on_header_callback(calls, on_header);
	nghttp2_session_callbacks_set_on_stream_close_callback(calls, on_close);
	nghttp2_session_callbacks_set_on_frame_recv_callback(calls, on_frame);
	nghttp2_session_callbacks_set_select_padding_callback(calls, padding);
	nghttp2_option_new(&option);
	nghttp2_option_set_max_send_header_block_length(option, 100000);
	nghttp2_session_client_new2(&session, calls, NULL, option);
	nghttp2_submit_settings(session, 0, NULL, 0);
	write_frames(session);
	ask(session, "/ok?small", 10, false);
	ask(session, "/ok?priority", 10, true);
	pads = true;
	ask(session, "/ok?padded", 10, true);
	ask(session, "/ok?long-padded", 20000, true);
	pads = false;
	/* about a frame: with ours it is one more; '~' is of 13 bits, which no Huffman code makes shorter */
	ask(session, "/ok?full", 16330, false);
	ask(session, "/ok?long", 20000, false);
	ask(session, "/ok?longer", 60000, true);
	nghttp2_session_del(session);
	nghttp2_session_callbacks_del(calls);
	nghttp2_option_del(option);
	close(fd);
	return 0;
}
