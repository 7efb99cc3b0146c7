"""The student's side of the wall, and how the trusted side talks to it.

``Workshop`` starts one process that imports torch and then waits: the fork server. For each submission it forks a
child, which loads the submission and answers calls until it is killed. On systems that cannot fork safely every
submission gets a fresh process of its own instead; slower, and otherwise the same. Results are what arrives as data
over the socket, never an exit code or what is printed.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Client, Connection
from pathlib import Path

from .student import LostError, TimeLimitError
from .submission import Cell

CAN_FORK = sys.platform == "linux"
START_SECONDS = 120
"""How long the first process may take to import torch."""


@dataclass(frozen=True)
class Limits:
    """What a student's code may use."""

    seconds: float = 10
    """For one call."""
    load_seconds: float = 30
    """For loading the submission."""
    memory: int = 4 * 2**30
    """Bytes of address space beyond what torch itself takes (where the system can limit it)."""
    file_size: int = 2**20
    """Bytes of a file that it writes."""


class WorkshopError(RuntimeError):
    """Students' code cannot be run on this machine: nobody's marks are to blame, and none are given."""


class Workshop:
    """The trusted side: starts workers, and stops them."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="grokcourse-")
        self._server: subprocess.Popen[bytes] | None = self._start() if CAN_FORK else None
        self._count = 0

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "grokcourse.autograder.worker"]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd=self._folder.name)

    def connect(self, limits: Limits) -> Connection:
        """A connection to a new worker."""
        self._count += 1
        address = str(Path(self._folder.name) / f"worker-{self._count}")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(1)
            listener.settimeout(1)
            server = self._server or self._start()
            assert server.stdin is not None
            try:
                server.stdin.write(json.dumps([address, asdict(limits)]).encode() + b"\n")
                server.stdin.flush()
                for _ in range(START_SECONDS):
                    with contextlib.suppress(TimeoutError):
                        connected, _ = listener.accept()
                        connected.setblocking(True)
                        return Connection(connected.detach())
                    if server.poll() is not None:
                        break
            except OSError as error:
                raise WorkshopError(f"the process for students' code cannot be reached: {error}") from error
        raise WorkshopError(f"the process for students' code did not start (exit code {server.poll()})")

    def close(self) -> None:
        """Stop the fork server; workers stop with their links."""
        if self._server:
            assert self._server.stdin is not None
            self._server.stdin.close()
            try:
                self._server.wait(5)
            except subprocess.TimeoutExpired:
                self._server.kill()
                self._server.wait()
        self._folder.cleanup()


@dataclass
class Link:
    """The trusted side's end of one submission's worker; its ``send`` is what ``Student`` needs.

    A worker that overran its time, or is gone, is replaced at the next call.
    """

    workshop: Workshop
    cells: Sequence[Cell]
    limits: Limits = field(default_factory=Limits)
    problems: list[str] = field(default_factory=list)
    """What went wrong when the submission was loaded, one sentence each."""
    _connection: Connection | None = None
    _pid: int = 0

    def send(self, request: bytes) -> bytes:
        """Send a message, and return the answer.

        Raises:
            TimeLimitError: if none comes in time.
            LostError: if the worker is gone.
        """
        connection = self._connection or self._open()
        return self._exchange(connection, request, self.limits.seconds, "the call")

    def close(self) -> None:
        """Stop the worker and whatever it started."""
        if self._pid:
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(self._pid, signal.SIGKILL)
        if self._connection:
            self._connection.close()
        self._connection, self._pid = None, 0

    def _open(self) -> Connection:
        connection = self._connection = self.workshop.connect(self.limits)
        content = json.dumps([[cell.name, cell.source] for cell in self.cells]).encode()
        hello = json.loads(self._exchange(connection, content, 5, "starting"))
        self._pid = int(hello)
        reply = json.loads(self._exchange(connection, b"load", self.limits.load_seconds, "loading the definitions"))
        self.problems = [str(problem)[:400] for problem in reply][:50]
        return connection

    def _exchange(self, connection: Connection, request: bytes, seconds: float, what: str) -> bytes:
        try:
            connection.send_bytes(request)
            if connection.poll(seconds):
                return connection.recv_bytes()
        except (EOFError, OSError) as error:
            self.close()
            raise LostError("the code ended its own process, or used up the memory it may have") from error
        self.close()
        raise TimeLimitError(f"{what} took longer than {seconds:g} seconds")


def serve() -> None:
    """The fork server: read one line an order from standard input, fork a child for each, and end with the input."""
    import torch

    torch.set_num_threads(1)
    from . import student, submission  # noqa: F401  (imported once, here, for all children)

    if CAN_FORK:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children are not waited for
    for line in sys.stdin:
        address, limits = json.loads(line)
        if not CAN_FORK or os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL) if CAN_FORK else None
            sys.stdin.close()
            work(address, Limits(**limits))
            os._exit(0)


def work(address: str, limits: Limits) -> None:
    """A worker: load one submission and answer calls about it."""
    from .student import Host
    from .submission import load

    with Client(address, family="AF_UNIX") as connection:
        cells = [Cell(name, source) for name, source in json.loads(connection.recv_bytes())]
        if CAN_FORK:
            os.setsid()
            _limit(limits)
        _hush()
        connection.send_bytes(json.dumps(os.getpid()).encode())
        connection.recv_bytes()
        loaded = load(cells)
        connection.send_bytes(json.dumps(loaded.problems).encode())
        host = Host(loaded.names, alone=True)
        while True:
            try:
                request = connection.recv_bytes()
            except EOFError:
                return
            connection.send_bytes(host(request))


def _limit(limits: Limits) -> None:
    import resource

    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + limits.memory,) * 2)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _hush() -> None:
    """Send whatever the student's code prints nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)


if __name__ == "__main__":
    serve()
