"""Grading on many machines: works go to the workers of a Dask cluster, and grades come back.

A worker grades as one machine does, with the same ``Grader``, so that the grades are the same. The files' contents
travel with a task: the machines need not share a disk. If a worker dies, the scheduler gives its tasks to another.
"""

import asyncio
import contextlib
import json
import queue
import secrets
import tempfile
import time
import warnings
from collections.abc import Generator, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from distributed import Future, KilledWorker, Worker, WorkerPlugin, as_completed, get_worker

from ...dask_cluster import CONNECT_SECONDS, GONE, ClusterError, connect, connected
from ..records import MAX_FILE, Grade, Protection, Settings, Work, digest
from .pool import GRADE, Grader, GraderError

AHEAD = 3
"""Tasks that are sent for each of the workers' threads, so that none is idle and the scheduler's memory stays small."""

ALONE_SECONDS = 60
"""How long to wait for a worker when none is left; one that its nanny starts anew is back long before."""


class Graders(WorkerPlugin):
    """What every worker of the cluster gets, also one that joins later: a grader for each of its threads."""

    def __init__(self, settings: Settings, function: str) -> None:
        self.name = f"grokcourse-{secrets.token_hex(4)}"
        self.settings, self.function = settings, function
        self._graders: list[Grader] = []

    def setup(self, worker: Worker) -> None:
        """Make the graders; each starts its process when it is first used."""
        self._graders = [Grader(self.settings, self.function) for _ in range(worker.state.nthreads)]
        self._free: queue.SimpleQueue[Grader] = queue.SimpleQueue()
        for grader in self._graders:
            self._free.put(grader)

    async def teardown(self, worker: Worker) -> None:
        """End their processes."""

        def close() -> None:
            for grader in self._graders:
                grader.close()

        await asyncio.to_thread(close)

    @contextlib.contextmanager
    def grader(self) -> Iterator[Grader]:
        """One that is free."""
        grader = self._free.get()
        try:
            yield grader
        finally:
            self._free.put(grader)


