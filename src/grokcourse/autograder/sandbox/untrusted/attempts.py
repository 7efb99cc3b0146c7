"""What a student's code must not be able to do, tried in a worker before a class is graded.

Each attempt does no harm where it succeeds. It is tried where a student's code would run, under the same limits and
filters, so that what a run prints about its protections is what it tried.
"""

import contextlib
import ctypes
import encodings
import mmap
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import confinement
from .confinement import ALL_THREADS

GETFLAGS, SETFLAGS = 0x80086601, 0x40086602
"""Of ``ioctl``: a file's attributes, such as being immutable."""
SIOCGIFCONF, FIOSETOWN = 0x8912, 0x8901
CACHESTAT = 451
"""A system call, with this number on every architecture."""
F_SETPIPE_SZ = 1031


@dataclass(frozen=True)
class Targets:
    """What the attempts are made on."""

    secret: str
    """A file that the grader can read, in a folder where it can write, with a link ``link`` to it beside it."""
    port: int
    """A local port where the grader listens."""
    parent: int
    """The grader's process number."""
    memory: int
    """Bytes that are more than the limit."""
    channels: Collection[int]
    """The descriptors that lead to the grader."""

    @property
    def channel(self) -> int:
        """One of them."""
        return max(self.channels)


def attempts(targets: Targets) -> dict[str, list[str]]:
    """Try everything; returns what succeeded, in words, by protection."""
    tries = {
        "files": _files(targets),
        "paths": _paths(targets),
        "network": _network(targets),
        "processes": _processes(),
        "signals": _signals(targets),
        "memory": _memory(targets),
        "traces": _traces(targets),
    }
    return {name: [what for what, attempt in all_.items() if _succeeds(attempt)] for name, all_ in tries.items()}


def stay() -> None:
    """Run for ever, deaf to every signal that can be ignored."""
    for number in signal.valid_signals():
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except (AttributeError, ImportError):
        return True  # there is no such thing in this Python: what cannot be tried is not claimed
    except BaseException:
        return False
    return True


def _a_library() -> str:
    """A file that a student's code may read."""
    return os.__file__


