/* SPDX-License-Identifier: Apache-2.0 */
/*
 * no_btf: a library. The first set of programs that a process would have in the kernel is
 * refused, as it is by a kernel without its own description (BTF); what it tries then is taken,
 * and the next refused again.
 */
#include <dlfcn.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <sys/syscall.h>

long syscall(long number, ...)
{
	static atomic_uint loaded;
	long (*real)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall"), args[6];
	va_list list;

	va_start(list, number);
	for (int i = 0; i < 6; i++)
		args[i] = va_arg(list, long);
	va_end(list);
	/* by which the loader that bpftool has made does all of its work */
	if (number == SYS_bpf && args[0] == BPF_PROG_TEST_RUN &&
	    atomic_fetch_add(&loaded, 1) % 2 == 0) {
		errno = EINVAL;
		return -1;
	}
	return real(number, args[0], args[1], args[2], args[3], args[4], args[5]);
}
