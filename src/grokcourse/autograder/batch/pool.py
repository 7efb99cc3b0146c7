"""Processes that grade, supervised: whatever a submission does to one, the others are graded as if nothing had been.

``Grader`` starts one process, which starts one ``ForkServer`` and then grades work after work, and replaces it when it
dies or takes too long; ``Pool`` has several. The two sides speak in lines of JSON over pipes.

Why no library's pool: an executor of ``concurrent.futures`` is lost as a whole when one of its processes dies. Pebble's
replaces a process that dies or overruns, but it starts ``multiprocessing``'s, which Dask's workers may not, reads
replies of any size, as pickles, and does not keep what a process said before it died.
"""

import contextlib
import gc
import json
import os
import pkgutil
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..records import Grade, Limits, OwnTestsError, Protection, Settings, Work
from ..sandbox.trusted.fork_server import START_SECONDS, ForkServer, SandboxError
from ..sandbox.trusted.probes import protections

GRADE = "grokcourse.autograder.batch.work:grade"
"""What grades, ``module:function``, called with a ``Work``, ``Settings`` and a ``ForkServer``."""
MAX_REPLY = 2**25
"""Bytes of one grade; all that is in it is cut long before."""
END_SECONDS = 8
"""How long a process may take to end its workers when it is asked to end; then it is killed."""


class GraderError(RuntimeError):
    """Nothing can be graded, whoever's it is; the message says why in one sentence."""


class Grader:
    """One process that grades. A context manager: no process is left when it closes."""

    def __init__(self, settings: Settings, function: str = GRADE, seconds: float | None = None) -> None:
        self.settings = settings
        self.function = function
        self.seconds = seconds or START_SECONDS + 2 * settings.limits.total_seconds
        """How long one work may take; its own limits end it long before, if nothing goes wrong."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_ready = False
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> "Grader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process already now: it imports torch while we do other things."""
        with self._lock:
            if not self._closed and not self._process:
                self._start()

    def grade(self, work: Work) -> Grade:
        """Grade one student's work; if the process dies over it twice, or takes too long, the grade is ``failed``.

        Raises:
            GraderError: if nothing can be graded.
        """
        for _ in range(2):
            try:
                reply = self._ask(_work_to_dict(work))
            except TimeoutError:
                reason = f"grading it took longer than {self.seconds:g} seconds and was broken off"
                break
            except ChildProcessError as error:
                reason = f"the process that graded it ended: {error}"
                continue
            if "grade" in reply:
                return Grade.from_dict(reply["grade"])
            reason = f"grading it broke off: {reply['broke']}"
            break
        return Grade.of(work, "failed", reason)

    def protections(self) -> list[Protection]:
        """What students' code is kept from, as tried out in this process.

        Raises:
            GraderError: if nothing can be graded.
        """
        try:
            return [Protection(**protection) for protection in self._ask(None)["protections"]]
        except (TimeoutError, ChildProcessError) as error:
            raise GraderError(f"the process that grades does not start: {error}") from error

    def close(self) -> None:
        """End the process, and whatever it grades just now."""
        self._closed = True
        with self._lock:
            self._end()

    def _ask(self, message: dict[str, Any] | None) -> dict[str, Any]:
        """Send a message, and return the answer.

        Raises:
            TimeoutError: if none comes in time; the process is ended.
            ChildProcessError: if the process is gone; the text says how.
            GraderError: if nothing can be graded, or grading was ended.
        """
        with self._lock:
            if self._closed:
                raise GraderError("grading was ended")
            process = self._process or self._start()
        if not self._is_ready:
            self._is_ready = bool(self._exchange(process, b"", 2 * START_SECONDS))
        reply = self._exchange(process, json.dumps(message).encode() + b"\n", self.seconds)
        if "error" in reply:
            raise GraderError(reply["error"])
        return reply

    def _exchange(self, process: "subprocess.Popen[bytes]", request: bytes, seconds: float) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        overran = threading.Event()

        def end() -> None:
            overran.set()
            self._end()

        timer = threading.Timer(seconds, end)
        timer.start()
        line = b""
        try:
            with contextlib.suppress(OSError, ValueError):  # it has ended: there is no answer
                process.stdin.write(request)
                process.stdin.flush()
                line = process.stdout.readline(MAX_REPLY)
        finally:
            timer.cancel()
        if line.endswith(b"\n"):
            return json.loads(line)
        if len(line) == MAX_REPLY:
            self._end()
            raise ChildProcessError(f"what it found takes up more than {MAX_REPLY // 2**20} MB")
        if not overran.is_set():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_SECONDS)  # it is ending by itself
        timer.join()  # or the timer is ending it just now
        how = self._end()
        if self._closed:
            raise GraderError("grading was ended")
        raise TimeoutError if overran.is_set() else ChildProcessError(how)

    def _start(self) -> "subprocess.Popen[bytes]":
        path = [place for place in sys.path if place]  # never whatever folder we happen to stand in
        code = (
            f"import sys; sys.path[:] = {path!r}; from {ForkServer.__module__} import ForkServer; "
            "server = ForkServer(); "  # its process imports torch while this one does
            f"from {__name__} import serve; serve({self.function!r}, server)"
        )
        try:
            self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in _end)
            process = self._process = subprocess.Popen(
                [sys.executable, "-I", "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                env=os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
                start_new_session=True,  # Ctrl-C is ours to answer
            )
        except OSError as error:
            raise GraderError(f"a process for grading cannot be started: {error.strerror or error}") from error
        assert process.stdin
        with contextlib.suppress(OSError):
            process.stdin.write(json.dumps(asdict(self.settings)).encode() + b"\n")
        return process

    def _end(self) -> str:
        """End the process; returns how it had ended by itself, in words."""
        process, self._process, self._is_ready = self._process, None, False
        if not process:
            return ""
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError, ValueError):
                pipe.close()  # type: ignore[union-attr]
        with self._said as said:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 2000))
            lines = said.read().decode(errors="replace").strip().splitlines()
        code = process.returncode
        how = f"exit code {code}" if code >= 0 else signal.strsignal(-code) or f"signal {-code}"
        return f"{how} ({lines[-1].strip()[:200]})" if lines else how


