"""What keeps a student's code inside its process: namespaces, mounts, Landlock, seccomp and limits.

Chosen with these reasons. *Namespaces* by util-linux's ``unshare``, which is on every Linux: an empty network, process
numbers of one's own (ending the first process ends all), and a tree of files of one's own. *Mounts*: that tree shows
Python and its libraries, read-only, and nothing else. *Landlock* by sandlock's ``confine``, a maintained library: no
other file can be opened, also where there are no namespaces. *seccomp* by libseccomp, through pyseccomp, which knows
the system calls' numbers on every architecture: only the calls in ``ALLOWED`` work. *Limits* by the standard library's
``resource``. None of them needs root, and each stands without the others.

bubblewrap, nsjail and sandlock's own supervisor offer all of this ready-made, around a program that they start. A
worker here is not started but forked, from a process that has imported torch, or each would take two seconds; and that
process must read this package to begin with, which no worker may. So a process confines itself, after
the imports, which those programs cannot do.

The namespaces are made on the trusted side, by the command that starts the fork server. ``prepare`` runs once, in the
fork server (where there is no fork: in each worker), ``limit`` and ``forbid_calls`` in each worker.
"""

import contextlib
import ctypes
import errno
import functools
import importlib
import os
import secrets
import signal
import site
import socket
import struct
import sys
import sysconfig
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MAX_THREADS = 48
"""Of a worker: Python's own pools have 32 at most, and each more takes time from those who are graded beside."""
FEW_THREADS = 8
"""With no more than these a worker can start some, where only its own are counted."""
ALL_THREADS = 256
"""Where Linux counts all that its user runs."""
INSTALL = "pip install 'grokcourse[grade]'"


_taken = 0
"""Bytes of address space that this process had before its first worker."""
_threads_counted = False
"""Whether the limit of processes and threads holds here; it does not for root, not even in a user namespace."""
_most_threads = ALL_THREADS
_tree = False
_calls: Any = None
"""The filter of system calls, made once, for every worker to put in force."""


def prepare() -> dict[str, str]:
    """Confine this process, the fork server; returns what could not be put in force, and why."""
    global _taken, _threads_counted, _most_threads, _tree, _calls
    _library("pyseccomp"), _library("sandlock")  # while all files are there: they look for more than Python's
    with contextlib.suppress(OSError):
        _taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    alone = "" if os.getpid() == 1 else "unshare (of util-linux) does not work here"
    places = _readable()
    mounts = alone or _show_only(places)
    _tree = not mounts
    user = _become_nobody(places)
    _drop_capabilities()
    files = _confine(places if mounts else ["/"])
    _threads_counted = _are_threads_counted()
    if _threads_counted and _does_a_thread_start(FEW_THREADS):
        _most_threads = MAX_THREADS
    _calls, calls = _allowed_calls(writing=not (mounts and files))
    return {"calls": calls, "files": files, "namespaces": alone, "mounts": mounts, "user": user}


@functools.cache
def _library(name: str) -> tuple[Any, str]:
    """A library that is not everywhere, or why it cannot be used."""
    try:
        return importlib.import_module(name), ""
    except (ImportError, OSError, RuntimeError) as error:
        return None, f"{name} cannot be used ({error}): {INSTALL}"


def has_own_tree() -> bool:
    """Whether this process sees only the files that it shall see."""
    return _tree


def _are_threads_counted() -> bool:
    """Whether a process that may have no more threads gets none: tried out."""
    return sys.platform == "linux" and not _does_a_thread_start(1)


def _does_a_thread_start(most: int) -> bool:
    """Whether a process gets one that may have so many: tried out in a child."""
    import resource

    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
            threading.Thread(target=int).start()
        except (RuntimeError, ValueError, OSError):
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
MS_BIND, MS_MOVE, MS_REC, MNT_DETACH = 0x1000, 0x2000, 0x4000, 2
AT_FDCWD, AT_RECURSIVE = -100, 0x8000
MOUNT_SETATTR = 442
"""A system call that glibc knows only since 2.36; it has this number on every architecture."""
MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV = 1, 2, 4


