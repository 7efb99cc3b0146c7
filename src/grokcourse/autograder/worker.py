"""The wall: a student's code in a process of its own, and how the trusted side talks to it.

``Workshop`` starts one process that imports torch and then waits: the fork server, in namespaces of its own and with
no files but Python's (see ``isolation``). For every exercise of a submission it forks a worker. The worker gets the
submission's cells and the package without that exercise (see ``lending``), loads the cells, and answers calls until it
is ended. So a wrong or hostile exercise costs no other, and no solution is where the code under test could find it.
(``grading`` first tries all exercises over one link, without any of their solutions: what passes there has passed.)

On systems without fork every worker is a process of its own, which imports torch first: slower, and otherwise the same.
What comes back is data in messages with a length limit and a deadline (see ``wire``). Nothing else is believed: neither
exit codes nor anything printed.
"""

import contextlib
import functools
import gc
import json
import marshal
import math
import os
import queue
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import types
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import isolation
from .isolation import MAX_BYTES, START_SECONDS, Limits, LostError, Protection, TimeLimitError

if TYPE_CHECKING:
    from .loading import Cell, Place
    from .registry import Exercise

CAN_FORK = sys.platform == "linux"
CAN_POLL = hasattr(select, "poll")
"""Whether this process can wait for a pipe until a deadline; on Windows a thread has to, for every message."""
KEPT_VARIABLES = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "HOME", "XDG_CACHE_HOME", "MPLCONFIGDIR")
"""What importing the libraries may need of the environment; it is gone before a student's code runs."""


GOODBYE_SECONDS = 0.5
"""How long a worker may take to end after it has closed its connection."""
STILL_THERE = -1
"""In the place of an exit status."""
MAX_PROBLEMS = 2**20
"""Bytes that a worker may say about what went wrong while it loaded a submission."""
STEP = b"@"
"""Begins what a worker says while it loads a submission: the place where it is."""
ORDER_SECONDS = 120
"""How long the fork server may take to fork a worker or end one, which takes milliseconds."""
BRIEFLY = 0.1
"""Seconds until a worker that never ends is ended, when that is tried out."""
MAX_LEFT_OUT = 8
"""So many statements of a submission may fail the worker before it is given up."""


class WorkshopError(Exception):
    """Students' code cannot be run on this machine: nobody's marks are to blame, and none are given."""


# --- the trusted side -------------------------------------------------------------------------------------------------


