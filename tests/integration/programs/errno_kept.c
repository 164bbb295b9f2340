/* SPDX-License-Identifier: Apache-2.0 */
/*
 * errno_kept PORT: what succeeds leaves errno as it was: each function that is answered for, called in a
 * request that the program serves itself, with a request of its own to the origin under way.
 */
#include "net.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/syscall.h>

#define KEEPS(call)                                                          \
	({                                                                   \
		__typeof__(call) result_ = (errno = EDOM, call);             \
                                                                             \
		printf("%s %s\n", errno == EDOM ? "keeps" : "LOSES", #call); \
		result_;                                                     \
	})

/* To itself, past the origin: so there is no header of ours in it, which would be looked for there. */
#define TRACED                            \
	"GET /ok HTTP/1.1\r\nHost: h\r\n" \
	"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n"

static char buf[1000];
static struct iovec into = { buf, sizeof(buf) }, whole = { GET, sizeof(GET) - 1 };
static struct msghdr writes = { .msg_iov = &whole, .msg_iovlen = 1 };
static struct mmsghdr reads = { .msg_hdr = { .msg_iov = &into, .msg_iovlen = 1 } };

static void *rest(void *arg)
{
	return arg;
}

static void asks(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct timespec second = { 1, 0 };
	struct timeval limit = { 1, 0 };
	struct mmsghdr many = { .msg_hdr = writes };
	FILE *stream;
	fd_set set;

	KEEPS(send(fd, GET, sizeof(GET) - 1, 0));
	KEEPS(poll(&p, 1, 1000));
	KEEPS(recv(fd, buf, 1, MSG_PEEK));
	KEEPS(recv(fd, buf, sizeof(buf), 0));
	KEEPS(sendto(fd, GET, sizeof(GET) - 1, 0, NULL, 0));
	KEEPS(ppoll(&p, 1, &second, NULL));
	KEEPS(recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL));
	KEEPS(sendmsg(fd, &writes, 0));
	FD_ZERO(&set);
	FD_SET(fd, &set);
	KEEPS(select(fd + 1, &set, NULL, NULL, &limit));
	KEEPS(recvmsg(fd, &reads.msg_hdr, 0));
	KEEPS(sendmmsg(fd, &many, 1, 0));
	KEEPS(pselect(fd + 1, &set, NULL, NULL, &second, NULL));
	KEEPS(recvmmsg(fd, &reads, 1, 0, NULL));
	KEEPS(write(fd, GET, sizeof(GET) - 1));
	KEEPS(read(fd, buf, sizeof(buf)));
	KEEPS(write(fd, GET, 10));
	KEEPS(write(fd, &GET[10], sizeof(GET) - 11));
	KEEPS(read(fd, buf, sizeof(buf)));
	KEEPS(writev(fd, &whole, 1));
	KEEPS(readv(fd, &into, 1));
	KEEPS(pwritev2(fd, &whole, 1, -1, 0));
	KEEPS(preadv2(fd, &into, 1, -1, 0));
	KEEPS(syscall(SYS_write, fd, GET, sizeof(GET) - 1));
	KEEPS(syscall(SYS_read, fd, buf, sizeof(buf)));
	KEEPS(dprintf(fd, GET));
	KEEPS(read(fd, buf, sizeof(buf)));
	stream = KEEPS(fdopen(fd, "r+"));
	KEEPS(fputs(GET, stream));
	KEEPS(fflush(stream));
	KEEPS(fgets(buf, sizeof(buf), stream) != NULL);
	KEEPS(fclose(stream));
}

static void copies(int fd)
{
	int value, other;
	socklen_t len = sizeof(value);

	other = KEEPS(dup(fd));
	KEEPS(close(other));
	KEEPS(dup2(fd, 50));
	KEEPS(dup3(fd, 50, O_CLOEXEC));
	KEEPS(fcntl(fd, F_DUPFD, 60));
	KEEPS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &value, &len));
	KEEPS(close_range(50, 70, 0));
}

static void others(void)
{
	struct epoll_event event = { .events = EPOLLIN };
	int pair[2], pipes[2], set, counter;
	sem_t semaphore;
	pthread_t thread;
	FILE *file;
	uint64_t one = 1;
	char byte = 0;
	pid_t pid;

	KEEPS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	KEEPS(pipe(pipes));
	KEEPS(write(pipes[1], &byte, 1));
	KEEPS(read(pipes[0], &byte, 1));
	KEEPS(splice(pair[0], NULL, pipes[1], NULL, 0, SPLICE_F_NONBLOCK));
	KEEPS(close(pipes[0]));
	KEEPS(pipe2(pipes, O_CLOEXEC));
	counter = KEEPS(eventfd(0, 0));
	KEEPS(write(counter, &one, sizeof(one)));
	KEEPS(read(counter, &one, sizeof(one)));
	KEEPS(eventfd_write(counter, 1));
	set = KEEPS(epoll_create1(0));
	KEEPS(epoll_ctl(set, EPOLL_CTL_ADD, counter, &event));
	KEEPS(epoll_wait(set, &event, 1, 1000));
	KEEPS(epoll_pwait(set, &event, 1, 1000, NULL));
	KEEPS(eventfd_read(counter, &one));
	KEEPS(pthread_create(&thread, NULL, rest, NULL));
	pthread_join(thread, NULL);
	sem_init(&semaphore, 0, 1);
	KEEPS(sem_wait(&semaphore));
	KEEPS(signal(SIGUSR1, SIG_IGN) != SIG_ERR);
	KEEPS(sigaction(SIGTERM, NULL, &(struct sigaction){ 0 }));
	KEEPS(shutdown(pair[0], SHUT_WR));
	file = KEEPS(fdopen(open("/dev/null", O_RDWR), "r+"));
	KEEPS(fclose(file));
	fflush(stdout);
	errno = EDOM;
	pid = fork();
	if (pid == 0)
		_exit(errno != EDOM);
	printf("%s fork\n", errno == EDOM ? "keeps" : "LOSES");
	waitpid(pid, &counter, 0);
	printf("%s fork's child\n", counter == 0 ? "keeps" : "LOSES");
}

int main(int argc, char **argv)
{
	struct sockaddr_in address = { .sin_family = AF_INET }, origin = at_port(argv[argc - 1]);
	socklen_t len = sizeof(address);
	int listener = KEEPS(socket(AF_INET, SOCK_STREAM, 0)), client, served, fd;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)))
		die("bind");
	KEEPS(listen(listener, 8));
	getsockname(listener, (struct sockaddr *)&address, &len);
	client = socket(AF_INET, SOCK_STREAM, 0);
	KEEPS(connect(client, (struct sockaddr *)&address, sizeof(address)));
	served = KEEPS(accept(listener, NULL, NULL));
	KEEPS(send(client, TRACED, sizeof(TRACED) - 1, 0));
	KEEPS(read(served, buf, sizeof(buf)));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(fd, (struct sockaddr *)&origin, sizeof(origin)))
		die("connect");
	copies(fd);
	others();
	asks(fd);
	KEEPS(write(served, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 38));
	KEEPS(read(client, buf, sizeof(buf)));
	KEEPS(shutdown(client, SHUT_WR));
	KEEPS(read(served, buf, sizeof(buf)));
	KEEPS(close(client));
	KEEPS(close(served));
	return 0;
}
