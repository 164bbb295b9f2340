/* SPDX-License-Identifier: Apache-2.0 */
#include "export/transport/transport.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * The file is opened for each line: it may be moved away meanwhile, and no
 * descriptor of ours lies about. O_APPEND and one write keep lines of several
 * processes apart.
 */
enum atr_outcome atr_file_append(const struct atr_io *io, const struct atr_exporter_options *to,
				 struct atr_str line)
{
	bool is_file = to->way == ATR_WAY_FILE;
	int fd = is_file ? io->open(to->file.at, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644) :
			   STDOUT_FILENO;
	size_t done = 0;

	if (fd < 0)
		return ATR_UNREACHED;
	while (done < line.len) {
		ssize_t n = io->write(fd, line.at + done, line.len - done);

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
