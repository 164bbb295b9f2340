/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/ebpf_agent.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum {
	SILENT_MS = 5000,	     /* so long may who connected say nothing */
	INITIAL_PID_NS = 0xeffffffc, /* the inode of the first namespace of processes */
};

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* A socket that is left over from one that is gone: nobody answers there. */
static void remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd;

	if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
	    errno == ECONNREFUSED)
		unlink(address->sun_path);
	if (fd >= 0)
		close(fd);
}

int atr_ebpf_agent_open(struct atr_ebpf_agent *agent, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct stat st;
	int error;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	remove_stale(&address);
	agent->knows_pids =
		stat("/proc/self/ns/pid", &st) == 0 && st.st_ino == (ino_t)(unsigned)INITIAL_PID_NS;
	agent->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (agent->listener < 0)
		return -errno;
	/* whoever may reach it may connect; who is answered is looked at then */
	if (bind(agent->listener, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    chmod(path, 0666) == 0 && listen(agent->listener, 64) == 0)
		return 0;
	error = -errno;
	close(agent->listener);
	return error;
}

unsigned atr_ebpf_agent_poll(const struct atr_ebpf_agent *agent, struct pollfd *fds, unsigned cap)
{
	unsigned nr = 0;

	fds[nr++] = (struct pollfd){ .fd = agent->listener, .events = POLLIN };
	for (unsigned i = 0; i < agent->nr_peers && nr < cap; i++)
		fds[nr++] = (struct pollfd){ .fd = agent->peers[i].fd, .events = POLLIN };
	return nr;
}

static bool may_ask(const struct atr_ebpf_agent *agent, uid_t uid)
{
	if (agent->serves_all || uid == 0 || uid == geteuid())
		return true;
	for (unsigned i = 0; i < agent->nr_users; i++)
		if (agent->users[i] == uid)
			return true;
	return false;
}

static void say(const struct atr_ebpf_agent *agent, const char *what, pid_t pid, uid_t uid)
{
	if (agent->say)
		agent->say(what, pid, uid);
}

/* A quarter of the places is the most that one user has, unless he is root. */
static bool has_room(const struct atr_ebpf_agent *agent, uid_t uid)
{
	unsigned most = agent->peers_most, own = 0;

	for (unsigned i = 0; i < agent->nr_peers; i++)
		own += agent->peers[i].uid == uid;
	return agent->nr_peers < most && (uid == 0 || own < (most + 3) / 4);
}

static const char full[] = "the agent serves as many processes as it may (--most)";

static void refuse(int fd, int error, const char *why)
{
	atr_agent_answer(fd, NULL, error, why);
	close(fd);
}

static void accept_peer(struct atr_ebpf_agent *agent, int fd)
{
	struct ucred who = { 0 };
	socklen_t len = sizeof(who);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0 || who.pid <= 0) {
		refuse(fd, -EPERM, "the agent cannot tell who asks");
	} else if (!may_ask(agent, who.uid)) {
		say(agent, "refused: of a user who may not ask", who.pid, who.uid);
		refuse(fd, -EPERM, "the agent does not serve this user (--user)");
	} else if (!has_room(agent, who.uid)) {
		say(agent, "refused: too many", who.pid, who.uid);
		refuse(fd, -EBUSY, full);
	} else {
		agent->peers[agent->nr_peers].fd = fd;
		agent->peers[agent->nr_peers].pid = who.pid;
		agent->peers[agent->nr_peers].uid = who.uid;
		agent->peers[agent->nr_peers].seat = -1;
		agent->peers[agent->nr_peers++].since_ms = now_ms();
	}
}

/* ---- seats ---- */

static bool is_anybody_served(const struct atr_ebpf_agent *agent)
{
	for (unsigned i = 0; i < ATR_AGENT_PEERS_MAX; i++)
		if (agent->seats[i].is_taken)
			return true;
	return false;
}

static void leave(struct atr_ebpf_agent *agent, int seat)
{
	if (seat < 0)
		return;
	atr_watch_dismiss(&agent->watch, (unsigned)seat);
	agent->seats[seat].is_taken = false;
}

static void drop(struct atr_ebpf_agent *agent, unsigned i)
{
	leave(agent, agent->peers[i].seat);
	close(agent->peers[i].fd);
	agent->peers[i] = agent->peers[--agent->nr_peers];
}

static void clear_away(struct atr_agent_seat *seat)
{
	for (int i = 0; i < ATR_NR_PROBE_MAPS; i++) {
		if (seat->fds[i] > 0)
			close(seat->fds[i]);
		seat->fds[i] = 0;
	}
}

/*
 * Memory that a user's process may still have is given to no other user: of those that are
 * free his own, else one that nobody had, else one whose memory is let go of. -1: none.
 */
