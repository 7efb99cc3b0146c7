"""Runs on the workers of a Dask cluster, which share the store's disk.

A run whose worker ends is given to another one, which goes on from the last checkpoint. Of torch's threads a run takes
one: start the workers with ``--nthreads 1``, and as many as there are cores.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

from distributed import Future, KilledWorker

from .. import runs
from ..dask_cluster import CONNECT_SECONDS, GONE, ClusterError, connect, connected
from .plan import PlannedRun, SweepError
from .work import Event, one_thread, train_run

LOOK_SECONDS = 2.0
"""How often the checkpoints in the store are looked at, to tell how far the runs are."""
ALONE_SECONDS = 60
"""How long to wait for a worker when none is left."""


class Cluster:
    """A Dask cluster that trains. A context manager: nothing of ours is left on it when it closes."""

    def __init__(self, store: Path, address: str, **options: Any) -> None:
        """Connect to the scheduler at an address; raises ``SweepError``."""
        self.store, self.options = store.absolute(), options
        try:
            self._client = connect(address, CONNECT_SECONDS)
        except ClusterError as error:
            raise SweepError(str(error)) from error
        self._sent: dict[Future, PlannedRun] = {}
        self._seen = self._looked = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):  # the cluster may be gone
            self._client.cancel(list(self._sent), force=True)
        with contextlib.suppress(Exception):
            self._client.close()

    @property
    def free(self) -> int:
        """How many more runs may be started now."""
        with _sentence():
            return sum(self._client.nthreads().values()) - len(self._sent)

    def start(self, run: PlannedRun) -> None:
        """Have a worker train this run."""
        with _sentence():
            future = self._client.submit(_train, run, str(self.store), self.options, pure=False)
        self._sent[future] = run

    def events(self, seconds: float) -> list[Event]:
        """What has happened; waits for so long if nothing has."""
        until = time.monotonic() + seconds
        while not (done := [future for future in self._sent if future.done()]) and time.monotonic() < until:
            time.sleep(0.02)
        found = [self._event(future, self._sent.pop(future)) for future in done]
        now = time.monotonic()
        if now - self._looked > LOOK_SECONDS:
            self._looked = now
            with _sentence():
                self._seen = now if self._client.nthreads() else self._seen
            if now - self._seen > ALONE_SECONDS:
                raise SweepError(f"the Dask cluster has had no workers for {ALONE_SECONDS} seconds: start some")
            steps = {run.name: runs.progress_step(self.store / run.name) for run in self._sent.values()}
            found += [(name, "step", step) for name, step in steps.items() if step is not None]
        return found

    def _event(self, future: Future, run: PlannedRun) -> Event:
        if future.status == "finished":
            with _sentence():
                event: Event = future.result()
            return event
        if future.status == "cancelled":
            raise SweepError(GONE)
        error = future.exception()
        if isinstance(error, KilledWorker):
            return run.name, "died", "the workers that trained it ended, one after the other"
        return run.name, "failed", f"training it on the cluster broke off: {type(error).__name__}: {str(error)[:300]}"


@contextlib.contextmanager
def _sentence() -> Iterator[None]:
    try:
        with connected():
            yield
    except ClusterError as error:
        raise SweepError(str(error)) from error


# --- On the workers ---

_ONE = threading.Lock()
"""Torch's settings are the process's: with several threads, a worker trains one run after the other all the same."""


def _train(run: PlannedRun, store: str, options: dict[str, Any]) -> Event:
    last: list[Event] = []
    with _ONE:
        one_thread()
        train_run(run, Path(store), last.append, **options)
    return last[-1]
