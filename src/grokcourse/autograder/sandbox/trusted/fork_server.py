"""Starts the processes in which students' code runs, and ends them.

``ForkServer`` starts one process that imports torch and then waits: the fork server, in namespaces of its own and with
no files but Python's (see ``untrusted.confinement``). For every exercise of a submission it forks a worker
(``untrusted.child``). On systems without fork every worker is a process of its own, which imports torch first: slower,
and otherwise the same.
"""

import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from typing import Any

from ...records import Limits
from ..frames import STILL_THERE, receive
from .channel import Channel

CAN_FORK = sys.platform == "linux"
CHILD = f"{__package__.rpartition('.')[0]}.untrusted.child"
"""What runs in the processes that are started here."""
START_SECONDS = 300
"""How long the first process may take to import torch, and anything else that is ours: a bound, not an expectation."""


@functools.cache
def namespaces() -> tuple[str, ...]:
    """The command to put before another, so that it runs in namespaces of its own; empty where that does not work.

    Root needs no namespace of users for the others, and does better without: what it forks can then become a user
    that is not root (see ``_become_nobody``).
    """
    unshare = shutil.which("unshare") if sys.platform == "linux" else None
    if not unshare:
        return ()
    command = ("--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child")
    as_user = ("--user", "--map-root-user")
    for users in ((), as_user) if os.geteuid() == 0 else (as_user,):
        for proc in (("--mount-proc",), ()):
            attempt = (unshare, *users, *command, *proc)
            try:
                done = subprocess.run([*attempt, "true"], capture_output=True, timeout=START_SECONDS, check=False)
            except (OSError, subprocess.TimeoutExpired):
                continue
            if done.returncode == 0:
                return attempt
    return ()


KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
"""What importing the libraries may need of the environment; it is gone before a student's code runs."""
ORDER_SECONDS = 120
"""How long the fork server may take to fork a worker or end one, which takes milliseconds."""


class SandboxError(Exception):
    """The sandbox cannot start, so that nothing is graded."""


class ForkServer:
    """Starts workers and ends them. A context manager: no process is left when it closes."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._report: dict[str, str] = {}
        if CAN_FORK:
            self._start()  # it imports torch while we do other things

    def __enter__(self) -> "ForkServer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, limits: Limits) -> Channel:
        """A new worker, which waits for its first message.

        Raises:
            SandboxError: if none can be started.
        """
        return self._fork() if CAN_FORK else _spawn()

    def close(self) -> None:
        """End the fork server, and with it every worker."""
        if self._control:
            self._control.close()
        if self._server:
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
            if self._server.stderr:
                self._server.stderr.close()
        self._control = self._server = None

    @property
    def report(self) -> dict[str, str]:
        """What the fork server could not put in force, and why."""
        return self._report

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        command = [*namespaces(), *_python(f"serve({theirs.fileno()})")]
        self._server = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env=_environment(),
            cwd="/",
        )
        theirs.close()
        ours.settimeout(START_SECONDS)
        self._control, self._report = ours, {}

    def _ready(self) -> socket.socket:
        if self._control is None:
            self._start()
        control = self._control
        assert control is not None
        if not self._report:
            self._report = json.loads(receive(control, int.from_bytes(receive(control, 4), "big")))
            control.settimeout(ORDER_SECONDS)
        return control

    def _fork(self) -> Channel:
        for attempt in ("first", "last"):
            ours, theirs = socket.socketpair()
            try:
                control = self._ready()
                socket.send_fds(control, [b"+"], [theirs.fileno()])
                pid = int.from_bytes(receive(control, 8), "big")
                both = ours.detach()
                return Channel(both, both, functools.partial(self._end, pid))
            except (OSError, EOFError) as error:  # the server is gone: start another
                said = self._abandon()
                if attempt == "last":
                    raise SandboxError(f"the process for students' code does not start: {said or error}") from error
            finally:
                theirs.close()
                ours.close()
        raise AssertionError

    def _end(self, pid: int, patience: float) -> str:
        """Have the fork server end a worker and all that it started; returns how it ended by itself, if it did."""
        try:
            control = self._ready()
            control.sendall(b"-" + pid.to_bytes(8, "big") + round(1000 * patience).to_bytes(8, "big"))
            status = int.from_bytes(receive(control, 8), "big", signed=True)
        except (OSError, EOFError):
            self._abandon()
            return "ended the process that it ran in"
        if status == STILL_THERE:
            return ""
        if os.WIFEXITED(status):
            return f"ended its own process (exit code {os.WEXITSTATUS(status)})"
        number = os.WTERMSIG(status)
        if number == signal.SIGKILL:
            return "used up the machine's memory, or killed its own process"
        return f"crashed its own process ({signal.strsignal(number) or number})"

    def _abandon(self) -> str:
        """Forget a fork server that does not answer; returns what it said last."""
        said = b""
        if self._server:
            self._server.kill()
            said = self._server.communicate()[1] or b""
        if self._control:
            self._control.close()
        self._control = self._server = None
        return said.decode(errors="replace").strip()[-400:]


def _python(call: str) -> list[str]:
    """The command for a Python that finds the same modules as this one and nothing else, and makes a call of ours."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {CHILD} as child; child.{call}"
    return [sys.executable, "-I", "-B", "-c", code]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    kept["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"  # large pages: a worker is forked in half the time
    return kept | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def _spawn() -> Channel:
    """A worker that is a process of its own, for systems that cannot fork one; it speaks through its pipes."""
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    process = subprocess.Popen(
        _python("work(*child.take_pipes(), forked=False)"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_environment(),
        cwd=tempfile.gettempdir(),
        **options,
    )
    assert process.stdin
    assert process.stdout

    def end(patience: float) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        code = process.poll()
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()
        return "" if code is None else f"ended its own process (exit code {code})"

    reader, writer = os.dup(process.stdout.fileno()), os.dup(process.stdin.fileno())
    process.stdout.close()
    process.stdin.close()
    return Channel(reader, writer, end)
