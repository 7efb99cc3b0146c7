"""The data of the picture ``decays``: recorded runs that differ in weight decay and seed, to be gone through."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .packing import identify, quantise, script

CURVES = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "norm")
"""What is shown of each run, against the step."""


def decays(runs: Sequence[Mapping[str, Any]]) -> str:
    """A sweep's histories for the page.

    Args:
        runs: one or more, each with ``decay`` λ, ``seed``, ``memorised`` and ``grokked``, the steps at which the
            training set and the test set are answered (None: not while the run lasts), ``steps``, (n,) whole numbers
            from 0 on, rising, and the curves (n,): the losses in nats, the accuracies in 0 … 1, and the weight norm.

    Returns:
        A script (``packing.script``), the runs by decay and seed. Steps are exact; a loss is off by 0.05 % at most (its
        logarithm is kept), an accuracy by 0.001 %, a norm by a 130,000th of the range of all norms.

    Raises:
        ValueError: if there is no run, two have the same decay and seed, or a run's curves do not fit its steps.
    """
    ordered = sorted(runs, key=lambda run: (run["decay"], run["seed"]))
    if not ordered:
        raise ValueError("there is no run to show")
    entries: list[dict[str, Any]] = []
    curves: list[dict[str, np.ndarray]] = []
    for run in ordered:
        named = f"the run with decay {run['decay']:g} and seed {run['seed']}"
        steps = np.asarray(run["steps"])
        own = {name: np.asarray(run[name], dtype=float) for name in CURVES}
        if any(curve.shape != steps.shape for curve in own.values()) or steps.ndim != 1:
            raise ValueError(f"{named} must have one value of each curve for each of its steps")
        if len(steps) < 2 or steps[0] != 0 or (np.diff(steps) <= 0).any():
            raise ValueError(f"{named} must have steps that begin with 0 and rise")
        entry = {"decay": float(run["decay"]), "seed": int(run["seed"]), "steps": steps.tolist()}
        if any((entry["decay"], entry["seed"]) == (one["decay"], one["seed"]) for one in entries):
            raise ValueError(f"{named} is there twice")
        ends = {name: None if run[name] is None else int(run[name]) for name in ("memorised", "grokked")}
        entries.append(entry | ends | {"run": identify(steps, *own.values())})
        curves.append(own)
    arrays = {}
    for name in CURVES:
        joined = np.concatenate([own[name] for own in curves])
        is_loss = name.endswith("loss")
        arrays[name] = quantise(np.log10(np.maximum(joined, 1e-12)) if is_loss else joined, 16)
    return script("decays", arrays, {"runs": entries})
