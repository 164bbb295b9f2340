/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kernel_seen serve PORT FILE OTHER: answers requests one by one; of /work it first sleeps three
 * times for 20 ms, writes to FILE and has it written to the disk five times, asks the server at
 * port OTHER, and computes for 50 ms of its own time. Of /quick it makes ten calls that take nothing.
 * Of /lock it waits 40 ms for a lock that another thread has. Of /lossy it asks the server at OTHER and no more, and prints the round-trip time that the
 * kernel has for that connection then. Of /pages it touches a thousand pages, of /disk it reads
 * FILE past the kernel's cache. Of /notes it writes to FILE what may be taken for a request. Of /corrupt it first makes nonsense of where its thread shows its span, and makes calls; of
 * /right it sets that right again; of /quit it ends.
 * kernel_seen slow PORT MS: a server that answers after so long. kernel_seen deaf PORT MS: one
 * whose connections lose, for so long, whatever they are sent.
 */
#include "net.h"

#include <dlfcn.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>

static volatile unsigned long sum;

static double own_time(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void compute(void)
{
	double end = own_time() + 0.05;

	while (own_time() < end)
		for (int i = 0; i < 100000; i++)
			sum += (unsigned long)i;
}

static void ask(const char *port)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);
	int fd = connect_to(port);

	send(fd, GET_CLOSE, sizeof(GET_CLOSE) - 1, 0);
	read_to(fd, "ok\n");
	getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len);
	printf("%u\n", info.tcpi_rtt);
	fflush(stdout);
	close(fd);
}

/* The other thread is there from the start: what it does is of no request. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static sem_t is_wanted, is_held;

static void *hold(void *unused)
{
	while (sem_wait(&is_wanted) == 0) {
		pthread_mutex_lock(&lock);
		sem_post(&is_held);
		usleep(40000);
		pthread_mutex_unlock(&lock);
	}
	return unused;
}

static void wait_for_lock(void)
{
	sem_post(&is_wanted);
	while (sem_wait(&is_held) != 0)
		;
	pthread_mutex_lock(&lock);
	pthread_mutex_unlock(&lock);
}

#define PAGES 1000

static void touch_pages(void)
{
	long page = sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, (size_t)(PAGES * page), PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		die("mmap");
	/* each by itself, however large the kernel would have them */
	madvise(at, (size_t)(PAGES * page), MADV_NOHUGEPAGE);
	for (long i = 0; i < PAGES; i++)
		at[i * page] = 1;
	munmap(at, (size_t)(PAGES * page));
}

static void read_from_disk(const char *file)
{
	static _Alignas(4096) char block[1 << 22];
	int fd = open(file, O_RDONLY | O_DIRECT);

	for (int i = 0; i < 20; i++)
		if (fd < 0 || pread(fd, block, sizeof(block), 0) <= 0)
			die("read");
	close(fd);
}

static void note_request(const char *file)
{
	static const char note[] = "POST /noted HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n";
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	if (write(fd, note, sizeof(note) - 1) < 0)
		die("write");
	close(fd);
}

static void work(const char *file, const char *other)
{
	int fd = open(file, O_WRONLY | O_CREAT | O_APPEND, 0600);

	for (int i = 0; i < 3; i++)
		usleep(20000);
	for (int i = 0; i < 5; i++) {
		if (write(fd, "line\n", 5) != 5)
			die("write");
		fsync(fd);
	}
	close(fd);
	ask(other);
	compute();
}

static struct {
	unsigned char ids[24], valid, flags, more[4096];
} garbage;

static void scribble(unsigned char *at, int turns)
{
	for (int i = 0; i < turns; i++) {
		for (int k = 0; k < 24; k++)
			at[k] = (unsigned char)(i >> k % 13);
		at[24] = (unsigned char)(i % 3);
		at[25] = (unsigned char)(i % 5);
		syscall(SYS_getppid);
	}
}

