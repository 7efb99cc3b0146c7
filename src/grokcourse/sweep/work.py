"""What a worker does: train a run into the store, and tell how it goes."""

import contextlib
import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import batched, runs, training
from ..config import CompositeModulusWarning, RunConfig
from ..runs import Run
from .plan import PlannedRun

Event = tuple[str, str, Any]
"""A run's name, what has come of it, and more about that: ``step`` and its number, ``finished``, ``busy`` (another
process trains it), or ``failed`` and why, a sentence."""
Tell = Callable[[Event], None]


def train_run(
    run: PlannedRun, store: Path, tell: Tell, *, device: str | None = "cpu", all_weights: bool = False
) -> None:
    """Train a run, or go on with it from its last checkpoint; whatever happens is told, and nothing raised."""
    folder, stop = store / run.name, training.grokked if run.until else None

    def until(history: Mapping[str, Sequence[Any]]) -> bool:
        tell((run.name, "step", history["step"][-1]))
        return stop is not None and stop(history)

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CompositeModulusWarning)  # said when the sweep was planned
            training.train(
                run.config,
                folder,
                device=device,
                until=until,
                then=run.then,
                last_weights_only=not all_weights,
                progress_bar=False,
            )
    except Exception as error:
        tell(_not_made(run, store, error))
    else:
        tell((run.name, "finished", None))


def train_side_by_side(
    group: Sequence[PlannedRun],
    store: Path,
    tell: Tell,
    *,
    device: str | None = "cpu",
    all_weights: bool = False,
    slots: int = batched.SLOTS,
) -> None:
    """Train runs as one batched model (``batched.train_together``); each is saved, and told, when it is finished.

    Args:
        group: runs that can stand side by side (``side_by_side``).
        store: the folder of runs.
        tell: called with what happens; nothing is raised.
        device: as for ``training.train``.
        all_weights: keep the weights at all checkpoints.
        slots: how many stand side by side.
    """
    with contextlib.ExitStack() as held, warnings.catch_warnings():
        warnings.simplefilter("ignore", CompositeModulusWarning)
        asked: dict[RunConfig, PlannedRun] = {}
        for run in group:
            try:
                held.enter_context(runs.in_the_making(store / run.name))
            except runs.RunError as error:
                tell(_not_made(run, store, error))
            else:
                rare = run.config if all_weights else run.config.replace(checkpoint_every=max(1, run.config.steps))
                asked[rare] = run

        def done(made: Run) -> None:
            run = asked.pop(training.asked(made))
            kept = made if all_weights else runs.thin(made, [made.steps[-1]])
            config = made.config.replace(checkpoint_every=run.config.checkpoint_every)
            try:
                runs.save(dataclasses.replace(kept, config=config), store / run.name)
            except runs.RunError as error:
                tell(_not_made(run, store, error))
            else:
                tell((run.name, "finished", None))

        until = training.grokked if group[0].until else None
        try:
            batched.train_together(
                list(asked), device=device, slots=slots, until=until, then=group[0].then, done=done, progress_bar=False
            )
        except Exception as error:
            for run in asked.values():
                tell(_not_made(run, store, error))
    for run in group:
        if runs.is_run(store / run.name):
            runs.discard_progress(store / run.name)


def side_by_side(run: PlannedRun) -> tuple[Any, ...]:
    """What runs must share to be trained as one batched model."""
    return (*batched.same_shape(run.config.replace(checkpoint_every=1)), run.until, run.then)


def _not_made(run: PlannedRun, store: Path, error: Exception) -> Event:
    if isinstance(error, runs.RunIsBeingMadeError):
        return run.name, "busy", None
    if runs.is_run(store / run.name):  # another process was as far already
        return run.name, "finished", None
    return run.name, "failed", sentence(error)


def sentence(error: BaseException) -> str:
    """Why a run could not be made."""
    if isinstance(error, (runs.RunError, ValueError)):
        return str(error)
    if isinstance(error, OSError) and error.strerror:
        return f"it broke off: {error.strerror}" + (f" ({error.filename})" if error.filename else "")
    return f"it broke off: {type(error).__name__}: {str(error)[:300]}"


def one_thread() -> None:
    """Let torch compute with one thread, which is the fastest when each core has a run of its own."""
    with contextlib.suppress(RuntimeError):
        torch.set_num_interop_threads(1)
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"
