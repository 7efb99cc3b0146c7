"""Runs on this machine: a process each, forked from one that has imported torch, or all side by side on a GPU.

Why no executor of ``concurrent.futures``: it is lost as a whole when one of its processes is killed, and so would be
what all the others have computed since their last checkpoints.
"""

import multiprocessing
import os
import signal
import threading
import time
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from .plan import MOST, PlannedRun
from .work import Event, one_thread, side_by_side, train_run, train_side_by_side


class Processes:
    """Up to so many processes at once. A context manager: none is left when it closes."""

    def __init__(self, store: Path, jobs: int, **options: Any) -> None:
        self.store, self.jobs, self.options = store, jobs, options
        methods = multiprocessing.get_all_start_methods()
        self._context: Any = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        if "forkserver" in methods:
            self._context.set_forkserver_preload(
                [train_run.__module__, "torch._dynamo"]
            )  # the first optimiser imports it
        self._running: dict[Connection, tuple[list[PlannedRun], BaseProcess]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def free(self) -> int:
        """How many more runs may be started now."""
        return self.jobs - len(self._running)

    def start(self, run: PlannedRun) -> None:
        """Start a process that trains this run."""
        self._start([run])

    def _start(self, group: list[PlannedRun]) -> None:
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_train, args=(theirs, group, self.store, self.options), daemon=True)
        process.start()
        theirs.close()
        self._running[ours] = (list(group), process)

    def events(self, seconds: float) -> list[Event]:
        """What has happened; waits for so long if nothing has. Of a process that ended unasked: ``died`` and how."""
        found: list[Event] = []
        if not self._running:
            time.sleep(seconds)
        for pipe in wait(list(self._running), seconds):
            assert isinstance(pipe, Connection)
            group, process = self._running[pipe]
            try:
                event = pipe.recv()
            except (EOFError, OSError):  # the process has ended before it was done
                process.join()
                found += [(run.name, "died", _how(process.exitcode)) for run in group]
                group.clear()
            else:
                found.append(event)
                if event[1] != "step":
                    group[:] = [run for run in group if run.name != event[0]]
            if not group:
                del self._running[pipe]
                process.join()
                pipe.close()
        return found

    def close(self) -> None:
        """End all processes; their runs' checkpoints are kept."""
        for _, process in self._running.values():
            process.kill()
        for pipe, (_, process) in self._running.items():
            process.join()
            pipe.close()
        self._running.clear()


class SideBySide(Processes):
    """One process, in which all runs that can be stacked are trained as one model: for a GPU."""

    def __init__(self, store: Path, **options: Any) -> None:
        super().__init__(store, 1, **options)
        self._waiting: list[PlannedRun] = []

    @property
    def free(self) -> int:
        """As many as there are: who cannot stand beside the others waits here."""
        return MOST

    def start(self, run: PlannedRun) -> None:
        """Have a run trained, beside others that are asked for before ``events`` is called."""
        self._waiting.append(run)

    def events(self, seconds: float) -> list[Event]:
        """What has happened; waits for so long if nothing has."""
        if not self._running and self._waiting:
            shape = side_by_side(self._waiting[0])
            group = [run for run in self._waiting if side_by_side(run) == shape]
            self._waiting = [run for run in self._waiting if run not in group]
            self._start(group)
        return super().events(seconds)


def _train(pipe: Connection, group: list[PlannedRun], store: Path, options: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by whoever started us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:  # nobody listens any more
            os._exit(1)

    if "slots" in options:
        train_side_by_side(group, store, tell, **options)
    else:
        train_run(group[0], store, tell, **options)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"it was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"it ended with exit code {code}"
