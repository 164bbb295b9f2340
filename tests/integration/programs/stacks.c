// SPDX-License-Identifier: Apache-2.0
// Requests from places that are known: stacks PORT HOW...
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <ucontext.h>
#include <unistd.h>

static int port;

#define NOINLINE __attribute__((noinline, noclone))
// A call at the end of a function would be a jump.
#define KEEPS_FRAME __asm__ volatile("")

NOINLINE static void ask(const char *path)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	char buf[1024];
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int len = snprintf(buf, sizeof(buf),
			   "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", path);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) { // CONNECT
		send(fd, buf, len, 0);				  // SEND
		while (recv(fd, buf, sizeof(buf), 0) > 0)
			;
	}
	close(fd);
}

NOINLINE static void inner(const char *path)
{
	ask(path); // INNER
	KEEPS_FRAME;
}

// So many variables on the stack at once that its alignment must be made.
NOINLINE static void aligned(const char *path)
{
	_Alignas(64) char room[128];

	__asm__ volatile("" : : "r"(room) : "memory");
	inner(path);
	KEEPS_FRAME;
}

// A frame of a size that is not known beforehand.
NOINLINE static void sized(const char *path)
{
	char room[strlen(path) * 100 + 1];

	__asm__ volatile("" : : "r"(room) : "memory");
	aligned(path);
	KEEPS_FRAME;
}

static void on_signal(int number)
{
	(void)number;
	ask("/signal"); // HANDLER
	KEEPS_FRAME;
}

NOINLINE static void interrupted(void)
{
	raise(SIGUSR1); // RAISE
	KEEPS_FRAME;
}

NOINLINE static void signals(int flags)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = flags };

	sigaction(SIGUSR1, &action, NULL);
	interrupted();
	KEEPS_FRAME;
}

static void on_other_stack(void)
{
	stack_t stack = { .ss_sp = malloc(65536), .ss_size = 65536 };

	sigaltstack(&stack, NULL);
	signals(SA_ONSTACK);
}

static void *thread(void *unused)
{
	(void)unused;
	sized("/thread");
	return NULL;
}

static void on_small_stack(void)
{
	pthread_attr_t attributes;
	pthread_t made;

	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, 16384);
	pthread_create(&made, &attributes, thread, NULL);
	pthread_join(made, NULL);
}

static ucontext_t outside, coroutine;

static void in_coroutine(void)
{
	sized("/coroutine");
	swapcontext(&coroutine, &outside);
}

static void on_own_stack(void)
{
	for (int i = 0; i < 3; i++) {
		// the page behind it is not to be touched
		char *stack = mmap(NULL, 65536 + 4096, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		mprotect(stack + 65536, 4096, PROT_NONE);
		getcontext(&coroutine);
		coroutine.uc_stack.ss_sp = stack;
		coroutine.uc_stack.ss_size = 65536;
		makecontext(&coroutine, in_coroutine, 0);
		swapcontext(&outside, &coroutine);
		munmap(stack, 65536 + 4096);
	}
}

NOINLINE static void deep(int n)
{
	if (n)
		deep(n - 1);
	else
		ask("/deep");
	KEEPS_FRAME;
}

// What frame pointers are followed through must not lead anywhere.
#if defined(__x86_64__)
__attribute__((naked)) static void call_with(void (*function)(const char *) __attribute__((unused)),
					     const char *path __attribute__((unused)),
					     long fp __attribute__((unused)))
{
	__asm__(".cfi_undefined rip\n\t" // as little is said as can be: nothing
		"push %rbp\n\tmov %rdx, %rbp\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\t"
		"call *%rax\n\tpop %rbp\n\tret");
}
#endif

// Code that no table says anything about, as a compiler at run time makes it.
static void from_made_code(void)
{
#if defined(__x86_64__)
	static const unsigned char with_frame[] = {
		0x55,		  // push %rbp
		0x48, 0x89, 0xe5, // mov %rsp, %rbp
		0x48, 0x89, 0xf8, // mov %rdi, %rax
		0x48, 0x89, 0xf7, // mov %rsi, %rdi
		0xff, 0xd0,	  // call *%rax
		0x5d, 0xc3,	  // pop %rbp; ret
	};
	static const unsigned char without[] = {
		0x55,		  // push %rbp
		0x48, 0x89, 0xd5, // mov %rdx, %rbp
		0x48, 0x89, 0xf8, 0x48, 0x89, 0xf7, 0xff, 0xd0, 0x5d, 0xc3,
	};
	unsigned char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
				   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	long wrong[] = { 0,
			 1,
			 -1,
			 8,
			 0x41414141,
			 (long)code,
			 (long)&wrong[0],
			 (long)&wrong[7],
			 (long)0x7fffffffffff,
			 (long)0x8000000000000000 };

	memcpy(code, with_frame, sizeof(with_frame));
	((void (*)(void (*)(const char *), const char *))code)(inner, "/made");
	memcpy(code, without, sizeof(without));
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		((void (*)(void (*)(const char *), const char *, long))code)(inner, "/lost",
									     wrong[i]);
		call_with(inner, "/lost", wrong[i]);
	}
#endif
}

int main(int argc, char **argv)
{
	port = atoi(argv[1]);
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "plain"))
			sized("/ok");
		else if (!strcmp(argv[i], "signal"))
			signals(0);
		else if (!strcmp(argv[i], "altstack"))
			on_other_stack();
		else if (!strcmp(argv[i], "thread"))
			on_small_stack();
		else if (!strcmp(argv[i], "coroutine"))
			on_own_stack();
		else if (!strcmp(argv[i], "deep"))
			deep(100);
		else if (!strcmp(argv[i], "made"))
			from_made_code();
		else if (!strcmp(argv[i], "unlink"))
			unlink(argv[0]), inner("/unlinked");
		else { // a library, which asks and is closed
			void *library = dlopen(argv[i], RTLD_NOW);
			void (*call)(void (*)(const char *)) =
				library ? (__typeof__(call))dlsym(library, "plugin_calls") : NULL;

			if (!call)
				return 1;
			call(ask);
			dlclose(library);
		}
	}
	return 0;
}
