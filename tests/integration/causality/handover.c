/* SPDX-License-Identifier: Apache-2.0 */
/*
 * handover HOW PORT ORIGIN: one thread takes in, four workers (of turns one) call and answer.
 *
 *	conn		the accepted connection is queued, its worker reads from it
 *	queue		the request is read first, then queued under a mutex alone
 *	eventfd		as queue, to an idle worker through the eventfd it sleeps on
 *	pipe		as queue, to an idle worker through the pipe it sleeps on
 *	shared-eventfd	as queue, one eventfd wakes whoever comes first
 *	shared-pipe	the jobs themselves travel through one pipe
 *	turns		as conn, but it reads what others ask before it acts for the first, as who
 *			runs green threads does
 *
 * With eventfd and pipe exactly one hand-over is under way to a worker, so what
 * it reads belongs to one request. With the shared ones several may be, and two
 * workers may take two jobs in another order than they were woken in.
 */
#include "wire.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>

#define WORKERS 4
#define MAX_CONNS 256

struct job {
	struct conn *c;
	struct request r;
	bool is_read;
	struct job *next;
};

struct worker {
	pthread_t thread;
	int from, to; /* what it sleeps on, and what is written to wake it */
	struct job *mail;
	bool is_idle;
};

static struct worker workers[WORKERS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static sem_t nr_idle;
static struct job *queue;
static int origin, shared[2] = { -1, -1 };
static bool by_conn, by_mail, by_pipe, by_shared_eventfd, by_turns;

static void push(struct job *job)
{
	struct job **at = &queue;

	pthread_mutex_lock(&lock);
	while (*at)
		at = &(*at)->next;
	job->next = NULL;
	*at = job;
	pthread_cond_signal(&more);
	pthread_mutex_unlock(&lock);
}

static struct job *pop(bool may_wait)
{
	struct job *job;

	pthread_mutex_lock(&lock);
	while (may_wait && !queue)
		pthread_cond_wait(&more, &lock);
	job = queue;
	queue = job->next;
	pthread_mutex_unlock(&lock);
	return job;
}

static void mail_to_an_idle_worker(struct job *job)
{
	struct worker *w = workers;
	uint64_t one = 1;

	sem_wait(&nr_idle);
	pthread_mutex_lock(&lock);
	while (!w->is_idle)
		w++;
	w->is_idle = false;
	w->mail = job;
	pthread_mutex_unlock(&lock);
	if (write(w->to, &one, sizeof(one)) != sizeof(one))
		die("mail");
}

static struct job *wait_for_mail(struct worker *w)
{
	uint64_t woken;

	pthread_mutex_lock(&lock);
	w->is_idle = true;
	pthread_mutex_unlock(&lock);
	sem_post(&nr_idle);
	if (read(w->from, &woken, sizeof(woken)) != sizeof(woken))
		die("mail");
	return w->mail;
}

static void hand_over(struct job *job)
{
	uint64_t one = 1;

	if (by_mail) {
		mail_to_an_idle_worker(job);
	} else if (by_pipe) {
		if (write(shared[1], &job, sizeof(job)) != sizeof(job))
			die("pipe");
	} else {
		push(job);
		if (by_shared_eventfd && write(shared[1], &one, sizeof(one)) != sizeof(one))
			die("eventfd");
	}
}

static struct job *next_job(struct worker *w)
{
	struct job *job;
	uint64_t woken;

	if (by_mail)
		return wait_for_mail(w);
	if (by_pipe) {
		if (read(shared[0], &job, sizeof(job)) != sizeof(job))
			die("pipe");
		return job;
	}
	if (by_shared_eventfd && read(shared[0], &woken, sizeof(woken)) != sizeof(woken))
		die("eventfd");
	return pop(!by_shared_eventfd);
}

static void serve(struct conn *c, const struct request *r)
{
	call(origin, "n", r->n, 0);
	call(origin, "n", r->n, 1);
	put_answer(c->fd, r);
}

static void serve_conn(struct conn *c)
{
	struct request r;

	while (next_request(c, &r)) {
		serve(c, &r);
		if (r.close)
			break;
	}
	close(c->fd);
	free(c);
}

static void take_turn(struct job *job)
{
	job->is_read = !job->is_read;
	if (!job->is_read) {
		serve(job->c, &job->r);
	} else if (!next_request(job->c, &job->r)) {
		close(job->c->fd);
		free(job->c);
		free(job);
		return;
	}
	push(job);
}

static void *work(void *arg)
{
	for (;;) {
		struct job *job = next_job(arg);

		if (by_turns) {
			take_turn(job);
			continue;
		}
		if (by_conn)
			serve_conn(job->c);
		else
			serve(job->c, &job->r);
		free(job);
	}
	return NULL;
}

static void make_workers(const char *how)
{
	by_turns = !strcmp(how, "turns");
	by_conn = !strcmp(how, "conn") || by_turns;
	by_mail = !strcmp(how, "eventfd") || !strcmp(how, "pipe");
	by_pipe = !strcmp(how, "shared-pipe");
	by_shared_eventfd = !strcmp(how, "shared-eventfd");
	if (by_pipe && pipe(shared))
		die("pipe");
	if (by_shared_eventfd)
		shared[0] = shared[1] = eventfd(0, EFD_SEMAPHORE);
	sem_init(&nr_idle, 0, 0);
	for (struct worker *w = workers; w < workers + (by_turns ? 1 : WORKERS); w++) {
		int ends[2];

		if (pipe(ends))
			die("pipe");
		w->from = ends[0];
		w->to = ends[1];
		if (!strcmp(how, "eventfd"))
			w->from = w->to = eventfd(0, 0);
		if (pthread_create(&w->thread, NULL, work, w))
			die("thread");
	}
}

static struct job *new_job(struct conn *c)
{
	struct job *job = calloc(1, sizeof(*job));

	job->c = c;
	return job;
}

static void accept_and_queue(int listener)
{
	for (;;) {
		struct conn *c = calloc(1, sizeof(*c));

		c->fd = accept(listener, NULL, NULL);
		hand_over(new_job(c));
	}
}

/* False when the connection is at its end. */
static bool take_in(struct conn *c)
{
	struct request r;

	if (!fill(c))
		return false;
	while (take_request(c, &r)) {
		struct job *job = new_job(c);

		job->r = r;
		hand_over(job);
	}
	return true;
}

static void read_and_queue(int listener)
{
	static struct conn *conns[MAX_CONNS];
	static struct pollfd set[MAX_CONNS];
	int n = 1;

	set[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	for (;;) {
		poll(set, n, -1);
		for (int i = n - 1; i > 0; i--) {
			if (!set[i].revents || take_in(conns[i]))
				continue;
			close(conns[i]->fd);
			n--;
			conns[i] = conns[n];
			set[i] = set[n];
		}
		if (set[0].revents && n < MAX_CONNS) {
			conns[n] = calloc(1, sizeof(struct conn));
			conns[n]->fd = accept(listener, NULL, NULL);
			set[n] = (struct pollfd){ .fd = conns[n]->fd, .events = POLLIN };
			n++;
		}
	}
}

int main(int argc, char **argv)
{
	int listener = listen_on(argv[argc - 2]);

	origin = atoi(argv[argc - 1]);
	make_workers(argv[1]);
	if (by_conn)
		accept_and_queue(listener);
	else
		read_and_queue(listener);
}
