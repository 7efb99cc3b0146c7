"""The driver of a sweep: who trains what is still to be trained, until all of it is in the store."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import torch
from tqdm import tqdm

from .. import batched, runs
from ..config import RunConfig
from ..machine import usable_cores
from . import table
from .local import Processes, SideBySide
from .plan import PlannedRun
from .work import Event

AGAIN_SECONDS = 1.0
"""After which time a run that another process trains is looked at again."""
MOST_DEATHS = 3
"""So often may a run's process end without a checkpoint in between."""


class Workers(Protocol):
    """Who trains: processes on this machine, or a cluster. A context manager: nobody trains on when it closes."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    @property
    def free(self) -> int:
        """How many more runs may be started now."""

    def start(self, run: PlannedRun) -> None:
        """Have a run trained."""

    def events(self, seconds: float) -> list[Event]:
        """What has happened; waits for so long if nothing has."""


@dataclass
class Result:
    """What has come of a sweep."""

    rows: list[table.Row] = field(default_factory=list)
    """Of each finished run, in the order of the plan: ``table.row``."""
    failed: dict[str, str] = field(default_factory=dict)
    """Of each other run, why it could not be made: a sentence by name."""


def sweep(
    plan: Sequence[PlannedRun],
    store: Path | str,
    *,
    jobs: int | None = None,
    device: str | None = None,
    slots: int | None = None,
    all_weights: bool = False,
    workers: Callable[[], Workers] | None = None,
    progress_bar: bool = True,
) -> Result:
    """Make all runs of a plan, those apart that are in the store already.

    Called again after whatever ended it, it goes on from the runs' last
    checkpoints, and what comes out is the same to the last bit.

    Args:
        plan: as ``make_plan`` makes it.
        store: the folder that holds the runs.
        jobs: how many at once, one thread each; by default one for each core.
        device: ``"cuda"``, ``"mps"`` or ``"cpu"``; by default CUDA, if there is
            any, else the CPU.
        slots: with a number, runs that differ in no shape are trained side by
            side as one batched model, so many at once (``batched``): by default
            on CUDA. They have no checkpoints: what was under way when it was
            interrupted begins anew.
        all_weights: keep the weights at all checkpoints, not the last alone.
        workers: who trains instead of processes on this machine.
        progress_bar: show one: runs done, running, grokked, and the time left.

    Returns:
        A row for each finished run, and why the others could not be made.

    Raises:
        KeyboardInterrupt: on Ctrl-C; what has been checkpointed is kept.
    """
    store = Path(store)

    def here() -> Processes:
        chosen = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if slots or chosen.startswith("cuda"):
            return SideBySide(store, slots=slots or batched.SLOTS, device=chosen, all_weights=all_weights)
        return Processes(store, jobs or usable_cores(), device=chosen, all_weights=all_weights)

    driver = _Driver(plan, store, progress_bar)
    if driver.waiting:
        with driver.bar, (workers or here)() as crew:
            driver.drive(crew)
    return driver.result()


class _Driver:
    def __init__(self, plan: Sequence[PlannedRun], store: Path, progress_bar: bool) -> None:
        self.plan = {run.name: run for run in plan}
        self.store = store
        self.rows: dict[str, table.Row] = {}
        self.failed: dict[str, str] = {}
        self.waiting: deque[PlannedRun] = deque()
        self.busy: deque[tuple[float, PlannedRun]] = deque()
        self.running: dict[str, int] = {}
        self.deaths: Counter[str] = Counter()
        self.kept: dict[str, int | None] = {}
        for run in plan:
            if runs.is_run(store / run.name):
                self._take(run.name)
            else:
                self.waiting.append(run)
        self.costs = {run.name: _cost(run.config) for run in plan}
        self.done = {name: self.costs[name] for name in (*self.rows, *self.failed)}
        for run in self.waiting:
            step = runs.progress_step(store / run.name) or 0
            self.done[run.name] = self.costs[run.name] * step / max(1, run.config.steps)
        self.bar = tqdm(
            total=sum(self.costs.values()),
            initial=sum(self.done.values()),
            disable=not progress_bar,
            smoothing=0,  # time left by the average so far: runs that end early do so by leaps
            bar_format="{percentage:3.0f}%|{bar}| {desc}[{elapsed}, {remaining} left]",
        )

    def drive(self, crew: Workers) -> None:
        """Have everything trained that waits."""
        while self.waiting or self.busy or self.running:
            while self.busy and self.busy[0][0] <= time.monotonic():
                self.waiting.append(self.busy.popleft()[1])
            while self.waiting and crew.free > 0:
                run = self.waiting.popleft()
                if runs.is_run(self.store / run.name):  # another sweep has made it in the meantime
                    self._take(run.name)
                    continue
                self.running[run.name] = 0
                crew.start(run)
            self.show()
            for name, what, more in crew.events(0.5):
                self._heed(name, what, more)
        self.show()

    def _heed(self, name: str, what: str, more: Any) -> None:
        run = self.plan[name]
        if what == "step":
            self.running[name] = more
            self.done[name] = self.costs[name] * more / max(1, run.config.steps)
            return
        self.running.pop(name, None)
        if what == "finished":
            self._take(name)
        elif what == "busy":
            self.busy.append((time.monotonic() + AGAIN_SECONDS, run))
        elif what == "failed":
            self.failed[name] = more
        else:
            kept = runs.progress_step(self.store / name)
            self.deaths[name] = self.deaths[name] + 1 if kept == self.kept.get(name, -1) else 1
            self.kept[name] = kept
            if self.deaths[name] < MOST_DEATHS:
                self.waiting.append(run)
            else:
                self.failed[name] = f"its process ended {MOST_DEATHS} times without getting on: {more}"

    def _take(self, name: str) -> None:
        """Take a finished run in."""
        try:
            self.rows[name] = table.row(name, runs.load(self.store / name))
        except (runs.RunError, KeyError) as error:
            self.failed[name] = str(error)

    def show(self) -> None:
        """Bring the bar up to date."""
        for name in (*self.rows, *self.failed):
            self.done[name] = self.costs[name]
        grokked = sum(not row["censored"] for row in self.rows.values())
        parts = [
            f"{len(self.rows)} of {len(self.plan)} runs done",
            f"{len(self.running)} running",
            f"{grokked} grokked",
        ]
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        self.bar.set_description_str(", ".join(parts) + " ", refresh=False)
        self.bar.n = sum(self.done.values())
        self.bar.refresh()

    def result(self) -> Result:
        """What has come of it, in the order of the plan."""
        return Result(
            [self.rows[name] for name in self.plan if name in self.rows],
            {name: self.failed[name] for name in self.plan if name in self.failed},
        )


def _cost(config: RunConfig) -> float:
    """About how much a run computes, to compare it with others: the products of its layers after attention."""
    return config.steps * config.n_train * config.d_model * (2 * config.d_mlp + config.d_model + config.d_vocab)
