/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/transport.h"

#include "export/kernel.h"
#include "export/print.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* FILE.n; false: it would be too long. */
static bool name_of(struct atr_str file, uint32_t n, char out[static PATH_MAX])
{
	struct atr_print t = { out, 0, PATH_MAX - 1, false };

	atr_print(&t, file);
	if (n) {
		atr_print(&t, ATR_STR("."));
		atr_print_uint(&t, n);
	}
	out[t.len] = 0;
	return !t.is_cut;
}

/* Each becomes the next older one; the oldest is lost. */
static void shift(struct atr_str file, uint32_t keep)
{
	char from[PATH_MAX], to[PATH_MAX];

	for (uint32_t n = keep; n > 0; n--)
		if (name_of(file, n - 1, from) && name_of(file, n, to))
			rename(from, to);
}

static bool is_full(const struct atr_exporter_options *to, int fd, size_t more, struct stat *st)
{
	return to->file_max_bytes && syscall(SYS_fstat, fd, st) == 0 && S_ISREG(st->st_mode) &&
	       st->st_size && (uint64_t)st->st_size + more > to->file_max_bytes;
}

static int open_file(const struct atr_io *io, const struct atr_exporter_options *to)
{
	return io->open(to->file.at, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
}

/*
 * Of several processes that find the file full one has its lock, and sees by its inode whether
 * it is there still; the others go on with the new one, or add their line to the old.
 */
static int open_with_room(const struct atr_io *io, const struct atr_exporter_options *to,
			  size_t more)
{
	int fd = open_file(io, to);
	struct stat st, there;

	if (fd < 0 || !is_full(to, fd, more, &st))
		return fd;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 &&
	    syscall(SYS_newfstatat, AT_FDCWD, to->file.at, &there, 0) == 0 &&
	    there.st_ino == st.st_ino && there.st_dev == st.st_dev)
		shift(to->file, to->file_keep);
	io->close(fd);
	return open_file(io, to);
}

/*
 * The file is opened for each line: it may be moved away meanwhile, and no
 * descriptor of ours lies about. O_APPEND and one write keep lines of several
 * processes apart.
 */
enum atr_outcome atr_file_append(const struct atr_io *io, const struct atr_exporter_options *to,
				 struct atr_str line)
{
	bool is_file = to->way == ATR_WAY_FILE;
	int fd = is_file ? open_with_room(io, to, line.len) : STDOUT_FILENO;
	size_t done = 0;

	if (fd < 0)
		return ATR_UNREACHED;
	while (done < line.len) {
		ssize_t n = atr_kernel_write(io->write, fd, line.at + done, line.len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	if (is_file)
		io->close(fd);
	return done == line.len ? ATR_SENT : ATR_UNREACHED;
}