def _libc(name: str, *arguments: Any) -> None:
    """Call a function of the C library that returns -1 for an error, and raise that."""
    if getattr(ctypes.CDLL(None, use_errno=True), name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def _show_only(places: list[str]) -> str:
    """Give this process a tree of files with nothing but these places in it, read-only, and three devices.

    To be called in a mount namespace of this process's own, and nowhere else. What is read-only also keeps no times of
    access. The new tree is put together where /proc was, which is not among the places.

    Returns:
        Why that did not work, or nothing; then everything is as it was.
    """
    root = "/proc"

    def restrict(*attributes: int) -> None:
        wanted = struct.pack("=4Q", sum(attributes), 0, 0, 0)
        _libc("syscall", MOUNT_SETATTR, AT_FDCWD, root.encode(), AT_RECURSIVE, wanted, len(wanted))

    def show(place: Path) -> None:
        target = Path(root, *place.parts[1:])
        target.parent.mkdir(parents=True, exist_ok=True)
        target.mkdir() if place.is_dir() else target.touch()
        _libc("mount", bytes(place), bytes(target), None, ctypes.c_ulong(MS_BIND | MS_REC), None)

    chosen = {Path(place) for place in places if not place.startswith(("/proc/", "/sys/", "/dev/"))}
    try:
        os.umask(0o022)
        _libc("mount", b"tmpfs", root.encode(), b"tmpfs", ctypes.c_ulong(0), b"size=4m,mode=755")
    except (OSError, AttributeError) as error:
        return f"no files can be hidden here ({error})"
    try:
        for place in sorted(chosen):
            if not chosen & {*place.parents}:  # it is there already
                show(place)
        restrict(MOUNT_ATTR_NODEV)
        for device in DEVICES:
            if Path(device).exists():
                show(Path(device))
        restrict(MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID)
        os.chdir(root)
        _libc("mount", b".", b"/", None, ctypes.c_ulong(MS_MOVE), None)
        os.chroot(".")
        os.chdir("/")
    except (OSError, AttributeError) as error:
        os.chdir("/")
        with contextlib.suppress(OSError):
            _libc("umount2", root.encode(), MNT_DETACH)
        return f"no files can be hidden here ({error}): it needs Linux 5.12 or newer"
    with contextlib.suppress(OSError):
        socket.sethostname("grading")
    return ""


NOBODYS = range(61184, 65520)
"""Numbers of users that systemd, too, takes for users of the moment, since no system gives them to anybody."""
PR_SET_PDEATHSIG = 1


def _become_nobody(places: list[str]) -> str:
    """Where this is the machine's root, become a user whom nobody else is: then Linux counts its threads, too.

    Returns:
        Why it is root still, or nothing.
    """
    if sys.platform != "linux" or os.geteuid() != 0:
        return ""
    number = NOBODYS[secrets.randbelow(len(NOBODYS))]
    files = {path for path in (*places, *map(_file_of, [*sys.modules.values()])) if path and Path(path).exists()}
    wanted = {path: os.R_OK | (os.X_OK if Path(path).is_dir() else 0) for path in files}

    def become() -> None:
        os.setgroups([])
        os.setresgid(number, number, number)
        os.setresuid(number, number, number)

    pid = os.fork()
    if pid == 0:  # lazy imports must work as that user
        with contextlib.suppress(BaseException):
            become()
            os._exit(all(os.access(path, mode) for path, mode in wanted.items()))
        os._exit(2)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status != 1:
        return "only root can read Python's own files" if status == 0 else "root cannot become another user here"
    parent = os.getppid()
    become()
    with contextlib.suppress(OSError):  # with its user a process loses the wish to end with its parent
        _libc("prctl", PR_SET_PDEATHSIG, signal.SIGKILL if os.getpid() == 1 else 0, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)
    return ""


def _file_of(module: Any) -> str:
    ours = str(getattr(module, "__name__", "")).startswith(__package__.partition(".")[0])
    return "" if ours else str(getattr(module, "__file__", None) or "")


def _drop_capabilities() -> None:
    """Give up what the first user of a user namespace may do in it."""
    if sys.platform == "linux":
        version = struct.pack("=Ii", 0x20080522, 0)
        with contextlib.suppress(OSError, AttributeError):
            _libc("capset", version, bytes(24))


def _confine(places: list[str]) -> str:
    """Take away all files but those in these places, for this process and its children.

    Returns:
        Why that did not work, or nothing.
    """
    if sys.platform != "linux":
        return "Landlock is Linux's: run it there (in a virtual machine, or on Colab), or in a container of its own"
    sandlock, missing = _library("sandlock")
    if missing:
        return missing
    try:
        rules = {"fs_readable": places, "fs_writable": ["/dev/null"], "allow_degraded": [*sandlock.Protection]}
        sandlock.confine(sandlock.Sandbox(**rules))
    except Exception as error:  # whatever its native part raises on an old kernel
        return f"this kernel offers no Landlock ({error}): it needs Linux 5.13 or newer"
    return ""


def _readable() -> list[str]:
    """Python's own files and libraries, entry by entry, so that grokcourse is not among them."""
    shared = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/etc/ld.so.cache", "/proc/cpuinfo"]
    shared += ["/dev/null", "/dev/zero", "/dev/urandom", "/usr/share/zoneinfo", "/sys/devices/system/cpu"]
    wanted = [Path(place) for place in shared]
    roots = {Path(root) for root in (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))}
    sites = {Path(place) for place in [*sys.path, *site.getsitepackages()] if place and Path(place).is_dir()}
    found: list[Path] = []
    for place in wanted:
        found += _without_packages(place)
    for place in roots:
        found += _without_packages(place)
    for place in sites - roots:
        if place.name in ("site-packages", "dist-packages", "lib-dynload"):
            found += _entries(place)
    return sorted({str(path) for path in found if path.exists()})


