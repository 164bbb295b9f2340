#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""profiler.py PID: what a profiler reads of a process, from outside, by what it maps and its memory:
its process context ("process", and an attribute a line) and, of each of its threads that is in a span,
"thread TRACE-ID SPAN-ID FLAGS". The threads are stopped for it, one by one.

It knows OpenTelemetry's documents (OTEP 4719 and 4947) and nothing of the library.
"""
import ctypes
import os
import platform
import re
import struct
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long
SEIZE, INTERRUPT, DETACH, GETREGSET = 0x4206, 0x4207, 17, 0x4204
pid = int(sys.argv[1])


class Piece(ctypes.Structure):
    _fields_ = [("at", ctypes.c_void_p), ("len", ctypes.c_size_t)]


def read(at, length):
    """Of the process's memory; nothing that is only in its files."""
    room = ctypes.create_string_buffer(length)
    ours, theirs = Piece(ctypes.addressof(room), length), Piece(at, length)
    got = libc.process_vm_readv(pid, ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0)
    if got != length:
        raise OSError(ctypes.get_errno(), f"{length} bytes at {at:x}: {got}")
    return room.raw


def word(at):
    return struct.unpack("<Q", read(at, 8))[0]


def maps():
    with open(f"/proc/{pid}/maps") as lines:
        for line in lines:
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) (\S+) ([0-9a-f]+) \S+ \d+\s*(.*)", line)
            yield int(found[1], 16), int(found[2], 16), found[3], int(found[4], 16), found[5]


# ---- the process ---------------------------------------------------------------------------------

def varint(data, at):
    n = shift = 0
    while True:
        n |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return n, at


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        if tag & 7 == 0:
            value, at = varint(data, at)
        else:
            assert tag & 7 == 2, f"wire type of {tag}"
            length, at = varint(data, at)
            value, at = data[at:at + length], at + length
            assert len(value) == length
        yield tag >> 3, value


def any_value(data):
    for number, value in fields(data):
        if number == 1:
            return value.decode()
        if number == 3:
            return value
        if number == 5:
            return [any_value(one) for of, one in fields(value) if of == 1]
    return None


def attributes(data, number):
    for of, pair in fields(data):
        if of == number:
            parts = dict(fields(pair))
            yield parts[1].decode(), any_value(parts[2])


def process_context():
    found = []
    for at, end, rights, _, name in maps():
        if re.match(r"(\[anon_shmem:|\[anon:|/memfd:)OTEL_CTX\b", name) and "x" not in rights:
            found.append((at, end))
    if not found:
        return None
    assert len(found) == 1, f"several: {found}"
    signature, version, length, time, payload = struct.unpack("<8sIIQQ", read(found[0][0], 32))
    assert (signature, version) == (b"OTEL_CTX", 2), (signature, version)
    assert 0 < length <= 65536 and 0 < time, (length, time)
    with open("/proc/uptime") as uptime:
        assert time <= (float(uptime.read().split()[0]) + 1) * 1e9, f"the time is not that since the boot: {time}"
    data = read(payload, length)
    assert word(found[0][0] + 16) == time
    resource = b"".join(value for number, value in fields(data) if number == 1)
    return dict(attributes(resource, 1)), dict(attributes(data, 2))


# ---- the threads ---------------------------------------------------------------------------------

class Library:
    """The dynamic section of one that is mapped, as the loader left it."""

    def __init__(self, base):
        self.base = base
        head = read(base, 64)
        at, size, nr = struct.unpack_from("<Q", head, 32)[0], *struct.unpack_from("<HH", head, 54)
        self.dynamic = {}
        for i in range(nr):
            kind, _, _, address = struct.unpack_from("<IIQQ", read(base + at + i * size, 56))
            if kind == 2:
                entry = base + address
                while word(entry):
                    self.dynamic[word(entry)] = word(entry + 8)
                    entry += 16

    def address(self, tag):
        """glibc puts addresses there, musl leaves offsets."""
        at = self.dynamic.get(tag, 0)
        return at if at >= self.base else self.base + at

    def symbol(self, index):
        name, info, other, section, value, size = struct.unpack("<IBBHQQ", read(self.address(6) + index * 24, 24))
        text = read(self.address(5) + name, 32).split(b"\0")[0]
        return text.decode(errors="replace"), info, other, section, value, size

    def relocations(self):
        for table, length in ((7, 8), (23, 2)):
            data = read(self.address(table), self.dynamic[length]) if length in self.dynamic else b""
            for at in range(0, len(data), 24):
                offset, info, _ = struct.unpack_from("<QQq", data, at)
                yield offset, info & 0xffffffff, info >> 32


DESCRIPTOR, OFFSET = {"x86_64": (36, 18), "aarch64": (1031, 1030)}[platform.machine()]


def thread_offset():
    """How far from a thread's pointer the variable is; None: no library has it."""
    for at, _, _, offset, name in maps():
        if offset or not name.startswith("/") or ".so" not in name:
            continue
        with open(name, "rb") as file:
            if b"otel_thread_ctx_v1" not in file.read():
                continue
        library = Library(at)
        for place, kind, index in library.relocations():
            if kind not in (DESCRIPTOR, OFFSET) or not index:
                continue
            text, info, other, section, _, size = library.symbol(index)
            if text != "otel_thread_ctx_v1":
                continue
            assert (info, other & 3, size) == (0x16, 0, 8) and section, "not TLS, GLOBAL, DEFAULT, a pointer"
            # of a descriptor whose variable is where each thread's begin, the second word
            offset = word(at + place + (8 if kind == DESCRIPTOR else 0))
            return struct.unpack("<q", struct.pack("<Q", offset))[0]
    return None


def thread_pointer(tid):
    room = ctypes.create_string_buffer(512)
    piece = Piece(ctypes.addressof(room), len(room))
    is_x86 = platform.machine() == "x86_64"
    if libc.ptrace(GETREGSET, tid, 1 if is_x86 else 0x401, ctypes.addressof(piece)):
        raise OSError(ctypes.get_errno(), "registers")
    return struct.unpack_from("<Q", room.raw, 21 * 8 if is_x86 else 0)[0]


def thread_context(tid, offset):
    if libc.ptrace(SEIZE, tid, None, None):
        if ctypes.get_errno() == 3:
            return None
        print("may not trace", file=sys.stderr)
        sys.exit(77)
    libc.ptrace(INTERRUPT, tid, None, None)
    os.waitpid(tid, 0x40000000)
    try:
        record = word(thread_pointer(tid) + offset)
        if not record:
            return None
        assert record % 2 == 0
        trace, span, valid, flags, length = struct.unpack("<16s8sBBH", read(record, 28))
        assert length == 0, length
        return (trace.hex(), span.hex(), f"{flags:02x}") if valid == 1 else None
    finally:
        libc.ptrace(DETACH, tid, None, None)


context = process_context()
if context:
    print("process")
    for part in context:
        for key, value in part.items():
            print(f"{key}={value}")
offset = thread_offset()
if offset is not None:
    print("symbol")
    for tid in os.listdir(f"/proc/{pid}/task"):
        in_span = thread_context(int(tid), offset)
        if in_span:
            print("thread", *in_span)
