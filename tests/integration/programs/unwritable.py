# SPDX-License-Identifier: Apache-2.0
"""unwritable.py HOW command...: what it would write, it cannot, and how it ends is printed.

pipe: stderr is a pipe that nobody reads. size: files may not grow."""
import os
import resource
import signal
import sys

how, *command = sys.argv[1:]
for number in signal.SIGPIPE, signal.SIGXFSZ:
    signal.signal(number, signal.SIG_DFL)
child = os.fork()
if child == 0:
    if how == "pipe":
        read, write = os.pipe()
        os.close(read)
        os.dup2(write, 2)
    else:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    kept, out = os.pipe()  # large enough for all of it
    os.set_inheritable(kept, True)
    os.dup2(out, 1)
    os.execvp(command[0], command)
status = os.waitpid(child, 0)[1]
if status:
    print("  it ended with", status)
sys.exit(bool(status))
