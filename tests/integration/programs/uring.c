/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uring PORT HOW: requests by io_uring, whose calls are in memory that the kernel reads.
 *
 *	all      connect, send and receive
 *	sends    it sends; libc receives
 *	then     as sends, and then libc does both, on the same connection
 *	both     a request by libc on one connection amid those by io_uring on another
 */
#include "net.h"

#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

static struct {
	int fd;
	_Atomic unsigned *tail, *done_head, *done_tail;
	unsigned mask, done_mask, *array;
	struct io_uring_sqe *calls;
	struct io_uring_cqe *done;
} ring;

static bool set_up(void)
{
	struct io_uring_params p = { 0 };
	char *sq, *cq;

	ring.fd = (int)syscall(SYS_io_uring_setup, 8, &p);
	if (ring.fd < 0)
		return false;
	sq = mmap(NULL, p.sq_off.array + p.sq_entries * sizeof(unsigned), PROT_READ | PROT_WRITE,
		  MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING);
	cq = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
		  PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_CQ_RING);
	ring.calls = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES);
	ring.tail = (void *)(sq + p.sq_off.tail);
	ring.mask = *(unsigned *)(sq + p.sq_off.ring_mask);
	ring.array = (void *)(sq + p.sq_off.array);
	ring.done_head = (void *)(cq + p.cq_off.head);
	ring.done_tail = (void *)(cq + p.cq_off.tail);
	ring.done_mask = *(unsigned *)(cq + p.cq_off.ring_mask);
	ring.done = (void *)(cq + p.cq_off.cqes);
	return true;
}

/* One call, and what it answered. */
static int call(int operation, int fd, const void *at, unsigned len, uint64_t offset,
		unsigned flags)
{
	unsigned n = *ring.tail, slot = n & ring.mask, head = *ring.done_head;

	ring.calls[slot] = (struct io_uring_sqe){ .opcode = (uint8_t)operation,
						  .fd = fd,
						  .addr = (uintptr_t)at,
						  .len = len,
						  .off = offset,
						  .msg_flags = flags };
	ring.array[slot] = slot;
	atomic_store(ring.tail, n + 1);
	while (atomic_load(ring.done_tail) == head)
		if (syscall(SYS_io_uring_enter, ring.fd, atomic_load(ring.done_tail) == head, 1,
			    IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			die("io_uring_enter");
	atomic_store(ring.done_head, head + 1);
	return ring.done[head & ring.done_mask].res;
}

static void sends(int fd)
{
	say("send", call(IORING_OP_SEND, fd, GET, sizeof(GET) - 1, 0, 0));
}

static void receives(int fd)
{
	char answer[ANSWER_LEN] = { 0 };

	say("receive", call(IORING_OP_RECV, fd, answer, ANSWER_LEN, 0, MSG_WAITALL));
	say("is it", memcmp(answer, ANSWER, ANSWER_LEN) == 0);
}

static void by_libc(int fd)
{
	say("send", send(fd, GET, sizeof(GET) - 1, 0));
	read_ok(fd);
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	int fd, other;

	if (argc < 3)
		return 2;
	if (!set_up())
		return 77;
	address = at_port(argv[1]);
	if (!strcmp(argv[2], "all")) {
		fd = socket(AF_INET, SOCK_STREAM, 0);
		say("connect", call(IORING_OP_CONNECT, fd, &address, 0, sizeof(address), 0));
		for (int i = 0; i < 3; i++) {
			sends(fd);
			receives(fd);
		}
		say("close", call(IORING_OP_CLOSE, fd, NULL, 0, 0, 0));
		by_libc(connect_to(argv[1])); /* at that number */
		return 0;
	}
	fd = connect_to(argv[1]);
	other = connect_to(argv[1]);
	for (int i = 0; i < 2; i++) {
		sends(fd);
		if (strcmp(argv[2], "both"))
			read_ok(fd);
		else
			receives(fd);
		if (!strcmp(argv[2], "both"))
			by_libc(other);
	}
	if (!strcmp(argv[2], "then"))
		by_libc(fd);
	close(fd);
	close(other);
	return 0;
}
