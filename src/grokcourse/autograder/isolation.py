"""What keeps a student's code inside its process, as far as the machine can: namespaces, Landlock, seccomp, limits.

Chosen with these reasons. *Landlock* by sandlock's ``confine``: a maintained library, and it confines the running
process, so that a fork server need not start Python anew for every submission. (bubblewrap wraps a program: two seconds
of importing torch each time. sandlock's own supervised sandbox likewise starts a program.) *seccomp* by libseccomp,
through pyseccomp: it knows the system calls' numbers on every architecture. *Namespaces* by util-linux's ``unshare``,
which is on every Linux: an empty network, and process numbers of one's own, so that ending the first process ends all.
*Limits* by the standard library's ``resource``. None of them needs root, and each stands without the others.

Everything here but ``namespaces`` and the small classes runs in the worker's process.
"""

import contextlib
import errno
import functools
import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

INSTALL = "pip install 'grokcourse[grade]'"


MAX_BYTES = 16 * 2**20
"""A longer message is refused; the answers of an honest exercise hold less than a tenth of a megabyte a test."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use."""

    seconds: float = 10
    """For one call."""
    load_seconds: float = 30
    """For loading the submission."""
    total_seconds: float = 300
    """For everything that one student handed in."""
    memory: int = 4 * 2**30
    """Bytes of address space beyond what torch itself takes (where the system can limit it)."""
    file_size: int = 2**20
    """Bytes of a file that it writes (where it can write one at all)."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON types."""
        return asdict(self)


class TimeLimitError(Exception):
    """The student's code took longer than it may."""


class LostError(Exception):
    """The process with the student's code is gone: it left, crashed, or was ended for using too much memory."""

    def __init__(self, text: str, *, memory: bool = False) -> None:
        super().__init__(text)
        self.memory = memory


@dataclass(frozen=True)
class Protection:
    """One thing that a student's code is kept from, and whether it is on this machine."""

    name: str
    what: str
    """What cannot happen, in one sentence."""
    in_force: bool
    missing: str = ""
    """Why it is not in force, and what to do about it."""


# --- before the fork server starts ------------------------------------------------------------------------------------