/* What the kernel first sees of this thread. */
static void *shows_garbage(void *bad)
{
	void **shown = dlsym(RTLD_DEFAULT, "otel_thread_ctx_v1");

	*shown = bad == &shows_garbage ? shown : bad;
	scribble(garbage.ids, 10000);
	return NULL;
}

/* As the library would never leave it: memory that is not there, ids of nobody's, other bytes. */
static void corrupt(void)
{
	void **shown = dlsym(RTLD_DEFAULT, "otel_thread_ctx_v1");
	void *bad[] = { (void *)8, (void *)-1,		 (void *)0xffff888000000000,
			&garbage,  (char *)&garbage + 1, (void *)&shows_garbage };
	pthread_t thread;

	if (!shown || !*shown)
		return;
	for (int i = 0; i < 6; i++)
		if (!pthread_create(&thread, NULL, shows_garbage, bad[i]))
			pthread_join(thread, NULL);
	scribble(*shown, 10000);
	for (int i = 0; i < 60000; i++) {
		*shown = bad[i % 5];
		syscall(SYS_getppid);
	}
}

/* In the way of the library: it is shown again with the next span. */
static void *kept;
static void set_right(bool corrupts)
{
	void **shown = dlsym(RTLD_DEFAULT, "otel_thread_ctx_v1");

	if (shown && corrupts)
		kept = *shown;
	else if (shown && kept)
		*shown = kept;
}

static int listen_at(const char *port)
{
	struct sockaddr_in address = at_port(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) || listen(listener, 64))
		die("listen");
	return listener;
}

static void answer(int fd, const char *head, char **argv)
{
	if (!strcmp(argv[1], "slow"))
		usleep((useconds_t)atoi(argv[3]) * 1000);
	else if (strstr(head, "work"))
		work(argv[3], argv[4]);
	else if (strstr(head, "lock"))
		wait_for_lock();
	else if (strstr(head, "lossy"))
		ask(argv[4]);
	else if (strstr(head, "pages"))
		touch_pages();
	else if (strstr(head, "disk"))
		read_from_disk(argv[3]);
	else if (strstr(head, "notes"))
		note_request(argv[3]);
	else if (strstr(head, "quit"))
		exit(0);
	else if (strstr(head, "corrupt")) {
		set_right(true);
		corrupt();
	} else if (strstr(head, "right"))
		set_right(false);
	else if (strstr(head, "quick"))
		for (int i = 0; i < 10; i++)
			syscall(SYS_getppid);
	send(fd, ANSWER, ANSWER_LEN, 0);
}

/* Of what comes only what has no more than a head is let in: connections can be made. */
static void be_deaf(int listener)
{
	struct sock_filter drop[] = { { BPF_LD | BPF_W | BPF_LEN, 0, 0, 0 },
				      { BPF_JMP | BPF_JGT | BPF_K, 0, 1, 60 },
				      { BPF_RET | BPF_K, 0, 0, 0 },
				      { BPF_RET | BPF_K, 0, 0, 0xffff } };
	struct sock_fprog filter = { sizeof(drop) / sizeof(drop[0]), drop };

	if (setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter)))
		die("filter");
}

static void serve(char **argv)
{
	int listener = listen_at(argv[2]), fd, none = 0;
	bool is_deaf = !strcmp(argv[1], "deaf");

	if (is_deaf)
		be_deaf(listener);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		const char *head;

		if (is_deaf) {
			usleep((useconds_t)atoi(argv[3]) * 1000);
			setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none));
		}
		head = read_to(fd, "\r\n\r\n");
		while (*head) {
			answer(fd, head, argv);
			head = strstr(head, "close") ? "" : read_to(fd, "\r\n\r\n");
		}
		close(fd);
	}
}

int main(int argc, char **argv)
{
	pthread_t holder;

	signal(SIGPIPE, SIG_IGN);
	if (argc < 4 || sem_init(&is_wanted, 0, 0) || sem_init(&is_held, 0, 0) ||
	    pthread_create(&holder, NULL, hold, NULL))
		return 2;
	serve(argv);
	return 0;
}
