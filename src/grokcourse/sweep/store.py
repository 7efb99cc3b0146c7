"""The store: a folder of runs, each under a name that its settings give it (``PlannedRun.name``).

A run in the making stands beside its place in NAME.partial, with a lock that ends with the process that holds it
(``runs.in_the_making``). So a finished run is never made twice, and two sweeps on one store do not get into each
other's way, whatever machine they are on, if the disk that they share has locks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import runs
from .plan import PlannedRun


@dataclass(frozen=True)
class State:
    """How far a run has come."""

    kind: str
    """``finished``, ``running``, ``interrupted`` or ``waiting``."""
    step: int | None = None
    """Of its last checkpoint, if it is in the making."""


def state(store: Path, name: str) -> State:
    """How far the run of that name is in a store."""
    folder = store / name
    if runs.is_run(folder):
        return State("finished")
    step = runs.progress_step(folder)
    if runs.is_in_the_making(folder):
        return State("running", step)
    return State("waiting") if step is None else State("interrupted", step)


def names(store: Path) -> list[str]:
    """The names of all runs in a store, finished or in the making."""
    folders = [folder for folder in store.iterdir() if folder.is_dir()] if store.is_dir() else []
    found = {folder.name.removesuffix(".partial") for folder in folders if not folder.name.startswith(".")}
    return sorted(found)


def status(store: Path, plan: Sequence[PlannedRun]) -> str:
    """How far a sweep is, in words; of everything in the store, if the plan is empty."""
    every = [run.name for run in plan] or names(store)
    steps = {run.name: run.config.steps for run in plan}
    states = {name: state(store, name) for name in every}
    counts = Counter(one.kind for one in states.values())
    lines = [f"{store}: {len(every)} {'run' if len(every) == 1 else 'runs'}."]
    lines += [f"  {counts[kind]:>6} {kind}" for kind in ("finished", "running", "interrupted", "waiting")]
    for name, one in states.items():
        if one.kind in ("running", "interrupted"):
            of = f" of {steps[name]:,}" if name in steps else ""
            at = "before its first checkpoint" if one.step is None else f"at step {one.step:,}{of}, its last checkpoint"
            lines.append(f"{name}: {one.kind}, {at}")
    return "\n".join(lines)