@contextlib.contextmanager
def _opened(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _files(targets: Targets) -> dict[str, Callable[[], object]]:
    secret = Path(targets.secret)

    def attributes() -> None:
        import fcntl

        with _opened(_a_library()) as library:
            flags = fcntl.ioctl(library, GETFLAGS, bytes(8))
            fcntl.ioctl(library, SETFLAGS, flags)  # as they are

    def temporary() -> None:
        with tempfile.TemporaryFile():
            pass

    def times() -> None:
        os.utime(secret)

    return {
        "read a file": secret.read_bytes,
        "write a file": lambda: secret.with_name("written").write_bytes(b""),
        "write a temporary file": temporary,
        "write into shared memory": lambda: tempfile.TemporaryFile(dir="/dev/shm").close(),
        "change a file's times": times,
        "change a file's permissions": lambda: secret.chmod(0o600),
        "change a file's attributes": attributes,
        "remove a file": lambda: secret.with_name("spare").unlink(),
    }


def _paths(targets: Targets) -> dict[str, Callable[[], object]]:
    secret = Path(targets.secret)

    def exists(path: str) -> None:
        if not os.access(path, os.F_OK):
            raise FileNotFoundError

    return {
        "see a file's size and times": secret.stat,
        "see where a link leads": lambda: secret.with_name("link").readlink(),
        "see which files a folder holds": lambda: [*secret.parent.iterdir()],
        "see that a file exists": lambda: exists(targets.secret),
        "see a process": Path(f"/proc/{targets.parent}").stat,
    }


def _network(targets: Targets) -> dict[str, Callable[[], object]]:
    address = ("127.0.0.1", targets.port)

    def connect() -> None:
        socket.create_connection(address, timeout=2).close()

    def datagram() -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as opened:
            opened.sendto(b"", address)

    def addresses() -> None:
        import fcntl

        room = ctypes.create_string_buffer(4096)
        fcntl.ioctl(targets.channel, SIOCGIFCONF, struct.pack("ixxxxP", len(room), ctypes.addressof(room)))

    return {
        "connect to a local port": connect,
        "send a datagram": datagram,
        "make a socket": lambda: socket.socket(socket.AF_UNIX).close(),
        "see the machine's addresses": addresses,
        "see the machine's network cards": socket.if_nameindex,
    }


def _processes() -> dict[str, Callable[[], object]]:
    def spawn() -> None:
        subprocess.run([sys.executable, "-I", "-S", "-c", ""], check=True, capture_output=True)

    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    def threads() -> None:
        over = threading.Event()
        size = threading.stack_size(2**16)
        started = []
        try:
            for _ in range(ALL_THREADS + 1):
                started.append(threading.Thread(target=over.wait))
                started[-1].start()
        finally:
            over.set()
            threading.stack_size(size)

    return {"start a program": spawn, "start a process": fork, "start threads without an end": threads}


def _signals(targets: Targets) -> dict[str, Callable[[], object]]:
    def owner() -> None:
        import fcntl

        fcntl.fcntl(targets.channel, fcntl.F_SETOWN, os.getppid() or targets.parent)

    def owner_by_ioctl() -> None:
        import fcntl

        fcntl.ioctl(targets.channel, FIOSETOWN, struct.pack("i", os.getppid() or targets.parent))

    def signal_to(pid: int) -> None:
        if os.name != "nt":  # where nothing keeps it from that, and to try would end it
            os.kill(pid, 0)

    def threads_signal() -> None:
        if ctypes.CDLL(None).tgkill(targets.parent, targets.parent, 0):
            raise PermissionError

    return {
        "signal the grader": lambda: signal_to(targets.parent),
        "signal the process that started it": lambda: signal_to(os.getppid() or 1),
        "signal everybody": lambda: signal_to(-1),
        "signal a thread of the grader's": threads_signal,
        "have the system signal the grader": owner,
        "have the system signal the grader (ioctl)": owner_by_ioctl,
        "get hold of another process": lambda: os.close(os.pidfd_open(os.getppid() or targets.parent)),
        "see another process's priority": lambda: os.getpriority(os.PRIO_PROCESS, targets.parent),
    }


def _memory(targets: Targets) -> dict[str, Callable[[], object]]:
    def pipes() -> None:
        import fcntl

        ends = os.pipe()
        try:
            fcntl.fcntl(ends[0], F_SETPIPE_SZ, 2**20)
        finally:
            for end in ends:
                os.close(end)

    def system_v() -> None:
        found = ctypes.CDLL(None).shmget(0, 4096, 0o1600)
        if found == -1:
            raise PermissionError
        ctypes.CDLL(None).shmctl(found, 0, None)  # removed at once

    def new_limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return {
        "take memory": lambda: bytearray(targets.memory),
        "map memory": lambda: mmap.mmap(-1, targets.memory).close(),
        "make files in memory": lambda: os.close(os.memfd_create("x")),
        "make System V memory": system_v,
        "make pipes": pipes,
        "lift its own limit": new_limit,
    }


def _traces(targets: Targets) -> dict[str, Callable[[], object]]:
    def inherited() -> None:
        found = []
        for descriptor in range(3, 64):
            with contextlib.suppress(OSError):
                os.fstat(descriptor)
                found.append(descriptor)
        if set(found) == {*targets.channels}:
            raise PermissionError

    def cached() -> None:
        with _opened(_a_library()) as library:
            everything, found = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
            if ctypes.CDLL(None).syscall(CACHESTAT, library, everything, found, 0):
                raise PermissionError

    def resident() -> None:
        with _opened(_a_library()) as library, mmap.mmap(library, 4096, mmap.MAP_PRIVATE) as mapped:
            first = ctypes.c_char.from_buffer(mapped)
            failed = ctypes.CDLL(None).mincore(ctypes.byref(first), 4096, ctypes.create_string_buffer(1))
            del first  # or the mapping cannot be closed
            if failed:
                raise PermissionError

    def drop() -> None:
        with _opened(_a_library()) as library:
            os.posix_fadvise(library, 0, 0, os.POSIX_FADV_NORMAL)

    def lock() -> None:
        import fcntl

        with _opened(_a_library()) as library:
            fcntl.flock(library, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def record_lock() -> None:
        import fcntl

        with _opened(_a_library()) as library:
            fcntl.lockf(library, fcntl.LOCK_SH | fcntl.LOCK_NB)

    def flags() -> None:
        os.set_blocking(0, False)

    def read_times() -> None:
        for entry in os.scandir(Path(encodings.__file__).parent):
            before = entry.stat()
            if entry.is_file() and before.st_atime_ns <= max(before.st_mtime_ns, before.st_ctime_ns):
                Path(entry.path).read_bytes()  # its first reader since it was written: that is kept nearly everywhere
                if Path(entry.path).stat().st_atime_ns == before.st_atime_ns:
                    raise PermissionError
                return
        if confinement.has_own_tree():  # all have been read: it cannot be tried
            raise PermissionError

    return {
        "use a descriptor of another's": inherited,
        "see which files are in memory": cached,
        "see which pages are in memory": resident,
        "say which files shall be in memory": drop,
        "lock a file": lock,
        "lock a part of a file": record_lock,
        "change an open file's flags": flags,
        "leave times of access": read_times,
    }