@functools.cache
def namespaces() -> tuple[str, ...]:
    """The command to put before another, so that it runs in namespaces of its own; empty where that does not work."""
    unshare = shutil.which("unshare") if sys.platform == "linux" else None
    if not unshare:
        return ()
    command = [unshare, "--user", "--map-root-user", "--net", "--ipc", "--pid", "--fork", "--kill-child"]
    for attempt in ([*command, "--mount-proc"], command):
        try:
            done = subprocess.run([*attempt, "true"], capture_output=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if done.returncode == 0:
            return tuple(attempt)
    return ()


# --- once, in the fork server -----------------------------------------------------------------------------------------


_taken = 0
"""Bytes of address space that this process had before its first worker."""


_threads_counted = False
"""Whether the limit of processes and threads holds here; it does not for root, not even in a user namespace."""


def prepare() -> dict[str, str]:
    """Confine this process, the fork server; returns what could not be put in force, and why."""
    global _taken, _threads_counted
    _threads_counted = _are_threads_counted()
    with contextlib.suppress(OSError):
        _taken = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    alone = "" if os.getpid() == 1 else "unshare (of util-linux) does not work here"
    return {"calls": forbid_calls(), "files": _confine(), "namespaces": alone}


def _are_threads_counted() -> bool:
    """Whether a process that may have no more threads gets none: tried out in a child."""
    if sys.platform != "linux":
        return False
    import resource

    pid = os.fork()
    if pid == 0:
        try:
            resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
            threading.Thread(target=int).start()
        except (RuntimeError, ValueError, OSError):
            os._exit(0)
        os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def _confine() -> str:
    """Take away all files but those of Python and its libraries, for this process and its children.

    Returns:
        Why that did not work, or nothing.
    """
    if sys.platform != "linux":
        return "Landlock is Linux's: run it there (in a virtual machine, or on Colab), or in a container of its own"
    try:
        from sandlock import Protection as Landlock
        from sandlock import Sandbox
        from sandlock import confine as landlock
    except (ImportError, OSError) as error:
        return f"sandlock cannot be imported ({error}): {INSTALL}"
    try:
        landlock(Sandbox(fs_readable=_readable(), allow_degraded=list(Landlock)))
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


# --- in each worker ---------------------------------------------------------------------------------------------------


def limit(limits: Limits) -> str:
    """Limit memory, files and processes of this process; returns why that did not work, or nothing."""
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
    at_most("RLIMIT_FSIZE", limits.file_size)
    at_most("RLIMIT_NOFILE", 64)
    at_most("RLIMIT_MSGQUEUE", 0)
    at_most("RLIMIT_CPU", int(limits.load_seconds + limits.total_seconds) + 1)
    if sys.platform != "linux":
        return "this system does not limit the memory of a process: run it on Linux"
    at_most("RLIMIT_NPROC", 256)
    at_most("RLIMIT_AS", _taken + limits.memory)
    return ""


FORBIDDEN = (
    "execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_open pidfd_getfd "
    "pidfd_send_signal tkill rt_sigqueueinfo rt_tgsigqueueinfo setns unshare mount umount2 pivot_root chroot fsopen "
    "fsmount fsconfig fspick open_tree move_mount mount_setattr socket socketpair connect bind listen accept accept4 "
    "io_uring_setup io_uring_enter io_uring_register bpf perf_event_open userfaultfd memfd_create memfd_secret keyctl "
    "add_key request_key shmget shmat msgget msgsnd semget semop mq_open open_by_handle_at name_to_handle_at "
    "init_module finit_module delete_module kexec_load reboot swapon swapoff acct quotactl fanotify_init inotify_init "
    "inotify_init1 sched_setaffinity sched_setscheduler sched_setparam sched_setattr setpriority ioprio_set io_setup "
    "settimeofday clock_settime clock_adjtime adjtimex sethostname setdomainname syslog personality "
    "chmod fchmod fchmodat fchmodat2 chown fchown lchown fchownat setxattr lsetxattr fsetxattr "
    "utime utimes utimensat futimesat"
)
"""System calls that neither an exercise nor the fork server needs: programs, network, mounts, files' owners, ..."""
CLONE_THREAD = 0x00010000


def forbid_calls() -> str:
    """Forbid most system calls that matter, for this process and its children; returns why not, or nothing."""

    def rules(add: Callable[..., None], refuse: int, no_such_call: int) -> None:
        for name in FORBIDDEN.split():
            with contextlib.suppress(RuntimeError, ValueError, OSError):  # no such call on this architecture
                add(refuse, name)

    return _filter(rules)


def forbid_processes() -> str:
    """Forbid new processes and signals to others, for this process, for good; returns why not, or nothing."""

    def rules(add: Callable[..., None], refuse: int, no_such_call: int) -> None:
        import pyseccomp as seccomp

        for name in ("fork", "vfork", "setrlimit"):
            with contextlib.suppress(RuntimeError, ValueError, OSError):
                add(refuse, name)
        add(no_such_call, "clone3")  # threads are then made by clone, whose flags a filter can read
        if _threads_counted:
            add(refuse, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, CLONE_THREAD, 0))
        else:
            add(refuse, "clone")
        add(refuse, "prlimit64", seccomp.Arg(2, seccomp.NE, 0))  # to ask for a limit is allowed, to set one is not
        for name, pid in (("kill", os.getpid()), ("tgkill", os.getpid()), ("prlimit64", 0)):
            add(refuse, name, seccomp.Arg(0, seccomp.NE, pid))

    return _filter(rules)


def _filter(rules: Callable[[Callable[..., None], int, int], None]) -> str:
    if sys.platform != "linux":
        return "seccomp is Linux's: run it there"
    try:
        import pyseccomp as seccomp
    except (ImportError, OSError, RuntimeError) as error:
        return f"libseccomp cannot be used ({error}): {INSTALL}, and libseccomp2 of your distribution"
    try:
        made = seccomp.SyscallFilter(seccomp.ALLOW)
        rules(made.add_rule, seccomp.ERRNO(errno.EPERM), seccomp.ERRNO(errno.ENOSYS))
        made.load()
    except Exception as error:  # whatever the native library raises
        return f"seccomp does not work here ({error})"
    return ""


# --- whether it works: by trying --------------------------------------------------------------------------------------


def attempts(secret: str, port: int, parent: int, memory: int) -> dict[str, bool]:
    """Try what a student's code must not do, in a worker; returns what succeeded.

    Args:
        secret: a file that the grader can read, in a folder where it can write.
        port: a local port where the grader listens.
        parent: the grader's process number.
        memory: bytes that are more than the limit.
    """

    def read() -> None:
        Path(secret).read_bytes()

    def write() -> None:
        Path(secret).with_name("written").touch()

    def connect() -> None:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()

    def spawn() -> None:
        subprocess.run([sys.executable, "-I", "-c", ""], check=True, capture_output=True)

    def fork() -> None:
        pid = os.fork()
        if pid == 0:
            os._exit(0)
        os.waitpid(pid, 0)

    def signal() -> None:
        os.kill(parent, 0)

    def allocate() -> None:
        bytearray(memory)

    tries = {"read": read, "write": write, "network": connect, "processes": spawn, "signals": signal}
    tries |= {"memory": allocate} | ({"fork": fork} if hasattr(os, "fork") else {})
    return {name: _succeeds(attempt) for name, attempt in tries.items()}


def _succeeds(attempt: Callable[[], None]) -> bool:
    try:
        attempt()
    except BaseException:
        return False
    return True