def _without_packages(place: Path, depth: int = 3) -> list[Path]:
    """A folder as it is, or entry by entry where a Python's packages lie in it."""
    if not place.is_dir():
        return [place]
    packages = {path for n in range(depth) for path in place.glob("*/" * n + "*-packages")}
    if not packages:
        return [place]
    found: list[Path] = []
    for entry in place.iterdir():
        if entry in packages:
            found += _entries(entry)
        elif any(entry in path.parents for path in packages):
            found += _without_packages(entry, depth - 1)
        else:
            found.append(entry)
    return found


def _entries(packages: Path) -> list[Path]:
    ours = ("grokcourse", "__editable__", "_editable")
    return [path for path in packages.iterdir() if not path.name.startswith(ours)]


def limit(limits: Mapping[str, float]) -> str:
    """Limit memory, files and processes of this process; returns why that did not work, or nothing.

    Args:
        limits: ``records.Limits`` as a dict.
    """
    try:
        import resource
    except ImportError:
        return "Windows has no such limits: run it on Linux"

    def at_most(name: str, value: int) -> None:
        kind = getattr(resource, name, None)
        if kind is not None:
            with contextlib.suppress(ValueError, OSError):  # more than this system allows anyway
                resource.setrlimit(kind, (value, value))

    at_most("RLIMIT_CORE", 0)
    at_most("RLIMIT_FSIZE", int(limits["file_size"]))
    at_most("RLIMIT_NOFILE", 64)
    at_most("RLIMIT_MSGQUEUE", 0)
    at_most("RLIMIT_CPU", int(limits["load_seconds"] + limits["total_seconds"]) + 1)
    if sys.platform != "linux":
        return "this system does not limit the memory of a process: run it on Linux"
    at_most("RLIMIT_NPROC", _most_threads)
    at_most("RLIMIT_MEMLOCK", 0)
    at_most("RLIMIT_SIGPENDING", 64)
    at_most("RLIMIT_AS", _taken + int(limits["memory"]))
    return ""