class Channel:
    """The trusted end of one worker: messages with a deadline, and the end of the process."""

    def __init__(self, reader: int, writer: int, end: Callable[[float], str]) -> None:
        self._reader, self._writer, self._end = reader, writer, end
        self._open = True
        for descriptor in (reader, writer) if CAN_POLL else ():
            os.set_blocking(descriptor, False)
        self._talker: threading.Thread | None = None

    def exchange(self, request: bytes, seconds: float, what: str, steps: list[bytes] | None = None) -> bytes:
        """Send a message and return the answer; the worker is ended if there is none.

        Args:
            request: the message.
            seconds: how long the answer may take.
            what: what takes that long, in words.
            steps: gets the last message that came before the answer and begins with ``STEP``.

        Raises:
            TimeLimitError: if the answer is not there, and whole, in time.
            LostError: if the worker is gone, or answers with no message.
        """
        until = time.monotonic() + max(seconds, 0.01)
        try:
            return self._talk(request, steps, until) if CAN_POLL else self._talk_aside(request, steps, until)
        except TimeoutError:
            self.close()
            raise TimeLimitError(f"{what} took longer than {seconds:.3g} seconds") from None
        except (OSError, EOFError) as error:
            how = self.close(GOODBYE_SECONDS)
            raise LostError(f"the code {how or error}", memory="memory" in how) from None

    def _talk(self, request: bytes, steps: list[bytes] | None, until: float | None) -> bytes:
        _write_frame(self._writer, request, until)
        reply = _read_frame(self._reader, until)
        while steps is not None and reply.startswith(STEP):
            steps[:] = [reply]
            reply = _read_frame(self._reader, until)
        return reply

    def _talk_aside(self, request: bytes, steps: list[bytes] | None, until: float) -> bytes:
        """The same in a thread, which is left behind at the deadline."""
        answer: queue.SimpleQueue[bytes | OSError | EOFError] = queue.SimpleQueue()

        def talk() -> None:
            try:
                answer.put(self._talk(request, steps, None))
            except (OSError, EOFError) as error:
                answer.put(error)

        self._talker = threading.Thread(target=talk, daemon=True)
        self._talker.start()
        try:
            reply = answer.get(timeout=max(0.0, until - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        if isinstance(reply, bytes):
            return reply
        raise reply

    def close(self, patience: float = 0) -> str:
        """End the worker and whatever it started.

        Args:
            patience: seconds in which it may end by itself.

        Returns:
            How it ended by itself, in words, if it did.
        """
        if not self._open:
            return ""
        self._open = False
        how = self._end(patience)
        if self._talker:
            self._talker.join(5)  # it must not go on with a descriptor that means another worker by then
        if not (self._talker and self._talker.is_alive()):
            for descriptor in {self._reader, self._writer}:
                with contextlib.suppress(OSError):
                    os.close(descriptor)
        return how


def _write_frame(descriptor: int, content: bytes, until: float | None = None) -> None:
    left = memoryview(len(content).to_bytes(8, "big") + content)
    while left:
        if until is not None:
            _wait(descriptor, select.POLLOUT, until)
        left = left[os.write(descriptor, left) :]


def _read_frame(descriptor: int, until: float | None = None) -> bytes:
    length = int.from_bytes(_read_exactly(descriptor, 8, until), "big")
    if length > MAX_BYTES:
        raise EOFError(f"answered with more than {MAX_BYTES // 2**20} MB")
    return _read_exactly(descriptor, length, until)


def _read_exactly(descriptor: int, length: int, until: float | None) -> bytes:
    content = bytearray()
    while len(content) < length:
        if until is not None:
            _wait(descriptor, select.POLLIN, until)
        part = os.read(descriptor, min(length - len(content), 2**20))
        if not part:
            raise EOFError("ended its own process")
        content += part
    return bytes(content)


def _wait(descriptor: int, event: int, until: float) -> None:
    """Wait until there is something to read, or room to write; raises ``TimeoutError`` at the deadline."""
    poll = select.poll()
    poll.register(descriptor, event)
    left = until - time.monotonic()
    if left <= 0 or not poll.poll(1000 * left):  # a worker that never stops talking has a deadline, too
        raise TimeoutError


class Workshop:
    """Starts workers and ends them. A context manager: no process is left when it closes."""

    def __init__(self) -> None:
        self._control: socket.socket | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self._report: dict[str, str] = {}
        if CAN_FORK:
            self._start()  # it imports torch while we do other things

    def __enter__(self) -> "Workshop":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self, limits: Limits) -> Channel:
        """A new worker, which waits for its first message.

        Raises:
            WorkshopError: if none can be started.
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
        command = [*isolation.namespaces(), *_python(f"serve({theirs.fileno()})")]
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
            self._report = json.loads(_receive(control, int.from_bytes(_receive(control, 4), "big")))
            control.settimeout(ORDER_SECONDS)
        return control

    def _fork(self) -> Channel:
        for attempt in ("first", "last"):
            ours, theirs = socket.socketpair()
            try:
                control = self._ready()
                socket.send_fds(control, [b"+"], [theirs.fileno()])
                pid = int.from_bytes(_receive(control, 8), "big")
                both = ours.detach()
                return Channel(both, both, functools.partial(self._end, pid))
            except (OSError, EOFError) as error:  # the server is gone: start another
                said = self._abandon()
                if attempt == "last":
                    raise WorkshopError(f"the process for students' code does not start: {said or error}") from error
            finally:
                theirs.close()
                ours.close()
        raise AssertionError

    def _end(self, pid: int, patience: float) -> str:
        """Have the fork server end a worker and all that it started; returns how it ended by itself, if it did."""
        try:
            control = self._ready()
            control.sendall(b"-" + pid.to_bytes(8, "big") + round(1000 * patience).to_bytes(8, "big"))
            status = int.from_bytes(_receive(control, 8), "big", signed=True)
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


def _receive(control: socket.socket, length: int) -> bytes:
    content = b""
    while len(content) < length:
        part = control.recv(length - len(content))
        if not part:
            raise EOFError("it ended")
        content += part
    return content


def _python(call: str) -> list[str]:
    """The command for a Python that finds the same modules as this one and nothing else, and makes a call of ours."""
    code = f"import sys; sys.path[:] = {sys.path!r}; import {__name__} as worker; "
    code += f"worker.CAN_FORK = {CAN_FORK}; worker.{call}"
    return [sys.executable, "-I", "-B", "-c", code]


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    kept["GLIBC_TUNABLES"] = "glibc.malloc.hugetlb=1"  # large pages: a worker is forked in half the time
    return kept | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}


def _spawn() -> Channel:
    """A worker that is a process of its own, for systems that cannot fork one; it speaks through its pipes."""
    options: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
    process = subprocess.Popen(
        _python("work(*worker.take_pipes())"),
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


@dataclass
class LeftOut:
    """What of a submission is not loaded any more: it ended the process, or did not end itself, when it was."""

    reasons: "dict[Place, str]" = field(default_factory=dict)
    """Why, as the end of a sentence."""
    seconds: float = 0.0
    """What it has cost. The next loading may take half of that less: all that fail, twice what one may."""
    gave_up: TimeLimitError | LostError | None = None
    """Why it is not loaded at all any more."""
    answers: dict[str, tuple[Any, str]] | None = None
    """What stands in the submission for each question, and if it is not known, why: read before any of it was run."""


@dataclass
class Link:
    """An exercise of a submission (or several), behind the wall; its ``send`` is what ``Student`` needs.

    A worker that is gone is replaced at the next call. When a statement ends the worker that loads it, or takes too
    long, the submission is loaded anew without it, a few times; after that it is given up.
    """

    workshop: Workshop
    cells: "Sequence[Cell]"
    exercise: "Exercise"
    limits: Limits = field(default_factory=Limits)
    modules: Sequence[tuple[str, str]] = ()
    """Names and text of the Python files that were handed in beside, to be imported."""
    own: Collection[str] | None = None
    """The exercises that are graded in the submission, by name: a name of another exercise may be anything there."""
    together: "Sequence[Exercise]" = ()
    """Other exercises of its chapter that are tested over the same link: of these, too, only the student's is there."""
    deadline: float = math.inf
    """When the whole submission has to be done, on the clock of ``time.monotonic``: no call goes on after it."""
    problems: list[str] = field(default_factory=list)
    """What went wrong when the submission was loaded, one sentence each."""
    left_out: LeftOut = field(default_factory=LeftOut)
    """The same for all links of a submission, so that none stumbles twice over a statement."""
    _channel: Channel | None = None

    def send(self, request: bytes) -> bytes:
        """Send a message, and return the answer.

        Raises:
            TimeLimitError: if none comes in time.
            LostError: if the worker is gone.
            WorkshopError: if there can be no worker.
        """
        if self.left_out.gave_up:
            raise self.left_out.gave_up
        channel = self._channel or self._load()
        try:
            return channel.exchange(request, self._at_most(self.limits.seconds), "the call")
        except (TimeLimitError, LostError):
            self._channel = None
            raise

    def sender(self, exercise: "Exercise") -> Callable[[bytes], bytes]:
        """What a ``Student`` needs to be tested in one of the exercises.

        The answer to a question was read before anything of theirs was run, and is told from here.
        """
        return self._tell if exercise.question else self.send

    def _tell(self, request: bytes) -> bytes:
        from .host import Host

        if self.left_out.answers is None:
            if self.left_out.gave_up:
                raise self.left_out.gave_up
            with contextlib.suppress(TimeLimitError, LostError):  # what was read before counts
                self._channel = self._channel or self._load()
        answers = self.left_out.answers
        if answers is None:
            raise self.left_out.gave_up or LostError("the code could not be read")
        known = {name: value for name, (value, problem) in answers.items() if not problem}
        return Host(known, {name: problem for name, (_, problem) in answers.items() if problem})(request)

    @property
    def is_closed(self) -> bool:
        """Whether there is no worker (yet, or any more)."""
        return self._channel is None

    def close(self) -> None:
        """End the worker and whatever it started."""
        if self._channel:
            self._channel.close()
            self._channel = None

    def _at_most(self, seconds: float) -> float:
        return min(seconds, max(0.0, self.deadline - time.monotonic()))

    def _load(self) -> Channel:
        from . import offers
        from .registry import EXERCISES
        from .wire import sendable

        tested = [self.exercise, *(other for other in self.together if other is not self.exercise)]
        own = list(EXERCISES if self.own is None else self.own)
        content = {
            "limits": self.limits.to_dict(),
            "package": offers.parcel(tested),
            "cells": [(cell.name, cell.source, cell.kind) for cell in self.cells],
            "modules": list(self.modules),
            "exercises": [exercise.name for exercise in tested if not exercise.question],
            "questions": [name for name in own if EXERCISES[name].question],
            "others": offers.exercises_in(tested),
            "own": own,
            "closed": offers.closed(tested),
            "left_out": self.left_out.reasons,
        }
        while True:
            channel, steps, began = self.workshop.open(self.limits), [b""], time.monotonic()
            try:
                seconds = self._at_most(self.limits.load_seconds - self.left_out.seconds / 2)
                answers = channel.exchange(marshal.dumps(content), seconds, "reading the cells", steps)
                if self.left_out.answers is None or self.left_out.reasons:
                    self.left_out.answers = _answers(answers)
                steps[:] = [b""]
                reply = channel.exchange(b"", seconds, "loading the definitions", steps)
                problems = json.loads(reply[:MAX_PROBLEMS])  # whatever is longer is no JSON then
                self.problems[:] = [sendable(str(problem)[:400]) for problem in [*problems][:50]]
                self._channel = channel
                return channel
            except (TimeLimitError, LostError) as error:
                failure: TimeLimitError | LostError = error
            except (ValueError, TypeError, RecursionError):
                channel.close()
                failure = LostError("the code answered with no message while it was loaded")
            self.left_out.seconds += time.monotonic() - began
            if not self._leave_out(steps[0], failure):
                self.problems[:] = [
                    f"{self.cells[cell].name}: {why}" for (cell, _), why in self.left_out.reasons.items()
                ]
                if isinstance(failure, TimeLimitError) and self.left_out.reasons:
                    failure = TimeLimitError("loading takes too long, even without the statements that were left out")
                self.left_out.gave_up = failure
                raise failure

    def _leave_out(self, step: bytes, failure: Exception) -> bool:
        """Load without the place that a worker named last; returns whether that is worth a try."""
        try:
            cell, statement = map(int, step[len(STEP) :].split())
        except ValueError:
            return False
        reasons = self.left_out.reasons
        tried = (cell, statement) in reasons or not 0 <= cell < len(self.cells)
        if tried or len(reasons) == MAX_LEFT_OUT or time.monotonic() > self.deadline:
            return False
        reasons[cell, statement] = f"left out, since {failure}"
        return True


def _answers(reply: bytes) -> dict[str, tuple[Any, str]]:
    """What a worker read for the questions, of the kinds that an answer may have.

    Raises:
        ValueError: if it is no such message.
    """
    from .registry import EXERCISES
    from .wire import MAX_TEXT, WireError, decode, sendable

    try:
        found = decode(reply) if len(reply) <= MAX_PROBLEMS else None
    except WireError as error:
        raise ValueError from error
    if not isinstance(found, dict):
        raise ValueError
    answers: dict[str, tuple[Any, str]] = {}
    for name, entry in found.items():
        match entry:
            case [bool() | int() | float() | None as value, str(problem)] if name in EXERCISES:
                answers[name] = value, sendable(problem[:MAX_TEXT])
            case [str(value), str(problem)] if name in EXERCISES:
                answers[name] = sendable(value[:MAX_TEXT]), sendable(problem[:MAX_TEXT])
    return answers


def protections(workshop: Workshop | None = None) -> list[Protection]:
    """What students' code is kept from on this machine: tried out in a worker, not read off a version.

    Raises:
        WorkshopError: if students' code cannot be run here at all.
    """
    if workshop is None:
        with Workshop() as own:
            return protections(own)
    limits = Limits(memory=2**28)
    with tempfile.TemporaryDirectory(prefix="grokcourse-") as folder, socket.socket() as listener:
        secret = Path(folder) / "secret"
        secret.write_text(secrets.token_hex())
        secret.with_name("spare").touch()
        with contextlib.suppress(OSError):  # Windows lets few make one
            secret.with_name("link").symlink_to(secret)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        targets = [str(secret), listener.getsockname()[1], os.getpid(), 8 * limits.memory]
        order = marshal.dumps({"limits": limits.to_dict(), "attempts": targets})
        with contextlib.closing(workshop.open(limits)) as channel:
            try:
                tried, missing = json.loads(channel.exchange(order, START_SECONDS, "trying"))
            except (LostError, TimeLimitError) as error:
                raise WorkshopError(f"the protections could not be tried out: {error}") from error
            try:  # it neither answers nor ends by itself
                channel.exchange(b"", BRIEFLY, "trying")
                tried["time"] = ["go on for ever"]
            except (LostError, TimeLimitError) as error:
                tried["time"] = [] if isinstance(error, TimeLimitError) else ["end by itself"]
    missing = {**workshop.report, **missing}

    def protection(name: str, what: str, *reasons: str) -> Protection:
        succeeded = tried[name]
        why = "; ".join(dict.fromkeys(missing[reason] for reason in reasons if missing.get(reason)))
        could = f"it could {', '.join(succeeded)}" + (f" ({why})" if why else "")
        return Protection(name, what, not succeeded, could if succeeded else "")

    return [
        Protection("wall", "Tests, solutions' values and marks are in another process than students' code.", True),
        protection("time", "Code that takes too long is ended."),
        protection(
            "files", "It can read no file but Python's and its libraries', and change none.", "files", "mounts", "calls"
        ),
        protection("paths", "It cannot even see which other files and processes there are.", "mounts", "namespaces"),
        protection("network", "It can reach no network, nor see the machine's addresses.", "calls", "namespaces"),
        protection("processes", "It can start no other program or process.", "calls", "user"),
        protection("signals", "It can signal no other process, nor change one.", "calls", "namespaces"),
        protection("memory", "It cannot take more memory than it may.", "limits", "calls"),
        protection("traces", "It finds and leaves no descriptors, locks or marks on files.", "calls", "mounts"),
    ]


# --- the student's side -----------------------------------------------------------------------------------------------


def serve(descriptor: int) -> None:
    """The fork server: fork a worker for each order, end one for each other order, and end with the orders."""
    control = socket.socket(fileno=descriptor)
    gc.disable()  # what is imported stays: looking it through while it comes takes a tenth of the time
    _import_libraries()
    report = isolation.prepare()
    os.environ.clear()
    gc.collect()
    gc.freeze()
    gc.enable()
    content = json.dumps(report).encode()
    control.sendall(len(content).to_bytes(4, "big") + content)
    workers = set()
    while True:
        order, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not order:
            return
        if order == b"+":
            pid = os.fork()
            if pid == 0:
                control.close()
                try:
                    work(descriptors[0], descriptors[0])
                except BaseException:  # not through the end of the interpreter, which takes a second
                    os._exit(1)
                os._exit(0)
            os.close(descriptors[0])
            workers.add(pid)
            control.sendall(pid.to_bytes(8, "big"))
        else:
            pid, patience = (int.from_bytes(_receive(control, 8), "big") for _ in range(2))
            workers.discard(pid)
            control.sendall(_end(pid, patience / 1000, last=not workers).to_bytes(8, "big", signed=True))


def _end(pid: int, patience: float, *, last: bool) -> int:
    """End a worker and what it started; returns its exit status, or ``STILL_THERE`` if it had not ended by itself."""
    until = time.monotonic() + patience
    look = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its number stays its own until it is reaped
    while not (ended := os.waitid(os.P_PID, pid, look)) and time.monotonic() < until:
        time.sleep(0.001)
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if last and os.getpid() == 1:  # alone in a namespace: whoever else is there was started by the worker
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(-1, signal.SIGKILL)
            while True:
                os.waitpid(-1, 0)
    return status if ended else STILL_THERE


def take_nothing_along(channel: int) -> None:
    """Close every descriptor but the channel: no two workers share one. The three that all have lead nowhere."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    os.closerange(3, channel)
    os.closerange(channel + 1, 2**16)


def take_pipes() -> tuple[int, int]:
    """The pipes to the trusted side, taken from standard input and output before a student's code can."""
    pipes = os.dup(0), os.dup(1)
    if os.name == "nt":
        import msvcrt

        for descriptor in pipes:
            msvcrt.setmode(descriptor, os.O_BINARY)  # type: ignore[attr-defined]
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    return pipes


def work(reader: int, writer: int) -> None:
    """A worker: load one submission and answer calls about it."""
    report: dict[str, str] = {}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job is born with it ignored
    if CAN_FORK:
        os.setsid()
        take_nothing_along(reader)
    else:
        _import_libraries()
        report = isolation.prepare()
        for name in os.environ.keys() - {"SYSTEMROOT"}:
            del os.environ[name]
    from . import lending, loading, probes, wire
    from .host import Host

    order = marshal.loads(_read_frame(reader))
    limits = Limits(**order["limits"])
    missing = {**report, "limits": isolation.limit(limits)}
    if "attempts" in order:
        isolation.forbid_calls()
        tried = probes.attempts(probes.Targets(*order["attempts"], channels={reader, writer}))
        _write_frame(writer, json.dumps([tried, missing]).encode())
        probes.stay()
    cells = [loading.Cell(*cell) for cell in order["cells"]]
    code = loading.Code(
        cells, order["left_out"], lambda place: _write_frame(writer, STEP + b"%d %d" % place), order["modules"]
    )
    lending.unpack(order["package"], code.find)
    from ..config import RunConfig

    _write_frame(writer, wire.encode(code.answers(order["questions"], RunConfig)))
    _read_frame(reader)  # from here on, something of theirs runs
    isolation.forbid_calls()
    others = {name: place for name, place in order["others"].items() if name in order["own"] or not code.binds(name)}
    loaded = code.load(order["exercises"], others, lambda names, used: lending.lend(others, names, used))
    names = loaded.names
    for space in code.spaces:
        lending.close(order["closed"], space)
    _write_frame(writer, json.dumps(loaded.problems).encode())
    host = Host(names, loaded.failed)
    while True:
        try:
            request = _read_frame(reader)
        except EOFError:
            return
        _write_frame(writer, host(request))


def _left_alone(model: Any = None, *_: Any, **__: Any) -> Any:
    """In the place of ``torch.compile``, as a function or a decorator."""
    return _left_alone if model is None else model


def _no_compiler() -> types.ModuleType:
    """In the place of torch's compiler, of which ``torch.optim`` and ``torch.func`` want only that it keeps away.

    To import the real one takes seconds, and a folder to write to.
    """
    module = types.ModuleType("torch._dynamo")
    module.disable, module.graph_break = _left_alone, lambda **_: None
    module.compiled_autograd = types.SimpleNamespace(_disable=contextlib.nullcontext)
    return module


def _import_libraries() -> None:
    """What students' code and its loading use, imported and woken up once for all workers."""
    import matplotlib as mpl

    mpl.use("agg")
    import matplotlib.pyplot  # noqa: F401
    import torch
    import tqdm  # noqa: F401

    from . import host, lending, loading, probes  # noqa: F401

    torch.set_num_threads(1)
    torch.compile = _left_alone  # without a compiler it fails, and the answers are the same
    torch._dynamo = sys.modules["torch._dynamo"] = _no_compiler()
    x = torch.eye(3, requires_grad=True)
    (x @ x).softmax(-1).sum().backward()  # starts what torch starts at first use
    torch.linalg.eigvalsh(x.detach())
    torch.fft.fft(x.detach())
