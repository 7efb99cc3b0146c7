"""What a worker does: train a run into the store, and tell how it goes."""

import contextlib
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from .. import runs, training
from ..config import CompositeModulusWarning
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
    except runs.RunIsBeingMadeError:
        tell((run.name, "busy", None))
    except Exception as error:
        if runs.is_run(folder):  # another process was as far already
            tell((run.name, "finished", None))
        else:
            tell((run.name, "failed", sentence(error)))
    else:
        tell((run.name, "finished", None))


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