def _work_to_dict(work: Work) -> dict[str, Any]:
    return asdict(work) | {kind: [str(path) for path in getattr(work, kind)] for kind in ("files", "helpers")}


def work_from(content: dict[str, Any]) -> Work:
    """The inverse."""
    return Work(**content | {kind: tuple(map(Path, content[kind])) for kind in ("files", "helpers")})


def settings_from(content: dict[str, Any]) -> Settings:
    """The inverse of ``dataclasses.asdict`` and JSON."""
    lists = {"exercises": tuple(content["exercises"]), "tests": tuple(map(tuple, content["tests"]))}
    return Settings(**content | lists | {"limits": Limits(**content["limits"])})


def serve(function: str, server: ForkServer) -> None:
    """Read settings and then works from standard input, and answer each with a line."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what an instructor's tests print is no answer
    gc.disable()  # what is imported stays
    import torch

    torch.set_num_threads(1)
    call = pkgutil.resolve_name(function)
    gc.freeze()
    gc.enable()
    lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_read_input, args=(lines,), daemon=True).start()
    with server:
        settings = settings_from(json.loads(lines.get()))

        def answer(reply: dict[str, Any]) -> None:
            answers.write(json.dumps(reply).encode() + b"\n")
            answers.flush()

        answer({"ready": True})
        while True:
            content = json.loads(lines.get())
            reply: dict[str, Any]
            try:
                if content is None:
                    reply = {"protections": [asdict(protection) for protection in protections(server)]}
                else:
                    reply = {"grade": call(work_from(content), settings, server).to_dict()}
            except (SandboxError, OwnTestsError) as error:
                reply = {"error": str(error)}
            except Exception as error:  # a hidden test that fails by itself, say: no verdict on the work
                reply = {"broke": f"{type(error).__name__}: {str(error)[:300]}"}
            answer(reply)


def _read_input(lines: "queue.SimpleQueue[bytes]") -> None:
    """Pass lines on as they come; when whoever sends them is gone, end this process, whatever it does just now."""
    with open(0, "rb", closefd=False) as source:
        for line in source:
            lines.put(line)
    os.kill(os.getpid(), signal.SIGTERM)


class Pool:
    """Graders on this machine, one process each. A context manager: no process is left when it closes."""

    def __init__(self, settings: Settings, jobs: int, function: str = GRADE, seconds: float | None = None) -> None:
        self._graders = [Grader(settings, function, seconds) for _ in range(jobs)]
        self._free: queue.SimpleQueue[Grader] = queue.SimpleQueue()
        for grader in self._graders:
            grader.start()
            self._free.put(grader)

    def __enter__(self) -> "Pool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def protections(self) -> list[Protection]:
        """What students' code is kept from on this machine."""
        return self._graders[0].protections()

    def grade_all(self, works: Sequence[Work]) -> Generator[Grade, None, None]:
        """Grade works, as many at once as there are graders; each grade as it comes.

        Raises:
            GraderError: if nothing can be graded, whoever's it is.
        """
        with ThreadPoolExecutor(len(self._graders)) as pool:
            futures = [pool.submit(self._grade, work) for work in works]
            try:
                for future in as_completed(futures):
                    yield future.result()
            finally:
                if not all(future.done() for future in futures):  # interrupted
                    pool.shutdown(wait=False, cancel_futures=True)
                    self.close()

    def _grade(self, work: Work) -> Grade:
        grader = self._free.get()
        try:
            return grader.grade(work)
        finally:
            self._free.put(grader)

    def close(self) -> None:
        """End the processes, and whatever they grade just now."""
        with ThreadPoolExecutor(len(self._graders)) as pool:
            list(pool.map(Grader.close, self._graders))
