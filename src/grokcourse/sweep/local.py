"""Runs on this machine: a process each, forked from one that has imported torch.

Why no executor of ``concurrent.futures``: it is lost as a whole when one of its processes is killed, and so would be
what all the others have computed since their last checkpoints.
"""

import multiprocessing
import os
import signal
import threading
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Self

from .plan import PlannedRun
from .work import Event, one_thread, train_run


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
        self._running: dict[Connection, tuple[PlannedRun, BaseProcess]] = {}

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
        ours, theirs = self._context.Pipe(duplex=False)
        process = self._context.Process(target=_train, args=(theirs, run, self.store, self.options), daemon=True)
        process.start()
        theirs.close()
        self._running[ours] = (run, process)

    def events(self, seconds: float) -> list[Event]:
        """What has happened; waits for so long if nothing has. Of a process that ended unasked: ``died`` and how."""
        found: list[Event] = []
        for pipe in wait(list(self._running), seconds):
            assert isinstance(pipe, Connection)
            run, process = self._running[pipe]
            try:
                event = pipe.recv()
            except (EOFError, OSError):  # the process has ended before it was done
                process.join()
                event = (run.name, "died", _how(process.exitcode))
            found.append(event)
            if event[1] != "step":
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


def _train(pipe: Connection, run: PlannedRun, store: Path, options: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is answered by whoever started us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    one_thread()

    def tell(event: Event) -> None:
        try:
            pipe.send(event)
        except OSError:  # nobody listens any more
            os._exit(1)

    train_run(run, store, tell, **options)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        return f"it was ended by signal {-code} ({signal.strsignal(-code)})"
    return f"it ended with exit code {code}"