ALLOWED = {
    "files": "read readv pread64 preadv write writev lseek close dup dup2 dup3 getdents64 getcwd fstat stat lstat "
    "newfstatat statx access faccessat faccessat2 readlink readlinkat",
    "memory": "brk mmap munmap mprotect mremap",
    "time": "clock_gettime clock_getres clock_nanosleep nanosleep gettimeofday time poll ppoll select pselect6",
    "itself": "getpid getppid gettid getuid geteuid getgid getegid getgroups getresuid getresgid getpgrp "
    "getrlimit uname getcpu getrandom exit exit_group restart_syscall",
    "threads": "futex futex_waitv set_robust_list get_robust_list rseq set_tid_address sched_yield",
    "signals": "rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigsuspend sigaltstack pause",
}
"""The system calls that Python, numpy and torch on the CPU need, as found by tracing every exercise's solutions, and
their close kin. A call that is not among them, or below in ``_allowed_calls``, is refused.

Left out with a reason: what tells which file's pages are in memory or puts them there (``cachestat``, ``mincore``,
``posix_fadvise``, ``readahead``, ``preadv2``, ``getrusage``, ``sysinfo``) and locks on files (``flock``), since one
worker could leave a message for another there; pipes, sockets and memory that has a name, since no limit counts them.
"""
CLONE_THREAD = 0x00010000
HARMLESS_ADVICE = (0, 4, 8, 14, 15, 16, 17)
"""For ``madvise``: of memory that no file stands behind (normal, unneeded, free, huge pages or not, dump or not)."""
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND | getattr(os, "O_TMPFILE", 0)
PR_SET_NAME, PR_GET_NAME = 15, 16


def _allowed_calls(*, writing: bool) -> tuple[Any, str]:
    """The filter that lets a worker make harmless system calls only.

    Args:
        writing: whether files may be opened for writing, since something else keeps all but /dev/null from that.

    Returns:
        The filter, or None, and why there is none.
    """
    if sys.platform != "linux":
        return None, "seccomp is Linux's: run it there"
    seccomp, missing = _library("pyseccomp")
    if missing:
        return None, f"{missing}, and libseccomp2 of your distribution"
    import fcntl
    import termios

    def allow(name: str, *conditions: tuple[int, int, int] | tuple[int, int, int, int]) -> None:
        with contextlib.suppress(RuntimeError, ValueError, OSError):  # no such call on this architecture
            calls.add_rule(seccomp.ALLOW, name, *(seccomp.Arg(*condition) for condition in conditions))

    def allow_each(name: str, argument: int, values: Iterable[int]) -> None:
        for value in values:
            allow(name, (argument, seccomp.EQ, value))

    try:
        calls = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
        calls.set_attr(seccomp.Attr.ACT_BADARCH, seccomp.KILL_PROCESS)
        for name in " ".join(ALLOWED.values()).split():
            allow(name)
        for name, flags in (("open", 1), ("openat", 2)):
            allow(name, *([] if writing else [(flags, seccomp.MASKED_EQ, WRITING, 0)]))
        own = (fcntl.F_GETFD, fcntl.F_SETFD, fcntl.F_GETFL, fcntl.F_DUPFD, fcntl.F_DUPFD_CLOEXEC)
        allow_each("fcntl", 1, own)
        allow_each("ioctl", 1, (termios.TCGETS, termios.FIOCLEX, termios.FIONCLEX))
        allow_each("madvise", 2, HARMLESS_ADVICE)
        allow_each("prctl", 0, (PR_SET_NAME, PR_GET_NAME))
        if _threads_counted:
            allow("clone", (0, seccomp.MASKED_EQ, CLONE_THREAD, CLONE_THREAD))
        allow("sched_getaffinity", (0, seccomp.EQ, 0))
        allow("prlimit64", (0, seccomp.EQ, 0), (2, seccomp.EQ, 0))  # to ask for a limit is allowed, to set one is not
        for name in ("clone3", "openat2"):  # their flags stand where no filter can read: the C library uses the older
            with contextlib.suppress(RuntimeError, ValueError, OSError):
                calls.add_rule(seccomp.ERRNO(errno.ENOSYS), name)
    except Exception as error:  # whatever the native library raises
        return None, f"seccomp does not work here ({error})"
    return (calls, "") if _can_load(calls) else (None, "this kernel has no filters of system calls (seccomp)")


def _can_load(calls: Any) -> bool:
    """Whether a filter can be put in force: tried out in a child."""
    pid = os.fork()
    if pid == 0:
        try:
            calls.load()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def forbid_calls() -> None:
    """Put the filter in force, if there is one, for this process, for good, and let it signal nobody but itself.

    Raises:
        OSError: if that does not work, though it did in the fork server: then no student's code may run here.
    """
    if _calls is not None:
        seccomp, _ = _library("pyseccomp")
        for name in ("kill", "tgkill"):
            _calls.add_rule(seccomp.ALLOW, name, seccomp.Arg(0, seccomp.EQ, os.getpid()))
        _calls.load()