static int choose_seat(struct atr_ebpf_agent *agent, uid_t uid)
{
	int unused = -1, another = -1;

	for (int i = (int)agent->peers_most - 1; i >= 0; i--) {
		struct atr_agent_seat *seat = &agent->seats[i];

		if (seat->is_taken)
			continue;
		if (seat->fds[0] > 0 && seat->uid == uid)
			return i;
		if (seat->fds[0] <= 0)
			unused = i;
		else
			another = i;
	}
	if (unused < 0 && another >= 0)
		clear_away(&agent->seats[another]);
	return unused >= 0 ? unused : another;
}

static int admit(struct atr_ebpf_agent *agent, int number, uid_t uid,
		 const struct atr_probe_options *options, struct atr_probe *probe, const char **why)
{
	struct atr_agent_seat *seat;
	int error = 0;

	*why = full;
	if (number < 0)
		return -EBUSY;
	if (!agent->watch.is_open)
		error = atr_watch_open(&agent->watch, why);
	if (error)
		return error;
	seat = &agent->seats[number];
	*probe = (struct atr_probe){ 0 };
	for (int i = 0; i < ATR_NR_PROBE_MAPS; i++)
		probe->fds[i] = seat->fds[i] > 0 ? seat->fds[i] : -1;
	error = atr_watch_admit(&agent->watch, (unsigned)number, options, probe, why);
	memcpy(seat->fds, probe->fds, sizeof(seat->fds));
	seat->uid = uid;
	seat->is_taken = !error;
	if (error)
		clear_away(seat);
	return error;
}

int atr_ebpf_agent_prepare(struct atr_ebpf_agent *agent, const struct atr_probe_options *options,
			   const char **why)
{
	return admit(agent, 0, geteuid(), options, &agent->ready, why);
}

/* What is one process's is told to no other: by its number, and by a token that it alone knows. */
static bool answer(struct atr_ebpf_agent *agent, unsigned i,
		   const struct atr_agent_question *question)
{
	struct atr_probe_options options = {
		.slow_ns = question->slow_ns,
		.only = agent->knows_pids ? (uint32_t)agent->peers[i].pid : 0,
	};
	bool is_ready = agent->ready.token && agent->ready.token == question->token &&
			agent->ready_for == agent->peers[i].pid;
	int seat = is_ready ? 0 : choose_seat(agent, agent->peers[i].uid), error = 0;
	struct atr_probe probe;
	const char *why = agent->watch.lacks;
	bool is_sent;

	if (is_ready)
		probe = agent->ready;
	else
		error = admit(agent, seat, agent->peers[i].uid, &options, &probe, &why);
	is_sent = atr_agent_answer(agent->peers[i].fd, error ? NULL : &probe, error, why);
	if (is_ready)
		agent->ready.token = 0;
	if (!error)
		agent->peers[i].seat = seat;
	say(agent, error ? why : "served", agent->peers[i].pid, agent->peers[i].uid);
	return !error && is_sent;
}

/* False: it is gone, or was told all that it will be. */
static bool serve_peer(struct atr_ebpf_agent *agent, unsigned i, long long now)
{
	struct atr_agent_question question;
	ssize_t n = recv(agent->peers[i].fd, &question, sizeof(question), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return agent->peers[i].seat >= 0 || now - agent->peers[i].since_ms < SILENT_MS;
	if (n != sizeof(question) || agent->peers[i].seat >= 0)
		return false;
	if (question.magic != ATR_AGENT_MAGIC || question.version != ATR_AGENT_VERSION) {
		atr_agent_answer(agent->peers[i].fd, NULL, -EPROTO,
				 "the agent (AUTOTRACE_EBPF_AGENT) is of another version");
		return false;
	}
	return answer(agent, i, &question);
}

void atr_ebpf_agent_serve(struct atr_ebpf_agent *agent)
{
	long long now = now_ms();
	int fd;

	for (unsigned i = agent->nr_peers; i-- > 0;)
		if (!serve_peer(agent, i, now))
			drop(agent, i);
	for (int n = 0; n < 64; n++) {
		fd = accept4(agent->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0)
			break;
		accept_peer(agent, fd);
	}
	if (agent->watch.is_open && !is_anybody_served(agent))
		atr_watch_let_go(&agent->watch);
}

void atr_ebpf_agent_close(struct atr_ebpf_agent *agent, const char *path)
{
	while (agent->nr_peers) {
		/* who is served stays so */
		agent->peers[0].seat = -1;
		drop(agent, 0);
	}
	for (unsigned i = 0; i < ATR_AGENT_PEERS_MAX; i++)
		clear_away(&agent->seats[i]);
	if (agent->watch.is_open)
		atr_watch_close(&agent->watch);
	close(agent->listener);
	unlink(path);
}