class Cluster:
    """A Dask cluster that grades. A context manager: no grader is left on it when it closes.

    Args:
        settings: how the class is graded.
        address: the scheduler's, ``tcp://HOST:8786``.

    Raises:
        GraderError: if the scheduler does not answer, has no workers, or they have another version of grokcourse.
    """

    def __init__(self, settings: Settings, address: str, function: str = GRADE) -> None:
        self._plugin = Graders(settings, function)
        try:
            self._client = connect(address, CONNECT_SECONDS)
        except ClusterError as error:
            raise GraderError(str(error)) from error
        try:
            self._client.register_plugin(self._plugin)
        except Exception as error:  # whatever setting it up on a worker raises
            self._client.close()
            raise GraderError(f"the workers cannot grade: {type(error).__name__}: {error}") from error

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def workers(self) -> dict[str, int]:
        """The workers' addresses, and how many works each grades at once."""
        return self._client.nthreads()

    def protections(self) -> list[Protection]:
        """What students' code is kept from on every one of the machines."""
        weakest: dict[str, Protection] = {}
        with _connected():
            replies = self._client.run(_protections, self._plugin.name)
        for worker, reply in sorted(replies.items()):
            for protection in (Protection(**content) for content in reply):
                if protection.name not in weakest or (weakest[protection.name].in_force and not protection.in_force):
                    where = f"on {worker}: {protection.missing}" if protection.missing else ""
                    weakest[protection.name] = replace(protection, missing=where)
        return list(weakest.values())

    def grade_all(self, works: Sequence[Work]) -> Generator[Grade, None, None]:
        """Grade works; each grade as it comes.

        Raises:
            GraderError: if nothing can be graded, or the scheduler is gone.
        """
        waiting = list(reversed(works))
        sent: dict[Future, Work] = {}
        done = as_completed(loop=self._client.loop, raise_errors=False)
        try:
            while True:
                with _connected():
                    while waiting and len(sent) < AHEAD * max(1, sum(self.workers.values())):
                        future = self._send(waiting[-1])
                        sent[future] = waiting.pop()
                        done.add(future)
                    if not sent:
                        return
                    self._wait(done)
                    future = next(done)
                    grade = self._grade(future, sent[future])
                if grade is None:
                    done.add(future)
                    continue
                del sent[future]
                yield grade
        finally:
            with contextlib.suppress(Exception):  # the cluster may be gone
                self._client.cancel(list(sent), force=True)

    def _wait(self, done: as_completed) -> None:
        """Wait until a task is done.

        Raises:
            GraderError: if all workers have left, and none has come back.
        """
        seen = looked = time.monotonic()
        while not done.has_ready():
            time.sleep(0.02)
            now = time.monotonic()
            if now - looked > 1:
                looked = now
                if self.workers:
                    seen = now
                elif now - seen > ALONE_SECONDS:
                    raise GraderError(f"the Dask cluster has had no workers for {ALONE_SECONDS:g} seconds: start some")

    def _send(self, work: Work) -> Future:
        content = {name: getattr(work, name) for name in ("student", "problem", "late_days", "handed_in")}
        files, helpers = ([(path.name, _content(path)) for path in some] for some in (work.files, work.helpers))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Sending large graph", UserWarning)  # a notebook may have 20 MB
            return self._client.submit(_grade, self._plugin.name, content, files, helpers, pure=False)

    def _grade(self, future: Future, work: Work) -> Grade | None:
        """The grade; None if it has gone with its worker, so that it is being made anew."""
        if future.status in ("lost", "pending"):
            return None
        if future.status == "finished":
            return replace(Grade.from_dict(json.loads(future.result())), digest=digest(work.files + work.helpers))
        if future.status == "cancelled":
            raise GraderError(GONE)
        error = future.exception()
        if isinstance(error, GraderError):
            raise error
        if isinstance(error, KilledWorker):
            reason = "the workers that graded it ended, one after the other"
        else:
            reason = f"grading it on the cluster broke off: {type(error).__name__}: {str(error)[:300]}"
        return Grade.of(work, "failed", reason)

    def close(self) -> None:
        """End the graders on the cluster, and the connection to it."""
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._client.unregister_worker_plugin(self._plugin.name)
        self._client.close()


@contextlib.contextmanager
def _connected() -> Iterator[None]:
    """Whatever is raised when the scheduler is gone becomes a GraderError."""
    try:
        with connected():
            yield
    except ClusterError as error:
        raise GraderError(str(error)) from error


def _content(path: Path) -> bytes:
    """A file's content; of a larger one than may be graded, enough to see that."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE + 1)
    except OSError:
        return b""


# --- On the workers ---


def _plugin(name: str) -> Graders:
    plugin = get_worker().plugins[name]
    assert isinstance(plugin, Graders)
    return plugin


async def _protections(name: str, dask_worker: Worker) -> list[dict[str, Any]]:
    plugin = dask_worker.plugins[name]
    assert isinstance(plugin, Graders)
    with plugin.grader() as grader:
        return [asdict(protection) for protection in await asyncio.to_thread(grader.protections)]


def _grade(
    plugin: str, content: dict[str, Any], files: list[tuple[str, bytes]], helpers: list[tuple[str, bytes]]
) -> str:
    with tempfile.TemporaryDirectory(prefix="grokcourse-") as folder, _plugin(plugin).grader() as grader:
        paths = []
        for number, (name, text) in enumerate((*files, *helpers)):
            path = Path(folder) / str(number) / name
            path.parent.mkdir()
            path.write_bytes(text)
            paths.append(path)
        here, beside = tuple(paths[: len(files)]), tuple(paths[len(files) :])
        return json.dumps(grader.grade(Work(**content, files=here, helpers=beside)).to_dict())
