/* SPDX-License-Identifier: Apache-2.0 */
#include "ebpf/agent.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 5

/* Room for the descriptors beside a message. */
union rights {
	struct cmsghdr header;
	char room[CMSG_SPACE(sizeof(int) * ATR_NR_PROBE_FDS)];
};

bool atr_agent_answer(int fd, const struct atr_probe *probe, int error, const char *why)
{
	struct atr_agent_answer answer = {
		ATR_AGENT_MAGIC, ATR_AGENT_VERSION, error, 0, probe ? probe->token : 0, ""
	};
	struct iovec bytes = { &answer, sizeof(answer) };
	union rights rights = { 0 };
	struct msghdr message = { .msg_iov = &bytes, .msg_iovlen = 1 };

	for (size_t i = 0; why && why[i] && i < sizeof(answer.why) - 1; i++)
		answer.why[i] = why[i];
	if (probe) {
		rights.header.cmsg_level = SOL_SOCKET;
		rights.header.cmsg_type = SCM_RIGHTS;
		rights.header.cmsg_len = CMSG_LEN(sizeof(probe->fds));
		memcpy(CMSG_DATA(&rights.header), probe->fds, sizeof(probe->fds));
		message.msg_control = &rights;
		message.msg_controllen = sizeof(rights.room);
	}
	return syscall(SYS_sendmsg, fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(answer);
}

static int connect_to(const char *path)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t len = strlen(path);
	int fd, error;

	if (len >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, len);
	fd = (int)syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	syscall(SYS_setsockopt, fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (syscall(SYS_connect, fd, &address, sizeof(address)) == 0)
		return fd;
	error = -errno;
	syscall(SYS_close, fd);
	return error;
}

/* What came beside the answer: all that a probe has, or none of it is kept. */
static bool take_fds(struct msghdr *message, struct atr_probe *probe)
{
	struct cmsghdr *header = CMSG_FIRSTHDR(message);
	int fds[sizeof(union rights) / sizeof(int)];
	size_t nr;

	if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS)
		return false;
	nr = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (nr > sizeof(fds) / sizeof(fds[0]))
		return false;
	memcpy(fds, CMSG_DATA(header), nr * sizeof(int));
	if (nr == ATR_NR_PROBE_FDS && !(message->msg_flags & MSG_CTRUNC)) {
		memcpy(probe->fds, fds, sizeof(probe->fds));
		return true;
	}
	while (nr)
		syscall(SYS_close, fds[--nr]);
	return false;
}

/* That a connection was closed is told before what was said on it until then. */
static long receive(int fd, struct msghdr *message)
{
	long n = syscall(SYS_recvmsg, fd, message, MSG_CMSG_CLOEXEC);

	return n < 0 && errno == ECONNRESET ? syscall(SYS_recvmsg, fd, message, MSG_CMSG_CLOEXEC) :
					      n;
}

static int converse(int fd, const struct atr_probe_options *options, struct atr_probe *probe,
		    const char **why)
{
	static struct atr_agent_answer answer; /* for its words */
	const struct atr_agent_question question = { ATR_AGENT_MAGIC, ATR_AGENT_VERSION,
						     options->token, options->slow_ns };
	struct iovec bytes = { &answer, sizeof(answer) };
	union rights rights = { 0 };
	struct msghdr message = { .msg_iov = &bytes,
				  .msg_iovlen = 1,
				  .msg_control = &rights,
				  .msg_controllen = sizeof(rights.room) };
	bool has_fds, is_known;
	long len;

	*why = "the agent (AUTOTRACE_EBPF_AGENT) does not answer";
	/* who is refused is told so before he has asked, and the connection closed */
	syscall(SYS_sendto, fd, &question, sizeof(question), MSG_NOSIGNAL, NULL, 0);
	len = receive(fd, &message);
	if (len < (long)offsetof(struct atr_agent_answer, error))
		return -EIO;
	has_fds = take_fds(&message, probe);
	/* of another version it may have another length, too */
	is_known = len == sizeof(answer) && answer.magic == ATR_AGENT_MAGIC &&
		   answer.version == ATR_AGENT_VERSION;
	answer.why[sizeof(answer.why) - 1] = 0;
	probe->token = answer.token;
	if (is_known && has_fds) {
		*why = answer.why[0] ? answer.why : NULL;
		return 0;
	}
	if (has_fds)
		atr_probe_close(probe);
	*why = "the agent (AUTOTRACE_EBPF_AGENT) is of another version";
	if (is_known)
		*why = answer.why;
	return is_known && answer.error < 0 ? answer.error : -EPROTO;
}

int atr_agent_ask(const char *path, const struct atr_probe_options *options,
		  struct atr_probe *probe, const char **why)
{
	int fd = connect_to(path), error;

	*why = "the agent (AUTOTRACE_EBPF_AGENT) cannot be reached";
	if (fd < 0)
		return fd;
	error = converse(fd, options, probe, why);
	/* the agent sees by it when we are gone */
	if (error)
		syscall(SYS_close, fd);
	return error;
}
